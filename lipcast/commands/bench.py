"""Runs a benchmark of the source tree. Each asks one question, prints a table, and as its last line JSON."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lipcast.commands.errors import CommandError

TREE = Path(__file__).parents[2]
QUESTIONS = {
    "latency": "how late are lips and voice at the viewer, and how far apart?",
    "sessions": "how many sessions fit, and does anything stay behind?",
    "engine": "what does a frame cost, and a start?",
    "quality": "how like rendered truth are the pictures, with each part of the method switched off?",
    "lips": "how true are the lips?",
    "structurist": "how true are structure frames, and what do they cost?",
    "steps": "how fast is Stable Diffusion's frame step on this GPU?",
}


def bench(question: str, words: Sequence[str], tree: Path = TREE) -> int:
    """Its exit status. words: the benchmark's own.

    Raises:
        CommandError: there are no benchmarks beside this installation.
    """
    if not (tree / "benchmarks" / f"{question}.py").is_file():
        raise CommandError(
            f"expected the benchmarks in {tree / 'benchmarks'}, and they are not there: they come with the source tree;"
            " install Lipcast from a clone, with pip install -e '.[dev]'"
        )
    path = os.pathsep.join(filter(None, (str(tree), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", f"benchmarks.{question}", *words]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False).returncode
