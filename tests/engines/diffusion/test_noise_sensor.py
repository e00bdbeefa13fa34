"""The Noise Sensor: the equations of the paper, their streaming forms, and time that never wraps around."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.diffusion.noise_sensor import (
    FLOW_SIZE,
    LEARNT,
    Calibration,
    CorrelatedNoise,
    FlowMeter,
    NoiseSensor,
    Prior,
    RunningPattern,
    noise_pattern,
)
from engines.diffusion.temporal_filter import Kernel, TemporalFilter, filter_clip, kernel_weights

Floats = NDArray[np.float32]
KERNELS = list(Kernel)
SIZE = 12


def flows(count: int, seed: int) -> Floats:
    return np.random.default_rng(seed).standard_normal((count, SIZE, SIZE, 2)).astype(np.float32)


def clip(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).uniform(0, 1, (count, SIZE, SIZE, 3)).astype(np.float32)


def some_pattern(seed: int = 1) -> Floats:
    return np.random.default_rng(seed).uniform(0, 1.5, (SIZE, SIZE)).astype(np.float32)


def streamed(frames: Floats, pattern: Floats, kernel: Kernel) -> Floats:
    stream = TemporalFilter(kernel)
    drawn = [stream.step(frame, pattern) for frame in frames]
    assert [picture is None for picture in drawn] == [i < kernel.lookahead for i in range(len(frames))]
    return np.stack([picture for picture in drawn if picture is not None] + stream.flush(pattern))


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_kernel_sums_to_one_everywhere(kernel: Kernel) -> None:
    weights = kernel_weights(some_pattern(), kernel.offsets)
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-6)
    assert weights.min() >= 0


def test_the_kernel_is_the_paper_s() -> None:
    weights = kernel_weights(np.array([[0.3, 0.775, 1.3]], np.float32), Kernel.CENTRED_5.offsets)[:, 0]
    np.testing.assert_allclose(weights[2], [0.992, 0.52, 0.32], atol=0.005)
    np.testing.assert_allclose(weights[1], weights[3])
    np.testing.assert_allclose(weights[:, 1], [0.02, 0.22, 0.52, 0.22, 0.02], atol=0.01)


@pytest.mark.parametrize("kernel", KERNELS)
def test_without_noise_the_filter_changes_nothing(kernel: Kernel) -> None:
    frames = clip(7)
    still = np.zeros((SIZE, SIZE), np.float32)
    np.testing.assert_array_equal(filter_clip(frames, still, kernel), frames)
    np.testing.assert_array_equal(streamed(frames, still, kernel), frames)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_frame_by_frame_is_all_at_once(kernel: Kernel, count: int) -> None:
    frames, pattern = clip(count), some_pattern()
    np.testing.assert_allclose(streamed(frames, pattern, kernel), filter_clip(frames, pattern, kernel), atol=1e-6)


@pytest.mark.parametrize("kernel", KERNELS)
def test_time_never_wraps_around(kernel: Kernel) -> None:
    frames, pattern = clip(9), np.full((SIZE, SIZE), 1.5, np.float32)
    other = frames.copy()
    other[-1] = 0
    near = 9 - 1 - kernel.lookahead
    np.testing.assert_array_equal(
        filter_clip(frames, pattern, kernel)[:near], filter_clip(other, pattern, kernel)[:near]
    )
    other = frames.copy()
    other[0] = 0
    behind = 1 + kernel.history
    np.testing.assert_array_equal(
        filter_clip(frames, pattern, kernel)[behind:], filter_clip(other, pattern, kernel)[behind:]
    )


def test_the_causal_kernel_looks_at_nothing_to_come() -> None:
    assert [kernel.lookahead for kernel in (Kernel.CAUSAL, Kernel.CENTRED_3, Kernel.CENTRED_5)] == [0, 1, 2]


@pytest.mark.parametrize("kernel", KERNELS)
def test_after_reset_nothing_of_before_is_seen(kernel: Kernel) -> None:
    stream, pattern = TemporalFilter(kernel), some_pattern()
    for frame in clip(5, seed=3):
        stream.step(frame, pattern)
    stream.reset()
    frames = clip(6)
    again = [stream.step(frame, pattern) for frame in frames]
    fresh = TemporalFilter(kernel)
    for one, other in zip(again, [fresh.step(frame, pattern) for frame in frames], strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            np.testing.assert_array_equal(one, other)


def test_a_new_pattern_counts_from_its_first_frame() -> None:
    frames, patterns = clip(6), [some_pattern(seed) for seed in (1, 1, 2, 2, 2, 3)]
    stream = TemporalFilter(Kernel.CAUSAL)
    for last, pattern in enumerate(patterns):
        seen = frames[max(0, last - 2) : last + 1]
        wanted = filter_clip(seen, pattern, Kernel.CAUSAL)[-1]
        drawn = stream.step(frames[last], pattern)
        assert drawn is not None
        np.testing.assert_allclose(drawn, wanted, atol=1e-6)


def test_a_noisy_still_is_smoothed_and_its_mean_kept() -> None:
    frames = np.float32(0.5) + np.float32(0.1) * (clip(200) - np.float32(0.5))
    smooth = filter_clip(frames, np.full((SIZE, SIZE), 1.3, np.float32), Kernel.CENTRED_5)
    assert smooth.std(axis=0).mean() < 0.55 * frames.std(axis=0).mean()
    np.testing.assert_allclose(smooth[2:-2].mean(axis=0), frames[2:-2].mean(axis=0), atol=0.002)


def test_theorem_1_is_what_the_wanted_motion_does_not_explain() -> None:
    fake, real = flows(40, 0), flows(40, 1)
    fake += 0.7 * real
    squares = np.zeros((SIZE, SIZE))
    for axis in range(2):
        for row in range(SIZE):
            for column in range(SIZE):
                drawn, wanted = (flow[:, row, column, axis].astype(float) for flow in (fake, real))
                squares[row, column] += drawn.var(ddof=1) * (1 - np.corrcoef(drawn, wanted)[0, 1] ** 2)
    np.testing.assert_allclose(noise_pattern(fake, real), np.sqrt(squares), rtol=1e-4)


def test_motion_that_was_wanted_is_no_noise() -> None:
    real = flows(30, 2)
    np.testing.assert_allclose(noise_pattern(real, real), 0, atol=2e-3)
    np.testing.assert_allclose(noise_pattern(np.float32(0.5) * real + 3, real), 0, atol=2e-3)


def test_where_nothing_was_wanted_all_motion_is_noise() -> None:
    fake = flows(30, 2)
    wanted = np.zeros_like(fake)
    np.testing.assert_allclose(noise_pattern(fake, wanted), np.sqrt(fake.var(axis=0, ddof=1).sum(axis=2)), rtol=1e-4)


@pytest.mark.parametrize("memory", [None, 25, 60])
def test_running_statistics_are_those_of_the_batch(memory: int | None) -> None:
    fake, real = flows(25, 4), flows(25, 5)
    fake += real + 10  # a mean far from zero: sums of squares would lose it
    running = RunningPattern(memory)
    for count, pair in enumerate(zip(fake, real, strict=True), start=1):
        running.update(*pair)
        if count >= 2:
            np.testing.assert_allclose(running.pattern(), noise_pattern(fake[:count], real[:count]), atol=2e-3)


def test_what_is_long_past_is_forgotten() -> None:
    running = RunningPattern(memory=10)
    for flow in np.concatenate([flows(50, 6), np.zeros((200, SIZE, SIZE, 2), np.float32)]):
        running.update(flow, np.zeros_like(flow))
    assert running.pattern().max() < 1e-3


def test_a_single_flow_shows_no_noise_yet_and_none_at_all_is_refused() -> None:
    running = RunningPattern()
    with pytest.raises(ValueError, match="one flow or more"):
        running.pattern()
    running.update(*flows(2, 7))
    np.testing.assert_array_equal(running.pattern(), np.zeros((SIZE, SIZE)))


def test_flows_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match=r"two flows of one shape"):
        RunningPattern().update(flows(1, 0)[0], flows(1, 0)[0, 1:])
    with pytest.raises(ValueError, match=r"2 flows \(H, W, 2\) or more"):
        noise_pattern(flows(1, 0), flows(1, 0))
    with pytest.raises(ValueError, match="2 flows or more"):
        RunningPattern(memory=1)


def test_flow_is_in_pixels_of_the_picture() -> None:
    grain = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (128, 128, 3), np.uint8), (0, 0), 4)
    picture = np.asarray(cv2.normalize(grain, grain.copy(), 0, 255, cv2.NORM_MINMAX), np.uint8)
    meter = FlowMeter()
    assert meter.step(picture) is None
    flow = meter.step(np.roll(picture, 2, axis=1))
    assert flow is not None
    np.testing.assert_allclose(np.median(flow, axis=(0, 1)), [2, 0], atol=0.15)
    meter.reset()
    assert meter.step(picture) is None


def test_correlated_noise_keeps_its_variance_and_its_correlation() -> None:
    noise = CorrelatedNoise((4, 16, 16), 0.9, seed=0)
    frames = np.stack([noise.step() for _ in range(400)])
    assert frames.dtype == np.float32
    assert abs(frames.std() - 1) < 0.05
    before, after = frames[:-1].ravel(), frames[1:].ravel()
    assert abs(np.corrcoef(before, after)[0, 1] - 0.9) < 0.01


def test_fully_correlated_noise_stays_and_a_seed_repeats_it() -> None:
    fixed = CorrelatedNoise((8,), 1.0, seed=3)
    np.testing.assert_array_equal(fixed.step(), fixed.step())
    one, other = CorrelatedNoise((8,), 0.5, seed=3), CorrelatedNoise((8,), 0.5, seed=3)
    for _ in range(3):
        np.testing.assert_array_equal(one.step(), other.step())


@pytest.mark.parametrize("correlation", [-0.1, 1.1, float("nan")])
def test_impossible_correlations_are_refused(correlation: float) -> None:
    with pytest.raises(ValueError, match=r"within 0\.\.1"):
        CorrelatedNoise((8,), correlation, seed=0)


def still_picture() -> NDArray[np.uint8]:
    grain = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    return np.asarray(cv2.GaussianBlur(grain, (0, 0), 2), np.uint8)


def jittered(picture: NDArray[np.uint8], draw: np.random.Generator) -> NDArray[np.uint8]:
    """The left half shaken by a pixel or two, the right half as it was."""
    shaken = picture.copy()
    shaken[:, :32] = np.roll(picture, int(draw.integers(-2, 3)), axis=0)[:, :32]
    return shaken


def test_the_sensor_finds_the_jitter_and_calms_it() -> None:
    sensor = NoiseSensor(Prior(), size=64)
    picture, draw = still_picture(), np.random.default_rng(0)
    raw, shown = [], []
    for _ in range(40):
        fake = jittered(picture, draw)
        drawn = sensor.step(fake.astype(np.float32), fake, picture)
        assert drawn is not None
        raw.append(fake.astype(np.float32))
        shown.append(drawn)
    assert sensor.pattern[16:48, 4:24].mean() > 0.5
    assert sensor.pattern[16:48, 48:60].mean() < 0.05
    change_raw, change_shown = (np.abs(np.diff(np.stack(rows[10:])[:, :, :24], axis=0)).mean() for rows in (raw, shown))
    assert change_shown < 0.7 * change_raw
    np.testing.assert_allclose(shown[-1][:, 48:], picture[:, 48:], atol=0.01)


def test_a_reset_sensor_mixes_in_nothing_of_before_but_knows_the_noise() -> None:
    sensor = NoiseSensor(Prior(), size=64)
    picture, draw = still_picture(), np.random.default_rng(0)
    for _ in range(20):
        fake = jittered(picture, draw)
        sensor.step(fake.astype(np.float32), fake, picture)
    known = sensor.pattern.copy()
    sensor.reset()
    other = np.full((64, 64, 3), 0.25, np.float32)
    drawn = sensor.step(other, picture, picture)
    assert drawn is not None
    np.testing.assert_allclose(drawn, other, atol=1e-6)
    np.testing.assert_array_equal(sensor.pattern, known)


def calibrated(level: float, flows: int = 10) -> NoiseSensor:
    sensor = NoiseSensor(Prior(every=1), 64)
    sensor.begin(Calibration(np.full((FLOW_SIZE, FLOW_SIZE), level, np.float32), flows))
    return sensor


def test_what_was_precomputed_counts_from_the_first_frame() -> None:
    np.testing.assert_array_equal(calibrated(0.7).pattern, np.float32(0.7))
    assert NoiseSensor(Prior(), 64).pattern.max() == 0


def test_what_was_precomputed_gives_way_to_what_is_seen() -> None:
    """Still pictures: the mean of D² over all flows, those before and those seen, of which none has any."""
    sensor, still = calibrated(0.8), np.zeros((64, 64, 3), np.uint8)
    for _ in range(31):
        sensor.step(np.zeros((64, 64, 3), np.float32), still, still)
    np.testing.assert_allclose(sensor.pattern, 0.8 * np.sqrt(10 / 40), rtol=1e-4)


def test_a_sensor_that_has_seen_frames_does_not_begin_again() -> None:
    sensor, still = calibrated(0.8), np.zeros((64, 64, 3), np.uint8)
    sensor.begin(Calibration(np.ones((FLOW_SIZE, FLOW_SIZE), np.float32), 10))
    np.testing.assert_array_equal(sensor.pattern, np.float32(0.8))
    late = NoiseSensor(Prior(), 64)
    for _ in range(3):
        late.step(np.zeros((64, 64, 3), np.float32), still, still)
    late.begin(Calibration(np.ones((FLOW_SIZE, FLOW_SIZE), np.float32), 10))
    assert late.pattern.max() == 0


def learning(every: int, count: int) -> list[Floats]:
    """D after each of so many frames of jitter."""
    sensor, picture, draw = NoiseSensor(Prior(every=every), size=64), still_picture(), np.random.default_rng(0)
    found = []
    for _ in range(count):
        fake = jittered(picture, draw)
        sensor.step(fake.astype(np.float32), fake, picture)
        found.append(sensor.pattern.copy())
    return found


def test_a_sensor_that_has_learnt_looks_at_every_so_many_frames_only() -> None:
    """And until then at all, as the one does that never stops."""
    all_of_them, some = learning(1, LEARNT + 13), learning(4, LEARNT + 13)
    for one, other in zip(all_of_them[: LEARNT + 1], some, strict=False):
        np.testing.assert_array_equal(one, other)
    changes = [not np.array_equal(before, after) for before, after in pairwise(some[LEARNT:])]
    assert changes == [False, False, False, True] * 3


def test_every_so_many_flows_find_the_noise_that_all_find() -> None:
    whole, part = learning(1, 160)[-1], learning(4, 160)[-1]
    shaken = np.s_[16:48, 4:24]
    assert abs(part[shaken].mean() / whole[shaken].mean() - 1) < 0.1
    assert part[16:48, 48:60].mean() < 0.05


def test_a_pause_ends_where_the_mouth_rests() -> None:
    """No motion is learnt from one side of a rest to the other."""
    sensor, picture = NoiseSensor(Prior(every=3), size=64), still_picture()
    for _ in range(LEARNT + 3):  # the last one is what the next flow begins from
        sensor.step(np.zeros((64, 64, 3), np.float32), picture, picture)
    known = sensor.pattern.copy()
    sensor.skip(np.zeros((64, 64, 3), np.float32))
    sensor.step(np.zeros((64, 64, 3), np.float32), np.roll(picture, 3, axis=0), picture)
    np.testing.assert_array_equal(sensor.pattern, known)


def test_a_sensor_that_never_looks_is_refused() -> None:
    with pytest.raises(ValueError, match="every frame"):
        Prior(every=0)
