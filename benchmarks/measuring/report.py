"""Where and with what a result was measured, and how it is shown."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "lipcast", "aiortc", "av", "diffusers", "numpy", "onnxruntime", "opencv-python-headless", "starlette", "torch",
    "uvloop",
)  # fmt: skip


def surroundings() -> dict[str, Any]:
    """Hardware, commit and versions."""
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": commit(),
        "versions": {name: found for name in PACKAGES if (found := version_of(name))},
    }


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def commit() -> str:
    """The commit measured; "+changes" when the tree differs from it."""
    words = ["git", "describe", "--always", "--dirty=+changes", "--abbrev=10", "--match="]
    try:
        return subprocess.run(words, capture_output=True, text=True).stdout.strip() or "unknown"
    except FileNotFoundError:  # a copy of the tree where there is no git
        return "unknown"


def version_of(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def publish(result: dict[str, Any], rows: list[tuple[str, str, str]], path: Path | None) -> None:
    """A table for people, the file if one is wanted, and the JSON as the last line."""
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, value, bar in rows:
        print(f"{name:<{widths[0]}}  {value:>{widths[1]}}  {bar}")
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result) + "\n")
