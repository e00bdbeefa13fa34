"""Sound files of any kind → 48 kHz samples, as exactly as a file allows. Knows no engine and no pictures.

A file is read twice, first to check it and to know its length, then piece by piece: an hour of sound needs no more
memory than a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container.input import InputContainer
from numpy.typing import NDArray

from lipcast.commands.errors import OfflineError

SAMPLE_RATE = 48_000  # Hz, of the video file's sound and of the live loop's
KINDS = "a sound file such as WAV, MP3, M4A, FLAC or Ogg"

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound file that has been heard to its end once.

    channels: 1 or 2; more are mixed to 2. length: samples per channel at 48 kHz, more than 0.
    clipped: samples of all channels beyond full scale, which `pieces` limits to [-1, 1].
    """

    path: Path
    channels: int
    length: int
    clipped: int

    @property
    def seconds(self) -> float:
        return self.length / SAMPLE_RATE

    def pieces(self, size: int) -> Iterator[Samples]:
        """(size, channels) float32 in [-1, 1] at 48 kHz, again and again; the last may be shorter."""
        waiting = np.zeros((0, self.channels), np.float32)
        for block in blocks(self.path):
            waiting = np.concatenate([waiting, np.clip(block, -1, 1)])
            whole = len(waiting) - len(waiting) % size
            yield from (waiting[start : start + size] for start in range(0, whole, size))
            waiting = waiting[whole:]
        if len(waiting):
            yield waiting


def open_sound(path: Path) -> Sound:
    """Check the whole file.

    Raises:
        OfflineError: the file is missing, is not sound, is damaged, empty, or holds NaN.
    """
    channels, length, clipped = 0, 0, 0
    for block in blocks(path):
        channels = block.shape[1]
        length += len(block)
        clipped += int((np.abs(block) > 1).sum())
    if not length:
        raise OfflineError(f"{path}: the file holds no sound at all, 0 samples; record it again")
    return Sound(path, channels, length, clipped)


def blocks(path: Path) -> Iterator[Samples]:
    """(n, channels) float32 at 48 kHz, one for each stretch that the file's codec keeps together.

    Raises:
        OfflineError: see open_sound.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise OfflineError(f"{path}: {found}; give {KINDS}")
    try:
        with av.open(str(path), metadata_errors="ignore") as container:  # titles in old encodings do no harm
            yield from resampled(path, container)
    except av.FFmpegError as error:
        raise OfflineError(f"{path}: cannot be read as sound ({error.strerror}); give {KINDS}") from error


def resampled(path: Path, container: InputContainer) -> Iterator[Samples]:
    """All sound of the first stream at 48 kHz: round(n · 48000 / rate) samples for n samples of the file."""
    if not container.streams.audio:
        raise OfflineError(f"{path}: the file has no sound track; give {KINDS}")
    stream = container.streams.audio[0]
    layout = "mono" if stream.codec_context.layout.nb_channels == 1 else "stereo"
    resampler = av.AudioResampler(format="flt", layout=layout, rate=SAMPLE_RATE)
    channels, heard, given = 1 if layout == "mono" else 2, 0.0, 0
    for frame in container.decode(stream):
        check_finite(path, frame, heard)
        heard += frame.samples / frame.sample_rate
        frame.pts = None  # sound follows sound without a gap, whatever the file's own clock says
        for part in resampler.resample(frame):
            given += part.samples
            yield rows(part)
    rest = [rows(part) for part in resampler.resample(None)]
    # The resampler ends a sample early or late when the rates have no whole ratio.
    missing = round(heard * SAMPLE_RATE) - given
    tail = np.concatenate([*rest, np.zeros((max(missing, 0), channels), np.float32)])[: max(missing, 0)]
    if len(tail):
        yield tail


def rows(frame: AudioFrame) -> Samples:
    """(n, channels) of a frame in the format that the resampler was asked for."""
    return np.asarray(frame.to_ndarray(), np.float32).reshape(-1, frame.layout.nb_channels)


def check_finite(path: Path, frame: AudioFrame, at_seconds: float) -> None:
    """A single NaN would spread through every filter after it.

    Raises:
        OfflineError: naming the first one's time.
    """
    if frame.format.name.startswith(("flt", "dbl")):
        samples = frame.to_ndarray()
        if not np.isfinite(samples).all():
            column = int(np.argmin(np.isfinite(samples).all(axis=0)))
            if frame.format.is_packed:
                column //= frame.layout.nb_channels
            raise OfflineError(
                f"{path}: the sample at {at_seconds + column / frame.sample_rate:.3f} s is NaN or infinite;"
                " export the recording again as 16-bit WAV"
            )
