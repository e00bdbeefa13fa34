"""What a presenter looks like: identity, skin, eyes, hair, clothes, room. Plain values; knows no renderer.

Colours are linear RGB reflectances in [0, 1] unless said otherwise; lengths are the head model's centimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Identity:
    """The mean of drawn identities: each seed draws N(0, 1)·spread; their sum is taken times blend."""

    seeds: tuple[int, ...]
    blend: float
    spread: float = 0.75

    def coefficients(self) -> NDArray[np.float32]:
        """(100,) identity coefficients."""
        drawn = [np.random.default_rng(seed).normal(size=100) * self.spread for seed in self.seeds]
        return np.asarray(np.sum(drawn, axis=0) * self.blend, np.float32)


@dataclass(frozen=True, slots=True)
class Skin:
    base: Colour
    blush: Colour  # multiplies base where blood shows: cheeks, nose, ears
    shade: Colour  # multiplies base round the eyes
    lips: Colour
    freckles: float  # 0 to 1
    brow: Colour
    scatter: Colour  # mean free path of red, green and blue


@dataclass(frozen=True, slots=True)
class Eyes:
    iris: Colour
    rim: Colour  # next to the pupil
    iris_radius: float = 0.64
    pupil_radius: float = 0.27


@dataclass(frozen=True, slots=True)
class Hair:
    colour: Colour  # absorption, per length of the strand's radius: dark hair absorbs more
    root: Colour  # reflectance of the scalp below
    parting: float  # x of the parting at the hairline
    strands: int
    length: float  # lowest y of the tips
    wave: float


@dataclass(frozen=True, slots=True)
class Clothes:
    colour: Colour
    neckline: float  # y of the collar's front


@dataclass(frozen=True, slots=True)
class Room:
    """The backdrop, linear RGB radiance at its centre and edge, and the glow of a lamp behind."""

    near: Colour
    far: Colour
    glow: Colour


@dataclass(frozen=True, slots=True)
class Look:
    name: str
    title: str
    description: str
    identity: Identity
    skin: Skin
    eyes: Eyes
    hair: Hair
    clothes: Clothes
    room: Room
    seed: int


MIRA = Look(
    name="mira",
    title="Mira",
    description="A woman in her thirties, long dark hair, a knitted jumper, a warm room.",
    identity=Identity(seeds=(14, 6, 17, 2), blend=0.5),
    skin=Skin(
        base=(0.52, 0.275, 0.170),
        blush=(1.08, 0.80, 0.78),
        shade=(0.86, 0.78, 0.80),
        lips=(0.42, 0.135, 0.115),
        freckles=0.35,
        brow=(0.06, 0.037, 0.026),
        scatter=(0.24, 0.11, 0.07),
    ),
    eyes=Eyes(iris=(0.075, 0.034, 0.015), rim=(0.16, 0.075, 0.03)),
    hair=Hair(colour=(0.50, 0.92, 1.7), root=(0.035, 0.02, 0.014), parting=1.8, strands=16000, length=-18.0, wave=0.6),
    clothes=Clothes(colour=(0.055, 0.16, 0.17), neckline=-14.6),
    room=Room(near=(0.30, 0.27, 0.24), far=(0.06, 0.055, 0.055), glow=(0.95, 0.62, 0.34)),
    seed=7,
)

LOOKS: dict[str, Look] = {look.name: look for look in (MIRA,)}
