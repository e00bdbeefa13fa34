"""A random person: an appearance and frame poses drawn from a seed. Plain values; knows no renderer.

Colours that belong together are drawn together: pale hair goes with pale skin, grey with age. What is drawn stays
within the light and the distances at which renderings look natural.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engines.motion import COEFFICIENTS
from scripts.training.heads.appearance import (
    SKIN_TONES,
    Appearance,
    Beard,
    Blazer,
    Cardigan,
    Clothes,
    Colour,
    Eyes,
    Glasses,
    Hair,
    Headscarf,
    Identity,
    Jumper,
    Lighting,
    LongHair,
    Room,
    ShortHair,
    Skin,
)
from scripts.training.heads.frame_pose import FramePose
from scripts.training.heads.idle import SQUINT, resting
from scripts.training.heads.model import ICT_SHAPES
from scripts.training.heads.people.kofi import KOFI
from scripts.training.speech.random_motions import random_motion

DARKEST = len(SKIN_TONES) - 1  # tones run from 0 to it
MOST_TURN, MOST_NOD, MOST_LEAN = 25.0, 10.0, 7.0  # degrees
MOST_GAZE = 16.0  # degrees that eyes turn in a head that is turned away
AT_REST = 0.25  # share of frames without speech

# Absorption of hair and reflectance of its roots, from black to fair; how dark skin may be that it goes with.
HAIRS: tuple[tuple[Colour, Colour, float], ...] = (
    ((1.6, 2.1, 2.7), (0.026, 0.018, 0.014), 5.0),
    ((0.80, 1.25, 2.0), (0.030, 0.019, 0.014), 5.0),
    ((0.50, 0.92, 1.70), (0.035, 0.020, 0.014), 3.2),
    ((0.28, 0.56, 1.15), (0.070, 0.040, 0.024), 2.0),
    ((0.13, 0.40, 0.95), (0.120, 0.052, 0.026), 1.2),
    ((0.10, 0.20, 0.45), (0.170, 0.110, 0.062), 1.2),
)
SILVER: tuple[Colour, Colour] = ((0.055, 0.060, 0.068), (0.42, 0.34, 0.29))
# Iris and the ring round the pupil: brown to blue, the latter on paler skin only.
IRISES: tuple[tuple[Colour, Colour, float], ...] = (
    ((0.040, 0.018, 0.009), (0.085, 0.036, 0.015), 5.0),
    ((0.075, 0.034, 0.015), (0.160, 0.075, 0.030), 5.0),
    ((0.120, 0.082, 0.030), (0.190, 0.110, 0.040), 2.4),
    ((0.090, 0.115, 0.055), (0.180, 0.150, 0.065), 1.6),
    ((0.100, 0.160, 0.200), (0.200, 0.240, 0.250), 1.6),
)
CLOTHS = np.array(
    [(0.055, 0.16, 0.17), (0.13, 0.18, 0.30), (0.02, 0.03, 0.06), (0.34, 0.09, 0.075), (0.44, 0.30, 0.12),
     (0.12, 0.17, 0.09), (0.50, 0.245, 0.245), (0.62, 0.58, 0.52), (0.20, 0.09, 0.16), (0.07, 0.07, 0.075)]
)  # fmt: skip
SHIRTS = np.array([(0.74, 0.70, 0.64), (0.62, 0.66, 0.72), (0.66, 0.52, 0.48), (0.80, 0.79, 0.76), (0.36, 0.46, 0.50)])
METALS = np.array([(0.46, 0.30, 0.17), (0.10, 0.09, 0.09), (0.55, 0.54, 0.52), (0.16, 0.09, 0.05)])

Draw = np.random.Generator
Paired = TypeVar("Paired", bound=tuple[Colour, Colour, float])


def random_appearance(seed: int) -> Appearance:
    """The appearance that belongs to a seed, 0 or greater."""
    draw = np.random.default_rng([seed, 0])
    tone = float(draw.uniform(0, DARKEST))
    age = float(draw.uniform(-0.45, 1.0))
    hair, brow = _hair(draw, tone, max(age, 0.0))
    bearded = isinstance(hair, ShortHair) and draw.random() < 0.5
    spread = float(draw.uniform(0.65, 0.95))
    return Appearance(
        name=f"anyone-{seed}",
        title=f"Anyone {seed}",
        description="A person who does not exist, drawn at random.",
        identity=Identity((int(draw.integers(2**31)),), 1.0, spread, ((2, 0.5 * max(age, 0.0)),)),
        skin=_skin(draw, tone, max(age, 0.0), brow, bearded),
        eyes=_eyes(draw, tone),
        hair=hair,
        clothes=_clothes(draw),
        room=_room(draw),
        seed=int(draw.integers(2**30)),
        lighting=_lighting(draw, tone),
        glasses=_glasses(draw) if draw.random() < 0.3 else None,
        smile=float(draw.uniform(0.4, 1.35)),
    )


def frame_pose(appearance: Appearance, seed: int, number: int) -> FramePose:
    """The frame pose of that number, 0 or greater, of the person of a seed: a pose, a glance, a mouth."""
    draw = np.random.default_rng([seed, 1, number])
    talks = draw.random() >= AT_REST
    expression = resting(appearance.smile * float(draw.uniform(0.0, 0.6) if talks else draw.uniform(0.6, 1.1)))
    if talks:
        for name, value in zip(COEFFICIENTS, random_motion(draw).coefficients, strict=True):
            for shape in ICT_SHAPES.get(name, (name,)):
                expression[shape] = min(1.0, expression.get(shape, 0.0) + float(value))
    up = float(draw.normal(0, 1.5))
    shut = float(draw.uniform(0.1, 1.0)) if draw.random() < 0.12 else 0.0
    for side in ("L", "R"):
        expression[f"eyeBlink_{side}"] = shut
        expression[f"eyeSquint_{side}"] = SQUINT * (1 - shut)
        expression[f"browInnerUp_{side}"] = float(draw.uniform(0, 0.25))
    yaw = float(np.clip(draw.uniform(-MOST_TURN, MOST_TURN) if draw.random() < 0.6 else draw.normal(0, 6), -25, 25))
    return FramePose(
        expression=expression,
        yaw=yaw,
        pitch=float(np.clip(draw.normal(0, 4), -MOST_NOD, MOST_NOD)),
        roll=float(np.clip(draw.normal(0, 3), -MOST_LEAN, MOST_LEAN)),
        breath=float(draw.uniform(0, 1)),
        # Most look at the viewer, as far as eyes turn.
        gaze_right=float(np.clip(-0.9 * yaw + draw.normal(0, 2), -MOST_GAZE, MOST_GAZE)),
        gaze_up=up,
    )


def framing(seed: int) -> tuple[float, float]:
    """Parts of the picture's width and height: between the outer corners of the eyes, and of the row they lie on."""
    draw = np.random.default_rng([seed, 2])
    return float(draw.uniform(0.21, 0.27)), float(draw.uniform(0.39, 0.44))


def _skin(draw: Draw, tone: float, age: float, brow: Colour, bearded: bool) -> Skin:
    dark = tone / DARKEST
    base = np.stack([np.interp(tone, range(len(SKIN_TONES)), column) for column in SKIN_TONES.T])
    base = base * np.exp(draw.normal(0, (0.02, 0.03, 0.04)))
    # Lips are skin with more blood in it, which shows less below more melanin.
    lips = base * (0.80 + 0.20 * dark, 0.49 + 0.33 * dark, 0.62 + 0.40 * dark) * np.exp(draw.normal(0, 0.06, 3))
    if not bearded and draw.random() < 0.2:
        lips = lips * 0.6 + 0.4 * np.array([0.42, 0.06, 0.08])
    beard = None
    if bearded:
        shade = float(draw.uniform(0.34, 0.55))
        beard = Beard(
            (shade, shade * 1.05, shade * 1.15), int(draw.integers(6000, 12000)), float(draw.uniform(0.1, 0.32))
        )
    return Skin(
        base=_colour(base),
        blush=_colour(np.array([1.07, 0.81, 0.79]) * np.exp(draw.normal(0, 0.02, 3))),
        shade=_colour(np.array([0.86, 0.79, 0.80]) * float(draw.uniform(0.96, 1.03))),
        lips=_colour(np.clip(lips, 0.015, 0.8)),
        freckles=float(draw.uniform(0, 0.25) if draw.random() < 0.7 else draw.uniform(0.4, 0.9) * (1 - 0.6 * dark)),
        brow=brow,
        scatter=_colour(np.array([0.23, 0.105, 0.068]) - dark * np.array([0.05, 0.025, 0.018])),
        beard=beard,
        brow_width=float(draw.uniform(0.75, 1.25)),
        brow_arch=float(draw.uniform(0.6, 1.15)),
        age=age,
    )


def _hair(draw: Draw, tone: float, age: float) -> tuple[Hair, Colour]:
    """The hair and the colour of the brows that belongs to it."""
    colour, root, _ = _suiting(draw, HAIRS, tone)
    brow = _colour(0.012 + 0.45 * np.array(root) ** 0.9)
    grey = age > 0.62 and draw.random() < 0.75
    if grey:
        brow = _colour(np.array(brow) * 0.5 + 0.10 * np.array((1.0, 0.9, 0.8)))
    kind = int(draw.choice(3, p=(0.45, 0.35, 0.20)))
    if kind == 0:
        whole = float(draw.uniform(-19.0, -5.5))
        bob = whole > -9.0
        return LongHair(
            colour=SILVER[0] if grey else colour,
            root=SILVER[1] if grey else root,
            parting=float(draw.choice((-1, 1)) * draw.uniform(0.8, 2.6)),
            strands=17000,
            length=whole,
            wave=float(draw.uniform(0.15, 0.8)),
            tuck=float(draw.uniform(0.8, 1.8)) if bob else 0.0,
            ragged=float(draw.uniform(0.5, 0.9)),
            grey=float(draw.uniform(0.5, 0.75)) if grey else 0.0,
        ), brow
    if kind == 1:
        absorbs = _colour(np.array(colour) * (0.35 if grey else 1.0))
        cropped = float(draw.uniform(0.4, 1.35))
        sides = float(draw.uniform(0.15, 0.4))
        assert isinstance(KOFI.hair, ShortHair)  # the hairline that short hair has
        return ShortHair(absorbs, root, 34000, cropped, sides, KOFI.hair.hairline), brow
    cloth = CLOTHS[draw.integers(len(CLOTHS))] * np.exp(draw.normal(0, 0.15, 3))
    return Headscarf(
        colour=_colour(np.clip(cloth, 0.015, 0.75)),
        band=_colour(np.clip(cloth * 0.75, 0.012, 0.6)),
        root=(0.03, 0.02, 0.015),
        folds=float(draw.uniform(0.8, 1.1)),
        volume=float(draw.uniform(0.6, 1.0)),
        slant=float(draw.uniform(2.6, 3.4)),
    ), brow


def _suiting(draw: Draw, palette: tuple[Paired, ...], tone: float) -> Paired:
    """One of those that go with the tone of a skin."""
    fit = [entry for entry in palette if tone <= entry[2]]
    return fit[int(draw.integers(len(fit)))]


def _eyes(draw: Draw, tone: float) -> Eyes:
    iris, rim, _ = _suiting(draw, IRISES, tone)
    return Eyes(iris, rim, pupil_radius=float(draw.uniform(0.23, 0.29)))


def _clothes(draw: Draw) -> Clothes:
    colour = _colour(np.clip(CLOTHS[draw.integers(len(CLOTHS))] * np.exp(draw.normal(0, 0.15, 3)), 0.015, 0.75))
    shirt = _colour(SHIRTS[draw.integers(len(SHIRTS))])
    match int(draw.integers(3)):
        case 0:
            return Jumper(colour, neckline=-14.6)
        case 1:
            return Blazer(colour, shirt, neckline=-14.0)
        case _:
            return Cardigan(colour, shirt, neckline=-12.8)


def _glasses(draw: Draw) -> Glasses:
    metal = _colour(METALS[draw.integers(len(METALS))])
    return Glasses(metal, float(draw.uniform(4.4, 4.9)), float(draw.uniform(3.3, 3.9)), float(draw.uniform(0.07, 0.11)))


def _room(draw: Draw) -> Room:
    """From a dim room with lamps to a light one."""
    light = float(draw.uniform(0, 1))
    hue = np.exp(draw.normal(0, (0.10, 0.04, 0.10)))
    near = (0.24 + 0.42 * light) * hue
    far = (0.055 + 0.30 * light) * hue
    warm = float(draw.uniform(0, 1))
    glow = np.array([0.50, 0.66, 0.90]) * (1 - warm) + np.array([0.95, 0.66, 0.38]) * warm
    lamps = tuple(
        (float(x), float(draw.uniform(0.1, 0.28)), float(draw.uniform(0.025, 0.06)), float(draw.uniform(0.2, 0.5)))
        for x in (draw.uniform(0.82, 0.92), draw.uniform(0.08, 0.16))
    )
    return Room(_colour(near), _colour(far), _colour(glow), lamps, shelf=0.45 - 0.27 * light, plant=0.40 - 0.1 * light)


def _lighting(draw: Draw, tone: float) -> Lighting:
    """Darker skin is lit more, above all from the sides, as photographers do."""
    dark = tone / DARKEST
    return Lighting(
        key=float(draw.uniform(0.85, 1.1)) + 0.25 * dark,
        fill=float(draw.uniform(0.9, 1.5)) + 0.3 * dark,
        top=float(draw.uniform(0.8, 1.2)),
        rims=float(draw.uniform(0.8, 1.4)) + 0.8 * dark,
        ambient=float(draw.uniform(0.9, 1.3)) + 0.15 * dark,
        exposure=float(draw.uniform(0.95, 1.05)) + 0.2 * dark,
    )


def _colour(values: NDArray[np.floating]) -> Colour:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
