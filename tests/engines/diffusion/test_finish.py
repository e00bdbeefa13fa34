"""What becomes of the network's answer before the Noise Sensor: the difference to the structure frame."""

from __future__ import annotations

import numpy as np
import pytest

from engines.diffusion.finish import FULL, Finish, Parts
from tests.engines.face import tiny_avatar as tiny

SIZE = 24
PLAIN = Parts(structure_controller=False, noise_sensor=None)


@pytest.mark.parametrize(("opening", "share"), [(FULL / 2, 0.5), (0.4, 1.0)])
def test_the_difference_is_the_drawn_less_the_asked_for_in_grey_levels(opening: float, share: float) -> None:
    draw = np.random.default_rng(0)
    structure = draw.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    picture = draw.uniform(0, 1, (3, SIZE, SIZE)).astype(np.float32)
    finish = Finish(PLAIN, SIZE, (4, 3, 3))
    found = finish.answer(finish.ask(structure, tiny.motion(jawOpen=opening), {}), picture)
    assert found is not None
    assert found.dtype == np.float32
    wanted = share * (255 * picture.transpose(1, 2, 0).astype(np.float64) - structure)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
