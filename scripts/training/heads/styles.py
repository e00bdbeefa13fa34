"""Which module makes what a look wears: hair and clothes. Every style is named here once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.training.heads.appearance import (
    Blazer,
    Cardigan,
    Clothes,
    Glasses,
    Hair,
    Headscarf,
    Jumper,
    LongHair,
    ShortHair,
)
from scripts.training.heads.blazer import suit
from scripts.training.heads.cardigan import button
from scripts.training.heads.glasses import glasses
from scripts.training.heads.headscarf import covered, drape
from scripts.training.heads.jumper import knit
from scripts.training.heads.long_hair import backing, grow
from scripts.training.heads.short_hair import crop
from scripts.training.heads.strands import Strands
from scripts.training.heads.wearables import Piece


def grown(
    hair: Hair, rest: NDArray[np.float64], scalp: NDArray[np.float64], seed: int
) -> tuple[Strands | None, dict[str, Piece]]:
    """Strands of the head, if any are seen, and surfaces that belong to the style, by name.

    rest: (V, 3) of the neutral fine skin; scalp: (V,) in [0, 1], where hair grows.
    """
    match hair:
        case LongHair():
            return grow(rest, scalp, hair, seed), {"backing": backing(hair)}
        case ShortHair():
            return crop(rest, scalp, hair, seed), {}
        case Headscarf():
            return None, drape(rest, hair, seed)


def hidden(hair: Hair, rest: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which vertices (V,) of the skin a style covers so closely that they must not be drawn, or they would show
    through."""
    match hair:
        case Headscarf():
            return covered(rest)
        case _:
            return np.zeros(len(rest), bool)


def dressed(clothes: Clothes, seed: int) -> dict[str, Piece]:
    """The garments by name."""
    match clothes:
        case Jumper():
            return {"jumper": knit(clothes, seed)}
        case Cardigan():
            return button(clothes, seed)
        case Blazer():
            return suit(clothes, seed)


def worn(style: Glasses | None, marks: NDArray[np.float64]) -> dict[str, Piece]:
    """The parts of the glasses by name; none without glasses. marks: (68, 3) landmarks of the neutral head."""
    return glasses(marks, style) if style else {}
