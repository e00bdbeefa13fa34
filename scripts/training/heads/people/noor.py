"""Noor."""

from __future__ import annotations

from scripts.training.heads.appearance import Appearance, Eyes, Headscarf, Identity, Jumper, Lighting, Room, Skin

NOOR = Appearance(
    name="noor",
    title="Noor",
    description="A woman in her twenties, a headscarf in dusty rose, a light room.",
    identity=Identity(seeds=(3578, 2696), blend=0.7),
    skin=Skin(
        base=(0.55, 0.312, 0.196),
        blush=(1.08, 0.82, 0.80),
        shade=(0.84, 0.77, 0.78),
        lips=(0.44, 0.150, 0.135),
        freckles=0.05,
        brow=(0.105, 0.070, 0.052),
        scatter=(0.24, 0.11, 0.07),
    ),
    eyes=Eyes(iris=(0.060, 0.030, 0.014), rim=(0.13, 0.062, 0.026)),
    hair=Headscarf(
        colour=(0.50, 0.245, 0.245),
        band=(0.40, 0.185, 0.19),
        root=(0.03, 0.02, 0.015),
        folds=1.0,
        volume=0.9,
        slant=3.2,
    ),
    clothes=Jumper(colour=(0.62, 0.58, 0.52), neckline=-14.6),
    room=Room(
        near=(0.62, 0.64, 0.62),
        far=(0.34, 0.36, 0.37),
        glow=(0.9, 0.80, 0.66),
        lamps=((0.10, 0.22, 0.050, 0.35), (0.90, 0.16, 0.030, 0.25)),
        shelf=0.18,
        plant=0.30,
    ),
    lighting=Lighting(fill=1.5, ambient=1.35, exposure=1.0),
    smile=1.35,
    seed=11,
)
