"""A session on a fake clock: sound and picture leave together and on time, whatever the engine does."""

from __future__ import annotations

import dataclasses

import pytest

from lipcast.testing import FakeEngine
from streamer.config import Config, EngineConfig, WebRtcConfig
from streamer.session.session import MAX_DRAWING
from streamer.session.sink import GRACE_S
from tests.sounds import silence, tone, voice
from tests.streamer.session_harness import AUDIO_RATE, FRAME_S, QUICK, VIDEO_RATE, SessionHarness, frame_of

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

MARGIN_S = QUICK.engine.margin_s(FakeEngine().output.usual_cost_ms)
EXACT = 1e-6  # seconds: the same moment


def offsets(harness: SessionHarness) -> tuple[list[float], list[float]]:
    """When sounds and pictures left, less when they were to: the same number for all of them if all is well."""
    epoch = harness.session.media.epoch
    sounds = [sent.at - epoch - sent.pts / AUDIO_RATE for sent in harness.receiver.sounds]
    pictures = [sent.at - epoch - sent.pts / VIDEO_RATE for sent in harness.receiver.pictures]
    return sounds, pictures


async def test_every_unit_leaves_on_its_tick() -> None:
    async with SessionHarness() as harness:
        await harness.speak(voice(2.0))
        sounds, pictures = offsets(harness)
        assert max(map(abs, sounds)) < EXACT
        assert max(map(abs, pictures)) < EXACT
        assert [frame_of(sent) for sent in harness.receiver.pictures] == list(range(len(pictures)))
        assert len(pictures) == 51
        assert abs(len(sounds) - 2 * len(pictures)) <= 1
        assert harness.session.counters.late == 0


@pytest.mark.parametrize("lookahead", [0, 1, 2, 4])
async def test_sound_and_picture_of_a_word_leave_together_lookahead_frames_after_it(lookahead: int) -> None:
    async with SessionHarness(lookahead=lookahead) as harness:
        await harness.speak(silence(10 * FRAME_S))
        spoken = harness.session.counters.frames  # the next frame to be taken from the microphone
        await harness.speak(tone(3.5 * FRAME_S, 440, 0.8))  # coding twice delays it by 13 ms: within its frames
        await harness.speak(silence(10.5 * FRAME_S))
        word = [spoken + lookahead + place for place in range(4)]
        seen, heard = harness.seen(), harness.heard()
        assert [number for number, grey in seen.items() if grey > 100] == word
        assert [place for place, peak in enumerate(heard) if peak > 0.4] == [
            2 * number + part for number in word for part in (0, 1)
        ]


async def test_speech_is_heard_as_it_was_said() -> None:
    async with SessionHarness() as harness:
        await harness.speak(voice(1.0, level=0.6))
        assert max(harness.heard()) == pytest.approx(0.6, abs=0.1)


async def test_a_picture_a_little_late_is_still_shown_and_the_sound_does_not_wait() -> None:
    late_s = GRACE_S / 2
    async with SessionHarness(engine_s=MARGIN_S + late_s) as harness:
        await harness.speak(voice(1.0))
        sounds, pictures = offsets(harness)
        assert max(map(abs, sounds)) < EXACT
        assert pictures == pytest.approx([late_s] * len(pictures), abs=EXACT)
        assert harness.session.counters.late == 0


@pytest.mark.parametrize("margin_ms", [1.0, 20.0, 39.0])
async def test_the_engine_has_all_of_the_margin(margin_ms: float) -> None:
    config = Config(engine=EngineConfig(margin_ms=margin_ms))
    async with SessionHarness(config, engine_s=margin_ms / 1000 - 0.001) as harness:
        await harness.speak(voice(1.0))
        sounds, pictures = offsets(harness)
        assert max(map(abs, sounds)) < EXACT
        assert max(map(abs, pictures)) < EXACT
        places = [sent.pts for sent in harness.receiver.sounds]
        assert places == sorted(places)


async def test_a_picture_too_late_is_held_back_and_counted_and_the_sound_goes_on() -> None:
    async with SessionHarness() as harness:
        await harness.speak(voice(0.4))
        shown = len(harness.receiver.pictures)
        harness.engine_thread.cost = MARGIN_S + GRACE_S + 0.001
        await harness.speak(voice(FRAME_S))
        harness.engine_thread.cost = 0.001
        await harness.speak(voice(0.4))
        sounds, _ = offsets(harness)
        numbers = [frame_of(sent) for sent in harness.receiver.pictures]
        assert max(map(abs, sounds)) < EXACT
        assert sorted(set(range(numbers[-1])) - set(numbers)) == [shown]
        assert harness.session.counters.late == 1
        assert harness.value("late_frames_total") == 1


async def test_a_picture_that_would_be_late_is_drawn_the_quick_way_and_counted() -> None:
    async with SessionHarness() as harness:
        await harness.speak(voice(0.4))
        assert (harness.session.counters.degraded, harness.session.counters.late) == (0, 0)
        harness.engine_thread.cost = MARGIN_S + GRACE_S + 0.005
        await harness.speak(voice(2.0))
        quick, late = harness.session.counters.degraded, harness.session.counters.late
        harness.engine_thread.cost = 0.005
        await harness.speak(voice(4.0))
        assert late >= 5  # this engine's degraded frame is no faster
        seen = harness.session.counters.degraded
        assert seen > quick
        await harness.speak(voice(1.0))
        assert harness.session.counters.degraded == seen
        assert harness.value("degraded_frames_total") == seen


@pytest.mark.parametrize(("encoding_s", "quick"), [(0.0, False), (0.010, True)])
async def test_a_full_picture_leaves_time_to_encode_it(encoding_s: float, quick: bool) -> None:
    async with SessionHarness(engine_s=MARGIN_S + GRACE_S - 0.005) as harness:
        harness.encoder_thread.cost = encoding_s
        await harness.speak(voice(0.4))
        assert (harness.session.counters.degraded > 0) == quick


async def test_an_engine_that_is_stuck_is_given_no_more_and_the_sound_goes_on() -> None:
    async with SessionHarness() as harness:
        await harness.speak(voice(0.4))
        harness.engine_thread.cost = float("inf")
        calls, shown = harness.engine_thread.calls, len(harness.receiver.pictures)
        await harness.speak(voice(1.0))
        sounds, _ = offsets(harness)
        assert harness.encoder_thread.calls <= calls + MAX_DRAWING
        heard = harness.engine.streams[0].heard
        assert heard == list(range(len(heard)))  # every chunk, in order
        assert len(harness.receiver.pictures) == shown
        assert max(map(abs, sounds)) < EXACT
        assert harness.session.counters.late >= 20


async def test_while_the_encoder_is_stuck_no_more_pictures_wait_for_it_and_the_sound_goes_on() -> None:
    async with SessionHarness() as harness:
        await harness.speak(voice(0.4))
        harness.encoder_thread.cost = float("inf")
        calls, late = harness.encoder_thread.calls, harness.session.counters.late
        await harness.speak(voice(1.0))
        sounds, _ = offsets(harness)
        assert harness.encoder_thread.calls <= calls + MAX_DRAWING
        heard = harness.engine.streams[0].heard
        assert heard == list(range(len(heard)))  # every chunk, in order
        assert max(map(abs, sounds)) < EXACT
        assert harness.session.counters.late >= late + 20


@pytest.mark.parametrize("encoding_s", [1.1 * FRAME_S, 2.5 * FRAME_S, 10 * FRAME_S])
async def test_where_the_encoder_is_too_slow_pictures_are_dropped_and_counted_and_do_not_fall_behind(
    encoding_s: float,
) -> None:
    async with SessionHarness() as harness:
        await harness.speak(voice(0.4))
        harness.encoder_thread.cost = encoding_s
        await harness.speak(voice(2.0))
        harness.broadcast.want_key_frame("presenter")
        await harness.speak(voice(1.0))
        sounds, pictures = offsets(harness)
        assert max(map(abs, sounds)) < EXACT
        assert max(pictures) <= GRACE_S + encoding_s + EXACT
        shown, late = harness.session.counters.frames, harness.session.counters.late
        assert shown >= 3.0 / encoding_s - 1
        assert shown + late == pytest.approx(85, abs=MAX_DRAWING)
        keys = [frame_of(sent) for sent in harness.receiver.pictures if sent.data[0] & 1 == 0]  # RFC 6386 section 9.1
        assert keys[0] == 0
        assert 60 <= keys[1] <= 60 + encoding_s / FRAME_S + 2


async def test_a_session_ends_also_when_its_engine_is_stuck() -> None:
    async with SessionHarness() as harness:
        harness.engine_thread.cost = float("inf")
        await harness.speak(voice(0.2))
        harness.session.end("left")
        await harness.clock.advance(FRAME_S)
        assert harness.playing.done()


async def test_after_a_stall_every_frame_is_of_its_own_audio() -> None:
    """Chunks for which there was no time are heard all the same: or lips would be of other audio from then on."""
    async with SessionHarness() as harness:
        await harness.speak(tone(0.4, 440, 0.2))
        harness.engine_thread.cost = 0.5
        await harness.speak(tone(FRAME_S, 440, 0.2))
        harness.engine_thread.cost = 0.005
        for level in (0.2, 0.9, 0.2, 0.9, 0.2, 0.9):
            await harness.speak(tone(8 * FRAME_S, 440, level))
        await harness.speak(silence(0.2))
        heard = harness.engine.streams[0].heard
        assert heard == list(range(len(heard)))
        peaks, seen = harness.heard(), harness.seen()
        loud = {number for number, grey in seen.items() if grey > 160}
        audible = {number for number in seen if max(peaks[2 * number : 2 * number + 2], default=0) > 0.63}
        assert len(loud) >= 20
        assert len(loud ^ audible) <= 6  # at the edges of the tones, which coding smears by 13 ms


async def test_an_engine_whose_frame_is_of_other_audio_ends_the_session() -> None:
    async with SessionHarness() as harness:
        await harness.speak(voice(0.2))
        harness.engine.streams[0].lookahead += 1
        await harness.speak(voice(0.2))
        assert "the audio of chunk" in repr(harness.playing.exception())


async def test_an_interruption_does_not_wait_for_an_engine_that_hangs() -> None:
    async with SessionHarness() as harness:
        await harness.speak(voice(0.4))
        harness.engine_thread.cost = float("inf")
        await harness.speak(voice(0.1))
        sent = len(harness.receiver.sounds)
        harness.session.interrupt()
        await harness.speak(voice(0.2))
        assert max(harness.heard(sent + 1)) < 0.01


async def test_an_audio_encoder_that_stands_still_holds_up_neither_frames_nor_ticks() -> None:
    async with SessionHarness() as harness:
        await harness.speak(voice(0.4))
        shown, harness.sound_thread.cost = len(harness.receiver.pictures), 2.0
        await harness.speak(voice(FRAME_S))
        harness.sound_thread.cost = 0.0
        await harness.speak(voice(2.0))
        assert len(harness.receiver.pictures) == pytest.approx(shown + 51, abs=1)
        assert harness.session.counters.late == 0
        sent = len(harness.receiver.sounds)
        await harness.speak(voice(0.4))
        assert len(harness.receiver.sounds) == pytest.approx(sent + 20, abs=2)
        assert max(map(abs, offsets(harness)[0][sent:])) < EXACT


@pytest.mark.parametrize("into_frame_s", [0.0, 0.01, 0.02, 0.03])
async def test_after_an_interruption_nothing_said_before_it_leaves(into_frame_s: float) -> None:
    async with SessionHarness() as harness:
        await harness.speak(voice(1.0))
        await harness.clock.advance(into_frame_s)
        shown, sent = len(harness.receiver.pictures), len(harness.receiver.sounds)
        harness.session.interrupt()
        await harness.speak(voice(0.4))
        after = [grey for number, grey in harness.seen().items()][shown:]
        assert after
        assert max(after) <= 2
        assert max(harness.heard(sent + 1)) < 0.01
        assert harness.receiver.flushes == 1


async def test_after_an_interruption_the_next_sentence_is_heard_and_seen() -> None:
    async with SessionHarness() as harness:
        await harness.speak(voice(0.4))
        harness.session.interrupt()
        await harness.speak(silence(0.4))
        sent = len(harness.receiver.sounds)
        await harness.speak(voice(0.4))
        assert max(harness.heard(sent)) > 0.3
        assert max(list(harness.seen().values())[-5:]) > 60


async def test_while_muted_sound_and_mouth_are_still_and_pictures_go_on() -> None:
    async with SessionHarness() as harness:
        await harness.speak(voice(0.4))
        harness.session.mute(True)
        shown, sent = len(harness.receiver.pictures), len(harness.receiver.sounds)
        await harness.speak(voice(0.4))
        seen = list(harness.seen().values())[shown:]
        assert len(seen) == 10
        assert max(seen) <= 2
        assert max(harness.heard(sent + 1)) < 0.01
        harness.session.mute(False)
        await harness.speak(voice(0.4))
        assert max(list(harness.seen().values())[-5:]) > 60


async def test_without_audio_frames_go_on_until_the_idle_timer() -> None:
    idle = dataclasses.replace(QUICK, webrtc=WebRtcConfig(idle_timeout_s=10.0))
    async with SessionHarness(idle) as harness:
        await harness.wait(9.5)
        assert harness.session.state == "live"
        assert len(harness.receiver.pictures) == pytest.approx(25 * 9.5, abs=2)
        await harness.wait(1.0)
        assert harness.session.state == "ended"
        assert harness.session.end_reason == "idle"


async def test_a_program_that_sends_nothing_between_its_sentences_is_not_hung_up_on() -> None:
    async with SessionHarness() as harness:
        for _ in range(2):
            await harness.speak(voice(0.2))
            await harness.wait(45.0)
        assert harness.session.state == "live"


async def test_a_microphone_that_goes_on_keeps_the_session() -> None:
    async with SessionHarness(dataclasses.replace(QUICK)) as harness:
        for _ in range(3):
            await harness.wait(5.0)
            await harness.speak(voice(0.1))
        assert harness.session.state == "live"


async def test_a_peer_that_never_connects_is_given_up() -> None:
    async with SessionHarness(connects=False) as harness:
        await harness.wait(Config().webrtc.connect_timeout_s - 1)
        assert harness.session.state == "connecting"
        await harness.wait(2)
        assert harness.session.end_reason == "connect-timeout"


async def test_the_first_reason_to_end_is_kept() -> None:
    async with SessionHarness() as harness:
        harness.session.end("first")
        harness.session.end("second")
        assert harness.session.end_reason == "first"


async def test_a_stream_that_its_engine_refuses_ends_the_session_with_the_error() -> None:
    async with SessionHarness() as harness:
        await harness.speak(voice(0.2))
        harness.engine.faulty = list(harness.engine.streams)
        await harness.speak(voice(0.2))
        error = harness.playing.exception()
        assert isinstance(error, ExceptionGroup)
        assert "a faulty stream" in repr(error)


async def test_who_joins_later_sees_the_same_pictures() -> None:
    async with SessionHarness() as harness:
        await harness.speak(voice(0.4))
        late = type(harness.receiver)(harness.clock.now)
        harness.broadcast.add("late", late)
        await harness.speak(voice(0.4))
        assert late.pictures == harness.receiver.pictures[-len(late.pictures) :]
        assert len(late.pictures) >= 9


async def test_what_is_measured_adds_up() -> None:
    async with SessionHarness(engine_s=0.005) as harness:
        await harness.speak(voice(2.0))
        stages = harness.session.stages
        assert stages.engine == pytest.approx(0.005, abs=EXACT)
        assert stages.release == pytest.approx(MARGIN_S, abs=EXACT)
        assert harness.session.server_s == pytest.approx(stages.buffer + 3 * FRAME_S + MARGIN_S, abs=EXACT)
        assert harness.value("frames_total") == len(harness.receiver.pictures)
        assert harness.value("join_seconds_count") == 1
        assert harness.value("av_offset_seconds_sum") == pytest.approx(0, abs=EXACT)


async def test_lost_sound_is_counted() -> None:
    async with SessionHarness() as harness:
        await harness.speak(voice(0.4))
        await harness.wait(0.2)
        await harness.speak(voice(0.4))
        assert harness.value("concealed_seconds_total") == pytest.approx(0.2, abs=0.1)


@pytest.mark.parametrize("said", [0.0, 0.4])
async def test_silence_that_nobody_lost_is_not_counted_as_concealed(said: float) -> None:
    """Neither the time before the first packet nor a pause of seconds: only what concealment bridged."""
    async with SessionHarness() as harness:
        if said:
            await harness.speak(voice(said))
        await harness.wait(5.0)
        counted = harness.value("concealed_seconds_total")
        assert counted == pytest.approx(harness.session.report().concealed_s)
        assert counted is not None
        assert counted <= (0.5 if said else 0.0)
