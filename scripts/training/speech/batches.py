"""Batches of clips for training: which clips, cut where, in what further voice and tempo. Knows no losses.

What is drawn here is new each time that a clip is drawn: there are far fewer clips than draws.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engines.motion import VISEMES
from engines.speech.features import MELS
from scripts.training.speech.dataset import HELD_PREFIX, KINDS
from scripts.training.speech.labels import ALL
from scripts.training.speech.network import DELAYS, HOPS

TUCK_SHARE = 0.5  # of the clips are drawn by how much f and v they hold: the rarest gesture that is seen
KIND_SHARES = {"shard": 0.45, "people": 0.25, "lips": 0.30}  # of the clips drawn are of each kind, where there are any
TRACT = 0.05  # deviation of the logarithm of a further warp of the mel axis
TILT = 0.15  # deviation of a further colour, in units of the features
TEMPO, LARGEST_TEMPO = 0.08, 0.16  # deviation of the logarithm of a further tempo, and the most
CHUNKS = 168  # of a clip that are heard at once: 8 s at the fastest tempo
FROM_THE_START = 0.5  # of the clips are heard from their first frame, the others from a later one


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """features: (batch, chunks, 168); delay: (batch,); coefficients: (batch, chunks, 14); viseme and known, the bits
    of labels.py: (batch, chunks)."""

    features: Tensor
    delay: Tensor
    coefficients: Tensor
    viseme: Tensor
    known: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Which frames of each clip are heard and shown: start, delay (in 20 ms) and rate, 1 as it was, are (batch,)."""

    start: np.ndarray
    rate: np.ndarray
    delay: np.ndarray
    chunks: int

    def heard(self) -> np.ndarray:
        """Frames of the features, (batch, HOPS chunks): at another rate some are left out or come twice."""
        return self._frames(np.arange(HOPS * self.chunks)[None])

    def shown(self) -> np.ndarray:
        """Frames of the labels, (batch, chunks); -1: before anything was heard."""
        when = HOPS * np.arange(1, self.chunks + 1) - 2 - 2 * self.delay[:, None]
        return np.where(when >= 0, self._frames(when), -1)

    def _frames(self, when: np.ndarray) -> np.ndarray:
        return np.asarray(self.start[:, None] + (self.rate[:, None] * when).astype(int))


def _shares(kind: np.ndarray, talker: np.ndarray, tucks: np.ndarray) -> np.ndarray:
    """How likely each clip is drawn, (clips,): each kind has its share, and tucks draw.

    kind: (clips,) index into KINDS. talker: (clips,) a number for each file of recordings or measured talker. Their
    clips are drawn by the square root of their count: few clips are heard more often than their share.
    """
    drawn = np.zeros(len(tucks))
    _, which, clips = np.unique(talker, return_inverse=True, return_counts=True)
    weight = np.where(kind == KINDS.index("shard"), 1.0, clips[which] ** -0.5)
    for number, name in enumerate(KINDS):
        group = kind == number
        if group.any():
            even, tucking = group * weight, group * weight * tucks
            here = (1 - TUCK_SHARE) * even / even.sum() + TUCK_SHARE * tucking / max(tucking.sum(), 1e-9)
            drawn += KIND_SHARES[name] * here / here.sum()
    return drawn


class Clips:
    """Clips of a folder, in memory as they are on disk (half precision); without a pattern all but what is held out."""

    def __init__(self, folder: Path, pattern: str = "[!h]*.npz") -> None:
        paths = sorted(path for path in folder.glob(pattern) if ".part" not in path.name)
        if not paths:
            raise FileNotFoundError(f"no clips in {folder}: run scripts.training.speech.dataset first")
        packs = [dict(np.load(path)) for path in paths]
        self.features = np.concatenate([p["features"] for p in packs])
        self.coefficients = np.concatenate([p["coefficients"] for p in packs])
        self.viseme = np.concatenate([p["viseme"] for p in packs])
        self.known = np.concatenate([p["known"] for p in packs])
        clips = [len(p["viseme"]) for p in packs]
        talkers = sorted({_talker(path) for path in paths})
        talker = np.repeat([talkers.index(_talker(path)) for path in paths], clips)
        self.kind = np.repeat([KINDS.index(_kind(path)) for path in paths], clips)
        tucks = (self.viseme == VISEMES.index("FF")).mean(axis=1)
        self._bounds = np.cumsum(_shares(self.kind, talker, tucks))

    def share_of(self, rows: np.ndarray) -> float:
        """How likely a drawn clip is one of rows, (clips,) of bool."""
        return float(np.diff(self._bounds, prepend=0)[rows].sum())

    def batch(self, size: int, draw: np.random.Generator) -> Batch:
        """Random clips, each cut and delayed at random, half of them by 80 ms, in another voice and tempo."""
        rows = np.searchsorted(self._bounds, draw.uniform(0, self._bounds[-1], size))
        delay = np.where(draw.random(size) < 0.45, 4, draw.integers(0, DELAYS, size))
        rate = np.exp(np.clip(draw.normal(0, TEMPO, size), -LARGEST_TEMPO, LARGEST_TEMPO))
        latest = self.features.shape[1] - np.ceil(rate * HOPS * CHUNKS).astype(int)
        start = draw.integers(0, np.where(draw.random(size) < FROM_THE_START, HOPS, latest))
        return self._cut(rows, Cut(start, rate, delay, CHUNKS), draw)

    def all(self) -> Batch:
        """Every clip as it is, with 80 ms of look-ahead."""
        rows = np.arange(len(self.features))
        chunks = self.features.shape[1] // HOPS - 1
        return self._cut(rows, Cut(0 * rows, np.ones(len(rows)), np.full(len(rows), 4), chunks))

    def _cut(self, rows: np.ndarray, cut: Cut, spoil: np.random.Generator | None = None) -> Batch:
        features = self.features[rows[:, None], cut.heard()].astype(np.float32)
        if spoil:
            features = _another_voice(features, spoil)
            _mask(features, spoil)
        shown = cut.shown()
        spoken = shown >= 0
        when = np.maximum(shown, 0)
        coefficients = self.coefficients[rows[:, None], when].astype(np.float32) * spoken[..., None]
        viseme = np.where(spoken, self.viseme[rows[:, None], when], VISEMES.index("sil"))
        known = np.where(spoken, self.known[rows[:, None], when], ALL)
        return Batch(
            torch.from_numpy(features.reshape(len(rows), cut.chunks, -1)),
            torch.from_numpy(cut.delay),
            torch.from_numpy(coefficients),
            torch.from_numpy(viseme.astype(np.int64)),
            torch.from_numpy(known.astype(np.int64)),
        )


def _talker(path: Path) -> str:
    """Whose clips a file holds, as far as files tell: takes of one talker (lips-NAME_TAKE) count together."""
    stem = re.sub(r"-pass\d+-\d+$", "", path.stem)
    return stem.split("_")[0] if _kind(path) == "lips" else stem


def _kind(path: Path) -> str:
    stem = path.stem.removeprefix(HELD_PREFIX)
    return next(kind for kind in KINDS if stem.startswith(kind))


def _another_voice(features: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Move the bands of each clip along the spectrum and tilt them a little: clips are drawn many times."""
    factors = np.exp(draw.normal(0, TRACT, len(features)))
    where = np.clip(np.arange(MELS) * factors[:, None], 0, MELS - 1)
    move = np.maximum(0, 1 - np.abs(where[:, None, :] - np.arange(MELS)[:, None])).astype(np.float32)
    knots = draw.normal(0, TILT, (len(features), 4))
    colour = np.stack([np.interp(np.arange(MELS), np.linspace(0, MELS - 1, 4), k) for k in knots])
    features[..., :MELS] = features[..., :MELS] @ move + colour[:, None].astype(np.float32)
    return features


def _mask(features: np.ndarray, draw: np.random.Generator) -> None:
    """Hide a few bands and frames (SpecAugment): no single band may decide."""
    for clip in features:
        low = int(draw.integers(0, 36))
        clip[:, low : low + int(draw.integers(0, 7))] = 0
        for _ in range(2):
            start = int(draw.integers(0, len(clip)))
            clip[start : start + int(draw.integers(0, 6))] = 0
