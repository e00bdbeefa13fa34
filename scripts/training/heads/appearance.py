"""What a presenter looks like: identity, skin, eyes, hair, clothes, light, room. Plain values; knows no renderer.

Colours are linear RGB reflectances in [0, 1] unless said otherwise; lengths are the head model's centimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]

# From light to dark, by melanin.
SKIN_TONES = np.array(
    [(0.72, 0.49, 0.39), (0.60, 0.365, 0.265), (0.47, 0.265, 0.175), (0.30, 0.155, 0.092), (0.15, 0.072, 0.042),
     (0.075, 0.038, 0.025)]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Identity:
    """The mean of drawn identities: each seed draws N(0, 1)·spread; their sum is taken times blend.

    traits: axes of the model and what is added along them. In units of the model's spread, axis 0 makes a head smaller
    and softer, 1 shorter and rounder, 2 sharper and older with thinner lips and a narrower nose, 3 broader.
    """

    seeds: tuple[int, ...]
    blend: float
    spread: float = 0.75
    traits: tuple[tuple[int, float], ...] = ()

    def coefficients(self) -> NDArray[np.float32]:
        """(100,) identity coefficients."""
        drawn = [np.random.default_rng(seed).normal(size=100) * self.spread for seed in self.seeds]
        coefficients = np.asarray(np.sum(drawn, axis=0) * self.blend, np.float32)
        for axis, value in self.traits:
            coefficients[axis] += value
        return coefficients


@dataclass(frozen=True, slots=True)
class Beard:
    """A short boxed one."""

    shade: Colour  # multiplies the skin below
    strands: int
    length: float


@dataclass(frozen=True, slots=True)
class Skin:
    base: Colour
    blush: Colour  # multiplies base where blood shows: cheeks, nose, ears
    shade: Colour  # multiplies base round the eyes
    lips: Colour
    freckles: float  # 0 to 1
    brow: Colour
    scatter: Colour  # mean free path of red, green and blue
    beard: Beard | None = None
    brow_width: float = 1.0
    brow_arch: float = 1.0  # how much of the bow of the model's brows is kept
    age: float = 0.0  # wrinkles, sagging and spots: 0 none, 1 those of about seventy years


@dataclass(frozen=True, slots=True)
class Eyes:
    iris: Colour
    rim: Colour  # next to the pupil
    iris_radius: float = 0.64
    pupil_radius: float = 0.27


# The hairline round the head: z, and y of the line there, from the nape over the ear and the temple to the forehead.
Hairline = tuple[tuple[float, float], ...]
SOFT_HAIRLINE: Hairline = (
    (-9.0, -6.0),
    (-4.5, -5.0),
    (-2.5, -1.0),
    (0.5, 4.9),
    (2.8, 3.4),
    (4.6, 6.0),
    (6.2, 8.0),
    (7.4, 9.9),
    (8.6, 10.7),
)


@dataclass(frozen=True, slots=True)
class LongHair:
    """Parted, loose, falling over the shoulders."""

    colour: Colour  # absorption, per length of the strand's radius: dark hair absorbs more
    root: Colour  # reflectance of the scalp below
    parting: float  # x of the parting at the hairline
    strands: int
    length: float  # lowest y of the tips
    wave: float
    tuck: float = 0.0  # how far the tips turn in towards the neck, as a bob's do
    ragged: float = 0.8  # deviation of the tips' heights
    grey: float = 0.0  # part of the strands' light that pigmentless hair scatters instead, 0 to 1
    hairline: Hairline = SOFT_HAIRLINE


@dataclass(frozen=True, slots=True)
class ShortHair:
    """Cropped and coily, shorter round the ears."""

    colour: Colour  # absorption, as LongHair's
    root: Colour
    strands: int
    top: float  # length above
    sides: float  # length above the ears
    hairline: Hairline


@dataclass(frozen=True, slots=True)
class Headscarf:
    """A hood of soft cloth and its ends, wrapped below the chin and over the shoulders; no hair is seen."""

    colour: Colour  # of the cloth
    band: Colour  # of the band below it that shows at the forehead
    root: Colour  # reflectance of the scalp, where a thin line of it shows
    folds: float  # depth of the folds; 1 is soft and full
    volume: float  # centimetres that bound hair lifts the crown
    slant: float  # centimetres that the wrap lies higher on the left side than in the middle
    hairline: Hairline = SOFT_HAIRLINE


@dataclass(frozen=True, slots=True)
class Jumper:
    """Knitted, with a ribbed round collar."""

    colour: Colour
    neckline: float  # y of the collar's front


@dataclass(frozen=True, slots=True)
class Blazer:
    """Over a shirt with its collar open."""

    colour: Colour
    shirt: Colour
    neckline: float  # y of the neck's base in front


@dataclass(frozen=True, slots=True)
class Cardigan:
    """Knitted and open, over a blouse with a small round neck."""

    colour: Colour
    blouse: Colour
    neckline: float  # y of the blouse's front


@dataclass(frozen=True, slots=True)
class Glasses:
    """A thin frame of metal. Lengths in centimetres."""

    colour: Colour  # of the metal
    width: float = 4.7  # of one pane
    height: float = 3.7
    thickness: float = 0.075  # radius of the wire
    drop: float = 0.25  # of the panes' middle below the eyes'


# One class for each style; styles.py knows what makes it.
Hair = LongHair | ShortHair | Headscarf
Clothes = Jumper | Blazer | Cardigan


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
class Appearance:
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
    glasses: Glasses | None = None
    smile: float = 1.0  # how much more than usual the resting face smiles
