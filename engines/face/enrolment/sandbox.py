"""Runs work on untrusted files in a child process with little memory, little time and no network.

A module's name and a request go in, the module's answer comes out. Both ends are here. The work itself is elsewhere.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import struct
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

DEAD_PROXY = "http://127.0.0.1:9"  # the discard port: a child's HTTP requests end there
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY")

# The seccomp filter. Numbers are from linux/prctl.h, linux/seccomp.h, linux/bpf_common.h and asm/unistd.h.
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
SOCKET_CALLS = {"x86_64": 41, "aarch64": 198}  # number of the system call `socket` by machine
ALLOW, REFUSE = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06

ROOT = Path(__file__).parents[3]  # the folder of the package `engines`

Answer = dict[str, Any]


class ChildError(Exception):
    """The message says what was wrong with the file, or how the child ended."""


def ask(module: str, request: Mapping[str, Any]) -> Answer:
    """Run `module` as a child process. The module must end in `answer(function)`.

    Raises:
        ChildError: the function raised a ValueError, whose message this is, or the child was stopped by its limits.
    """
    environment = dict.fromkeys(PROXIES, DEAD_PROXY)
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *(path for path in sys.path if path)])
    environment["PATH"] = os.environ.get("PATH", "")
    environment["OPENBLAS_NUM_THREADS"] = "2"  # each maps memory of its own
    environment["OPENCV_LOG_LEVEL"] = "SILENT"
    command = [sys.executable, "-m", module, json.dumps(request)]
    try:
        child = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=WALL_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ChildError(f"reading it took longer than {WALL_S} s; give a smaller or shorter file") from error
    try:
        reply = json.loads(child.stdout.splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise ChildError(_ending(child.returncode, child.stderr)) from error
    if "error" in reply:
        raise ChildError(reply["error"])
    return dict(reply["answer"])


def answer(work: Callable[[Answer], Answer]) -> None:
    """The child's end: limit this process, do the work, print the answer."""
    limit_process()
    if network_can_be_closed():
        close_network()
    try:
        reply: Answer = {"answer": work(json.loads(sys.argv[1]))}
    except ValueError as error:
        reply = {"error": str(error)}
    except MemoryError:
        reply = {"error": f"reading it needs more than {MEMORY >> 30} GB of memory; give a smaller file"}
    sys.stdout.write("\n" + json.dumps(reply) + "\n")
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


def network_can_be_closed() -> bool:
    return platform.system() == "Linux" and platform.machine() in SOCKET_CALLS


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def close_network() -> None:
    """Make the system call `socket` fail with EACCES, for this thread and all that it starts later. Linux only.

    Raises:
        OSError: this system cannot. Nothing has changed then.
    """
    if not network_can_be_closed():
        raise OSError(errno.ENOSYS, f"no way to close the network on {platform.system()} {platform.machine()}")
    call = SOCKET_CALLS[platform.machine()]
    steps = [(LOAD, 0, 0, 0), (JUMP_IF_EQUAL, 0, 1, call), (RETURN, 0, 0, REFUSE | errno.EACCES), (RETURN, 0, 0, ALLOW)]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    libc = ctypes.CDLL(None, use_errno=True)
    nothing = ctypes.c_ulong(0)
    for arguments in (
        (PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), nothing),
        (PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), ctypes.byref(_Program(len(steps), code))),
    ):
        if libc.prctl(*arguments, nothing, nothing):
            number = ctypes.get_errno()
            raise OSError(number, "the system does not let a program give up its network")


def _ending(status: int, stderr: bytes) -> str:
    if status < 0:
        return f"reading it was stopped by signal {-status}: it needs more memory or time than a portrait may"
    last = stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    return f"reading it failed with status {status}: {''.join(last)}"
