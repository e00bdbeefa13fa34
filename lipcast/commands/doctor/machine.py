"""Examines the machine and what is installed on it. Knows no network and no engine."""

from __future__ import annotations

import asyncio
import importlib.util
import platform
import re
import sys
from collections.abc import Callable, Coroutine, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

import av

from lipcast.commands.doctor.finding import Finding, error, good, missing, warning
from streamer.clock import Clock, MonotonicClock
from streamer.config import ServerConfig
from streamer.webrtc.library_check import check_library
from streamer.webrtc.replace import LibraryMismatch

NEEDED_PYTHON = (3, 11)
CODECS = (  # encoder, what for, is a session impossible without it
    ("libvpx", "VP8, the video of most sessions", True),
    ("libopus", "Opus, the audio of every session", True),
    ("libx264", "H.264, for browsers without VP8 and for `lipcast render`", False),
    ("aac", "AAC, for `lipcast render`", False),
)
REINSTALL = "install Lipcast again: in its folder, pip install --force-reinstall -e ."


def python() -> Iterator[Finding]:
    found = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info >= NEEDED_PYTHON:
        yield good("Python", found)
    else:
        yield error("Python", found, "use Python 3.11 or later")


def packages() -> Iterator[Finding]:
    """Everything that the base install brings."""
    found, lacking = [], []
    for name in base_requirements(requires("lipcast") or []):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            lacking.append(name)
    if found:
        yield good("Python", ", ".join(found))
    if lacking:
        yield error("Python", f"not installed: {', '.join(lacking)}", f"pip install {' '.join(lacking)}")


def base_requirements(requirements: list[str]) -> list[str]:
    """Names of the distributions that are needed without any extra on this system."""
    base = [line for line in requirements if "extra ==" not in line and "sys_platform" not in line]
    return [name.group() for line in base if (name := re.match(r"[A-Za-z0-9._-]+", line))]


def event_loop(server: ServerConfig) -> Iterator[Finding]:
    if importlib.util.find_spec("uvloop"):
        yield good("Event loop", f"{server.loop}; uvloop {version('uvloop')} and asyncio both work")
    elif server.loop == "uvloop":
        yield error("Event loop", "uvloop is not installed", "pip install uvloop, or serve with --loop asyncio")
    else:
        yield good("Event loop", "asyncio")


def webrtc() -> Iterator[Finding]:
    """Are the private names of the WebRTC library, which the server replaces, those that were tested?"""
    found = f"aiortc {version('aiortc')}, aioice {version('aioice')}"
    try:
        asyncio.run(check_library(MonotonicClock()))
    except LibraryMismatch as mismatch:
        yield error("WebRTC", f"{found}: {mismatch}", "pip install -U lipcast, which names the versions that work")
    else:
        yield good("WebRTC", found)


def webrtc_library(check: Callable[[Clock], Coroutine[Any, Any, None]] = check_library) -> Iterator[Finding]:
    """Whether the installed WebRTC library has every private attribute that sessions replace."""
    try:
        asyncio.run(check(MonotonicClock()))
    except LibraryMismatch as problem:
        what, _, fix = str(problem).partition("; fix: ")
        yield error("WebRTC", what, fix)
    else:
        yield good(
            "WebRTC",
            f"aiortc {version('aiortc')} and aioice {version('aioice')} fit this release",
        )


def codecs() -> Iterator[Finding]:
    for name, purpose, vital in CODECS:
        if can_encode(name):
            yield good("Codecs", f"{name}: {purpose}")
        elif vital:
            yield error("Codecs", f"{name} is missing: {purpose}", "install the wheel of av: pip install -U av")
        else:
            yield warning("Codecs", f"{name} is missing: {purpose}", "install the wheel of av: pip install -U av")


def can_encode(name: str) -> bool:
    try:
        av.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


def backends() -> Iterator[Finding]:
    """The runtimes that engines with a network may use; the warp engine needs none of them."""
    yield onnxruntime()
    yield torch()
    for name in ("openvino", "tensorrt"):
        if importlib.util.find_spec(name):
            yield good("Backends", f"{name} {version(name)}")
        else:
            yield missing("Backends", f"{name}: not installed")


def onnxruntime() -> Finding:
    try:
        import onnxruntime
    except ImportError as problem:
        return error("Backends", f"onnxruntime does not load: {problem}", REINSTALL)
    providers = [name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers()]
    return good("Backends", f"onnxruntime {onnxruntime.__version__}, on: {', '.join(providers)}")


def torch() -> Finding:
    if not importlib.util.find_spec("torch"):
        return missing("Backends", "torch: not installed")
    torch = importlib.import_module("torch")
    if not torch.cuda.is_available():
        return good("Backends", f"torch {torch.__version__}, without a GPU")
    return good("Backends", f"torch {torch.__version__}, on {torch.cuda.get_device_name()}")
