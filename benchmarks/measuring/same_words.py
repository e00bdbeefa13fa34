"""How well one talker's lips predict another's who says the same words: what talkers' differences leave to predict.

Sentences of one form are needed, as those of the GRID corpus: six words of which each place knows a few. Another
talker's lips are taken word by word from sentences that have the word in the same place, with the same neighbours where
there are such, and each word is stretched to the length that it is to have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.lip_events import correlation
from scripts.training.speech.lip_track import LipTrack, sampled
from scripts.training.speech.real_lips import MeasuredClip

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

COVERED = 0.7  # share of the judged frames that the other talker must have words for


def same_words_agreement(
    clips: Sequence[MeasuredClip], lips: Mapping[str, LipTrack], predicted: Mapping[str, LipTrack]
) -> dict[str, dict[str, float]]:
    """Correlations with the lips of the clips that are predicted, over the frames that the audio can tell.

    lips: by clip name, each talker in their own wide opening. Returns, for `opening` and for `width`, means over clips
    and then talkers, and for `opening of TALKER`, means over clips: of one other talker's lips (`one_talker`), of the
    mean of all other talkers' (`all_talkers`), of the talker's own in other sentences (`same_talker`), and of the
    prediction over the same frames (`encoder`).
    """
    worded = [clip for clip in clips if clip.words]
    found: dict[str, dict[str, float]] = {}
    for name in ("opening", "width"):
        by_talker: dict[str, list[dict[str, float]]] = {}
        for clip in worded:
            if clip.name in predicted:
                one = _of_clip(clip, worded, lips, getattr(predicted[clip.name], name), name)
                by_talker.setdefault(clip.talker, []).append(one)
        talkers = {talker: _means(of) for talker, of in by_talker.items()}
        if values := _means(list(talkers.values())):
            found[name] = values
            found |= {f"{name} of {talker}": of for talker, of in talkers.items()}
    return found


def said_by(clip: MeasuredClip, sources: Sequence[MeasuredClip], lips: Mapping[str, LipTrack], name: str) -> Array:
    """The lips of whoever says the sources, at the clip's frames and in the clip's words, (frames,).

    NaN where no source has the word in its place.
    """
    found = np.full(len(clip.time), np.nan, np.float32)
    starts = np.array([start for _, start, _ in clip.words])
    place = np.maximum(np.searchsorted(starts, clip.time, "right") - 1, 0)  # before the first word: with it
    for i, (_, start, end) in enumerate(clip.words):
        source = _best_source(clip, i, sources)
        if source is None:
            continue
        _, from_start, from_end = source.words[i]
        time = clip.time[place == i]
        inside = np.clip((time - start) / max(end - start, 1e-3), 0, 1)
        beyond = np.minimum(time - start, 0) + np.maximum(time - end, 0)  # around the words time is as it was
        when = from_start + inside * (from_end - from_start) + beyond
        found[place == i] = sampled(lips[source.name].time, getattr(lips[source.name], name), when.astype(np.float32))
    return found


def _best_source(clip: MeasuredClip, place: int, sources: Sequence[MeasuredClip]) -> MeasuredClip | None:
    said = [word for word, _, _ in clip.words]
    fitting = [
        (
            sum(words[i] == said[i] for i in (place - 1, place + 1) if 0 <= i < len(said)),
            _shared(words, said),
            source.name,
        )
        for source in sources
        if len(words := [word for word, _, _ in source.words]) == len(said) and words[place] == said[place]
    ]
    if not fitting:
        return None
    chosen = max(fitting)[2]
    return next(source for source in sources if source.name == chosen)


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    return sum(a == b for a, b in zip(one, other, strict=True))


def _of_clip(
    clip: MeasuredClip, clips: Sequence[MeasuredClip], lips: Mapping[str, LipTrack], predicted: Array, name: str
) -> dict[str, float]:
    real: Array = getattr(lips[clip.name], name)
    frames = clip.judged & np.isfinite(real)
    sources: dict[str, list[MeasuredClip]] = {}
    for other in clips:
        if other.name != clip.name and other.group == clip.group:
            sources.setdefault(other.talker, []).append(other)
    said = {talker: said_by(clip, theirs, lips, name) for talker, theirs in sources.items()}
    said = {talker: track for talker, track in said.items() if _covers(track, frames)}
    own = said.pop(clip.talker, None)
    found = {} if own is None else {"same_talker": _correlation(own, real, frames)}
    if said:
        together = np.stack(list(said.values()))
        known = frames & np.isfinite(together).any(axis=0)
        mean = np.full(len(real), np.nan, np.float32)
        mean[known] = np.nanmean(together[:, known], axis=0)
        found["one_talker"] = float(np.mean([_correlation(track, real, frames) for track in said.values()]))
        found["all_talkers"] = _correlation(mean, real, known)
        found["encoder"] = _correlation(predicted, real, known)
    return found


def _covers(track: Array, frames: Mask) -> bool:
    return bool(frames.any()) and float(np.isfinite(track[frames]).mean()) >= COVERED


def _correlation(one: Array, other: Array, frames: Mask) -> float:
    known = frames & np.isfinite(one)
    return correlation(one[known].astype(float), other[known].astype(float))


def _means(of: Sequence[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for one in of for name in one)
    return {name: float(np.mean([one[name] for one in of if name in one])) for name in names}
