"""What becomes of the network's answer before the Noise Sensor: the difference to the structure frame."""

from __future__ import annotations

import numpy as np
import pytest

from engines.diffusion.finish import FADE, FULL, Finish, Floats, Parts
from engines.diffusion.noise_sensor import FLOW_SIZE, Calibration, Prior
from engines.diffusion.temporal_filter import Kernel
from tests.engines.face import tiny_avatar as tiny

SIZE = 24
PLAIN = Parts(structure_controller=False, noise_sensor=None)
STRUCTURE = np.full((SIZE, SIZE, 3), 100, np.uint8)
LIGHTER = np.full((3, SIZE, SIZE), 140 / 255, np.float32)


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


def differing(finish: Finish, opening: float = 0.4) -> Floats:
    """What the network adds to a grey structure frame that it makes lighter."""
    found = finish.answer(finish.ask(STRUCTURE, tiny.motion(jawOpen=opening), {}), LIGHTER)
    assert found is not None
    return found


@pytest.mark.parametrize("parts", [PLAIN, Parts()], ids=["plain", "with a noise sensor"])
def test_without_time_for_the_network_its_latest_difference_fades(parts: Parts) -> None:
    finish = Finish(parts, SIZE, (4, 3, 3))
    before = differing(finish)
    np.testing.assert_allclose(before, 40, atol=1e-3)
    for frame in range(1, 4):
        carried = finish.fade(tiny.motion(jawOpen=0.3))
        assert carried is not None
        np.testing.assert_allclose(carried, FADE**frame * before, rtol=0.15 if parts.noise_sensor else 1e-5)


def test_what_is_carried_on_is_gone_where_the_mouth_comes_to_rest() -> None:
    finish = Finish(PLAIN, SIZE, (4, 3, 3))
    before = differing(finish)
    nearly = finish.fade(tiny.motion(jawOpen=FULL / 4))
    assert nearly is not None
    np.testing.assert_allclose(nearly, FADE / 4 * before, rtol=1e-5)
    closed = finish.rest(tiny.motion())
    assert closed is not None
    assert not closed.any()
    again = finish.fade(tiny.motion(jawOpen=0.4))
    assert again is not None
    assert not again.any()


@pytest.mark.parametrize("forget", [False, True])
def test_what_is_carried_on_is_forgotten_with_the_sound(forget: bool) -> None:
    finish = Finish(PLAIN, SIZE, (4, 3, 3))
    differing(finish)
    if forget:
        finish.reset()
    carried = finish.fade(tiny.motion(jawOpen=0.4))
    assert carried is not None
    assert carried.any() != forget


def test_the_network_draws_what_has_moved_since_it_drew_last() -> None:
    finish = Finish(Parts(still=2.0), SIZE, (4, 3, 3))
    drawn = np.full((SIZE, SIZE, 3), 100, np.uint8)
    assert finish.moved(drawn)
    before = differing(finish)
    lighter = drawn + np.uint8(1)
    assert not finish.moved(lighter)
    held = finish.hold(tiny.motion(jawOpen=0.4))
    assert held is not None
    np.testing.assert_allclose(held, before, rtol=1e-5)
    assert finish.moved(lighter + np.uint8(1))  # little by little counts too


@pytest.mark.parametrize("forget", ["fade", "rest", "reset"])
def test_what_was_drawn_before_a_hurry_a_rest_or_a_reset_is_drawn_anew(forget: str) -> None:
    finish = Finish(Parts(still=2.0), SIZE, (4, 3, 3))
    differing(finish)
    finish.reset() if forget == "reset" else getattr(finish, forget)(tiny.motion(jawOpen=0.4))
    assert finish.moved(np.full((SIZE, SIZE, 3), 100, np.uint8))


def test_where_nothing_counts_as_still_every_frame_is_drawn() -> None:
    finish = Finish(Parts(), SIZE, (4, 3, 3))
    differing(finish)
    assert finish.moved(np.full((SIZE, SIZE, 3), 100, np.uint8))


def test_near_rest_what_is_held_goes_with_the_opening_and_not_with_time() -> None:
    """As what the network draws does: or there would be a jump where it draws again."""
    finish = Finish(Parts(noise_sensor=None, still=2.0), SIZE, (4, 3, 3))
    before = differing(finish, FULL / 2)
    for opening, left in ((FULL / 2, 1.0), (FULL / 2, 1.0), (FULL / 4, 0.5), (FULL / 4, 0.5), (FULL, 2.0)):
        held = finish.hold(tiny.motion(jawOpen=opening))
        assert held is not None
        np.testing.assert_allclose(held, left * before, rtol=1e-5)


@pytest.mark.parametrize("kernel", list(Kernel))
def test_what_is_held_is_what_the_network_drew_and_not_how_far_smoothing_had_come(kernel: Kernel) -> None:
    """After rest the first differences are smoothed towards 0, and of a kernel that looks ahead they are of rest."""
    finish = Finish(Parts(noise_sensor=Prior(kernel), still=2.0), SIZE, (4, 3, 3))
    finish.begin(Calibration(np.full((FLOW_SIZE, FLOW_SIZE), 2.0, np.float32), flows=100))
    for _ in range(3):
        finish.rest(tiny.motion())
    finish.answer(finish.ask(STRUCTURE, tiny.motion(jawOpen=0.4), {}), LIGHTER)
    for _ in range(4):
        assert not finish.moved(STRUCTURE)
        held = finish.hold(tiny.motion(jawOpen=0.4))
    assert held is not None
    np.testing.assert_allclose(held, 40, rtol=1e-3)


def test_before_the_network_has_drawn_there_is_nothing_to_carry_on() -> None:
    found = Finish(PLAIN, SIZE, (4, 3, 3)).fade(tiny.motion(jawOpen=0.4))
    assert found is not None
    assert not found.any()
