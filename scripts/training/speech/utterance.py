"""One utterance: audio, phone times and, where they were measured, lips. Knows no synthesiser."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.training.speech.lip_track import LipTrack

SAMPLE_RATE = 16_000  # Hz


PERSON = "person"  # the "synthesiser" of recordings


@dataclass(frozen=True, slots=True)
class Segment:
    """A phone of the phone set, in seconds. A stop's start is its closure's, its release the burst's."""

    start: float
    end: float
    phone: str
    release: float


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """samples: (n,) float32 mono 16 kHz; segments in order of time; voice: which talker, for splitting by it.

    lips: what the talker's lips did, where they were measured. Without segments the phones are not known.
    """

    samples: NDArray[np.float32]
    segments: tuple[Segment, ...]
    synthesiser: str
    voice: str
    lips: LipTrack | None = None


def fast_length(least: int) -> int:
    """The least length from there on whose Fourier transform is quick: no prime factor above 5."""
    length = least
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1


def resample(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """(n,) at some rate to 16 kHz, band-limited by the Fourier transform."""
    if rate == SAMPLE_RATE:
        return samples
    wanted = round(len(samples) * SAMPLE_RATE / rate)
    ratio = math.gcd(SAMPLE_RATE, rate)
    blocks = fast_length(-(-len(samples) * ratio // rate))
    samples = np.pad(samples, (0, blocks * (rate // ratio) - len(samples)))
    n = blocks * (SAMPLE_RATE // ratio)
    spectrum = np.fft.rfft(samples)
    kept = np.zeros(n // 2 + 1, spectrum.dtype)
    shared = min(len(kept), len(spectrum))
    kept[:shared] = spectrum[:shared]
    return (np.fft.irfft(kept, n) * (n / len(samples)))[:wanted].astype(np.float32)


def save(path: Path, utterances: Sequence[Utterance]) -> None:
    """Write a shard: 16-bit samples end to end, measured lips end to end, and the rest as JSON."""
    samples = [np.round(np.clip(u.samples, -1, 1) * 32767).astype(np.int16) for u in utterances]
    lips = [np.stack([u.lips.time, u.lips.opening, u.lips.width, u.lips.rounding]) for u in utterances if u.lips]
    rows = [
        {
            "length": len(u.samples),
            "synthesiser": u.synthesiser,
            "voice": u.voice,
            "segments": [[round(s.start, 4), round(s.end, 4), s.phone, round(s.release, 4)] for s in u.segments],
            "measured": len(u.lips.time) if u.lips else 0,
        }
        for u in utterances
    ]
    partial = path.with_suffix(".part.npz")
    np.savez(
        partial,
        samples=np.concatenate(samples),
        lips=np.concatenate([np.zeros((4, 0), np.float32), *lips], axis=1),
        rows=np.array(json.dumps(rows, ensure_ascii=False)),
    )
    partial.rename(path)


def load(path: Path) -> Iterator[Utterance]:
    """The utterances of a shard."""
    with np.load(path, allow_pickle=False) as pack:
        samples, lips, rows = pack["samples"], pack["lips"], json.loads(str(pack["rows"]))
    start = measured = 0
    for row in rows:
        heard = samples[start : start + row["length"]].astype(np.float32) / 32767
        track = LipTrack(*lips[:, measured : measured + row["measured"]]) if row["measured"] else None
        start, measured = start + row["length"], measured + row["measured"]
        yield Utterance(heard, tuple(Segment(*s) for s in row["segments"]), row["synthesiser"], row["voice"], track)
