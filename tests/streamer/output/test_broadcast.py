"""The broadcast: one encoding per codec, however many watch; who comes later begins with a key frame."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from engines.api import Frame
from engines.api import Picture as Image
from lipcast.testing import FakeClock, FakeExecutor, settle
from streamer.config import AudioConfig, VideoConfig
from streamer.output.broadcast import Broadcast, Encoders
from streamer.output.key_frames import NEWCOMER_PAUSE, RECEIVER_PAUSE, REQUEST_PAUSE
from streamer.output.receiver import Bandwidth
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


async def test_newcomers_close_together_begin_with_the_same_key_frame(broadcast: Broadcast) -> None:
    """Or who joins and leaves without end would blur the picture of all."""
    first = FakeReceiver()
    broadcast.add("first", first)
    late = [FakeReceiver() for _ in range(3)]
    for index in range(NEWCOMER_PAUSE + 2):
        await show(broadcast, index)
        if index < len(late):
            broadcast.add(f"late {index}", late[index])
    keys = [index for index, sent in enumerate(first.pictures) if is_vp8_key_frame(sent.data)]
    assert keys == [0, NEWCOMER_PAUSE]
    assert all(receiver.pictures[0] == first.pictures[NEWCOMER_PAUSE] for receiver in late)


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
    for index in range(2, NEWCOMER_PAUSE + 1):
        await show(broadcast, index, due=clock.now())
    assert [sent.pts for sent in late.pictures] == [NEWCOMER_PAUSE * 3600]
    assert is_vp8_key_frame(late.pictures[0].data)


async def keys(
    broadcast: Broadcast, receiver: FakeReceiver, count: int, asked: Callable[[int], list[str]]
) -> list[int]:
    """Which of `count` frames are key frames. asked: who asks for one before each frame."""
    for index in range(count):
        for name in asked(index):
            broadcast.want_key_frame(name)
        await show(broadcast, index)
    return [index for index, sent in enumerate(receiver.pictures) if is_vp8_key_frame(sent.data)]


async def test_a_receiver_that_asks_without_end_is_answered_seldom(broadcast: Broadcast) -> None:
    receiver = FakeReceiver()
    broadcast.add("only", receiver)
    found = await keys(broadcast, receiver, 2 * RECEIVER_PAUSE, lambda _: ["only"])
    assert found == [0, RECEIVER_PAUSE]


async def test_requests_of_several_receivers_are_a_second_apart(broadcast: Broadcast) -> None:
    receiver = FakeReceiver()
    for name in "abcdef":
        broadcast.add(name, receiver if name == "a" else FakeReceiver())
    found = await keys(broadcast, receiver, 70, lambda index: ["abcdef"[index // 10]] if index < 60 else [])
    assert len(found) <= 1 + 70 // REQUEST_PAUSE
    assert min(np.diff(found)) >= REQUEST_PAUSE


async def test_a_request_is_answered_with_the_next_frame(broadcast: Broadcast) -> None:
    receiver = FakeReceiver()
    broadcast.add("only", receiver)
    found = await keys(broadcast, receiver, 90, lambda index: ["only"] if index == 80 else [])
    assert found == [0, 80]


async def test_one_hostile_receiver_does_not_blur_the_picture_of_all(clock: FakeClock) -> None:
    """Frames that move, at a bit rate that is little for them, with a request before each and with none."""

    async def quality(hostile: bool) -> float:
        encoders = Encoders(FakeExecutor(clock), FakeExecutor(clock))
        size = (128, 128)
        broadcast = Broadcast(size, 25, VideoConfig(start_bitrate=250_000), AudioConfig(), encoders, clock)
        receiver, frames = FakeReceiver(), [moving(index, size) for index in range(100)]
        broadcast.add("good", receiver)
        broadcast.add("hostile", FakeReceiver())
        for index, image in enumerate(frames):
            if hostile:
                broadcast.want_key_frame("hostile")
            await broadcast.picture(unit(index, due=clock.now()), Frame(index, Image(image)))
        shown = decoded([sent.data for sent in receiver.pictures])
        return float(np.mean([psnr(one, other) for one, other in zip(frames, shown, strict=True)]))

    assert await quality(hostile=True) >= await quality(hostile=False) - 0.5


def moving(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A texture that sways."""
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    wave = 128 + 90 * np.sin(columns / 5 + 3 * np.sin(index / 9)) * np.cos(rows / 7)
    return np.stack([wave, wave[::-1], wave[:, ::-1]], axis=2).astype(np.uint8)


def decoded(packets: list[bytes]) -> list[NDArray[np.uint8]]:
    codec = av.CodecContext.create("vp8", "r")
    assert isinstance(codec, VideoCodecContext)
    frames = [frame for packet in packets for frame in codec.decode(av.Packet(packet))]
    return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames]


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


async def test_a_weak_receiver_has_an_encoding_of_its_own_and_the_others_keep_theirs(
    broadcast: Broadcast, executor: FakeExecutor
) -> None:
    strong, weak = FakeReceiver(), FakeReceiver()
    broadcast.add("strong", strong)
    broadcast.add("weak", weak)
    broadcast.estimate("strong", 2_000_000, 0.0)
    await show(broadcast, 0)
    assert executor.calls == 1
    broadcast.estimate("weak", 300_000, 1.0)
    for index in range(1, 8):
        await show(broadcast, index)
    assert executor.calls == 1 + 2 * 7
    assert is_vp8_key_frame(weak.pictures[1].data)
    assert not any(is_vp8_key_frame(sent.data) for sent in strong.pictures[1:])
    assert broadcast._bandwidths.bitrate(Bandwidth.HIGH) == 2_000_000
    broadcast.remove("weak")
    await show(broadcast, 8)
    assert executor.calls == 1 + 2 * 7 + 1


async def test_receivers_are_told_of_the_end_even_if_one_of_them_fails(
    broadcast: Broadcast, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(FakeReceiver):
        async def close(self) -> None:
            raise OSError("disk full")

    whole = FakeReceiver()
    broadcast.add("broken", Broken())
    broadcast.add("whole", whole)
    await broadcast.close()
    assert whole.closed
    assert "disk full" in caplog.text


async def test_a_picture_whose_turn_comes_too_late_is_dropped_and_a_key_frame_asked_for_is_not(
    broadcast: Broadcast, executor: FakeExecutor, clock: FakeClock
) -> None:
    receiver = FakeReceiver()
    broadcast.add("only", receiver)
    for index in range(80):
        await show(broadcast, index)
    broadcast.want_key_frame("only")
    await clock.advance(1.0)
    assert not await show(broadcast, 80, due=1.0 - GRACE_S - 0.001)
    assert executor.calls == 80
    await show(broadcast, 81, due=1.0)
    found = [sent.pts // 3600 for sent in receiver.pictures if is_vp8_key_frame(sent.data)]
    assert found == [0, 81]


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
    assert broadcast._bandwidths.bitrate(Bandwidth.HIGH) == 2_000_000


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


async def test_audio_that_waits_for_the_encoder_at_a_flush_leaves_no_tail_in_what_follows(
    broadcast: Broadcast, sound_executor: FakeExecutor, clock: FakeClock
) -> None:
    receiver = FakeReceiver()
    broadcast.add("only", receiver)
    sound_executor.cost = 0.01
    loud = [asyncio.create_task(broadcast.sound(unit(index, voice(0.04), due=0.05 + 0.04 * index))) for index in (0, 1)]
    await settle()  # the first is being encoded, the second waits
    broadcast.flush()
    quiet = asyncio.create_task(broadcast.sound(unit(2, due=0.13)))
    await clock.advance(0.3)
    assert all(task.done() for task in (*loud, quiet))
    assert [sent.pts // FRAME for sent in receiver.sounds] == [0, 0, 1, 1, 2, 2]
    assert np.abs(opus_sound([sent.data for sent in receiver.sounds])).max() < 1e-3


async def test_audio_that_is_dropped_is_told_to_the_session(
    broadcast: Broadcast, sound_executor: FakeExecutor, clock: FakeClock
) -> None:
    broadcast.add("only", FakeReceiver())
    sound_executor.cost = 0.5
    both = [asyncio.create_task(broadcast.sound(unit(index, due=0.04 * index))) for index in (0, 1)]
    await clock.advance(1.1)
    assert [task.result() for task in both] == [True, False]
