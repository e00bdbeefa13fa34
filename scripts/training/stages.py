"""Runs the stages of a build in order, each as a process of its own: what one holds in memory ends with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence


def run_stages(stages: Iterable[Sequence[str]]) -> None:
    """Run each stage, a module and its arguments, and print it before.

    Raises:
        subprocess.CalledProcessError: a stage failed; those after it do not run.
    """
    for module, *arguments in stages:
        print(f"== {module} {' '.join(arguments)}", flush=True)
        subprocess.run((sys.executable, "-m", module, *arguments), check=True)
