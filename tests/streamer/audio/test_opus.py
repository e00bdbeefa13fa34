"""Opus: a voice goes through it, and what is no Opus packet is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.audio.opus import SAMPLES_PER_PACKET, OpusDecoder, OpusEncoder
from streamer.output.broadcast import SILENT_PACKET
from tests.sounds import level_db, opus_packets, opus_sound, silence, tone, voice


def test_a_voice_goes_through() -> None:
    sound = voice(1.0)
    heard = opus_sound(opus_packets(sound))
    assert heard.shape == sound.shape
    assert level_db(heard[4800:]) == pytest.approx(level_db(sound[4800:]), abs=1)
    assert np.abs(heard).max() <= 1


def test_the_codec_delays_by_its_lookahead_and_no_more() -> None:
    click = silence(0.2)
    click[4800:4830] = 0.8
    heard = opus_sound(opus_packets(click))
    assert 0 <= int(np.argmax(np.abs(heard))) - 4800 <= 400


def test_every_piece_gives_one_packet_at_once() -> None:
    encoder = OpusEncoder(48_000)
    packets = [encoder.encode(tone(0.02)) for _ in range(5)]
    assert all(packets)
    assert all(len(OpusDecoder()(packet)) == SAMPLES_PER_PACKET for packet in packets)


def test_the_bit_rate_is_kept() -> None:
    bits = {rate: 8 * sum(len(p) for p in encoded(rate, voice(2.0))) / 2 for rate in (16_000, 48_000)}
    assert bits[16_000] < 1.4 * 16_000
    assert 1.3 * bits[16_000] < bits[48_000] < 1.4 * 48_000


def encoded(bitrate: int, sound: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> list[bytes]:
    encoder = OpusEncoder(bitrate)
    return [encoder.encode(piece) for piece in np.split(sound, len(sound) // SAMPLES_PER_PACKET)]


def test_the_silent_packet_is_20_ms_of_silence() -> None:
    heard = OpusDecoder()(SILENT_PACKET)
    assert len(heard) == SAMPLES_PER_PACKET
    assert np.abs(heard).max() < 1e-4


def test_overdriven_sound_is_clipped() -> None:
    loud = opus_sound([OpusEncoder(48_000).encode(3 * tone(0.02))])
    assert np.isfinite(loud).all()


@pytest.mark.parametrize("payload", [b"", b"\xff", b"\x03\xff"])
def test_what_is_no_packet_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="Opus packet"):
        OpusDecoder()(payload)


@given(st.lists(st.binary(max_size=80), max_size=5))
def test_garbage_is_sound_or_refused_and_harms_nothing(payloads: list[bytes]) -> None:
    decoder = OpusDecoder()
    for payload in payloads:
        try:
            sound = decoder(payload)
        except ValueError:
            continue
        assert np.isfinite(sound).all()
        assert 0 < len(sound) <= 48_000
    assert len(decoder(SILENT_PACKET)) == SAMPLES_PER_PACKET
