"""Mira."""

from __future__ import annotations

from scripts.training.heads.appearance import Appearance, Eyes, Identity, Jumper, LongHair, Room, Skin

MIRA = Appearance(
    name="mira",
    title="Mira",
    description="A woman in her thirties, long dark hair, a knitted jumper, a warm room.",
    identity=Identity(seeds=(14, 6, 17, 2), blend=0.5),
    skin=Skin(
        base=(0.52, 0.275, 0.170),
        blush=(1.08, 0.80, 0.78),
        shade=(0.86, 0.78, 0.80),
        lips=(0.42, 0.135, 0.115),
        freckles=0.35,
        brow=(0.06, 0.037, 0.026),
        scatter=(0.24, 0.11, 0.07),
    ),
    eyes=Eyes(iris=(0.075, 0.034, 0.015), rim=(0.16, 0.075, 0.03)),
    hair=LongHair(
        colour=(0.50, 0.92, 1.7), root=(0.035, 0.02, 0.014), parting=1.8, strands=16000, length=-18.0, wave=0.6
    ),
    clothes=Jumper(colour=(0.055, 0.16, 0.17), neckline=-14.6),
    room=Room(near=(0.30, 0.27, 0.24), far=(0.06, 0.055, 0.055), glow=(0.95, 0.62, 0.34)),
    seed=7,
)
