"""The process of a benchmark: `python -m lipcast.commands.run_benchmark QUESTION …` runs `benchmarks.QUESTION`."""

from __future__ import annotations

import re
import runpy
import sys
from importlib.metadata import requires

REQUIREMENT = re.compile(r"(?P<package>[\w.-]+).*;.*\bextra == ['\"](?P<extra>\w+)['\"]")


def main() -> int:
    """Its exit status: 1, with one line, if a package of an extra is missing. The arguments are the benchmark's own."""
    question = sys.argv.pop(1)
    try:
        runpy.run_module(f"benchmarks.{question}", run_name="__main__", alter_sys=True)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        extra = extra_of(package, requires("lipcast") or [])
        if extra is None:
            raise
        fix = f"in the source tree, pip install -e '.[{extra}]'"
        sys.stderr.write(f"lipcast: this benchmark needs {package}, which is not installed; {fix}\n")
        return 1
    return 0


def extra_of(package: str, requirements: list[str]) -> str | None:
    """The first extra that installs a package, None if none does. requirements: as in the metadata of Lipcast."""
    for requirement in requirements:
        found = REQUIREMENT.match(requirement)
        if found and found["package"].replace("-", "_") == package:
            return found["extra"]
    return None


if __name__ == "__main__":
    sys.exit(main())
