"""Precomputes the conditioning of a Stable Diffusion pack on a presenter, once, and caches it on disk.

Crops' latents, tokens of the whole range of mouths, the presenter's picture as the UNet reads it, and how much noise
the network has where: measured on a clip of mouth motions. A changed pack or presenter is precomputed again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from engines.arrays import F32, U8
from engines.backends.api import Graph
from engines.backends.device_constants import frozen
from engines.diffusion.conditioning import SHARED, as_input, crop_mask, crops_at_rest
from engines.diffusion.frame_refiner import FrameRefiner, MethodOptions
from engines.diffusion.noise_sensor import FLOW_SIZE, Calibration, FlowMeter, noise_pattern
from engines.diffusion.sd15.bank import SHAPE, Bank, grid, motion_at
from engines.diffusion.sd15.model import Sd15Model
from engines.face.avatar import FaceAvatar
from engines.face.structurist import StructureFrames
from engines.files import whole_file
from engines.motion import LipMotion

LOGGER = logging.getLogger(__name__)
FORMAT = 1
CALIBRATION = 25  # frames of the clip by which the network's noise is measured: a second
SYLLABLE = 6  # frames of one opening and closing in it: four a second, as people speak
WIDEST = 0.22  # its largest opening, in inter-ocular distances
DIGITS = 16  # of a hash in a file's name


@dataclass(frozen=True, slots=True, eq=False)
class Precomputed:
    """Of one presenter. masked (k, 4, h, w): latents of every SHARED frames of the loop, mask (1, h, w): 1 where the
    mouth is drawn; bank (5, 3, 3, n, d) float16: see Bank; identity (m, width): keys and values of the presenter's
    picture; noise (H, W): D of the calibration, from `flows` motions."""

    masked: F32
    mask: F32
    bank: NDArray[np.float16]
    identity: F32
    noise: F32
    flows: NDArray[np.int32]


class Sd15Conditioning:
    """Precomputed conditioning as the frame step takes it."""

    __slots__ = ("_always", "_bank", "_masked", "_per_frame_encoder", "calibration")

    def __init__(self, precomputed: Precomputed, model: Sd15Model) -> None:
        self._bank, self._per_frame_encoder = Bank(precomputed.bank.astype(np.float32)), model.per_frame_encoder
        self._masked = frozen(precomputed.masked)
        self._always = {
            "mask": frozen(precomputed.mask),
            "anchor": frozen(self._bank.anchor),
            "identity": frozen(precomputed.identity),
            "scale": frozen(np.array([model.lip_scale, model.identity_scale], np.float32)),
        }
        self.calibration = Calibration(precomputed.noise, int(precomputed.flows))

    def feeds(self, frame: int, motion: LipMotion) -> dict[str, F32]:
        given = {**self._always, "masked": self._masked[frame // SHARED]}
        return given if self._per_frame_encoder else {**given, "tokens": self._bank.at(motion)}


@dataclass(frozen=True, slots=True, eq=False)
class Sd15Precompute:
    """Precomputes conditioning for one pack. key: of the pack; cache: the folder of earlier results."""

    model: Sd15Model
    options: MethodOptions
    key: str
    frame_step: Graph
    latents: Graph
    tokens: Graph
    cache: Path

    def __call__(self, avatar: FaceAvatar) -> Sd15Conditioning:
        """Slow the first time, for this pack and presenter."""
        key = f"{self.key[:DIGITS]}-{avatar_key(avatar)[:DIGITS]}"
        path = self.cache / f"{key}.safetensors"
        found = load(path, key, self.model, avatar)
        if found is None:
            found = self.compute(avatar)
            try:
                save(path, key, found)
            except (OSError, SafetensorError) as error:  # a full or read-only disk: the result is usable all the same
                LOGGER.warning(
                    "%s: the conditioning of %s cannot be cached, and every start computes it again: %s; give"
                    " the server a folder that it may write to by $XDG_CACHE_HOME", path, avatar.name, error
                )  # fmt: skip
        return Sd15Conditioning(found, self.model)

    def compute(self, avatar: FaceAvatar) -> Precomputed:
        size = self.model.resolution
        mask = crop_mask(avatar.face, size)[None, None]
        crops = [self.latents.run({"crop": as_input(crop)[None], "mask": mask}) for crop in crops_at_rest(avatar, size)]
        bank = np.zeros((*SHAPE, *self.model.tokens), np.float16)
        for place, structure in self._bank_frames(avatar):
            bank[place] = self.tokens.run({"picture": as_input(structure)[None]})["tokens"][0]
        without_noise = Precomputed(
            masked=np.concatenate([crop["masked"] for crop in crops]),
            mask=crops[0]["mask_latent"][0],
            bank=bank,
            identity=self.tokens.run({"picture": as_input(whole_picture(avatar, size))[None]})["identity"][0],
            noise=np.zeros((1, 1), np.float32),
            flows=np.zeros((), np.int32),
        )
        pattern = self._noise(avatar, Sd15Conditioning(without_noise, self.model))
        values = {field.name: getattr(without_noise, field.name) for field in fields(Precomputed)}
        return Precomputed(**{**values, "noise": pattern, "flows": np.array(CALIBRATION - 1, np.int32)})

    def _bank_frames(self, avatar: FaceAvatar) -> Iterator[tuple[tuple[int, int, int], U8]]:
        """The Structurist's picture of every grid point, on the first frame of the loop."""
        frames = StructureFrames(avatar.face, self.model.resolution)
        for place, motion in grid():
            yield place, frames.draw(avatar.loop[0], avatar.face.alignment[0], motion)

    def _noise(self, avatar: FaceAvatar, conditioning: Sd15Conditioning) -> F32:
        """D, by Theorem 1, of what the network draws beside what it was asked for."""
        frames = StructureFrames(avatar.face, self.model.resolution)
        refiner = FrameRefiner(self.options, self.model.resolution, self.model.latent)
        fake, real = FlowMeter(), FlowMeter()
        flows: list[tuple[F32, F32]] = []
        for place, motion in enumerate(calibration_motions()):
            loop = place % len(avatar.loop)
            structure = frames.draw(avatar.loop[loop], avatar.face.alignment[loop], motion)
            inputs = refiner.prepare(structure, motion, conditioning.feeds(loop, motion))
            picture = self.frame_step.run({name: value[None] for name, value in inputs.feeds.items()})["picture"][0]
            drawn = np.rint(255 * picture.transpose(1, 2, 0)).astype(np.uint8)
            one, other = fake.step(np.ascontiguousarray(drawn)), real.step(structure)
            if one is not None and other is not None:
                flows.append((one, other))
        return noise_pattern(*(np.stack(each) for each in zip(*flows, strict=True)))


def whole_picture(avatar: FaceAvatar, size: int) -> U8:
    """The middle square of the loop's first frame, (size, size, 3)."""
    height, width = avatar.height, avatar.width
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = avatar.loop[0][top : top + side, left : left + side]
    return np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def calibration_motions() -> Iterator[LipMotion]:
    """Syllables, every other one rounded and every third one wide."""
    for frame in range(CALIBRATION):
        syllable, phase = divmod(frame, SYLLABLE)
        opening = WIDEST * np.sin(np.pi * phase / SYLLABLE) ** 2
        yield motion_at((float(opening), float(syllable % 3 == 2), 0.5 * (syllable % 2)))


def avatar_key(avatar: FaceAvatar) -> str:
    """SHA-256 of the presenter's pictures and geometry."""
    total = hashlib.sha256()
    for frame in avatar.loop:
        total.update(np.ascontiguousarray(frame).data)
    for field in fields(avatar.face):
        total.update(np.ascontiguousarray(getattr(avatar.face, field.name)).tobytes())
    return total.hexdigest()


def load(path: Path, key: str, model: Sd15Model, avatar: FaceAvatar) -> Precomputed | None:
    """A cached result; None where there is none of this form: it is then computed again."""
    try:
        with safe_open(path, framework="np") as file:
            if (file.metadata() or {}) != {"format": str(FORMAT), "key": key}:
                return None
            found = Precomputed(**{field.name: file.get_tensor(field.name) for field in fields(Precomputed)})
    except (OSError, SafetensorError):
        return None
    crops = -(-len(avatar.loop) // SHARED)
    wanted = {
        "masked": (crops, *model.latent),
        "mask": (1, *model.latent[1:]),
        "bank": (*SHAPE, *model.tokens),
        "identity": model.prompt,
        "noise": (FLOW_SIZE, FLOW_SIZE),
        "flows": (),
    }
    return found if all(getattr(found, name).shape == shape for name, shape in wanted.items()) else None


def save(path: Path, key: str, precomputed: Precomputed) -> None:
    """Whole or not at all: a reader finds the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {field.name: np.array(getattr(precomputed, field.name), order="C") for field in fields(Precomputed)}
    with whole_file(path) as fresh:
        save_file(tensors, fresh, {"format": str(FORMAT), "key": key})
