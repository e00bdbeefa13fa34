"""Random light, backgrounds and people: ranges that are promised, seeds that are kept."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.training.heads.appearance import SKIN_TONES
from scripts.training.mouth_data.backdrop import random_backdrop
from scripts.training.mouth_data.light import random_lighting
from scripts.training.mouth_data.person import random_person

SEEDS = range(60)


def test_lamps_stand_where_key_fill_and_rim_stand() -> None:
    for light in (random_lighting(np.random.default_rng(seed)) for seed in SEEDS):
        for lamp in (light.key, light.fill, light.rim):
            assert np.linalg.norm(lamp.towards) == pytest.approx(1)
            assert lamp.colour.min() >= 0
        assert light.key.towards[1] >= -1e-9  # never from below
        assert light.rim.towards[2] < 0 < light.fill.towards[2]  # from behind, from the front
        assert light.key.colour.mean() > light.below.mean()


def test_the_fill_stands_on_the_other_side_of_the_key() -> None:
    lights = [random_lighting(np.random.default_rng(seed)) for seed in SEEDS]
    aside = [light for light in lights if abs(light.key.towards[0]) > 0.1]
    assert len(aside) > 20
    assert all(np.sign(light.key.towards[0]) != np.sign(light.fill.towards[0]) for light in aside)


def test_light_runs_from_warm_to_cold() -> None:
    warmth = [random_lighting(np.random.default_rng(seed)).key.colour for seed in SEEDS]
    ratio = np.array([colour[0] / colour[2] for colour in warmth])
    assert ratio.min() < 0.9
    assert ratio.max() > 1.1


def test_backgrounds_are_soft_linear_light() -> None:
    for seed in SEEDS[:20]:
        picture = random_backdrop(np.random.default_rng(seed), 48)
        assert picture.shape == (48, 48, 3)
        assert picture.dtype == np.float32
        assert picture.min() >= 0
        assert picture.max() <= 3
    np.testing.assert_array_equal(picture, random_backdrop(np.random.default_rng(19), 48))


def test_backgrounds_run_from_dark_to_light() -> None:
    means = [float(random_backdrop(np.random.default_rng(seed), 24).mean()) for seed in SEEDS]
    assert min(means) < 0.06
    assert max(means) > 0.5


def test_people_are_repeatable_and_differ() -> None:
    one, again, other = (random_person(np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.identity, again.identity)
    np.testing.assert_array_equal(one.skin, again.skin)
    assert not np.array_equal(one.identity, other.identity)


def test_skins_run_over_all_tones_and_stay_reflectances() -> None:
    people = [random_person(np.random.default_rng(seed)) for seed in SEEDS]
    green = np.array([person.skin[1] for person in people])
    assert green.min() < 2 * SKIN_TONES[-1, 1]
    assert green.max() > 0.7 * SKIN_TONES[0, 1]
    for person in people:
        for colour in (person.skin, person.lips, person.enamel, person.gum, person.tongue, person.hair):
            assert 0 < colour.min() < colour.max() < 1
        assert person.lips[0] / person.lips[1] > person.skin[0] / person.skin[1] * 0.9  # redder, or painted


def test_some_have_beards_stubble_and_freckles_and_others_have_none() -> None:
    people = [random_person(np.random.default_rng(seed)) for seed in range(200)]
    for amount in ("stubble", "beard", "freckles"):
        values = np.array([getattr(person, amount) for person in people])
        assert (values == 0).mean() > 0.3
        assert (values > 0).mean() > 0.05
        assert values.max() <= 1
    assert all(person.stubble > 0 for person in people if person.beard > 0)
