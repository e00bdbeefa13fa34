"""Work on files of strangers in a child process of its own, with little memory, time and no network.

Knows nothing of the work: a module's name and a request go in, its answer comes out. Both ends are here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

MEMORY = 4 << 30  # bytes of address space: OpenCV and its codecs map one, a 64-megapixel picture needs half of one
FILE_BYTES = 1 << 30  # what the child may write
CPU_S = 120
WALL_S = 180
DESCRIPTORS = 64

NOWHERE = "http://127.0.0.1:9"  # the discard port: where a child's code finds its way to the network

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY")

ROOT = Path(__file__).parents[3]  # the folder of the package `engines`

Answer = dict[str, Any]


class ChildError(Exception):
    """The message says what was wrong with the file, or how the child ended."""


def ask(module: str, request: Mapping[str, Any]) -> Answer:
    """Run `module` as a child: it must end in `answer(function)`.

    Raises:
        ChildError: the function raised a ValueError, whose message this is, or the child was stopped by its limits.
    """
    environment = dict.fromkeys(PROXIES, NOWHERE)
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *(path for path in sys.path if path)])
    environment["PATH"] = os.environ.get("PATH", "")
    environment["OPENBLAS_NUM_THREADS"] = "2"  # each maps memory of its own
    environment["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "protocol_whitelist;file"
    environment["OPENCV_LOG_LEVEL"] = "SILENT"
    words = [sys.executable, "-m", module, json.dumps(request)]
    try:
        child = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=WALL_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ChildError(f"took longer than {WALL_S} s") from error
    try:
        said = json.loads(child.stdout.splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise ChildError(_ending(child.returncode, child.stderr)) from error
    if "error" in said:
        raise ChildError(said["error"])
    return dict(said["answer"])


def answer(work: Callable[[Answer], Answer]) -> None:
    """The child's end: limit this process, do the work, say the answer."""
    limit_process()
    try:
        said: Answer = {"answer": work(json.loads(sys.argv[1]))}
    except ValueError as error:
        said = {"error": str(error)}
    except MemoryError:
        said = {"error": f"needs more than {MEMORY >> 30} GB of memory"}
    sys.stdout.write("\n" + json.dumps(said) + "\n")
    sys.stdout.flush()


def limit_process() -> None:
    """Lower the limits of this process for good. Windows has none of this kind: there the time limit alone holds."""
    if sys.platform == "win32":
        return
    import resource

    limits = (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
        (resource.RLIMIT_CORE, 0),
    )
    for what, most in limits:
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def _ending(status: int, stderr: bytes) -> str:
    if status < 0:
        return f"reading it was stopped by signal {-status}: it needs more memory or time than a portrait may"
    last = stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    return f"reading it failed with status {status}: {''.join(last)}"
