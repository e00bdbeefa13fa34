"""A sample's pictures are sampled alike: where the mouth does not move, the structure frame is the truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba", reason="numba draws the mouths: install the train extra")

from scripts.training.heads.model import load_facekit
from scripts.training.mouth_data.person import random_person
from scripts.training.mouth_data.photo_session import PhotoSession, with_sway
from scripts.training.mouth_data.plan import PersonId
from scripts.training.mouth_data.region import build_region
from scripts.training.mouth_data.sample import AT_REST, enrol, sample
from scripts.training.mouth_data.texture import paint_skin

pytestmark = pytest.mark.slow  # the face model and the compiler


def test_at_rest_the_structure_frame_is_the_truth(facekit: Path) -> None:
    person_id = PersonId(5, "test", 0)
    person, draw = random_person(person_id.draw(0)), person_id.draw(1)
    session = PhotoSession(build_region(load_facekit(facekit)), person, paint_skin(person), draw, 64)
    clean = replace(session.camera, shot_noise=0.0, read_noise=0.0, quality=0)
    session.camera = clean
    subject = enrol(session, draw, 64)
    drawn = sample(subject, AT_REST, with_sway(session.head_pose, draw), draw)
    apart = np.abs(drawn.structure.astype(int) - drawn.target)
    assert apart.max() <= 1
    assert not np.array_equal(drawn.target, drawn.reference)  # the head has moved meanwhile
