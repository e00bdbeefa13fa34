"""Sound files for the tests, in whatever kind is asked for, and what comes back out of a video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from tests.sounds import RATE, Samples

Pictures = NDArray[np.uint8]


def write(path: Path, samples: Samples, rate: int = RATE, codec: str = "pcm_s16le") -> Path:
    """(n,) or (n, channels) float32 as a sound file; the container follows from the name."""
    columns = samples if samples.ndim == 2 else samples[:, None]
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[columns.shape[1]]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, AudioStream)
        interleaved = np.ascontiguousarray(columns, np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def click(seconds: float, at: float, rate: int = RATE) -> Samples:
    """Silence with 20 ms of a 1 kHz tone in it."""
    samples = np.zeros(round(seconds * rate), np.float32)
    first, length = round(at * rate), round(0.02 * rate)
    samples[first : first + length] = 0.8 * np.cos(2 * np.pi * 1000 * np.arange(length) / rate)
    return samples


def onset(samples: Samples, rate: int = RATE) -> float:
    """When the sound begins, in seconds."""
    return int(np.argmax(np.abs(samples.reshape(len(samples), -1)[:, 0]) > 0.2)) / rate


def pictures_of(path: Path) -> Pictures:
    """(frames, height, width, 3) RGB; each shown when its number says."""
    with av.open(str(path)) as container:
        rate = container.streams.video[0].average_rate
        assert rate is not None
        frames = list(container.decode(video=0))
    assert [frame.time for frame in frames] == [index / float(rate) for index in range(len(frames))]
    return np.stack([frame.to_ndarray(format="rgb24") for frame in frames])


def sound_of(path: Path) -> Samples:
    """(n, channels) at the file's own rate; heard from 0 s on."""
    with av.open(str(path)) as container:
        channels = container.streams.audio[0].codec_context.layout.nb_channels
        frames = list(container.decode(audio=0))
    assert frames[0].time == 0
    parts: list[NDArray[Any]] = [frame.to_ndarray() for frame in frames]
    whole = np.concatenate(parts, axis=1)
    return np.asarray(whole.T if len(whole) == channels else whole.reshape(-1, channels), np.float32)
