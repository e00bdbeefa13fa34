"""Splits, shards and seeds of a dataset."""

from __future__ import annotations

import pytest

from scripts.training.mouth_data.plan import SPLITS, PersonId, Plan


def people(plan: Plan) -> dict[str, set[int]]:
    return {
        split: {one.identity for shard in plan.shards() if shard.split == split for one, _ in plan.people(shard)}
        for split in SPLITS
    }


@pytest.mark.parametrize("samples", [1, 7, 24, 1000, 20_000])
def test_shards_hold_exactly_the_samples_that_were_asked_for(samples: int) -> None:
    plan = Plan(samples, seed=1)
    assert sum(shard.samples for shard in plan.shards()) == samples
    assert sum(count for shard in plan.shards() for _, count in plan.people(shard)) == samples


def test_no_person_is_in_two_splits() -> None:
    found = people(Plan(2000, seed=1))
    assert all(found.values())
    assert not found["train"] & found["val"]
    assert not found["train"] & found["test"]
    assert not found["val"] & found["test"]


def test_a_larger_dataset_keeps_the_people_of_a_smaller_one() -> None:
    small, large = people(Plan(1000, seed=1)), people(Plan(5000, seed=1))
    assert all(small[split] <= large[split] for split in SPLITS)


def test_every_person_and_sample_draws_from_its_own_seed() -> None:
    first = PersonId(1, "train", 3).draw(0).random()
    others = [
        PersonId(2, "train", 3).draw(0),
        PersonId(1, "test", 3).draw(0),
        PersonId(1, "train", 4).draw(0),
        PersonId(1, "train", 3).draw(1),
    ]
    assert all(other.random() != first for other in others)
    assert PersonId(1, "train", 3).draw(0).random() == first


def test_shards_that_would_split_a_person_are_refused() -> None:
    with pytest.raises(ValueError, match="whole identities"):
        Plan(100, seed=1, per_identity=8, per_shard=20)
