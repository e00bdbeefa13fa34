"""Joins the offline commands with the engines: names become objects here, as in streamer.wiring for the live loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from engines.api import Avatar, Chunk, Engine, Timing
from engines.loader import UnknownEngine, UnknownPresenter, load_engine
from engines.motion import COEFFICIENTS, VISEMES, LipMotion
from engines.speech.loader import load_lip_encoder
from streamer.config import EngineConfig
from streamer.offline.errors import OfflineError
from streamer.offline.hearing import until_drawn
from streamer.wiring import lookahead_frames, presenters_of

DIGITS = 5  # of every number: finer than lips can be seen to move


def load_cast(config: EngineConfig, presenter: str) -> tuple[Engine, Avatar]:
    """The configuration's engine and a presenter; an empty name is the one offered first.

    Raises:
        OfflineError, AvatarError: with what exists and how to mend it.
    """
    engine, presenters = load_named_engine(config), presenters_of(config)
    try:
        return engine, presenters.load(presenter or config.presenter or next(iter(presenters.all)))
    except UnknownPresenter as error:
        raise OfflineError(str(error)) from error


def load_named_engine(config: EngineConfig) -> Engine:
    """
    Raises:
        OfflineError: there is no engine of that name; the message names those that exist.
    """
    try:
        return load_engine(config.name, lookahead_frames(config))
    except UnknownEngine as error:
        raise OfflineError(str(error)) from error


def lip_rows(chunks: Iterable[Chunk], config: EngineConfig) -> Iterator[dict[str, object]]:
    """A row for each chunk, aligned with it: aperture and width in inter-ocular distances, and the rest by name."""
    encoder = load_lip_encoder(lookahead_frames(config))
    stream = encoder.open()
    for chunk in until_drawn(chunks, Timing(encoder.lookahead_frames)):
        motion = stream.step(chunk.samples)
        if chunk.index >= encoder.lookahead_frames:
            yield row_of(motion)


def row_of(motion: LipMotion) -> dict[str, object]:
    return {
        "aperture": round(motion.aperture, DIGITS),
        "width": round(motion.width, DIGITS),
        "coefficients": named(COEFFICIENTS, motion.coefficients),
        "visemes": named(VISEMES, motion.visemes),
    }


def named(names: tuple[str, ...], values: NDArray[np.float32]) -> dict[str, float]:
    return {name: round(float(value), DIGITS) for name, value in zip(names, values, strict=True)}
