"""Audio files of any kind → 48 kHz samples, and 16 kHz chunks as an engine takes them. Knows no engine and no video.

A file is decoded twice, first to check it and to know its length, then piece by piece: an hour of audio needs no more
memory than a second.

Files in the wild are joined from parts, cut in the middle or damaged. What cannot be decoded is skipped and counted.
A change of sample rate or channels inside the file is resampled like the beginning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container.input import InputContainer
from av.packet import Packet
from numpy.typing import NDArray

from engines.api import Chunk, Timing
from lipcast.commands.errors import CommandError
from streamer.audio.opus import SAMPLE_RATE
from streamer.audio.resample import Resampler
from streamer.audio.vad import VoiceActivity

KINDS = "an audio file such as WAV, MP3, M4A, FLAC or Ogg"
MOST_STUMBLES = 100  # of the demuxer: a file that is worse is taken to end there
TAGS = (b"ID3", b"TAG", b"APETAGEX")  # titles that a joined MP3 file has in its middle: no audio is lost with them

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class AudioFile:
    """An audio file that has been decoded to its end once.

    channels: 1 or 2; more are mixed to 2. length: samples per channel at 48 kHz, more than 0.
    clipped: samples of all channels beyond full scale, which `pieces` limits to [-1, 1].
    packets, skipped: of the file, and those of them that could not be decoded.
    rates: the file's sample rates in Hz in the order of their appearance, more than one where parts were joined.
    """

    path: Path
    channels: int
    length: int
    clipped: int
    packets: int = 0
    skipped: int = 0
    rates: tuple[int, ...] = ()

    @property
    def seconds(self) -> float:
        return self.length / SAMPLE_RATE

    def warnings(self) -> Iterator[str]:
        """A line for each thing that the user should know: the file, what was found, the fix."""
        if self.skipped:
            yield (
                f"{self.path}: skipped {self.skipped} of {self.packets} packets that cannot be decoded (damage, or"
                " a tag between joined parts); listen to the result, and export the recording as WAV if it has holes"
            )
        if len(self.rates) > 1:
            found = ", then ".join(f"{rate} Hz" for rate in self.rates)
            yield (
                f"{self.path}: the sample rate changes inside the file ({found}); all of it is resampled to"
                f" {SAMPLE_RATE} Hz. Join the parts with a program that resamples, such as ffmpeg, to be sure of them"
            )
        if self.clipped:
            yield f"{self.path}: {self.clipped} samples beyond full scale are clipped; record at a lower level"

    def pieces(self, size: int) -> Iterator[Samples]:
        """(size, channels) float32 in [-1, 1] at 48 kHz, again and again; the last may be shorter."""
        waiting = np.zeros((0, self.channels), np.float32)
        for block in _blocks(self.path, _Tally()):
            waiting = np.concatenate([waiting, np.clip(block, -1, 1)])
            whole = len(waiting) - len(waiting) % size
            yield from (waiting[start : start + size] for start in range(0, whole, size))
            waiting = waiting[whole:]
        if len(waiting):
            yield waiting


@dataclass(slots=True)
class _Tally:
    """What was met on the way through a file. failure: the decoder's last message."""

    packets: int = 0
    skipped: int = 0
    failure: str = ""
    rates: list[int] = field(default_factory=list)

    def note(self, error: av.FFmpegError) -> None:
        self.skipped += 1
        self.failure = error.strerror or type(error).__name__


def open_audio(path: Path) -> AudioFile:
    """Check the whole file.

    Raises:
        CommandError: the file is missing, is not audio, holds nothing that can be decoded, or holds NaN.
    """
    channels, length, clipped, tally = 0, 0, 0, _Tally()
    for block in _blocks(path, tally):
        channels = block.shape[1]
        length += len(block)
        clipped += int((np.abs(block) > 1).sum())
    if not length and tally.skipped:
        raise CommandError(
            f"{path}: cannot be read as audio (none of its {tally.packets} packets can be decoded: {tally.failure});"
            f" give {KINDS}"
        )
    if not length:
        raise CommandError(f"{path}: the file holds no audio at all, 0 samples; record it again")
    return AudioFile(path, channels, length, clipped, tally.packets, tally.skipped, tuple(tally.rates))


def piece_size(frame_rate: int) -> int:
    """Samples at 48 kHz of one video frame."""
    return SAMPLE_RATE // frame_rate


def chunks_of(pieces: Iterable[Samples], size: int, vad_aggressiveness: int) -> Iterator[Chunk]:
    """One chunk for each piece, (≤ size, channels) at 48 kHz, made by the live loop's own resampler and voice activity.

    Channels are averaged; a short piece ends in silence.
    """
    resampler, voice = Resampler(), VoiceActivity(vad_aggressiveness)
    for piece in pieces:
        mono = np.zeros(size, np.float32)
        piece.mean(axis=1, out=mono[: len(piece)])
        chunk = resampler.chunk(mono, voiced=False)
        yield Chunk(chunk.samples, chunk.index, voice.hear(mono))


def until_drawn(chunks: Iterable[Chunk], timing: Timing) -> Iterator[Chunk]:
    """The chunks, then the silence that an engine needs before it has drawn the last of their frames."""
    following = 0
    for chunk in chunks:
        yield chunk
        following = chunk.index + 1
    for index in range(following, following + timing.lookahead_frames):
        yield Chunk(np.zeros(timing.samples_per_frame, np.float32), index, voiced=False)


def _blocks(path: Path, tally: _Tally) -> Iterator[Samples]:
    """(n, channels) float32 at 48 kHz, one for each stretch that the file's codec keeps together.

    Raises:
        CommandError: see open_audio.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise CommandError(f"{path}: {found}; give {KINDS}")
    try:
        with av.open(str(path), metadata_errors="ignore") as container:  # titles in old encodings do no harm
            yield from _resampled(path, container, tally)
    except av.FFmpegError as error:
        raise CommandError(f"{path}: cannot be read as audio ({error.strerror}); give {KINDS}") from error


def _resampled(path: Path, container: InputContainer, tally: _Tally) -> Iterator[Samples]:
    """The first stream's audio at 48 kHz: round(n · 48000 / rate) samples for n samples of each rate."""
    if not container.streams.audio:
        raise CommandError(f"{path}: the file has no audio track; give {KINDS}")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise CommandError(f"{path}: cannot be read as audio (of a codec that is not known); give {KINDS}")
    layout = "mono" if stream.codec_context.layout.nb_channels == 1 else "stereo"
    to_48_khz: _To48kHz | None = None
    heard = 0.0
    for frame in _frames(container, stream, tally):
        _check_finite(path, frame, heard)
        heard += frame.samples / frame.sample_rate
        if to_48_khz is None or not to_48_khz.takes(frame):
            if to_48_khz is not None:
                yield to_48_khz.rest()
            to_48_khz = _To48kHz(frame, layout)
        if tally.rates[-1:] != [frame.sample_rate]:
            tally.rates.append(frame.sample_rate)
        yield from to_48_khz.resample(frame)
    if to_48_khz is not None:
        yield to_48_khz.rest()


def _frames(container: InputContainer, stream: AudioStream, tally: _Tally) -> Iterator[AudioFrame]:
    """All that can be decoded. A damaged packet is counted, and is silent for as long as the frame before it.

    Raises:
        av.FFmpegError: the container cannot be read.
    """
    last: AudioFrame | None = None
    for packet in _packets(container, stream, tally):
        tally.packets += packet.size > 0  # the last one is empty: it has the decoder give what it still holds
        try:
            frames = stream.decode(packet)
        except av.FFmpegError as error:
            tally.note(error)
            if last is not None and packet.size and not bytes(packet).startswith(TAGS):
                yield _silent(last)
            continue
        for frame in frames:
            last = frame
            yield frame


def _packets(container: InputContainer, stream: AudioStream, tally: _Tally) -> Iterator[Packet[AudioStream]]:
    """All packets; a demuxer that stumbles is asked again, from where it stands."""
    for _ in range(MOST_STUMBLES):
        try:
            yield from container.demux(stream)
        except av.InvalidDataError as error:
            tally.note(error)
        else:
            return


def _silent(like: AudioFrame) -> AudioFrame:
    samples = like.to_ndarray()
    middle = 128 if like.format.name.startswith("u8") else 0
    frame = AudioFrame.from_ndarray(np.full_like(samples, middle), format=like.format.name, layout=like.layout.name)
    frame.sample_rate = like.sample_rate
    return frame


class _To48kHz:
    """Resamples frames of one rate, format and layout; `rest` makes the length exact."""

    __slots__ = ("_channels", "_given", "_heard", "_kind", "_resampler")

    def __init__(self, first: AudioFrame, layout: str) -> None:
        self._resampler = av.AudioResampler(format="flt", layout=layout, rate=SAMPLE_RATE)
        self._kind = _kind(first)
        self._channels = 1 if layout == "mono" else 2
        self._heard, self._given = 0.0, 0

    def takes(self, frame: AudioFrame) -> bool:
        return _kind(frame) == self._kind

    def resample(self, frame: AudioFrame) -> Iterator[Samples]:
        self._heard += frame.samples / frame.sample_rate
        frame.pts = None  # audio follows audio without a gap, whatever the file's own clock says
        for part in self._resampler.resample(frame):
            self._given += part.samples
            yield _rows(part)

    def rest(self) -> Samples:
        """The end, which the resampler gives a sample early or late when the rates have no whole ratio."""
        rest = [_rows(part) for part in self._resampler.resample(None)]
        missing = max(round(self._heard * SAMPLE_RATE) - self._given, 0)
        return np.concatenate([*rest, np.zeros((missing, self._channels), np.float32)])[:missing]


def _kind(frame: AudioFrame) -> tuple[int, str, str]:
    return frame.sample_rate, frame.format.name, frame.layout.name


def _rows(frame: AudioFrame) -> Samples:
    """(n, channels) of a frame in the format that the resampler was asked for."""
    return np.asarray(frame.to_ndarray(), np.float32).reshape(-1, frame.layout.nb_channels)


def _check_finite(path: Path, frame: AudioFrame, at_seconds: float) -> None:
    """A single NaN would spread through every filter after it.

    Raises:
        CommandError: naming the first one's time.
    """
    if frame.format.name.startswith(("flt", "dbl")):
        samples = frame.to_ndarray()
        if not np.isfinite(samples).all():
            column = int(np.argmin(np.isfinite(samples).all(axis=0)))
            if frame.format.is_packed:
                column //= frame.layout.nb_channels
            raise CommandError(
                f"{path}: the sample at {at_seconds + column / frame.sample_rate:.3f} s is NaN or infinite;"
                " export the recording again as 16-bit WAV"
            )
