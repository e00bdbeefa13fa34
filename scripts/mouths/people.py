"""Identities by number to their samples: person, sittings, moments. Knows no files."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from scripts.mouths.person import random_person
from scripts.mouths.plan import PER_SITTING, Who
from scripts.mouths.region import Region
from scripts.mouths.sample import Sample, enrol, random_sample
from scripts.mouths.sitting import Sitting
from scripts.mouths.texture import paint_skin


class People:
    """Draws the samples of any identity, always the same ones."""

    __slots__ = ("_region", "_size")

    def __init__(self, region: Region, size: int) -> None:
        self._region, self._size = region, size

    def __call__(self, who: Who, count: int) -> Iterator[tuple[Sample, NDArray[np.float32]]]:
        person = random_person(who.draw(0))
        skin = paint_skin(person)
        for sitting_number in range(-(-count // PER_SITTING)):
            draw = who.draw(sitting_number + 1)
            subject = enrol(Sitting(self._region, person, skin, draw, self._size), draw, self._size)
            for number in range(min(PER_SITTING, count - sitting_number * PER_SITTING)):
                yield random_sample(subject, who.draw(sitting_number + 1, number + 1)), person.identity
