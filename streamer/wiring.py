"""The one module that joins the streamer with an engine: names become objects here and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.api import FRAME_RATE, Avatar, Engine, Step
from engines.loader import (
    ON_GPU,
    SHIPPED,
    BackendOptions,
    FileRefused,
    Presenters,
    UnknownBackend,
    UnknownEngine,
    UnknownPresenter,
    load_engine,
    loop_cache,
    user_presenters,
)
from streamer.audio.synthetic_speech import synthetic_speech
from streamer.clock import MonotonicClock
from streamer.config import Config, EngineConfig

__all__ = [
    "FRAME_RATE",
    "REFUSALS",
    "FileRefused",
    "Runtime",
    "UnknownPresenter",
    "load_engine_of",
    "load_runtime",
    "lookahead_frames",
    "presenters_of",
    "worker_count",
]

log = logging.getLogger(__name__)

FRAME_MS = 1000 // FRAME_RATE
REFUSALS = (FileRefused, UnknownBackend, UnknownEngine, UnknownPresenter)  # whose messages say all
WARM_UP_FRAMES = 20  # the first calls of a runtime are slow: no session should wait for them
FULL_PERCENT = 90  # percentile of the second half of the warm-up: at least 20 % of its frames run the network


@dataclass(frozen=True, slots=True)
class Runtime:
    """An engine and those it can show."""

    engine: Engine
    presenters: Presenters

    def load_avatar(self, name: str) -> Avatar:
        """A presenter with whom a session can begin at once: slow the first time, so not for the event loop.

        Raises:
            UnknownPresenter, AvatarError
        """
        avatar = self.presenters.load(name)
        self.engine.prepare(avatar)
        return avatar


def lookahead_frames(config: EngineConfig) -> int:
    return config.lookahead_ms // FRAME_MS


def presenters_of(config: EngineConfig) -> Presenters:
    """Those of the configured folder; without one, those that ship and those that the user has made."""
    folders = (Path(config.presenters),) if config.presenters else (SHIPPED, user_presenters())
    return Presenters(*folders, cache=loop_cache())


def worker_count(config: EngineConfig) -> int:
    """How many calls of the engine run side by side. On a GPU one: its threads share the streams of each call."""
    return 1 if config.backend in ON_GPU else config.threads


def load_engine_of(config: EngineConfig, beside: int = 1) -> Engine:
    """beside: calls that run side by side, and share the threads.

    Raises:
        UnknownEngine, UnknownBackend, PackError: with what was expected and how to fix it.
    """
    pack = Path(config.pack) if config.pack else None
    runtime = BackendOptions(config.backend, config.precision, config.max_batch, MonotonicClock().now)
    return load_engine(config.name, lookahead_frames(config), pack, config.threads // beside, runtime)


def load_runtime(config: Config) -> Runtime:
    """Load everything and run it once.

    Raises:
        UnknownEngine, UnknownBackend, UnknownPresenter, AvatarError, PackError: with what was expected and the fix.
    """
    runtime = Runtime(load_engine_of(config.engine, worker_count(config.engine)), presenters_of(config.engine))
    say_if_slow(warm_up(runtime, config.engine.presenter or next(iter(runtime.presenters.all)), MonotonicClock().now))
    return runtime


def warm_up(runtime: Runtime, presenter: str, now: Callable[[], float]) -> float:
    """Warm up on synthetic speech (silence would skip the network). Returns the p90 frame time, ms."""
    engine = runtime.engine
    stream = engine.open(runtime.load_avatar(presenter))
    taken = []
    for chunk in synthetic_speech(engine.timing.samples_per_frame, WARM_UP_FRAMES):
        began = now()
        engine.step([Step(stream, chunk)])
        taken.append(1000 * (now() - began))
    return float(np.percentile(taken[WARM_UP_FRAMES // 2 :], FULL_PERCENT))


def say_if_slow(frame_ms: float) -> None:
    """Warn at start when the runtime is slower than real time."""
    if frame_ms > FRAME_MS:
        log.warning(
            "too slow for live video: a frame takes up to %.0f ms to draw, and the next is due after %d; most will be"
            " degraded. Packs for GPUs need --backend pytorch-cuda or tensorrt; --engine warp needs least",
            frame_ms,
            FRAME_MS,
        )
