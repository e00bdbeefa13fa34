"""How well the lip encoder follows lips that were measured on people. Draws nothing.

Predicted row t is the mouth at 40 t + 20 ms and is taken at the times of the measured frames. Held-out talkers are
those of scripts.training.speech.voices.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.lip_events import ROW, correlation, track
from benchmarks.measuring.report import commit
from benchmarks.measuring.same_words import same_words_agreement
from benchmarks.measuring.seen_closures import closures_by_voice
from engines.speech.api import LipEncoder
from engines.speech.lips import motions
from engines.speech.trained import load_trained
from scripts.training.speech.lip_track import WIDE_PERCENTILE, LipTrack, sampled
from scripts.training.speech.real_lips import MEASURED, MeasuredClip, read_clips, tracks, voice_of
from scripts.training.speech.voices import is_held_out_voice

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Scores = dict[str, float]
Result = dict[str, Any]

MOST_LAG = 6  # rows of 40 ms
LEAST_FRAMES = 25  # measured frames of a clip below which no correlation is given: a second
LOOKAHEADS_MS = (0, 40, 80, 120, 160)
COMMANDS = "grid"  # the group with several held-out talkers, who all say sentences of one form
BARS = {
    ("grid", "opening"): 0.78,
    ("grid", "width"): 0.45,
    ("fluent", "opening"): 0.63,
    ("mandarin", "opening"): 0.68,
}  # least correlation at lag 0 with talkers whom training has not heard


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """A measured clip and the encoder's motion for its audio. opening, width: (rows,), in the canonical head's unit."""

    clip: MeasuredClip
    opening: Array
    width: Array

    @property
    def voice(self) -> str:
        return voice_of(self.clip).removeprefix(MEASURED)

    @property
    def held_out(self) -> bool:
        return is_held_out_voice(voice_of(self.clip))

    def predicted(self, name: str, lag: int = 0) -> Array:
        """opening or width lag rows after each measured frame, (frames,); NaN beyond the audio."""
        values: Array = getattr(self, name)
        rows = (ROW * (np.arange(len(values)) + 0.5)).astype(np.float32)
        return sampled(rows, values, self.clip.time + np.float32(lag * ROW))


def follow(encoder: LipEncoder, clip: MeasuredClip) -> Followed:
    rows = motions(encoder, clip.samples)
    opening, width = (track(rows, name).astype(np.float32) for name in ("aperture", "width"))
    return Followed(clip, opening, width)


def agreement(one: Followed, name: str, kept: Mask, lag: int = 0) -> float | None:
    """Pearson's correlation of predicted[t + lag] with measured[t] over the kept frames, lag in rows.

    None where fewer than LEAST_FRAMES were measured.
    """
    real, predicted = getattr(one.clip, name), one.predicted(name, lag)
    known = kept & np.isfinite(real) & np.isfinite(predicted)
    if known.sum() < LEAST_FRAMES:
        return None
    return correlation(predicted[known].astype(float), real[known].astype(float))


def scores(one: Followed) -> Scores:
    """Of opening and of width: at lag 0, at the best lag, and at lag 0 where the audio tells what lips do.

    A positive best lag means that the prediction is late. What was not measured is left out.
    """
    everywhere = np.ones(len(one.clip.time), bool)
    found: Scores = {}
    for name in ("opening", "width"):
        by_lag = {lag: agreement(one, name, everywhere, lag) for lag in range(-MOST_LAG, MOST_LAG + 1)}
        known = {lag: value for lag, value in by_lag.items() if value is not None}
        if 0 not in known:
            continue
        best = max(known, key=lambda lag: (known[lag], -abs(lag)))
        found |= {name: known[0], f"{name}_best_lag": known[best], f"{name}_best_lag_ms": 1000 * ROW * best}
        if (judged := agreement(one, name, one.clip.judged)) is not None:
            found[f"{name}_judged"] = judged
    return found


def means(of: Iterable[Scores]) -> Scores:
    """Of each score, over those that have it."""
    listed = list(of)
    names = dict.fromkeys(name for one in listed for name in one)
    return {name: float(np.mean([one[name] for one in listed if name in one])) for name in names}


def by_voice(followed: Sequence[Followed], score: Callable[[Followed], Scores] = scores) -> dict[str, Scores]:
    """Mean over each talker's clips; of captured takes, each take by itself."""
    found: dict[str, list[Scores]] = {}
    for one in followed:
        found.setdefault(one.voice, []).append(score(one))
    return {voice: means(of) for voice, of in found.items()}


def held_out_means(followed: Sequence[Followed], score: Callable[[Followed], Scores] = scores) -> dict[str, Scores]:
    """By group, the mean over its held-out talkers, each counting the same; no group without one."""
    groups = dict.fromkeys(one.clip.group for one in followed if one.held_out)
    return {
        group: means(by_voice([one for one in followed if one.held_out and one.clip.group == group], score).values())
        for group in groups
    }


def measure(folder: Path, weights: Path, lookahead_ms: int, corpus: Path | None) -> tuple[Result, list[Followed]]:
    """Everything that the benchmark says of the recordings of a folder, held-out talkers first, and what was predicted.

    corpus: a folder with lips-*.npz, whose phones are known; None: closures are left out.

    Raises:
        FileNotFoundError: the folder has no clips.
        ValueError: a clip cannot be read; the message names it.
    """
    encoder = load_trained(lookahead_ms, weights)
    clips = read_clips(folder)
    followed = [follow(encoder, clip) for clip in clips]
    clip_scores = {one.clip.name: scores(one) for one in followed}

    def score(one: Followed) -> Scores:
        return clip_scores[one.clip.name]

    followed.sort(key=lambda one: not one.held_out)
    held_out = {one.voice: one.held_out for one in followed}
    groups = {one.voice: one.clip.group for one in followed}
    counts = Counter(one.voice for one in followed)
    result: Result = {
        "held_out": held_out_means(followed, score),
        "talkers": {
            voice: {"group": groups[voice], "clips": counts[voice], "held_out": held_out[voice], **of}
            for voice, of in by_voice(followed, score).items()
        },
        "clips": {one.clip.name: score(one) for one in followed if one.clip.group != COMMANDS},
        "same_words": same_words_agreement(clips, tracks(clips), predictions(followed)),
        "by_lookahead_ms": {
            str(ms): opening
            for ms in LOOKAHEADS_MS
            if (opening := _opening_of_commands(clips, weights, ms)) is not None
        },
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "commit": commit(),
    }
    if corpus is not None:
        result["closures"] = closures_by_voice(encoder, corpus)
    return result, followed


def predictions(followed: Iterable[Followed]) -> dict[str, LipTrack]:
    """Predicted opening and width at the measured frames, by clip, of the clips of held-out talkers."""
    return {
        one.clip.name: LipTrack(
            one.clip.time,
            one.predicted("opening"),
            one.predicted("width"),
            np.full(len(one.clip.time), np.nan, np.float32),
        )
        for one in followed
        if one.held_out
    }


def wide_openings(followed: Sequence[Followed]) -> dict[str, float]:
    """By talker, the predicted opening that counts as wide, as it is taken of the measured one."""
    found: dict[str, list[Array]] = {}
    for one in followed:
        found.setdefault(one.voice, []).append(one.predicted("opening")[one.clip.speaking])
    return {voice: float(np.nanpercentile(np.concatenate(of), WIDE_PERCENTILE)) for voice, of in found.items()}


def _opening_of_commands(clips: Sequence[MeasuredClip], weights: Path, lookahead_ms: int) -> float | None:
    encoder = load_trained(lookahead_ms, weights)
    held_out = [clip for clip in clips if clip.group == COMMANDS and is_held_out_voice(voice_of(clip))]
    found = held_out_means([follow(encoder, clip) for clip in held_out], _opening)
    return found.get(COMMANDS, {}).get("opening")


def _opening(one: Followed) -> Scores:
    value = agreement(one, "opening", np.ones(len(one.clip.time), bool))
    return {} if value is None else {"opening": value}


def table(result: Result) -> list[tuple[str, str, str]]:
    """Rows for people: name, values, bar."""
    rows = [
        (f"real lips, held out, {group}", _words(found), _bars(group)) for group, found in result["held_out"].items()
    ]
    for voice, found in result["talkers"].items():
        kind = "held out" if found["held_out"] else "for training"
        rows.append((f"… {voice} ({found['clips']}, {kind})", _words(found), ""))
    rows += [(f"… clip {name}", _words(found), "") for name, found in result["clips"].items()]
    for key in ("same_words", "closures"):
        rows += [(f"{key}: {name}", _numbers(found), "") for name, found in result.get(key, {}).items()]
    if ahead := result["by_lookahead_ms"]:
        rows.append(("opening by look-ahead in ms, commands", _numbers(ahead), ""))
    return rows


def _words(found: Scores) -> str:
    parts = [
        f"{name} {found[name]:.3f} (best {found[f'{name}_best_lag']:.3f} at {found[f'{name}_best_lag_ms']:+.0f} ms, "
        f"judged {found.get(f'{name}_judged', np.nan):.3f})"
        for name in ("opening", "width")
        if name in found
    ]
    return "  ".join(parts) or "too little was measured"


def _numbers(found: Scores) -> str:
    return "  ".join(
        f"{name}: {value:.3f}" if isinstance(value, float) else f"{name}: {value}" for name, value in found.items()
    )


def _bars(group: str) -> str:
    return ", ".join(f"{name} ≥ {bar}" for (of, name), bar in BARS.items() if of == group)
