"""The idle loop: periodic, blinking like a person, mouth at rest."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.training.heads.idle import REST, SHUT, SMILE, Idle, idle, resting

SEEDS = range(5)


def loop(seed: int) -> Idle:
    return idle(frames=200, frame_rate=25, seed=seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_loop_is_periodic(seed: int) -> None:
    one = loop(seed)
    first, after = one.frame_pose(0), one.frame_pose(200)
    for name in ("yaw", "pitch", "roll", "breath", "gaze_right", "gaze_up"):
        assert getattr(after, name) == pytest.approx(getattr(first, name), abs=1e-9)
    assert after.expression == pytest.approx(first.expression, abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_gaps_between_blinks_are_two_to_five_seconds(seed: int) -> None:
    one = loop(seed)
    gaps = np.diff(np.append(one.blinks, one.blinks[0] + 8.0))
    assert gaps.min() >= 2.0
    assert gaps.max() <= 5.0


@pytest.mark.parametrize("seed", SEEDS)
def test_every_blink_has_a_frame_with_lids_shut(seed: int) -> None:
    one = loop(seed)
    lids = np.array([one.frame_pose(frame).expression["eyeBlink_L"] for frame in range(200)])
    assert (lids > 0.95 * SHUT).sum() >= len(one.blinks)


def test_the_mouth_stays_at_rest() -> None:
    one = loop(0)
    for frame in range(0, 200, 10):
        expression = one.frame_pose(frame).expression
        assert {name: expression[name] for name in REST} == REST
        assert all(value == 0 for name, value in expression.items() if name.startswith(("jaw",)))


def test_the_head_sways_by_a_few_degrees_at_most() -> None:
    one = loop(0)
    angles = [(m.yaw, m.pitch, m.roll) for m in map(one.frame_pose, range(200))]
    assert np.abs(angles).max() < 3.0


def test_the_same_seed_gives_the_same_loop() -> None:
    assert loop(3).frame_pose(77) == loop(3).frame_pose(77)


def test_a_presenter_may_smile_more_and_does_nothing_else() -> None:
    more = resting(1.5)
    assert all(more[name] == pytest.approx(1.5 * REST[name]) for name in SMILE)
    assert {name: more[name] for name in REST if name not in SMILE} == {
        name: value for name, value in REST.items() if name not in SMILE
    }
    assert idle(100, 25, 3, more).frame_pose(10).expression["mouthSmile_L"] == more["mouthSmile_L"]
