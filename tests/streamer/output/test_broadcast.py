"""The broadcast: one encoding per codec, however many watch; who comes later begins with a key frame."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

import numpy as np
import pytest

from engines.api import Frame
from engines.api import Picture as Image
from lipcast.testing import FakeClock, FakeExecutor, settle
from streamer.config import AudioConfig, VideoConfig
from streamer.output.broadcast import KEY_FRAME_PAUSE, Broadcast, Encoders
from streamer.session.playout import Unit
from streamer.session.sink import GRACE_S
from tests.fakes import FakeReceiver
from tests.sounds import Samples, level_db, opus_sound, voice

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

SIZE = (64, 48)
FRAME = 1920


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(0.0)


@pytest.fixture
def executor(clock: FakeClock) -> FakeExecutor:
    """Of pictures."""
    return FakeExecutor(clock)


@pytest.fixture
def sound_executor(clock: FakeClock) -> FakeExecutor:
    return FakeExecutor(clock)


@pytest.fixture
def broadcast(executor: Executor, sound_executor: Executor, clock: FakeClock) -> Broadcast:
    return Broadcast(SIZE, 25, VideoConfig(), AudioConfig(), Encoders(executor, sound_executor), clock)


def unit(index: int, sound: Samples | None = None, due: float = 0.0) -> Unit:
    return Unit(index, index, np.zeros(FRAME, np.float32) if sound is None else sound, due, generation=0)


def frame(index: int) -> Frame:
    return Frame(index, Image(np.full((SIZE[1], SIZE[0], 3), 10 * index % 256, np.uint8)))


async def show(broadcast: Broadcast, index: int, due: float = 0.0) -> bool:
    """Returns whether somebody was sent it."""
    return await broadcast.picture(unit(index, due=due), frame(index))


def is_vp8_key_frame(data: bytes) -> bool:
    return data[0] & 1 == 0  # RFC 6386 section 9.1


async def test_one_encoding_serves_everybody_of_a_codec(broadcast: Broadcast, executor: FakeExecutor) -> None:
    watching = [FakeReceiver() for _ in range(5)]
    for name, receiver in enumerate(watching):
        broadcast.add(str(name), receiver)
    await show(broadcast, 0)
    assert executor.calls == 1
    assert all(receiver.pictures == watching[0].pictures for receiver in watching)
    assert len(watching[0].pictures) == 1


async def test_each_codec_in_use_is_encoded_once(broadcast: Broadcast, executor: FakeExecutor) -> None:
    vp8, h264 = FakeReceiver(), FakeReceiver(video_mime_type="video/H264")
    broadcast.add("one", vp8)
    broadcast.add("two", h264)
    await show(broadcast, 0)
    assert executor.calls == 2
    assert vp8.pictures[0].data != h264.pictures[0].data
    assert h264.pictures[0].data.startswith(b"\0\0\0\1")


async def test_without_anybody_no_picture_is_encoded(broadcast: Broadcast, executor: FakeExecutor) -> None:
    assert not await show(broadcast, 0)
    assert executor.calls == 0


async def test_who_comes_later_begins_with_a_key_frame(broadcast: Broadcast) -> None:
    broadcast.add("first", FakeReceiver())
    for index in range(10):
        await show(broadcast, index)
    late = FakeReceiver()
    broadcast.add("late", late)
    await show(broadcast, 10)
    assert is_vp8_key_frame(late.pictures[0].data)


async def test_who_comes_right_after_a_key_frame_need_not_wait(broadcast: Broadcast) -> None:
    broadcast.add("first", FakeReceiver())
    await show(broadcast, 0)
    late = FakeReceiver()
    broadcast.add("late", late)
    await show(broadcast, 1)
    assert is_vp8_key_frame(late.pictures[0].data)


async def test_a_picture_begun_before_somebody_came_is_not_for_them(broadcast: Broadcast, clock: FakeClock) -> None:
    """It depends on pictures that they have not seen."""
    broadcast.add("first", FakeReceiver())
    await show(broadcast, 0)
    begun = asyncio.create_task(show(broadcast, 1, due=0.04))
    await settle()
    late = FakeReceiver()
    broadcast.add("late", late)
    await clock.advance(0.04)
    assert begun.done()
    await show(broadcast, 2, due=0.08 - 0.04)
    assert [sent.pts for sent in late.pictures] == [2 * 3600]
    assert is_vp8_key_frame(late.pictures[0].data)


async def test_many_requests_are_answered_by_one_key_frame(broadcast: Broadcast) -> None:
    receiver = FakeReceiver()
    broadcast.add("only", receiver)
    for index in range(3 * KEY_FRAME_PAUSE):
        broadcast.want_key_frame("video/VP8")
        await show(broadcast, index)
    keys = [index for index, sent in enumerate(receiver.pictures) if is_vp8_key_frame(sent.data)]
    assert keys == [0, KEY_FRAME_PAUSE, 2 * KEY_FRAME_PAUSE]


async def test_a_request_is_answered_with_the_next_picture(broadcast: Broadcast) -> None:
    receiver = FakeReceiver()
    broadcast.add("only", receiver)
    for index in range(10):
        if index == 7:
            broadcast.want_key_frame("video/VP8")
        await show(broadcast, index)
    keys = [index for index, sent in enumerate(receiver.pictures) if is_vp8_key_frame(sent.data)]
    assert keys == [0, 7]


async def test_a_picture_whose_turn_comes_too_late_is_dropped_and_a_key_frame_asked_for_is_not(
    broadcast: Broadcast, executor: FakeExecutor, clock: FakeClock
) -> None:
    receiver = FakeReceiver()
    broadcast.add("only", receiver)
    for index in range(10):
        await show(broadcast, index)
    broadcast.want_key_frame("video/VP8")
    await clock.advance(1.0)
    assert not await show(broadcast, 10, due=1.0 - GRACE_S - 0.001)
    assert executor.calls == 10
    await show(broadcast, 11, due=1.0)
    keys = [sent.pts // 3600 for sent in receiver.pictures if is_vp8_key_frame(sent.data)]
    assert keys == [0, 11]


async def test_who_has_left_is_sent_nothing(broadcast: Broadcast, clock: FakeClock) -> None:
    receiver = FakeReceiver()
    broadcast.add("only", receiver)
    broadcast.remove("only")
    broadcast.remove("only")
    await show(broadcast, 0)
    await play(broadcast, clock, voice(0.04))
    assert (receiver.pictures, receiver.sounds) == ([], [])


async def test_a_codec_nobody_uses_any_more_begins_anew(broadcast: Broadcast) -> None:
    stays, leaves = FakeReceiver(video_mime_type="video/H264"), FakeReceiver()
    broadcast.add("stays", stays)
    broadcast.add("leaves", leaves)
    await show(broadcast, 0)
    broadcast.remove("leaves")
    await show(broadcast, 1)
    back = FakeReceiver()
    broadcast.add("back", back)
    await show(broadcast, 2)
    assert is_vp8_key_frame(back.pictures[0].data)


async def test_who_leaves_while_a_picture_is_encoded_is_not_sent_it(broadcast: Broadcast, clock: FakeClock) -> None:
    receiver = FakeReceiver()
    broadcast.add("only", receiver)
    begun = asyncio.create_task(show(broadcast, 0, due=0.04))
    await settle()
    broadcast.remove("only")
    await clock.advance(0.04)
    assert begun.done()
    assert receiver.pictures == []


async def test_presentation_times_count_in_the_clocks_of_rtp(broadcast: Broadcast, clock: FakeClock) -> None:
    receiver = FakeReceiver()
    broadcast.add("only", receiver)
    await show(broadcast, 3)
    sounding = asyncio.create_task(broadcast.sound(unit(3)))
    await clock.advance(0.02)
    assert sounding.done()
    assert receiver.pictures[0].pts == 3 * 3600
    assert [sent.pts for sent in receiver.sounds] == [3 * FRAME, 3 * FRAME + 960]


async def play(broadcast: Broadcast, clock: FakeClock, sound: Samples, start: int = 0) -> None:
    """Units of 40 ms, each at its due time."""
    for index, piece in enumerate(np.split(sound, len(sound) // FRAME), start):
        sounding = asyncio.create_task(broadcast.sound(unit(index, piece, clock.now())))
        await clock.advance(0.04)
        assert sounding.done()


async def test_audio_is_encoded_once_as_packets_of_20_ms(broadcast: Broadcast, clock: FakeClock) -> None:
    receiver, sound = FakeReceiver(), voice(1.0)
    broadcast.add("only", receiver)
    await play(broadcast, clock, sound)
    assert len(receiver.sounds) == 50
    heard = opus_sound([sent.data for sent in receiver.sounds])
    assert level_db(heard[4800:]) == pytest.approx(level_db(sound[4800:]), abs=1)


async def test_audio_does_not_wait_for_pictures(broadcast: Broadcast, executor: FakeExecutor, clock: FakeClock) -> None:
    broadcast.add("only", FakeReceiver())
    executor.cost = float("inf")
    showing, sounding = asyncio.create_task(show(broadcast, 0)), asyncio.create_task(broadcast.sound(unit(0)))
    await clock.advance(0.02)
    assert [showing.done(), sounding.done()] == [False, True]
    showing.cancel()


async def test_audio_that_waited_too_long_for_its_encoder_is_dropped_and_what_follows_is_in_time(
    broadcast: Broadcast, sound_executor: FakeExecutor, clock: FakeClock
) -> None:
    receiver = FakeReceiver(clock.now)
    broadcast.add("only", receiver)
    sound_executor.cost = 0.5
    stuck = [asyncio.create_task(broadcast.sound(unit(index, due=clock.now() + 0.04 * index))) for index in range(10)]
    await settle()
    sound_executor.cost = 0.0
    await clock.advance(1.0)
    assert all(task.done() for task in stuck)
    numbers = sorted({sent.pts // FRAME for sent in receiver.sounds})
    assert numbers == [0]  # the others were due up to 0.36 s, and the encoder was free again at 0.5 s
    await play(broadcast, clock, voice(0.08), start=30)
    assert [sent.pts // FRAME for sent in receiver.sounds][-4:] == [30, 30, 31, 31]


async def test_an_estimate_changes_the_bit_rate_and_begins_with_a_key_frame(broadcast: Broadcast) -> None:
    receiver = FakeReceiver()
    broadcast.add("only", receiver)
    for index in range(10):
        if index == 7:
            broadcast.estimate("only", 300_000, 100.0)
        await show(broadcast, index)
    assert [is_vp8_key_frame(sent.data) for sent in receiver.pictures].index(True, 1) == 7


async def test_an_estimate_of_somebody_who_has_left_changes_nothing(broadcast: Broadcast) -> None:
    stays = FakeReceiver()
    broadcast.add("stays", stays)
    broadcast.add("leaves", FakeReceiver())
    await show(broadcast, 0)
    broadcast.remove("leaves")
    broadcast.estimate("leaves", 300_000, 100.0)
    broadcast.estimate("stays", 2_000_000, 200.0)
    assert broadcast._governor.bitrate == 2_000_000


async def test_flush_reaches_everybody(broadcast: Broadcast) -> None:
    watching = [FakeReceiver(), FakeReceiver()]
    for name, receiver in enumerate(watching):
        broadcast.add(str(name), receiver)
    broadcast.flush()
    assert [receiver.flushes for receiver in watching] == [1, 1]


async def test_after_a_flush_no_tail_of_older_audio_follows(broadcast: Broadcast, clock: FakeClock) -> None:
    receiver = FakeReceiver()
    broadcast.add("only", receiver)
    await play(broadcast, clock, voice(0.04))
    broadcast.flush()
    await play(broadcast, clock, np.zeros(FRAME, np.float32), start=1)
    quiet = opus_sound([sent.data for sent in receiver.sounds[2:]])
    assert np.abs(quiet).max() < 1e-3


async def test_audio_on_its_way_at_a_flush_leaves_as_silence(broadcast: Broadcast, clock: FakeClock) -> None:
    receiver = FakeReceiver()
    broadcast.add("only", receiver)
    sounding = asyncio.create_task(broadcast.sound(unit(0, voice(0.04), due=0.1)))
    await clock.advance(0.05)
    broadcast.flush()
    await clock.advance(0.1)
    assert sounding.done()
    assert np.abs(opus_sound([sent.data for sent in receiver.sounds])).max() < 1e-3


async def test_a_frame_that_waits_for_the_encoder_at_a_flush_is_dropped(
    broadcast: Broadcast, executor: FakeExecutor, clock: FakeClock
) -> None:
    receiver = FakeReceiver()
    broadcast.add("only", receiver)
    executor.cost = 0.01
    showing = [asyncio.create_task(show(broadcast, index, due=0.1)) for index in range(2)]
    await settle()  # the first is being encoded, the second waits
    broadcast.flush()
    await clock.advance(0.2)
    assert [task.result() for task in showing] == [True, False]
    assert len(receiver.pictures) == 1
