"""The jitter buffer as truth tables: packets on the left, sound on the right. Packets say which sound they hold."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.audio.concealment import Samples
from streamer.audio.jitter_buffer import (
    LONGEST_UNDERRUN,
    MAX_PACKETS,
    MAX_TARGET,
    MILLISECOND,
    BufferedAudio,
    JitterBuffer,
    signed32,
)

RATE = 48_000
FRAME = 1920  # samples: one video frame, what a session pulls
PACKET = 960  # samples: 20 ms
HZ = 150.0
DTX = b"\x78"  # an Opus packet that is its first byte alone: nothing follows for a while
STEEPEST = 0.5 * 2 * np.pi * HZ / RATE  # the largest step between neighbours of the tone


def wave(start: int, count: int) -> Samples:
    """A tone that is a function of the timestamp."""
    return (0.5 * np.sin(2 * np.pi * HZ * (start + np.arange(count)) / RATE)).astype(np.float32)


def packet(start: int, count: int = PACKET) -> bytes:
    return struct.pack("<qi", start, count)


def decode(payload: bytes) -> Samples:
    if payload == DTX:
        return np.zeros(PACKET, np.float32)
    if len(payload) != 12:
        raise ValueError("garbage")
    return wave(*struct.unpack("<qi", payload))


def buffer(target_ms: float = 0.0) -> JitterBuffer:
    return JitterBuffer(decode, target_ms)


def insert(jitter: JitterBuffer, places: Iterable[int], origin: int = 0) -> None:
    """Packets of 20 ms by their place in the stream."""
    for place in places:
        jitter.insert((origin + place * PACKET) % (1 << 32), packet(place * PACKET))


def play(jitter: JitterBuffer, arrivals: dict[int, list[int]], pulls: int, origin: int = 0) -> list[BufferedAudio]:
    """Before pull i insert the packets arrivals[i]; after the table, two packets a pull as they come."""
    sounds = []
    for index in range(pulls):
        insert(jitter, arrivals.get(index, [2 * index, 2 * index + 1]), origin)
        sounds.append(jitter.pull(FRAME))
    return sounds


def joined(sounds: list[BufferedAudio]) -> Samples:
    return np.concatenate([sound.samples for sound in sounds])


def concealed(sounds: list[BufferedAudio]) -> list[int]:
    """Milliseconds invented in each pull."""
    return [sound.concealed // MILLISECOND for sound in sounds]


def largest_step(samples: Samples) -> float:
    return float(np.abs(np.diff(samples)).max())


@pytest.mark.parametrize(
    ("arrivals", "invented"),
    [
        pytest.param({}, [0, 0, 0], id="in order"),
        pytest.param({0: [0, 1, 3, 2], 1: []}, [0, 0, 0], id="swapped"),
        pytest.param({0: [0, 2, 1, 3], 1: []}, [0, 0, 0], id="swapped across pulls"),
        pytest.param({0: [0, 1, 1, 0]}, [0, 0, 0], id="doubled"),
        pytest.param({1: [0, 1, 2, 3]}, [0, 0, 0], id="old ones again"),
    ],
)
def test_nothing_is_invented_when_everything_comes_in_time(arrivals: dict[int, list[int]], invented: list[int]) -> None:
    sounds = play(buffer(), arrivals, 3)
    assert concealed(sounds) == invented
    np.testing.assert_array_equal(joined(sounds), wave(0, 3 * FRAME))


@pytest.mark.parametrize(
    ("arrivals", "invented"),
    [
        pytest.param({1: [3]}, [0, 20, 0, 0], id="one lost"),
        pytest.param({1: [], 2: [5]}, [0, 40, 20, 0], id="three lost"),
        pytest.param({1: [2]}, [0, 20, 0, 0], id="last of a pull lost"),
        pytest.param({1: [2], 2: [4, 3, 5]}, [0, 20, 0, 0], id="late and played after all"),
    ],
)
def test_gaps_are_concealed(arrivals: dict[int, list[int]], invented: list[int]) -> None:
    jitter = buffer()
    sounds = play(jitter, arrivals, 4)
    assert concealed(sounds) == invented
    assert largest_step(joined(sounds)) < 2.5 * STEEPEST


@pytest.mark.parametrize("lost", [1, 2, 5])
def test_lost_packets_leave_no_delay_behind(lost: int) -> None:
    """What plays after the gap is what would have played without it."""
    jitter = buffer()
    whole = [place for place in range(40) if place not in range(20, 20 + lost)]
    table = {index: [place for place in (2 * index, 2 * index + 1) if place in whole] for index in range(20)}
    sound = joined(play(jitter, table, 20))
    after = 16 * FRAME
    np.testing.assert_allclose(sound[after:], wave(after, 4 * FRAME), atol=1e-5)


def test_a_stall_drains_away_within_five_seconds() -> None:
    """400 ms of nothing, then everything at once: the delay is back within 20 ms in 5 s."""
    jitter = buffer()
    stalled: dict[int, list[int]] = {index: [] for index in range(10, 20)} | {20: list(range(20, 42))}
    sounds = play(jitter, stalled, 20 + 5 * 25)
    assert jitter.depth_ms <= 20
    assert largest_step(joined(sounds)) < 2.5 * STEEPEST


def test_a_small_surplus_drains_without_a_click() -> None:
    jitter = buffer()
    surplus = {0: [0, 1, 2, 3, 4]} | {index: [2 * index + 3, 2 * index + 4] for index in range(1, 125)}
    sounds = play(jitter, surplus, 125)
    assert jitter.depth_ms <= 20
    assert largest_step(joined(sounds)) < 2.5 * STEEPEST
    assert sum(concealed(sounds)) == 0


@pytest.mark.parametrize("ppm", [-200, 200])
def test_ten_minutes_of_drift_stay_bounded(ppm: int) -> None:
    """The sender's clock is off: neither delay nor concealment grows with time."""
    jitter = buffer()
    sent, deepest, invented = 0, 0.0, 0
    pulls = 10 * 60 * 25
    for index in range(pulls):
        while sent * PACKET < (index + 1) * FRAME * (1 + ppm * 1e-6):
            jitter.insert(sent * PACKET, packet(sent * PACKET))
            sent += 1
        invented += jitter.pull(FRAME).concealed
        deepest = max(deepest, jitter.depth_ms)
    assert deepest <= 80
    assert invented <= 0.01 * pulls * FRAME


@pytest.mark.parametrize("ahead", [PACKET, 5 * PACKET, PACKET // 2])
def test_timestamps_wrap(ahead: int) -> None:
    sounds = play(buffer(), {}, 20, origin=(1 << 32) - ahead)
    np.testing.assert_array_equal(joined(sounds), wave(0, 20 * FRAME))


@pytest.mark.parametrize("restart", [1 << 31, 1_000_000, (1 << 32) - 500_000])
def test_a_sender_that_begins_again_is_followed_at_once(restart: int) -> None:
    jitter = buffer()
    play(jitter, {}, 5)
    sounds = play(jitter, {}, 5, origin=restart)
    assert concealed(sounds[1:]) == [0, 0, 0, 0]
    assert largest_step(joined(sounds[1:])) < 2.5 * STEEPEST


def test_a_sender_that_pauses_goes_on_at_once() -> None:
    """Two minutes of nothing, the timestamps running on, as after a muted track."""
    jitter = buffer()
    play(jitter, {}, 5)
    silent = [jitter.pull(FRAME) for _ in range(3000)]
    assert sum(sound.concealed for sound in silent) <= LONGEST_UNDERRUN
    assert np.all(silent[-1].samples == 0)
    sounds = [play(jitter, {0: [6010 + 2 * index, 6011 + 2 * index]}, 1)[0] for index in range(30)]
    assert concealed(sounds) == [0] * 30
    assert jitter.depth_ms <= 20


def test_concealment_fades_to_silence() -> None:
    jitter = buffer()
    play(jitter, {}, 5)
    levels = [float(np.abs(jitter.pull(FRAME).samples).max()) for _ in range(4)]
    assert levels[0] > 0.4
    assert levels[3] == 0


def test_a_flood_is_bounded_and_the_newest_are_kept() -> None:
    jitter, short = buffer(), PACKET // 4
    for place in range(3 * MAX_PACKETS):
        jitter.insert(place * short, packet(place * short, short))
    assert jitter.dropped_packets == 2 * MAX_PACKETS
    played = jitter.pull(FRAME).samples
    assert jitter.depth_ms <= 20
    np.testing.assert_allclose(played[-1:], wave(3 * MAX_PACKETS * short - 1, 1), atol=1e-5)


def test_garbage_is_counted_and_bridged() -> None:
    jitter = buffer()
    insert(jitter, [0, 1])
    jitter.pull(FRAME)
    jitter.insert(2 * PACKET, b"garbage")
    insert(jitter, [3])
    sounds = [jitter.pull(FRAME), *play(jitter, {0: [4, 5], 1: [6, 7]}, 2)]
    assert jitter.bad_packets == 1
    assert concealed(sounds) == [20, 0, 0]
    np.testing.assert_allclose(sounds[1].samples, wave(4 * PACKET, FRAME), atol=1e-6)


def test_flush_forgets_and_begins_anew_without_delay() -> None:
    jitter = buffer()
    insert(jitter, range(10))
    jitter.pull(FRAME)
    jitter.flush()
    assert jitter.depth_ms == 0
    assert jitter.pull(FRAME).concealed == 0
    insert(jitter, [500, 501])
    np.testing.assert_array_equal(jitter.pull(FRAME).samples[-PACKET:], wave(501 * PACKET, PACKET))


@pytest.mark.parametrize("jump_s", [-10.5, -2.5, 2.5, 10.5])
def test_a_timestamp_that_jumps_after_a_pause_is_followed_at_once(jump_s: float) -> None:
    """Also one that jumps back by less than the pause and the tolerance together."""
    jitter = buffer()
    play(jitter, {}, 50)
    for _ in range(9 * 25):
        jitter.pull(FRAME)
    jump = 50 * FRAME + round(jump_s * RATE)
    sounds = []
    for index in range(500):
        insert(jitter, [2 * index, 2 * index + 1], origin=jump)
        sounds.append(jitter.pull(FRAME))
    assert jitter.late_packets == 0
    np.testing.assert_allclose(joined(sounds)[-FRAME:], wave(499 * FRAME, FRAME), atol=1e-5)


@pytest.mark.parametrize("advance", [0, 37], ids=["timestamps stand still", "timestamps run on"])
def test_the_pauses_of_a_program_are_not_taken_for_jitter(advance: int) -> None:
    """2 s of packets and 1.5 s of nothing, eight times: no delay is added."""
    jitter, sent, start = buffer(), 0, 0
    for _ in range(8):
        for _ in range(50):
            jitter.insert(start + sent * PACKET, packet(start + sent * PACKET))
            jitter.insert(start + (sent + 1) * PACKET, packet(start + (sent + 1) * PACKET))
            sent += 2
            jitter.pull(FRAME)
        for _ in range(37):
            jitter.pull(FRAME)
        start += advance * FRAME
    assert jitter._target == 0


def test_a_pause_that_the_sender_has_announced_is_not_a_loss() -> None:
    """Discontinuous transmission: one packet of a byte, then one every 400 ms until speech goes on."""
    jitter = buffer()
    play(jitter, {}, 50)
    sounds = []
    for index in range(50, 100):
        if index % 10 == 0:
            jitter.insert(2 * index * PACKET, DTX)
        sounds.append(jitter.pull(FRAME))
    assert sum(concealed(sounds)) == 0
    after = [play(jitter, {0: [2 * index, 2 * index + 1]}, 1)[0] for index in range(100, 150)]
    assert sum(concealed(after)) == 0
    assert jitter._target == 0
    np.testing.assert_allclose(joined(after)[-FRAME:], wave(149 * FRAME, FRAME), atol=1e-5)


def test_a_packet_lost_while_speaking_still_counts_after_a_pause() -> None:
    jitter = buffer()
    play(jitter, {1: [2], 2: [], 3: [], 4: [8, 9], 5: [10, 11], 6: [13]}, 6)
    [sound] = play(jitter, {0: [13]}, 1)
    assert concealed([sound]) == [20]


def test_before_the_first_packet_there_is_silence() -> None:
    sound = buffer().pull(FRAME)
    assert sound.concealed == 0
    np.testing.assert_array_equal(sound.samples, np.zeros(FRAME))


def test_repeated_lateness_keeps_a_little_more_in_hand_and_calm_gives_it_back() -> None:
    """Packets that come every third pull: after a while they are waited for; when they come in time, no longer."""
    jitter = buffer()
    for index in range(0, 300, 3):
        for _ in range(2):
            jitter.pull(FRAME)
        insert(jitter, range(2 * index, 2 * index + 6))
        jitter.pull(FRAME)
    assert jitter.depth_ms <= (MAX_TARGET + 2 * FRAME) / MILLISECOND
    unsteady = jitter.depth_ms
    for index in range(300, 300 + 60 * 25):
        insert(jitter, [2 * index, 2 * index + 1])
        jitter.pull(FRAME)
    assert jitter.depth_ms < unsteady
    assert jitter.depth_ms <= 20


@pytest.mark.parametrize("milliseconds", [10, 20, 40, 60])
def test_packets_of_any_length(milliseconds: int) -> None:
    jitter, count = buffer(), milliseconds * MILLISECOND
    sent, sounds = 0, []
    for index in range(100):
        while sent < (index + 1) * FRAME:
            jitter.insert(sent, packet(sent, count))
            sent += count
        sounds.append(jitter.pull(FRAME))
    np.testing.assert_array_equal(joined(sounds)[: 10 * FRAME], wave(0, 10 * FRAME))
    assert sum(concealed(sounds)) == 0
    assert largest_step(joined(sounds)) < 2.5 * STEEPEST


def test_packets_may_change_their_length() -> None:
    jitter = buffer()
    for start, count in ((0, 960), (960, 480), (1440, 480), (1920, 1920), (3840, 960), (4800, 960)):
        jitter.insert(start, packet(start, count))
    sound = joined([jitter.pull(FRAME) for _ in range(3)])
    np.testing.assert_array_equal(sound, wave(0, 3 * FRAME))


def test_a_packet_that_another_has_already_covered_is_late() -> None:
    jitter = buffer()
    jitter.insert(0, packet(0, FRAME))
    insert(jitter, [1, 2, 3])
    sound = joined([jitter.pull(FRAME) for _ in range(2)])
    np.testing.assert_array_equal(sound, wave(0, 2 * FRAME))
    jitter.pull(FRAME)
    assert jitter.late_packets == 1


@pytest.mark.parametrize(
    ("difference", "signed"), [(0, 0), (1, 1), (-1, -1), ((1 << 32) - 1, -1), (1 << 31, -(1 << 31))]
)
def test_signed32(difference: int, signed: int) -> None:
    assert signed32(difference) == signed


timestamps = st.one_of(
    st.integers(0, 200).map(lambda place: place * PACKET),
    st.integers(0, 200 * PACKET),
    st.integers(0, (1 << 32) - 1),
)
payloads = st.one_of(
    st.just(b"garbage"),
    st.sampled_from([1, 120, 480, 960, 1920, 2880]).map(lambda count: packet(0, count)),
)
acts: st.SearchStrategy[Callable[[JitterBuffer], object]] = st.one_of(
    st.tuples(timestamps, payloads).map(lambda pair: lambda jitter: jitter.insert(*pair)),
    st.just(lambda jitter: pulled(jitter)),
    st.just(lambda jitter: jitter.flush()),
)


def pulled(jitter: JitterBuffer) -> None:
    sound = jitter.pull(FRAME)
    assert sound.samples.shape == (FRAME,)
    assert sound.samples.dtype == np.float32
    assert np.isfinite(sound.samples).all()
    assert np.abs(sound.samples).max() <= 1
    assert 0 <= sound.concealed <= FRAME


@given(st.lists(acts, max_size=60), st.sampled_from([0.0, 40.0]))
def test_whatever_comes_a_pull_is_whole_and_memory_is_bounded(
    doings: list[Callable[[JitterBuffer], object]], target_ms: float
) -> None:
    jitter = buffer(target_ms)
    for do in doings:
        do(jitter)
    pulled(jitter)
    assert jitter.depth_ms <= MAX_PACKETS * 60
    for _ in range(40):
        pulled(jitter)
    assert jitter.depth_ms <= 200 + target_ms
