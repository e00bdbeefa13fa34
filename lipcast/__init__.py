"""Lipcast, a real-time streaming avatar server: what a program that uses it imports.

    from lipcast import PcmInput, QueueSink, Session, load_engine

Everything is imported when it is first asked for, so `import lipcast` costs nothing and a program that only reads the
engine contract does not load the media libraries. Fakes for tests are in `lipcast.testing`.

The package is thin on purpose: the code stays in the folders `streamer` and `engines` beside it. A wheel can place
those folders under `lipcast`, but hatchling refuses an editable install of such a mapping ("dev mode installations are
unsupported when any path rewrite changes a prefix"), and mypy and pytest, which read the source tree, would not find
the mapped names either. So the three are installed side by side, and the names below are those that stay stable.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engines.api import Avatar, Chunk, Effort, Engine, Frame, Picture, Step
    from engines.loader import load_engine
    from streamer.audio.input import AudioInput
    from streamer.audio.pcm_input import PcmInput
    from streamer.output.queue_sink import QueueSink
    from streamer.session.policy import Policy
    from streamer.session.session import Session

__all__ = [
    "AudioInput",
    "Avatar",
    "Chunk",
    "Effort",
    "Engine",
    "Frame",
    "PcmInput",
    "Picture",
    "Policy",
    "QueueSink",
    "Session",
    "Step",
    "load_engine",
]

MODULES = {
    **dict.fromkeys(("Avatar", "Chunk", "Effort", "Engine", "Frame", "Picture", "Step"), "engines.api"),
    "AudioInput": "streamer.audio.input",
    "PcmInput": "streamer.audio.pcm_input",
    "Policy": "streamer.session.policy",
    "QueueSink": "streamer.output.queue_sink",
    "Session": "streamer.session.session",
    "load_engine": "engines.loader",
}


def __getattr__(name: str) -> object:
    if name not in MODULES:
        raise AttributeError(f"module 'lipcast' has no attribute {name!r}; it has: {', '.join(__all__)}")
    return getattr(import_module(MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
