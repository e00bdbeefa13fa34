"""Helen."""

from __future__ import annotations

from scripts.training.heads.appearance import (
    Appearance,
    Cardigan,
    Eyes,
    Glasses,
    Identity,
    Lighting,
    LongHair,
    Room,
    Skin,
)

HELEN = Appearance(
    name="helen",
    title="Helen",
    description="A woman in her sixties, a silver bob, glasses with a thin frame, a bright room.",
    identity=Identity(seeds=(1589, 3969), blend=0.7, traits=((2, 0.5),)),
    skin=Skin(
        base=(0.66, 0.415, 0.315),
        blush=(1.05, 0.80, 0.78),
        shade=(0.88, 0.80, 0.82),
        lips=(0.50, 0.215, 0.195),
        freckles=0.1,
        brow=(0.33, 0.285, 0.25),
        scatter=(0.19, 0.09, 0.06),
        age=1.0,
    ),
    eyes=Eyes(iris=(0.10, 0.16, 0.20), rim=(0.20, 0.24, 0.25), pupil_radius=0.24),
    hair=LongHair(
        colour=(0.055, 0.060, 0.068),
        root=(0.42, 0.34, 0.29),
        parting=-2.4,
        strands=17000,
        length=-5.6,
        wave=0.25,
        tuck=1.7,
        ragged=0.6,
        grey=0.7,
    ),
    clothes=Cardigan(colour=(0.13, 0.18, 0.30), blouse=(0.74, 0.70, 0.64), neckline=-12.8),
    glasses=Glasses(colour=(0.46, 0.30, 0.17), thickness=0.095),
    room=Room(
        near=(0.66, 0.63, 0.58),
        far=(0.36, 0.34, 0.32),
        glow=(0.95, 0.82, 0.62),
        lamps=((0.88, 0.22, 0.055, 0.40), (0.12, 0.14, 0.035, 0.25)),
        shelf=0.22,
        plant=0.35,
    ),
    lighting=Lighting(key=1.05, fill=1.35, ambient=1.25, exposure=1.05),
    smile=1.35,
    seed=23,
)
