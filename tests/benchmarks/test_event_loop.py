"""The event loop's time, by part of the code: from a profile, builtins counted with the functions that called them."""

from __future__ import annotations

import cProfile
from pathlib import Path

import pytest

from benchmarks.event_loop import OTHER, by_part, part_of
from streamer.scheduling.quantile import LatencyQuantile


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("/x/site-packages/aiortc/rtcrtpsender.py", "webrtc library"),
        ("/x/streamer/audio/jitter_buffer.py", "audio input"),
        ("/x/streamer/webrtc/peer.py", "webrtc"),
        ("/x/site-packages/numpy/_core/numeric.py", OTHER),
    ],
)
def test_each_file_belongs_to_one_part(file: str, part: str) -> None:
    assert part_of(file) == part


def test_builtins_count_with_their_callers(tmp_path: Path) -> None:
    moments = iter(range(1_000_000))
    profile = cProfile.Profile(lambda: float(next(moments)))  # every look at the clock is a second later
    quantile = LatencyQuantile()
    profile.runcall(quantile.note, 1.0, 0.02)  # calls insort and len: builtins
    profile.dump_stats(tmp_path / "profile")
    used = by_part(tmp_path / "profile")
    assert used["scheduling"] >= 3
    assert used["scheduling"] >= 0.7 * sum(used.values())
