"""Phone times of recordings whose phones are known, by hidden Markov models. Knows no texts and no files.

Every phone is three states in a row. Their first shapes come from synthesised speech with exact times; each
round then finds the best path through every recording and learns the talker's own shapes from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct
from scipy.linalg import eigh

from engines.speech.features import mel_filters
from scripts.training.speech.phones import PHONES, SILENCE, STOPS
from scripts.training.speech.segments import INITIAL_CLOSURE
from scripts.training.speech.utterance import SAMPLE_RATE, Segment, Utterance

Array = NDArray[np.float32]
Words = Sequence[Sequence[str]]

HOP, WINDOW = 80, 320  # samples: 5 and 20 ms
STEP = HOP / SAMPLE_RATE  # s
CEPSTRA = 16
CONTEXT = (-8, -5, -2, 0, 2, 5, 8)  # hops that are seen at once
DIMENSIONS = 32  # in which the states differ most
STATES = 3  # of a phone; of a stop two are its closure and one its burst
ROUNDS = 4
OWN = 15.0  # frames that the synthesised shape counts for beside the talker's own
BATCH = 32
SHORTEST_PAUSE = 0.04  # s; shorter ones between words belong to the words
_NAMES = list(PHONES)


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """A recording, (n,) float32 mono 16 kHz, the phones of its words in order, and who speaks."""

    samples: Array
    words: Words
    talker: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """Where the phones are, and how well they fit: nepers a frame, comparable within one talker."""

    segments: tuple[Segment, ...]
    fit: float


@dataclass(frozen=True, slots=True, eq=False)
class _Shapes:
    """States as Gaussians in a space where all vary alike: map (7 CEPSTRA, DIMENSIONS), mean and precision by state."""

    map: Array
    mean: Array
    variance: Array

    def scores(self, frames: Array) -> Array:
        """(t, n) to (t, states): logarithms of likelihood."""
        x = frames @ self.map
        precision = 1 / self.variance
        far = (x**2) @ precision.T - 2 * x @ (self.mean * precision).T + (self.mean**2 * precision).sum(axis=1)
        likely: Array = -0.5 * (far + np.log(self.variance).sum(axis=1))
        return likely


def align(recordings: Sequence[Spoken], taught: Sequence[Utterance]) -> list[Aligned]:
    """Phone times of recordings that are made alike. taught: synthesised speech of the same language with its times.

    Where talkers said little, several share what is learnt, each relative to the talker's own mean and deviation.
    """
    teacher = _normalised([_frames(u.samples) for u in taught], [u.voice for u in taught])
    labels = [_states_of(u.segments, len(f)) for u, f in zip(taught, teacher, strict=True)]
    shapes = first = _learn(teacher, labels, None)
    frames = _normalised([_frames(r.samples) for r in recordings], [r.talker for r in recordings])
    chains = [_chain(r.words) for r in recordings]
    for number in range(ROUNDS):
        paths, fits = _best_paths(frames, chains, shapes)
        if number < ROUNDS - 1:
            shapes = _learn(frames, [chain[0][path] for chain, path in zip(chains, paths, strict=True)], first)
    return [Aligned(_segments(chain[0], path), fit) for chain, path, fit in zip(chains, paths, fits, strict=True)]


def _frames(samples: Array) -> Array:
    """(n,) samples to (t, CEPSTRA); frame k is centred on HOP (k + 1/2)."""
    around = (WINDOW - HOP) // 2
    padded = np.pad(samples, (around, WINDOW))
    sharp = padded - 0.97 * np.concatenate([padded[:1], padded[:-1]])
    windows = np.lib.stride_tricks.sliding_window_view(sharp, WINDOW)[::HOP][: len(samples) // HOP]
    spectrum = np.fft.rfft(windows * np.hanning(WINDOW), 512)
    bands = np.log((np.abs(spectrum) ** 2) @ mel_filters() + 1e-6)
    return np.asarray(dct(bands, norm="ortho")[:, :CEPSTRA].astype(np.float32))


def _normalised(recordings: Sequence[Array], talkers: Sequence[str]) -> list[Array]:
    """Deviations from each talker's mean, with their context: (t, 7 CEPSTRA) each."""
    scales = {}
    for talker in set(talkers):
        everything = np.concatenate([r for r, other in zip(recordings, talkers, strict=True) if other == talker])
        scales[talker] = everything.mean(axis=0), everything.std(axis=0) + 1e-6
    stacked = []
    for frames, talker in zip(recordings, talkers, strict=True):
        mean, deviation = scales[talker]
        x = (frames - mean) / deviation
        rows = np.clip(np.arange(len(x))[:, None] + np.array(CONTEXT), 0, len(x) - 1)
        stacked.append(x[rows].reshape(len(x), -1).astype(np.float32))
    return stacked


def _states_of(segments: Sequence[Segment], frames: int) -> NDArray[np.int64]:
    """The state of every frame, (frames,), of speech with known times."""
    states = np.full(frames, STATES * _NAMES.index(SILENCE) + 1)
    for s in segments:
        base = STATES * _NAMES.index(s.phone)
        middle = s.release if s.phone in STOPS else s.start + 2 / 3 * (s.end - s.start)
        edges = np.array([s.start, (s.start + middle) / 2, middle, s.end]) / STEP
        for i in range(STATES):
            states[round(edges[i]) : round(edges[i + 1])] = base + i
    return states


def _learn(recordings: Sequence[Array], labels: Sequence[NDArray[np.int64]], prior: _Shapes | None) -> _Shapes:
    """Shapes from frames and their states; states that are seldom seen lean on the prior, mapped by its own frames."""
    x, state = np.concatenate(recordings), np.concatenate(labels)
    count = STATES * len(_NAMES)
    seen = np.bincount(state, minlength=count).astype(np.float64)
    total = _sums(x, state, count)
    centre = x.mean(axis=0, dtype=np.float64)
    means = np.where(seen[:, None] > 0, total / np.maximum(seen, 1)[:, None], centre)
    inside = x - means[state].astype(np.float32)
    within = (inside.T @ inside / len(x)).astype(np.float64) + 1e-3 * np.eye(x.shape[1])
    apart = (means - centre) * np.sqrt(seen)[:, None]
    between = apart.T @ apart / len(x)
    _, vectors = eigh(between, within)
    to = vectors[:, ::-1][:, :DIMENSIONS]
    squares = _sums((inside @ to.astype(np.float32)) ** 2, state, count)
    variance = (squares + OWN) / (seen[:, None] + OWN)
    if prior is not None:  # its means, in the space of the frames, by the pseudo-inverse of its map
        back = np.linalg.pinv(prior.map.astype(np.float64))
        means = (total + OWN * (prior.mean @ back)) / (seen[:, None] + OWN)
    return _Shapes(to.astype(np.float32), (means @ to).astype(np.float32), np.maximum(variance, 0.3).astype(np.float32))


def _sums(x: Array, state: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """(count, n): the sums of the rows of x, (t, n), of each state."""
    order = np.argsort(state, kind="stable")
    there, first = np.unique(state[order], return_index=True)
    sums = np.zeros((count, x.shape[1]))
    sums[there] = np.add.reduceat(x[order], first, axis=0)
    return sums


def _chain(words: Words) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """States of silence, word, silence, … word, silence, and which of them may follow the word before at once."""
    phones, firsts = [SILENCE], []
    for word in words:
        firsts.append(STATES * len(phones))
        phones += [*word, SILENCE]
    states = np.array([STATES * _NAMES.index(p) + i for p in phones for i in range(STATES)])
    hops = np.zeros(len(states), bool)
    hops[firsts] = True
    return states, hops


def _best_paths(
    recordings: Sequence[Array], chains: Sequence[tuple[NDArray[np.int64], NDArray[np.bool_]]], shapes: _Shapes
) -> tuple[list[NDArray[np.int64]], list[float]]:
    """Of every recording the place in its chain by frame, and the mean score."""
    paths: dict[int, NDArray[np.int64]] = {}
    fits: dict[int, float] = {}
    order = sorted(range(len(recordings)), key=lambda i: len(recordings[i]))
    for start in range(0, len(order), BATCH):
        group = order[start : start + BATCH]
        scores = [shapes.scores(recordings[i])[:, chains[i][0]] for i in group]
        for i, path, score in zip(group, _viterbi(scores, [chains[i][1] for i in group]), scores, strict=True):
            paths[i] = path
            fits[i] = float(score[np.arange(len(path)), path].mean())
    return [paths[i] for i in range(len(order))], [fits[i] for i in range(len(order))]


def _viterbi(scores: Sequence[Array], hops: Sequence[NDArray[np.bool_]]) -> list[NDArray[np.int64]]:
    """Best paths of a batch; scores: (t, states) each. From a state to itself, the next, or over a silence."""
    most, widest = max(len(s) for s in scores), max(s.shape[1] for s in scores)
    emitted = np.full((most, len(scores), widest + STATES + 1), -np.inf, np.float32)
    hop = np.zeros((len(scores), widest), bool)
    for i, (score, may) in enumerate(zip(scores, hops, strict=True)):
        emitted[: len(score), i, STATES + 1 : STATES + 1 + score.shape[1]] = score
        hop[i, : len(may)] = may
    lengths = np.array([len(s) for s in scores])
    came = np.zeros((most, len(scores), widest), np.uint8)
    now = np.full((len(scores), widest + STATES + 1), -np.inf, np.float32)
    now[:, [STATES + 1, 2 * STATES + 1]] = emitted[0][:, [STATES + 1, 2 * STATES + 1]]
    last = now.copy()
    for t in range(1, most):
        ways = np.stack([now[:, STATES + 1 :], now[:, STATES:-1], np.where(hop, now[:, : -STATES - 1], -np.inf)])
        came[t] = ways.argmax(axis=0)
        now = np.concatenate([now[:, : STATES + 1], ways.max(axis=0) + emitted[t, :, STATES + 1 :]], axis=1)
        last[lengths - 1 == t] = now[lengths - 1 == t]
    paths = []
    for i, score in enumerate(scores):
        end = score.shape[1] - 1
        ends = last[i, STATES + 1 :]
        place = end if ends[end] >= ends[end - STATES] else end - STATES
        path = np.empty(lengths[i], np.int64)
        for t in range(lengths[i] - 1, -1, -1):
            path[t] = place
            place -= (0, 1, STATES + 1)[came[t, i, place]]
        paths.append(path)
    return paths


def _segments(chain: NDArray[np.int64], path: NDArray[np.int64]) -> tuple[Segment, ...]:
    """Segments of a path; a pause too short to be one belongs to the phones beside it."""
    rows: list[tuple[str, float, float, float]] = []
    for place in np.unique(path // STATES):
        here = path[path // STATES == place]
        start = int(np.searchsorted(path // STATES, place)) * STEP
        phone = _NAMES[chain[STATES * place] // STATES]
        burst = start + int((here % STATES < STATES - 1).sum()) * STEP
        rows.append((phone, start, start + len(here) * STEP, burst))
    segments: list[Segment] = []
    for i, (phone, start, end, burst) in enumerate(rows):
        if phone == SILENCE and end - start < SHORTEST_PAUSE and 0 < i < len(rows) - 1:
            continue
        if segments and segments[-1].end < start:  # after such a pause
            before = segments[-1]
            middle = before.end if phone in STOPS else (before.end + start) / 2
            start = middle
            segments[-1] = Segment(before.start, middle, before.phone, min(before.release, middle))
            if before.phone not in STOPS:
                segments[-1] = Segment(before.start, middle, before.phone, middle)
        if phone in STOPS and segments and segments[-1].phone == SILENCE:
            start = max(burst - INITIAL_CLOSURE, segments[-1].start)
            before = segments.pop()
            if start > before.start:
                segments.append(Segment(before.start, start, SILENCE, start))
        segments.append(Segment(start, end, phone, burst if phone in STOPS else end))
    return tuple(segments)
