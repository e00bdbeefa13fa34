"""People and moments drawn at random. Needs no face model."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

pytest.importorskip("scipy", reason="heads need scipy: pip install -e .[render]")

from scripts.training.heads.appearance import Blazer, Cardigan, Headscarf, Jumper, LongHair, ShortHair
from scripts.training.heads.people.random_person import (
    MOST_LEAN,
    MOST_NOD,
    MOST_TURN,
    frame_pose,
    framing,
    random_appearance,
)

SEEDS = range(120)
APPEARANCES = [random_appearance(seed) for seed in SEEDS]
MOMENTS = [
    frame_pose(appearance, seed, number)
    for seed, appearance in zip(SEEDS, APPEARANCES, strict=True)
    for number in range(4)
]


def test_a_seed_always_gives_the_same_person_and_the_same_moments() -> None:
    assert random_appearance(7) == random_appearance(7)
    assert asdict(frame_pose(random_appearance(7), 7, 3)) == asdict(frame_pose(random_appearance(7), 7, 3))
    assert framing(7) == framing(7)


def test_other_seeds_and_other_numbers_give_others() -> None:
    assert len({appearance.identity.seeds for appearance in APPEARANCES}) == len(APPEARANCES)
    assert len({appearance.skin.base for appearance in APPEARANCES}) == len(APPEARANCES)
    assert asdict(frame_pose(APPEARANCES[1], 1, 0)) != asdict(frame_pose(APPEARANCES[1], 1, 1))
    assert np.linalg.norm(APPEARANCES[0].identity.coefficients() - APPEARANCES[1].identity.coefficients()) > 1


def test_every_style_appears() -> None:
    assert {type(appearance.hair) for appearance in APPEARANCES} == {LongHair, ShortHair, Headscarf}
    assert {type(appearance.clothes) for appearance in APPEARANCES} == {Jumper, Blazer, Cardigan}
    assert {appearance.glasses is None for appearance in APPEARANCES} == {True, False}
    assert {appearance.skin.beard is None for appearance in APPEARANCES} == {True, False}
    assert any(isinstance(appearance.hair, LongHair) and appearance.hair.grey > 0 for appearance in APPEARANCES)


def test_skins_run_from_dark_to_light_and_ages_from_young_to_old() -> None:
    green = np.array([appearance.skin.base[1] for appearance in APPEARANCES])
    assert green.min() < 0.06
    assert green.max() > 0.44
    ages = np.array([appearance.skin.age for appearance in APPEARANCES])
    assert ages.min() == 0
    assert ages.max() > 0.9
    assert 0.2 < (ages == 0).mean() < 0.5


def test_colours_are_reflectances() -> None:
    for appearance in APPEARANCES:
        skin = appearance.skin
        for colour in (
            skin.base,
            skin.lips,
            skin.brow,
            appearance.clothes.colour,
            appearance.eyes.iris,
            appearance.eyes.rim,
        ):
            assert all(0 < value < 1 for value in colour)
        assert skin.base[0] > skin.base[1] > skin.base[2]


def test_fair_hair_and_pale_eyes_are_not_given_to_dark_skin() -> None:
    dark = [appearance for appearance in APPEARANCES if appearance.skin.base[0] < 0.3]
    assert len(dark) > 20
    assert all(appearance.eyes.iris[2] < 0.05 for appearance in dark)
    assert all(
        appearance.hair.colour[2] > 1.0
        for appearance in dark
        if isinstance(appearance.hair, LongHair) and not appearance.hair.grey
    )


def test_beards_go_with_short_hair() -> None:
    assert all(isinstance(appearance.hair, ShortHair) for appearance in APPEARANCES if appearance.skin.beard)


def test_heads_turn_as_far_as_they_may_and_no_farther() -> None:
    for most, angles in (
        (MOST_TURN, [seen.yaw for seen in MOMENTS]),
        (MOST_NOD, [seen.pitch for seen in MOMENTS]),
        (MOST_LEAN, [seen.roll for seen in MOMENTS]),
    ):
        assert max(np.abs(angles)) <= most
        assert min(angles) < -0.8 * most
        assert max(angles) > 0.8 * most


def test_mouths_are_at_rest_and_wide_open_and_never_beyond_what_the_model_knows() -> None:
    jaw = np.array([seen.expression.get("jawOpen", 0.0) for seen in MOMENTS])
    assert 0.2 < (jaw < 0.02).mean() < 0.7
    assert jaw.max() > 0.5
    for seen in MOMENTS:
        assert all(-1e-6 <= value <= 1.0 for value in seen.expression.values())
