"""The bit rate follows the weakest receiver, seldom and in steps."""

from __future__ import annotations

import pytest

from streamer.config import VideoConfig
from streamer.output.bitrate import PATIENCE_DOWN_S, PATIENCE_UP_S, RECOVERY_S, BandwidthClasses, BitrateGovernor
from streamer.output.receiver import Bandwidth

CONFIG = VideoConfig(start_bitrate=1_000_000, min_bitrate=200_000, max_bitrate=4_000_000)


@pytest.mark.parametrize(
    ("estimates", "bitrate"),
    [
        pytest.param([(0.0, 1_200_000)], 1_000_000, id="less than a quarter more"),
        pytest.param([(0.0, 850_000)], 1_000_000, id="less than a quarter less"),
        pytest.param([(0.0, 1_250_000)], 1_250_000, id="a quarter more"),
        pytest.param([(0.0, 800_000)], 800_000, id="a quarter less"),
        pytest.param([(0.0, 2_000_000), (1.0, 3_000_000)], 2_000_000, id="rising again too soon"),
        pytest.param([(0.0, 2_000_000), (PATIENCE_UP_S, 3_000_000)], 3_000_000, id="rising again later"),
        pytest.param([(0.0, 700_000), (0.5, 300_000)], 700_000, id="falling again too soon"),
        pytest.param([(0.0, 700_000), (PATIENCE_DOWN_S, 300_000)], 300_000, id="falling is urgent"),
        pytest.param([(0.0, 50_000)], 200_000, id="never below the least"),
        pytest.param([(0.0, 90_000_000)], 4_000_000, id="never above the most"),
    ],
)
def test_one_receiver(estimates: list[tuple[float, int]], bitrate: int) -> None:
    governor = BitrateGovernor(CONFIG)
    for now, estimate in estimates:
        governor.estimate("only", estimate, now)
    assert governor.bitrate == bitrate


def test_it_starts_as_configured() -> None:
    assert BitrateGovernor(CONFIG).bitrate == 1_000_000


def test_the_weakest_receiver_decides_until_it_leaves() -> None:
    governor = BitrateGovernor(CONFIG)
    governor.estimate("strong", 3_000_000, 0.0)
    governor.estimate("weak", 500_000, 10.0)
    governor.estimate("strong", 3_000_000, 20.0)
    assert governor.bitrate == 500_000
    governor.forget("weak")
    governor.estimate("strong", 3_000_000, 30.0)
    assert governor.bitrate == 3_000_000


def test_a_trembling_estimate_changes_nothing() -> None:
    governor, rates = BitrateGovernor(CONFIG), set()
    for step in range(200):
        governor.estimate("only", 1_000_000 + (-1) ** step * 150_000, step * 0.5)
        rates.add(governor.bitrate)
    assert rates == {1_000_000}


def test_forgetting_somebody_unknown_is_nothing() -> None:
    BitrateGovernor(CONFIG).forget("nobody")


def test_a_receiver_far_weaker_than_the_best_is_served_apart_until_it_recovers() -> None:
    classes = BandwidthClasses(CONFIG)
    assert not classes.estimate("strong", 3_000_000, 0.0)
    assert not classes.estimate("equal", 2_000_000, 0.0)
    assert classes.estimate("weak", 500_000, 1.0)
    assert [classes.of(name) for name in ("strong", "equal", "weak", "unknown")] == [
        Bandwidth.HIGH,
        Bandwidth.HIGH,
        Bandwidth.LOW,
        Bandwidth.HIGH,
    ]
    assert classes.bitrate(Bandwidth.LOW) == 500_000
    assert not classes.estimate("weak", 3_000_000, 2.0)  # too soon
    assert classes.estimate("weak", 3_000_000, 2.0 + RECOVERY_S)
    assert classes.of("weak") is Bandwidth.HIGH


def test_who_is_alone_is_never_weak() -> None:
    classes = BandwidthClasses(CONFIG)
    classes.estimate("only", 3_000_000, 0.0)
    assert not classes.estimate("only", 100_000, 20.0)
    assert classes.of("only") is Bandwidth.HIGH
    assert classes.bitrate(Bandwidth.HIGH) == CONFIG.min_bitrate


def test_a_receiver_whose_estimate_swings_sets_the_bit_rate_of_nobody_else() -> None:
    classes = BandwidthClasses(VideoConfig())
    classes.estimate("good", 900_000, 0.0)
    moves = [
        classes.estimate("hostile", (200_000, 5_000_000)[frame % 2], frame / 25)
        for frame in range(1500)  # a minute
    ]
    assert moves.count(True) == 1
    assert classes.of("hostile") is Bandwidth.LOW
    assert classes.bitrate(Bandwidth.HIGH) == 900_000
