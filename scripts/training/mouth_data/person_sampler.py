"""Identities by number to their samples: person, photo sessions, frames. Knows no files."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from scripts.training.mouth_data.person import random_person
from scripts.training.mouth_data.photo_session import PhotoSession
from scripts.training.mouth_data.plan import PER_SESSION, PersonId
from scripts.training.mouth_data.region import Region
from scripts.training.mouth_data.sample import Sample, enrol, random_sample
from scripts.training.mouth_data.texture import paint_skin


class PersonSampler:
    """Draws the samples of any identity, always the same ones."""

    __slots__ = ("_region", "_size")

    def __init__(self, region: Region, size: int) -> None:
        self._region, self._size = region, size

    def __call__(self, person_id: PersonId, count: int) -> Iterator[tuple[Sample, NDArray[np.float32]]]:
        person = random_person(person_id.draw(0))
        skin = paint_skin(person)
        for session_number in range(-(-count // PER_SESSION)):
            draw = person_id.draw(session_number + 1)
            subject = enrol(PhotoSession(self._region, person, skin, draw, self._size), draw, self._size)
            for number in range(min(PER_SESSION, count - session_number * PER_SESSION)):
                yield random_sample(subject, person_id.draw(session_number + 1, number + 1)), person.identity
