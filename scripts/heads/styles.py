"""Which module makes what a look wears: hair and clothes. Every style is named here once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.heads.jumper import knit
from scripts.heads.long_hair import backing, grow
from scripts.heads.looks import Clothes, Hair, Jumper, LongHair
from scripts.heads.pieces import Piece
from scripts.heads.strands import Strands


def grown(
    hair: Hair, rest: NDArray[np.float64], scalp: NDArray[np.float64], seed: int
) -> tuple[Strands | None, dict[str, Piece]]:
    """Strands of the head, if any are seen, and surfaces that belong to the style, by name.

    rest: (V, 3) of the neutral fine skin; scalp: (V,) in [0, 1], where hair grows.
    """
    match hair:
        case LongHair():
            return grow(rest, scalp, hair, seed), {"backing": backing()}


def dressed(clothes: Clothes, seed: int) -> dict[str, Piece]:
    """The garments by name."""
    match clothes:
        case Jumper():
            return {"jumper": knit(clothes, seed)}
