"""The residual of the network's output: how it is blended, decays, and is reused."""

from __future__ import annotations

import numpy as np
import pytest

from engines.arrays import F32
from engines.diffusion.frame_refiner import DECAY, FULL_BLEND, FrameRefiner, MethodOptions
from engines.diffusion.noise_sensor import FLOW_SIZE, Calibration, Prior
from engines.diffusion.temporal_filter import Kernel
from tests.engines.face import tiny_avatar as tiny

SIZE = 24
PLAIN = MethodOptions(structure_controller=False, noise_sensor=None)
STRUCTURE = np.full((SIZE, SIZE, 3), 100, np.uint8)
LIGHTER = np.full((3, SIZE, SIZE), 140 / 255, np.float32)


@pytest.mark.parametrize(("opening", "weight"), [(FULL_BLEND / 2, 0.5), (0.4, 1.0)])
def test_the_residual_is_output_minus_structure_in_grey_levels(opening: float, weight: float) -> None:
    draw = np.random.default_rng(0)
    structure = draw.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    picture = draw.uniform(0, 1, (3, SIZE, SIZE)).astype(np.float32)
    refiner = FrameRefiner(PLAIN, SIZE, (4, 3, 3))
    found = refiner.apply(refiner.prepare(structure, tiny.motion(jawOpen=opening), {}), picture)
    assert found is not None
    assert found.dtype == np.float32
    wanted = weight * (255 * picture.transpose(1, 2, 0).astype(np.float64) - structure)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def differing(refiner: FrameRefiner, opening: float = 0.4) -> F32:
    """What the network adds to a grey structure frame that it makes lighter."""
    found = refiner.apply(refiner.prepare(STRUCTURE, tiny.motion(jawOpen=opening), {}), LIGHTER)
    assert found is not None
    return found


@pytest.mark.parametrize("options", [PLAIN, MethodOptions()], ids=["plain", "with a noise sensor"])
def test_without_time_for_the_network_the_latest_residual_decays(options: MethodOptions) -> None:
    refiner = FrameRefiner(options, SIZE, (4, 3, 3))
    before = differing(refiner)
    np.testing.assert_allclose(before, 40, atol=1e-3)
    for frame in range(1, 4):
        carried = refiner.decay(tiny.motion(jawOpen=0.3))
        assert carried is not None
        np.testing.assert_allclose(carried, DECAY**frame * before, rtol=0.15 if options.noise_sensor else 1e-5)


def test_the_residual_is_gone_where_the_mouth_comes_to_rest() -> None:
    refiner = FrameRefiner(PLAIN, SIZE, (4, 3, 3))
    before = differing(refiner)
    nearly = refiner.decay(tiny.motion(jawOpen=FULL_BLEND / 4))
    assert nearly is not None
    np.testing.assert_allclose(nearly, DECAY / 4 * before, rtol=1e-5)
    closed = refiner.skip_at_rest(tiny.motion())
    assert closed is not None
    assert not closed.any()
    again = refiner.decay(tiny.motion(jawOpen=0.4))
    assert again is not None
    assert not again.any()


@pytest.mark.parametrize("forget", [False, True])
def test_a_reset_forgets_the_residual(forget: bool) -> None:
    refiner = FrameRefiner(PLAIN, SIZE, (4, 3, 3))
    differing(refiner)
    if forget:
        refiner.reset()
    carried = refiner.decay(tiny.motion(jawOpen=0.4))
    assert carried is not None
    assert carried.any() != forget


def test_the_network_runs_where_the_structure_has_moved_since_its_last_run() -> None:
    refiner = FrameRefiner(MethodOptions(reuse_below=2.0), SIZE, (4, 3, 3))
    drawn = np.full((SIZE, SIZE, 3), 100, np.uint8)
    assert refiner.needs_network(drawn)
    before = differing(refiner)
    lighter = drawn + np.uint8(1)
    assert not refiner.needs_network(lighter)
    held = refiner.reuse(tiny.motion(jawOpen=0.4))
    assert held is not None
    np.testing.assert_allclose(held, before, rtol=1e-5)
    assert refiner.needs_network(lighter + np.uint8(1))  # little by little counts too


@pytest.mark.parametrize("forget", ["decay", "skip_at_rest", "reset"])
def test_after_decay_rest_or_reset_the_network_runs_again(forget: str) -> None:
    refiner = FrameRefiner(MethodOptions(reuse_below=2.0), SIZE, (4, 3, 3))
    differing(refiner)
    refiner.reset() if forget == "reset" else getattr(refiner, forget)(tiny.motion(jawOpen=0.4))
    assert refiner.needs_network(np.full((SIZE, SIZE, 3), 100, np.uint8))


def test_without_reuse_the_network_runs_for_every_frame() -> None:
    refiner = FrameRefiner(MethodOptions(), SIZE, (4, 3, 3))
    differing(refiner)
    assert refiner.needs_network(np.full((SIZE, SIZE, 3), 100, np.uint8))


def test_near_rest_a_reused_residual_follows_the_opening_and_not_time() -> None:
    """As what the network draws does: or there would be a jump where it draws again."""
    refiner = FrameRefiner(MethodOptions(noise_sensor=None, reuse_below=2.0), SIZE, (4, 3, 3))
    before = differing(refiner, FULL_BLEND / 2)
    for opening, left in (
        (FULL_BLEND / 2, 1.0),
        (FULL_BLEND / 2, 1.0),
        (FULL_BLEND / 4, 0.5),
        (FULL_BLEND / 4, 0.5),
        (FULL_BLEND, 2.0),
    ):
        held = refiner.reuse(tiny.motion(jawOpen=opening))
        assert held is not None
        np.testing.assert_allclose(held, left * before, rtol=1e-5)


@pytest.mark.parametrize("kernel", list(Kernel))
def test_what_is_reused_is_the_residual_before_smoothing(kernel: Kernel) -> None:
    """After rest the first differences are smoothed towards 0, and of a kernel that looks ahead they are of rest."""
    refiner = FrameRefiner(MethodOptions(noise_sensor=Prior(kernel), reuse_below=2.0), SIZE, (4, 3, 3))
    refiner.calibrate(Calibration(np.full((FLOW_SIZE, FLOW_SIZE), 2.0, np.float32), flows=100))
    for _ in range(3):
        refiner.skip_at_rest(tiny.motion())
    refiner.apply(refiner.prepare(STRUCTURE, tiny.motion(jawOpen=0.4), {}), LIGHTER)
    for _ in range(4):
        assert not refiner.needs_network(STRUCTURE)
        held = refiner.reuse(tiny.motion(jawOpen=0.4))
    assert held is not None
    np.testing.assert_allclose(held, 40, rtol=1e-3)


def test_before_the_first_residual_there_is_nothing_to_reuse() -> None:
    found = FrameRefiner(PLAIN, SIZE, (4, 3, 3)).decay(tiny.motion(jawOpen=0.4))
    assert found is not None
    assert not found.any()
