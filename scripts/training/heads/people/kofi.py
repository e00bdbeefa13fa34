"""Kofi."""

from __future__ import annotations

from scripts.training.heads.appearance import Appearance, Beard, Blazer, Eyes, Identity, Lighting, Room, ShortHair, Skin

KOFI = Appearance(
    name="kofi",
    title="Kofi",
    description="A man in his thirties, cropped hair and a short beard, a blazer over an open collar, a cool room.",
    identity=Identity(seeds=(31, 32), blend=0.4, traits=((0, -0.9), (2, -1.5), (3, 0.7))),
    skin=Skin(
        base=(0.165, 0.078, 0.043),
        blush=(1.10, 0.86, 0.84),
        shade=(0.80, 0.76, 0.78),
        lips=(0.175, 0.066, 0.054),
        freckles=0.22,
        brow=(0.024, 0.017, 0.014),
        scatter=(0.18, 0.08, 0.05),
        brow_width=1.2,
        brow_arch=0.65,
        beard=Beard(shade=(0.34, 0.36, 0.40), strands=12000, length=0.30),
    ),
    eyes=Eyes(iris=(0.040, 0.018, 0.009), rim=(0.085, 0.036, 0.015)),
    hair=ShortHair(
        colour=(1.6, 2.1, 2.7),
        root=(0.030, 0.020, 0.016),
        strands=34000,
        top=1.25,
        sides=0.22,
        hairline=(
            (-9.0, -6.0),
            (-4.5, -5.0),
            (-2.5, -1.0),
            (-0.5, 6.2),
            (1.0, 6.0),
            (2.4, 1.6),
            (3.3, 5.4),
            (5.6, 6.6),
            (6.6, 9.6),
            (8.6, 10.4),
        ),
    ),
    clothes=Blazer(colour=(0.020, 0.030, 0.060), shirt=(0.62, 0.66, 0.72), neckline=-14.0),
    room=Room(near=(0.25, 0.29, 0.33), far=(0.045, 0.055, 0.068), glow=(0.50, 0.66, 0.90)),
    lighting=Lighting(key=1.25, fill=1.5, top=1.2, rims=2.0, ambient=1.25),
    seed=11,
)
