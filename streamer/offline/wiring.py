"""Joins the offline commands with the engines: names become objects here, as in streamer.wiring for the live loop."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.api import Avatar, Chunk, Engine, Timing
from engines.face.avatar import MANIFEST, Manifest, load_avatar, read_manifest, save_avatar
from engines.face.enrolment.enrol import Enrolled, enrol
from engines.face.enrolment.finder import face_finder
from engines.face.enrolment.framing import SIZE as FRAME_SIDE
from engines.face.enrolment.limited import ChildError, ask
from engines.face.enrolment.media import FRAME_RATE
from engines.face.enrolment.preview import contact_sheet
from engines.loader import (
    SHIPPED,
    Presenter,
    Presenters,
    UnknownBackend,
    UnknownEngine,
    UnknownPresenter,
    user_presenters,
)
from engines.motion import COEFFICIENTS, VISEMES, LipMotion
from engines.speech.loader import load_lip_encoder
from streamer.config import EngineConfig
from streamer.offline.errors import OfflineError
from streamer.offline.hearing import until_drawn
from streamer.wiring import load_engine_of, lookahead_frames, presenters_of

__all__ = ["Enrolled", "user_presenters"]

JPEG_QUALITY = 90
DIGITS = 5  # of every number: finer than lips can be seen to move


@dataclass(frozen=True, slots=True)
class AvatarTexts:
    """What a user says about an avatar."""

    name: str
    title: str
    consent: str


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
        OfflineError: there is no engine or backend of that name; the message names those that exist.
        PackError: its weights cannot be used.
    """
    try:
        return load_engine_of(config)
    except (UnknownEngine, UnknownBackend) as error:
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


def prepare_avatar(source: Path, landmarks: Path | None, model: Path | None, workspace: Path) -> Enrolled:
    """Check a picture or clip and prepare its avatar.

    Raises:
        EnrolmentError: with the reason and the mend.
    """
    return enrol(source, face_finder(landmarks, model, cache_folder(), workspace), workspace)


def write_avatar(folder: Path, texts: AvatarTexts, enrolled: Enrolled, loop: bytes, preview: bytes) -> None:
    """Write an avatar's folder, whole or not at all."""
    height = width = FRAME_SIDE
    manifest = Manifest(
        name=texts.name,
        title=texts.title,
        consent=texts.consent,
        description="Made from a user's picture or clip by lipcast avatar create.",
        licence="For the uses that the person shown has agreed to.",
        credit="The person shown, and whoever made the picture or clip. Teeth: ICT-FaceKit, MIT licence.",
        ai_generated=True,
        width=width,
        height=height,
        frame_rate=FRAME_RATE,
        frames=enrolled.count,
    )
    save_avatar(folder, manifest, enrolled.tensors, loop, preview)


def known_presenters(own: Path) -> dict[str, Presenter]:
    """Those that ship and the user's."""
    return Presenters(SHIPPED, own).all


def shipped_names() -> set[str]:
    return set(Presenters(SHIPPED).all)


def find_presenter(name: str, own: Path) -> Presenter:
    """
    Raises:
        OfflineError: there is none of that name; the message names those that exist.
    """
    try:
        return Presenters(SHIPPED, own).find(name)
    except UnknownPresenter as error:
        raise OfflineError(str(error)) from error


def contact_sheet_png(folder: Path) -> bytes:
    """The avatar's mouth shapes, side by side."""
    return encoded(".png", contact_sheet(load_avatar(folder)))


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """(height, width, 3) RGB → a JPEG without metadata."""
    return encoded(".jpg", picture)


def encoded(kind: str, picture: NDArray[np.uint8]) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if kind == ".jpg" else []
    done, data = cv2.imencode(kind, picture[..., ::-1], options)
    assert done, kind
    return data.tobytes()


def cache_folder() -> Path:
    """~/.cache/lipcast, or in $XDG_CACHE_HOME."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "lipcast"


def check_foreign_avatar(folder: Path) -> None:
    """Read an avatar of strangers in a child process with limits.

    Raises:
        OfflineError: it is not sound.
    """
    try:
        ask("engines.face.enrolment.avatar_child", {"folder": str(folder)})
    except ChildError as error:
        raise OfflineError(f"the avatar cannot be used: {error}") from error


def read_avatar_name(folder: Path) -> str:
    return read_manifest(folder / MANIFEST).name
