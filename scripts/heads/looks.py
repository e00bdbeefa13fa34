"""What a presenter looks like: identity, skin, eyes, hair, clothes, light, room. Plain values; knows no renderer.

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
class LongHair:
    """Parted, loose, falling over the shoulders."""

    colour: Colour  # absorption, per length of the strand's radius: dark hair absorbs more
    root: Colour  # reflectance of the scalp below
    parting: float  # x of the parting at the hairline
    strands: int
    length: float  # lowest y of the tips
    wave: float


@dataclass(frozen=True, slots=True)
class Jumper:
    """Knitted, with a ribbed round collar."""

    colour: Colour
    neckline: float  # y of the collar's front


# One class for each style; styles.py knows what makes it.
Hair = LongHair
Clothes = Jumper


@dataclass(frozen=True, slots=True)
class Lighting:
    """How much brighter than usual each lamp, the air and the exposure are."""

    key: float = 1.0
    fill: float = 1.0
    top: float = 1.0
    rims: float = 1.0
    ambient: float = 1.0
    exposure: float = 1.0


@dataclass(frozen=True, slots=True)
class Room:
    """The backdrop, linear RGB radiance at its centre and edge, and the glow of the lamps behind."""

    near: Colour
    far: Colour
    glow: Colour
    # Each lamp's x, y and size in parts of the picture, and its strength.
    lamps: tuple[tuple[float, float, float, float], ...] = (
        (0.865, 0.26, 0.060, 0.85),
        (0.10, 0.20, 0.035, 0.20),
        (0.76, 0.13, 0.025, 0.25),
    )
    shelf: float = 0.45  # how dark the shelf on the right is, and the plant on the left
    plant: float = 0.40


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
    lighting: Lighting = Lighting()
