"""What a dataset consists of: splits, shards, identities, the seed of every draw. Knows no pictures and no files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

SPLITS = ("train", "val", "test")  # the place of a name is its part of every seed
HELD_OUT = 0.05  # of all samples, for each of val and test
PER_SESSION = 4  # samples of one person in one light and framing
PER_IDENTITY = 8
PER_SHARD = 256


@dataclass(frozen=True, slots=True)
class Plan:
    """samples in all; size: pixels of a crop; per_shard: a multiple of per_identity."""

    samples: int
    seed: int
    size: int = 128
    per_identity: int = PER_IDENTITY
    per_shard: int = PER_SHARD

    def __post_init__(self) -> None:
        if self.samples < 1 or self.per_identity < 1 or self.size < 16:
            raise ValueError(f"expected a sample or more of 16 pixels or more, got {self}")
        if self.per_shard < 1 or self.per_shard % self.per_identity:
            raise ValueError(f"expected shards of whole identities, multiples of {self.per_identity}: {self.per_shard}")

    def counts(self) -> dict[str, int]:
        """Samples of each split. Val and test hold whole identities, at least one where there are three."""
        identities = -(-self.samples // self.per_identity)
        held_out = max(1, round(HELD_OUT * identities)) if identities > 2 else 0
        aside = held_out * self.per_identity
        return {"train": self.samples - 2 * aside, "val": aside, "test": aside}

    def shards(self) -> list[Shard]:
        return [
            Shard(split, number, min(self.per_shard, count - number * self.per_shard))
            for split, count in self.counts().items()
            for number in range(-(-count // self.per_shard))
        ]

    def people(self, shard: Shard) -> Iterator[tuple[PersonId, int]]:
        """The identities of a shard, and how many samples each gives."""
        first = shard.number * self.per_shard // self.per_identity
        for number, done in enumerate(range(0, shard.samples, self.per_identity), start=first):
            yield PersonId(self.seed, shard.split, number), min(self.per_identity, shard.samples - done)


@dataclass(frozen=True, slots=True)
class Shard:
    split: str
    number: int
    samples: int

    @property
    def name(self) -> str:
        return f"{self.split}-{self.number:04d}.safetensors"


@dataclass(frozen=True, slots=True)
class PersonId:
    """One identity: of a seed, of a split, by number. No two draw from the same generator."""

    seed: int
    split: str
    number: int

    @property
    def identity(self) -> int:
        """A number of its own among all splits of a dataset; modulo 3 it names the split."""
        return self.number * len(SPLITS) + SPLITS.index(self.split)

    def draw(self, *more: int) -> np.random.Generator:
        """more: 0, or session and sample counted from 1."""
        return np.random.default_rng([self.seed, SPLITS.index(self.split), self.number, *more])
