"""The outlet: one encoding per codec, however many watch; who comes later begins with a key frame."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

import numpy as np
import pytest

from streamer.config import AudioConfig, VideoConfig
from streamer.outlet import KEY_FRAME_PAUSE, Encoders, Outlet, Picture
from tests.fakes import FakeClock, FakeExecutor, FakeReceiver, settle
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
def outlet(executor: Executor) -> Outlet:
    return Outlet(SIZE, 25, VideoConfig(), AudioConfig(), Encoders(executor, FakeExecutor(FakeClock())))


def image(index: int) -> Image:
    return np.full((SIZE[1], SIZE[0], 3), 10 * index % 256, np.uint8)


async def encoded(outlet: Outlet, index: int) -> list[Picture]:
    pictures = await outlet.encode_picture(image(index), index, lambda: True)
    assert pictures is not None
    return pictures


async def show(outlet: Outlet, index: int) -> list[Picture]:
    pictures = await encoded(outlet, index)
    outlet.send_pictures(pictures)
    return pictures


def is_vp8_key_frame(data: bytes) -> bool:
    return data[0] & 1 == 0  # RFC 6386 section 9.1


async def test_one_encoding_serves_everybody_of_a_codec(outlet: Outlet, executor: FakeExecutor) -> None:
    watching = [FakeReceiver() for _ in range(5)]
    for name, receiver in enumerate(watching):
        outlet.add(str(name), receiver)
    await show(outlet, 0)
    assert executor.calls == 1
    assert all(receiver.pictures == watching[0].pictures for receiver in watching)
    assert len(watching[0].pictures) == 1


async def test_each_codec_in_use_is_encoded_once(outlet: Outlet, executor: FakeExecutor) -> None:
    vp8, h264 = FakeReceiver(), FakeReceiver(video_mime_type="video/H264")
    outlet.add("one", vp8)
    outlet.add("two", h264)
    await show(outlet, 0)
    assert executor.calls == 2
    assert vp8.pictures[0].data != h264.pictures[0].data
    assert h264.pictures[0].data.startswith(b"\0\0\0\1")


async def test_without_anybody_no_picture_is_encoded(outlet: Outlet, executor: FakeExecutor) -> None:
    assert await show(outlet, 0) == []
    assert executor.calls == 0


async def test_who_comes_later_begins_with_a_key_frame(outlet: Outlet) -> None:
    outlet.add("first", FakeReceiver())
    for index in range(10):
        await show(outlet, index)
    late = FakeReceiver()
    outlet.add("late", late)
    await show(outlet, 10)
    assert is_vp8_key_frame(late.pictures[0].data)


async def test_who_comes_right_after_a_key_frame_need_not_wait(outlet: Outlet) -> None:
    outlet.add("first", FakeReceiver())
    await show(outlet, 0)
    late = FakeReceiver()
    outlet.add("late", late)
    await show(outlet, 1)
    assert is_vp8_key_frame(late.pictures[0].data)


async def test_a_picture_begun_before_somebody_came_is_not_for_them(outlet: Outlet) -> None:
    """It depends on pictures that they have not seen."""
    outlet.add("first", FakeReceiver())
    await show(outlet, 0)
    begun = await encoded(outlet, 1)
    late = FakeReceiver()
    outlet.add("late", late)
    outlet.send_pictures(begun)
    await show(outlet, 2)
    assert [sent.pts for sent in late.pictures] == [2 * 3600]
    assert is_vp8_key_frame(late.pictures[0].data)


async def test_many_requests_are_answered_by_one_key_frame(outlet: Outlet) -> None:
    receiver = FakeReceiver()
    outlet.add("only", receiver)
    for index in range(3 * KEY_FRAME_PAUSE):
        outlet.want_key_frame("video/VP8")
        await show(outlet, index)
    keys = [index for index, sent in enumerate(receiver.pictures) if is_vp8_key_frame(sent.data)]
    assert keys == [0, KEY_FRAME_PAUSE, 2 * KEY_FRAME_PAUSE]


async def test_a_request_is_answered_with_the_next_picture(outlet: Outlet) -> None:
    receiver = FakeReceiver()
    outlet.add("only", receiver)
    for index in range(10):
        if index == 7:
            outlet.want_key_frame("video/VP8")
        await show(outlet, index)
    keys = [index for index, sent in enumerate(receiver.pictures) if is_vp8_key_frame(sent.data)]
    assert keys == [0, 7]


async def test_a_picture_whose_turn_comes_too_late_is_dropped_and_a_key_frame_asked_for_is_not(
    outlet: Outlet, executor: FakeExecutor
) -> None:
    receiver = FakeReceiver()
    outlet.add("only", receiver)
    for index in range(10):
        await show(outlet, index)
    outlet.want_key_frame("video/VP8")
    assert await outlet.encode_picture(image(10), 10, lambda: False) is None
    assert executor.calls == 10
    await show(outlet, 11)
    keys = [sent.pts // 3600 for sent in receiver.pictures if is_vp8_key_frame(sent.data)]
    assert keys == [0, 11]


async def test_who_has_left_is_sent_nothing(outlet: Outlet, executor: FakeExecutor) -> None:
    receiver = FakeReceiver()
    outlet.add("only", receiver)
    outlet.remove("only")
    outlet.remove("only")
    await show(outlet, 0)
    outlet.send_sound(b"sound", 0, 0)
    assert (receiver.pictures, receiver.sounds) == ([], [])


async def test_a_codec_nobody_uses_any_more_begins_anew(outlet: Outlet) -> None:
    stays, leaves = FakeReceiver(video_mime_type="video/H264"), FakeReceiver()
    outlet.add("stays", stays)
    outlet.add("leaves", leaves)
    await show(outlet, 0)
    outlet.remove("leaves")
    await show(outlet, 1)
    back = FakeReceiver()
    outlet.add("back", back)
    await show(outlet, 2)
    assert is_vp8_key_frame(back.pictures[0].data)


async def test_who_leaves_while_a_picture_is_encoded_is_not_sent_it(outlet: Outlet) -> None:
    receiver = FakeReceiver()
    outlet.add("only", receiver)
    pictures = await encoded(outlet, 0)
    outlet.remove("only")
    outlet.send_pictures(pictures)
    assert receiver.pictures == []


async def test_presentation_times_count_in_the_clocks_of_rtp(outlet: Outlet) -> None:
    receiver = FakeReceiver()
    outlet.add("only", receiver)
    await show(outlet, 3)
    outlet.send_sound(b"a", 3, 0)
    outlet.send_sound(b"b", 3, 1)
    assert receiver.pictures[0].pts == 3 * 3600
    assert [sent.pts for sent in receiver.sounds] == [3 * FRAME, 3 * FRAME + 960]


async def test_sound_is_encoded_once_as_packets_of_20_ms(outlet: Outlet) -> None:
    sound = voice(1.0)
    packets = [packet for piece in np.split(sound, 25) for packet in await outlet.encode_sound(piece)]
    assert len(packets) == 50
    assert level_db(opus_sound(packets)[4800:]) == pytest.approx(level_db(sound[4800:]), abs=1)


async def test_sound_does_not_wait_for_pictures(outlet: Outlet, executor: FakeExecutor) -> None:
    outlet.add("only", FakeReceiver())
    executor.cost = float("inf")
    tasks = asyncio.create_task(encoded(outlet, 0)), asyncio.create_task(outlet.encode_sound(voice(0.04)))
    await settle()
    assert [task.done() for task in tasks] == [False, True]
    tasks[0].cancel()


async def test_an_estimate_changes_the_bit_rate_and_begins_with_a_key_frame(outlet: Outlet) -> None:
    receiver = FakeReceiver()
    outlet.add("only", receiver)
    for index in range(10):
        if index == 7:
            outlet.estimate("only", 300_000, 100.0)
        await show(outlet, index)
    assert [is_vp8_key_frame(sent.data) for sent in receiver.pictures].index(True, 1) == 7


async def test_an_estimate_of_somebody_who_has_left_changes_nothing(outlet: Outlet) -> None:
    stays = FakeReceiver()
    outlet.add("stays", stays)
    outlet.add("leaves", FakeReceiver())
    await show(outlet, 0)
    outlet.remove("leaves")
    outlet.estimate("leaves", 300_000, 100.0)
    outlet.estimate("stays", 2_000_000, 200.0)
    assert outlet._governor.bitrate == 2_000_000


async def test_flush_reaches_everybody(outlet: Outlet) -> None:
    watching = [FakeReceiver(), FakeReceiver()]
    for name, receiver in enumerate(watching):
        outlet.add(str(name), receiver)
    outlet.flush()
    assert [receiver.flushes for receiver in watching] == [1, 1]


async def test_after_a_flush_no_tail_of_older_sound_follows(outlet: Outlet) -> None:
    await outlet.encode_sound(voice(0.04))
    outlet.flush()
    quiet = await outlet.encode_sound(np.zeros(FRAME, np.float32))
    assert np.abs(opus_sound(quiet)).max() < 1e-3
