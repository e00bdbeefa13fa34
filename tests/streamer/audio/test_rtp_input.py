"""The microphone as an audio input: voiced or not, muted, interrupted, and what its report says."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.audio.input import PulledAudio
from streamer.audio.rtp_input import LONGEST_HOLD, PAUSE_MS, RtpInput
from streamer.config import AudioConfig
from tests.sounds import level_db, opus_packets, silence, voice

FRAME = 1920
LONGEST_HOLD_FRAMES = LONGEST_HOLD // FRAME


def microphone() -> RtpInput:
    return RtpInput(AudioConfig())


class Speaker:
    """Feeds a microphone two packets a frame, in time."""

    def __init__(self, heard_by: RtpInput) -> None:
        self.microphone = heard_by
        self.timestamp = 12_345

    def say(self, sound: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> list[PulledAudio]:
        packets, heard = opus_packets(sound), []
        for index, packet in enumerate(packets):
            self.microphone.packet(self.timestamp, packet, now=0.0)
            self.timestamp += 960
            if index % 2:
                heard.append(self.microphone.pull(FRAME, now=0.0))
        return heard


def audible(heard: list[PulledAudio]) -> list[bool]:
    return [level_db(one.samples) > -60 for one in heard]


def test_a_pull_is_whole_at_48_khz_and_belongs_to_no_turn() -> None:
    one = Speaker(microphone()).say(voice(0.4))[-1]
    assert one.samples.shape == (FRAME,)
    assert one.voiced
    assert one.concealed == 0
    assert one.turn is None


def test_speech_is_voiced_and_silence_is_not() -> None:
    speaker = Speaker(microphone())
    assert speaker.say(voice(1.0))[-1].voiced
    assert speaker.microphone.report(0.0).voiced
    assert not speaker.say(silence(1.0))[-1].voiced
    assert not speaker.microphone.report(0.0).voiced


def test_mute_silences_at_once() -> None:
    speaker = Speaker(microphone())
    speaker.say(voice(0.4))
    speaker.microphone.mute(True)
    one = speaker.say(voice(0.04))[0]
    assert not one.samples.any()
    assert not one.voiced
    report = speaker.microphone.report(0.0)
    assert (report.muted, report.voiced) == (True, False)


def test_unmuted_it_is_heard_again_without_delay() -> None:
    speaker = Speaker(microphone())
    speaker.microphone.mute(True)
    speaker.say(voice(1.0))
    speaker.microphone.mute(False)
    assert audible(speaker.say(voice(0.2))) == [True] * 5
    assert speaker.microphone.buffer.depth_ms <= 20


def test_interruption_ignores_the_rest_of_the_sentence() -> None:
    speaker = Speaker(microphone())
    speaker.say(voice(0.4))
    speaker.microphone.interrupt()
    assert not any(audible(speaker.say(voice(1.0))))
    speaker.say(silence(PAUSE_MS / 1000 + 0.4))
    assert any(audible(speaker.say(voice(0.2))))


def test_interruption_in_silence_does_not_swallow_the_next_word() -> None:
    speaker = Speaker(microphone())
    speaker.say(silence(1.0))
    speaker.microphone.interrupt()
    assert any(audible(speaker.say(voice(0.2))))


def test_interruption_ends_for_a_microphone_that_is_never_quiet() -> None:
    speaker = Speaker(microphone())
    speaker.say(voice(0.4))
    speaker.microphone.interrupt()
    heard = audible(speaker.say(voice(0.04 * (LONGEST_HOLD_FRAMES + 5))))
    assert not any(heard[: LONGEST_HOLD_FRAMES - 1])
    assert all(heard[LONGEST_HOLD_FRAMES:])


def test_missing_sound_is_counted_while_somebody_sends_and_not_after() -> None:
    speaker = Speaker(microphone())
    speaker.say(voice(0.4))
    for _ in range(100):
        speaker.microphone.pull(FRAME, now=0.0)
    assert 0.4 <= speaker.microphone.report(0.0).concealed_s <= 0.6


def test_before_the_first_packet_nothing_is_counted() -> None:
    mic = microphone()
    for _ in range(10):
        assert not mic.pull(FRAME, now=0.0).samples.any()
    report = mic.report(5.0)
    assert (report.concealed_s, report.idle_s) == (0, float("inf"))


def test_the_age_of_the_newest_packet() -> None:
    mic = microphone()
    mic.packet(0, opus_packets(voice(0.02))[0], now=7.0)
    assert mic.report(7.5).idle_s == 0.5
    assert mic.packets == 1


@pytest.mark.parametrize("stall_s", [0.1, 0.3, 1.0])
def test_a_voice_that_was_held_up_is_in_time_again_within_five_seconds(stall_s: float) -> None:
    mic, packets = microphone(), opus_packets(voice(10.0))
    held = range(100, 100 + round(stall_s / 0.02))
    for index in range(0, len(packets), 2):
        arriving = [place for place in (index, index + 1) if place not in held]
        if index == held.stop + held.stop % 2:
            arriving = [*held, *arriving]
        for place in arriving:
            mic.packet(960 * place, packets[place], now=0.0)
        mic.pull(FRAME, now=0.0)
        if index == held.stop + 250:
            assert mic.report(0.0).buffered_s <= 0.020
