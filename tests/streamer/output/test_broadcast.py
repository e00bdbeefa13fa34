"""The broadcast: one encoding per codec, however many watch; who comes later begins with a key frame."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

import numpy as np
import pytest

from lipcast.testing import FakeClock, FakeExecutor, settle
from streamer.config import AudioConfig, VideoConfig
from streamer.output.broadcast import KEY_FRAME_PAUSE, Broadcast, Encoders, Picture
from tests.fakes import FakeReceiver
from tests.sounds import level_db, opus_sound, voice

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

SIZE = (64, 48)
FRAME = 1920
Image = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@pytest.fixture
def executor() -> FakeExecutor:
    """Of pictures."""
    return FakeExecutor(FakeClock())


@pytest.fixture
def broadcast(executor: Executor) -> Broadcast:
    return Broadcast(SIZE, 25, VideoConfig(), AudioConfig(), Encoders(executor, FakeExecutor(FakeClock())))


def image(index: int) -> Image:
    return np.full((SIZE[1], SIZE[0], 3), 10 * index % 256, np.uint8)


async def encoded(broadcast: Broadcast, index: int) -> list[Picture]:
    pictures = await broadcast.encode_picture(image(index), index, lambda: True)
    assert pictures is not None
    return pictures


async def show(broadcast: Broadcast, index: int) -> list[Picture]:
    pictures = await encoded(broadcast, index)
    broadcast.send_pictures(pictures)
    return pictures


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
    assert await show(broadcast, 0) == []
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


async def test_a_picture_begun_before_somebody_came_is_not_for_them(broadcast: Broadcast) -> None:
    """It depends on pictures that they have not seen."""
    broadcast.add("first", FakeReceiver())
    await show(broadcast, 0)
    begun = await encoded(broadcast, 1)
    late = FakeReceiver()
    broadcast.add("late", late)
    broadcast.send_pictures(begun)
    await show(broadcast, 2)
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
    broadcast: Broadcast, executor: FakeExecutor
) -> None:
    receiver = FakeReceiver()
    broadcast.add("only", receiver)
    for index in range(10):
        await show(broadcast, index)
    broadcast.want_key_frame("video/VP8")
    assert await broadcast.encode_picture(image(10), 10, lambda: False) is None
    assert executor.calls == 10
    await show(broadcast, 11)
    keys = [sent.pts // 3600 for sent in receiver.pictures if is_vp8_key_frame(sent.data)]
    assert keys == [0, 11]


async def test_who_has_left_is_sent_nothing(broadcast: Broadcast, executor: FakeExecutor) -> None:
    receiver = FakeReceiver()
    broadcast.add("only", receiver)
    broadcast.remove("only")
    broadcast.remove("only")
    await show(broadcast, 0)
    broadcast.send_sound(b"sound", 0, 0)
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


async def test_who_leaves_while_a_picture_is_encoded_is_not_sent_it(broadcast: Broadcast) -> None:
    receiver = FakeReceiver()
    broadcast.add("only", receiver)
    pictures = await encoded(broadcast, 0)
    broadcast.remove("only")
    broadcast.send_pictures(pictures)
    assert receiver.pictures == []


async def test_presentation_times_count_in_the_clocks_of_rtp(broadcast: Broadcast) -> None:
    receiver = FakeReceiver()
    broadcast.add("only", receiver)
    await show(broadcast, 3)
    broadcast.send_sound(b"a", 3, 0)
    broadcast.send_sound(b"b", 3, 1)
    assert receiver.pictures[0].pts == 3 * 3600
    assert [sent.pts for sent in receiver.sounds] == [3 * FRAME, 3 * FRAME + 960]


async def test_sound_is_encoded_once_as_packets_of_20_ms(broadcast: Broadcast) -> None:
    sound = voice(1.0)
    packets = [packet for piece in np.split(sound, 25) for packet in await broadcast.encode_sound(piece)]
    assert len(packets) == 50
    assert level_db(opus_sound(packets)[4800:]) == pytest.approx(level_db(sound[4800:]), abs=1)


async def test_sound_does_not_wait_for_pictures(broadcast: Broadcast, executor: FakeExecutor) -> None:
    broadcast.add("only", FakeReceiver())
    executor.cost = float("inf")
    tasks = asyncio.create_task(encoded(broadcast, 0)), asyncio.create_task(broadcast.encode_sound(voice(0.04)))
    await settle()
    assert [task.done() for task in tasks] == [False, True]
    tasks[0].cancel()


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


async def test_after_a_flush_no_tail_of_older_sound_follows(broadcast: Broadcast) -> None:
    await broadcast.encode_sound(voice(0.04))
    broadcast.flush()
    quiet = await broadcast.encode_sound(np.zeros(FRAME, np.float32))
    assert np.abs(opus_sound(quiet)).max() < 1e-3
