"""A random person's appearance around the mouth. Plain values from a seed; knows no renderer.

Colours are linear RGB reflectances in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.training.heads.appearance import SKIN_TONES

LIPSTICKS = np.array([(0.42, 0.02, 0.03), (0.5, 0.13, 0.16), (0.30, 0.06, 0.05), (0.22, 0.02, 0.06), (0.55, 0.2, 0.13)])
HAIRS = np.array([(0.02, 0.016, 0.014), (0.055, 0.032, 0.02), (0.16, 0.09, 0.045), (0.25, 0.23, 0.21)])

Colour = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """identity (100,) shape coefficients. Amounts lie in [0, 1]; neckline is the collar's y in centimetres."""

    seed: int
    identity: NDArray[np.float32]
    skin: Colour
    lips: Colour
    lip_edge: float  # centimetres over which the lips' red fades
    gloss: float
    lip_gloss: float
    redness: float
    freckles: float
    pores: float
    stubble: float
    beard: float
    hair: Colour
    enamel: Colour
    gum: Colour
    tongue: Colour
    clothes: Colour
    neckline: float


def random_person(draw: np.random.Generator) -> Person:
    tone = draw.uniform(0, len(SKIN_TONES) - 1)
    base = np.stack([np.interp(tone, range(len(SKIN_TONES)), SKIN_TONES[:, c]) for c in range(3)])
    skin = base * np.exp(draw.normal(0, (0.05, 0.07, 0.10)))
    bearded = draw.random() < 0.45
    enamel = np.array([0.72, 0.67, 0.58]) * draw.uniform(0.75, 1.12) * (1, 1, draw.uniform(0.78, 1.06))
    flesh = np.array([0.44, 0.16, 0.15]) * np.exp(draw.normal(0, 0.18)) * np.exp(draw.normal(0, 0.08, 3))
    return Person(
        seed=int(draw.integers(2**31)),
        identity=(draw.normal(0, 1, 100) * draw.uniform(0.55, 0.95)).astype(np.float32),
        skin=np.clip(skin, 0.015, 0.85),
        lips=_lips(skin, draw),
        lip_edge=draw.uniform(0.08, 0.22),
        gloss=draw.uniform(0.1, 1.0),
        lip_gloss=draw.uniform(0.1, 1.0) ** 1.5,
        redness=draw.uniform(0, 1),
        freckles=draw.uniform(0.3, 1) * float(draw.random() < 0.3),
        pores=draw.uniform(0.2, 1),
        stubble=draw.uniform(0.1, 1.0) * float(bearded),
        beard=draw.uniform(0.3, 1.0) * float(bearded and draw.random() < 0.3),
        hair=HAIRS[draw.integers(len(HAIRS))] * np.exp(draw.normal(0, 0.2)),
        enamel=np.clip(enamel, 0.1, 0.85),
        gum=flesh * (1, 1.05, 1.05),
        tongue=flesh * np.array([1.12, 1.15, 1.15]) * np.exp(draw.normal(0, 0.1)),
        clothes=np.exp(draw.uniform(np.log(0.02), np.log(0.7))) * draw.uniform(0.6, 1, 3),
        neckline=draw.uniform(-15.5, -10.5) if draw.random() < 0.75 else -30.0,
    )


def _lips(skin: Colour, draw: np.random.Generator) -> Colour:
    """Lips are skin with more blood in it, or painted."""
    green = draw.uniform(0.42, 0.74)
    natural = skin * np.array([draw.uniform(0.76, 1.0), green, green * draw.uniform(0.98, 1.22)])
    if draw.random() < 0.15:
        paint = LIPSTICKS[draw.integers(len(LIPSTICKS))] * np.exp(draw.normal(0, 0.25, 3))
        natural = natural + draw.uniform(0.4, 0.95) * (paint - natural)
    return np.asarray(np.clip(natural, 0.01, 0.8))
