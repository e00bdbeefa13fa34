"""Which module makes what an appearance wears: hair and clothes. Every style is named here once."""

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
from scripts.training.heads.blazer import build_blazer
from scripts.training.heads.cardigan import build_cardigan
from scripts.training.heads.glasses import glasses
from scripts.training.heads.headscarf import build_headscarf, covered
from scripts.training.heads.jumper import build_jumper
from scripts.training.heads.long_hair import backing, grow_long_hair
from scripts.training.heads.short_hair import grow_short_hair
from scripts.training.heads.strands import Strands
from scripts.training.heads.wearables import Wearable


def grown(
    hair: Hair, rest: NDArray[np.float64], scalp: NDArray[np.float64], seed: int
) -> tuple[Strands | None, dict[str, Wearable]]:
    """Strands of the head, if any are seen, and surfaces that belong to the style, by name.

    rest: (V, 3) of the neutral fine skin; scalp: (V,) in [0, 1], where hair grows.
    """
    match hair:
        case LongHair():
            return grow_long_hair(rest, scalp, hair, seed), {"backing": backing(hair)}
        case ShortHair():
            return grow_short_hair(rest, scalp, hair, seed), {}
        case Headscarf():
            return None, build_headscarf(rest, hair, seed)


def hidden(hair: Hair, rest: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which vertices (V,) of the skin a style covers so closely that they must not be drawn, or they would show
    through."""
    match hair:
        case Headscarf():
            return covered(rest)
        case _:
            return np.zeros(len(rest), bool)


def dressed(clothes: Clothes, seed: int) -> dict[str, Wearable]:
    """The garments by name."""
    match clothes:
        case Jumper():
            return {"jumper": build_jumper(clothes, seed)}
        case Cardigan():
            return build_cardigan(clothes, seed)
        case Blazer():
            return build_blazer(clothes, seed)


def worn(style: Glasses | None, marks: NDArray[np.float64]) -> dict[str, Wearable]:
    """The parts of the glasses by name; none without glasses. marks: (68, 3) landmarks of the neutral head."""
    return glasses(marks, style) if style else {}
