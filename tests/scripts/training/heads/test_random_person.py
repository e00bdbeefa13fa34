"""People and moments drawn at random. Needs no face model."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

pytest.importorskip("scipy", reason="heads need scipy: pip install -e .[render]")

from scripts.training.heads.appearance import Blazer, Cardigan, Headscarf, Jumper, LongHair, ShortHair
from scripts.training.heads.people.random_person import MOST_LEAN, MOST_NOD, MOST_TURN, anyone, framing, moment

SEEDS = range(120)
LOOKS = [anyone(seed) for seed in SEEDS]
MOMENTS = [moment(look, seed, number) for seed, look in zip(SEEDS, LOOKS, strict=True) for number in range(4)]


def test_a_seed_always_gives_the_same_person_and_the_same_moments() -> None:
    assert anyone(7) == anyone(7)
    assert asdict(moment(anyone(7), 7, 3)) == asdict(moment(anyone(7), 7, 3))
    assert framing(7) == framing(7)


def test_other_seeds_and_other_numbers_give_others() -> None:
    assert len({look.identity.seeds for look in LOOKS}) == len(LOOKS)
    assert len({look.skin.base for look in LOOKS}) == len(LOOKS)
    assert asdict(moment(LOOKS[1], 1, 0)) != asdict(moment(LOOKS[1], 1, 1))
    assert np.linalg.norm(LOOKS[0].identity.coefficients() - LOOKS[1].identity.coefficients()) > 1


def test_every_style_appears() -> None:
    assert {type(look.hair) for look in LOOKS} == {LongHair, ShortHair, Headscarf}
    assert {type(look.clothes) for look in LOOKS} == {Jumper, Blazer, Cardigan}
    assert {look.glasses is None for look in LOOKS} == {True, False}
    assert {look.skin.beard is None for look in LOOKS} == {True, False}
    assert any(isinstance(look.hair, LongHair) and look.hair.grey > 0 for look in LOOKS)


def test_skins_run_from_dark_to_light_and_ages_from_young_to_old() -> None:
    green = np.array([look.skin.base[1] for look in LOOKS])
    assert green.min() < 0.06
    assert green.max() > 0.44
    ages = np.array([look.skin.age for look in LOOKS])
    assert ages.min() == 0
    assert ages.max() > 0.9
    assert 0.2 < (ages == 0).mean() < 0.5


def test_colours_are_reflectances() -> None:
    for look in LOOKS:
        skin = look.skin
        for colour in (skin.base, skin.lips, skin.brow, look.clothes.colour, look.eyes.iris, look.eyes.rim):
            assert all(0 < value < 1 for value in colour)
        assert skin.base[0] > skin.base[1] > skin.base[2]


def test_fair_hair_and_pale_eyes_are_not_given_to_dark_skin() -> None:
    dark = [look for look in LOOKS if look.skin.base[0] < 0.3]
    assert len(dark) > 20
    assert all(look.eyes.iris[2] < 0.05 for look in dark)
    assert all(look.hair.colour[2] > 1.0 for look in dark if isinstance(look.hair, LongHair) and not look.hair.grey)


def test_beards_go_with_short_hair() -> None:
    assert all(isinstance(look.hair, ShortHair) for look in LOOKS if look.skin.beard)


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
