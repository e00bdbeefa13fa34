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
    "latency": "how late are lips and audio at the viewer, and how far apart?",
    "speech_socket": "how soon is pushed speech seen and heard, how soon is it gone, and is any of it lost?",
    "whip": "how soon do WHIP publishers and WHEP viewers connect, and how far apart are lips and audio?",
    "sessions": "how many sessions fit, and does anything leak?",
    "engine": "what does a frame cost, and a start?",
    "quality": "how close are frames to rendered truth, with each part of the method switched off?",
    "lips": "how accurate are the lips?",
    "structurist": "how accurate are structure frames, and what do they cost?",
    "presenters": "what does a further presenter cost: memory, time until a session can begin?",
    "planning": "what does planning an engine call cost the event loop?",
    "event_loop": "how much of the event loop's time does one session take, and where does it go?",
    "steps": "how long does Stable Diffusion's frame step take on this GPU?",
}


def bench(question: str, arguments: Sequence[str], tree: Path = TREE) -> int:
    """Its exit status. arguments: the benchmark's own.

    Raises:
        CommandError: there are no benchmarks beside this installation.
    """
    if not (tree / "benchmarks" / f"{question}.py").is_file():
        raise CommandError(
            f"expected the benchmarks in {tree / 'benchmarks'}, found none: they come with the source tree;"
            " install Lipcast from a clone, with pip install -e '.[dev]'"
        )
    path = os.pathsep.join(filter(None, (str(tree), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-P", "-m", "lipcast.commands.run_benchmark", question, *arguments]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False).returncode
