"""Joins the offline commands with the engines: names become objects here, as in streamer.wiring for the live loop."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.api import Avatar, Chunk, Engine, Timing
from engines.diffusion import pack as embedded
from engines.diffusion.sd15 import pack as sd15
from engines.face.avatar import MANIFEST, Manifest, load_avatar, read_manifest, save_avatar
from engines.face.enrolment.enrol import Enrolled, enrol
from engines.face.enrolment.finder import face_finder
from engines.face.enrolment.framing import SIZE as FRAME_SIDE
from engines.face.enrolment.limited import ChildError, ask
from engines.face.enrolment.media import FRAME_RATE
from engines.face.enrolment.preview import contact_sheet
from engines.loader import (
    GPU_BATCHES,
    SHIPPED,
    Presenter,
    Presenters,
    UnknownBackend,
    UnknownEngine,
    UnknownPresenter,
    gpu_batches,
    user_presenters,
)
from engines.motion import COEFFICIENTS, VISEMES, LipMotion
from engines.speech.loader import load_lip_encoder
from lipcast.commands.errors import OfflineError
from lipcast.commands.hearing import until_drawn
from streamer.config import EngineConfig
from streamer.wiring import load_engine_of, lookahead_frames, presenters_of

__all__ = ["GPU_BATCHES", "Enrolled", "gpu_batches", "user_presenters"]

JPEG_QUALITY = 90
DIGITS = 5  # of every number: finer than lips can be seen to move


MIB = 2**20
NO_TORCH = "building packs needs PyTorch, diffusers and ONNX: pip install -e '.[diffusion]'"


@dataclass(frozen=True, slots=True)
class PackOrder:
    """What to build: places of weights, where to, and what was said. settings, parts: by the names of the fields of
    Settings and BuildOrder in engines/diffusion/sd15/build.py, which needs PyTorch; what was not said may be None."""

    places: tuple[str, ...]
    folder: Path
    settings: Mapping[str, Any]
    parts: Mapping[str, Any]


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


def load_named_engine(config: EngineConfig, beside: int = 1) -> Engine:
    """beside: see load_engine_of.

    Raises:
        OfflineError: there is no engine or backend of that name, or it cannot compute the pack so; says what can.
        PackError: its weights cannot be used.
    """
    try:
        return load_engine_of(config, beside)
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


def build_sd15_pack(order: PackOrder, say: Callable[[str], None]) -> Path:
    """
    Raises:
        OfflineError, FileRefused, ValueError: with what was expected, what was found and the mend.
    """
    try:
        from engines.diffusion.sd15 import build  # late: it needs PyTorch, which no other command does
    except ImportError as error:
        raise OfflineError(f"{NO_TORCH} ({error})") from error
    settings = build.Settings(**order.settings)
    return build.build_pack(build.BuildOrder(order.places, order.folder, settings, **order.parts), say)


def shipped_pack() -> Path:
    return embedded.SHIPPED


def pack_facts(folder: Path) -> Iterator[tuple[str, str]]:
    """What a pack says of itself, once every file has been compared with its hash.

    Raises:
        PackError: it cannot be used.
    """
    yield "folder", str(folder)
    if not sd15.is_sd15(folder):
        manifest = embedded.read_manifest(folder)
        yield "pack", f"{manifest.name} {manifest.version}, {manifest.size} pixels, licence {manifest.licence}"
        yield from _files(folder, embedded.FILES, dict(manifest.hashes))
        return
    own = sd15.read_manifest(folder)
    model = own.model
    yield "pack", f"{own.name}: Stable Diffusion 1.5, {model.mode}, {model.resolution} pixels"
    yield "sampling", f"{model.steps} steps, strength {model.strength:g}, guidance {model.guidance:g}"
    yield "IP-Adapter", f"{model.adapter}, scale {model.lip_scale:g}; identity {model.identity_scale:g}"
    for source in own.sources:
        yield "built of", f"{source.part}: {source.file}, licence {source.licence}, SHA-256 {source.sha256[:12]}…"
    yield from _files(folder, sd15.FILES, dict(own.hashes))


def _files(folder: Path, names: tuple[str, ...], hashes: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name in names:
        embedded.check_hash(folder / name, hashes[name])
        yield "file", f"{name}, {(folder / name).stat().st_size / MIB:.1f} MiB, as it was made"


def compile_frame_step(
    folder: Path, batches: tuple[int, ...], precision: str, say: Callable[[str], None]
) -> dict[int, Path]:
    """Plans of the pack's frame step for this machine's GPU, by batch size; see docs/backends.md.

    Raises:
        OfflineError, FileRefused, ValueError: with what was expected and the mend.
    """
    try:
        from engines.backends.choose import COMPILE, PLANS
        from engines.backends.onnxruntime import open_onnx
        from engines.backends.plan_cache import PlanCache, PlanOptions
        from engines.backends.tensorrt_compile import compile_plans
    except ImportError as error:
        raise OfflineError(f"compiling needs TensorRT and ONNX: pip install -e '.[tensorrt]' ({error})") from error
    names = sd15 if sd15.is_sd15(folder) else embedded
    path = folder / names.FRAME_STEP
    embedded.check_hash(path, names.read_manifest(folder).hashes[names.FRAME_STEP])

    def report(batch: int, progress: Any) -> bool:
        say(f"batches of {batch}: {progress.phase}, {progress.done} of {progress.steps}")
        return True

    reference = open_onnx(path, 1, os.cpu_count() or 1)
    options = PlanOptions(precision=precision)
    return compile_plans(path, batches, options, PlanCache(folder / PLANS, COMPILE), reference, report)
