"""Reads recordings of people whose lips were measured on video or by motion capture. Knows no network.

A folder holds `grid`, `fluent` and `mandarin`; each clip is NAME.flac and NAME.json, whose keys the folder's README
describes: aperture and width per video frame, or coefficients of a captured head.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from scripts.training.speech.lip_track import WIDE_PERCENTILE, LipTrack, resting_width, shares_of_wide
from scripts.training.speech.utterance import SAMPLE_RATE

Array = NDArray[np.float32]

CAPTURE_DELAY = 0.01  # s by which a captured frame is later than k / fps: its coefficients fit the audio best so
SPEAKING_LEAD, SPEAKING_TAIL = 0.1, 0.1  # s before the first and after the last word that still count as speaking
UNKNOWN_REST = 0.3  # s before the first word: earlier, audio does not tell whether the lips are closed
MEASURED = "lips-"  # begins the voice of whom lips were measured
ROUNDING = ("mouth_funnel_dl", "mouth_funnel_ul", "mouth_oh_c", "mouth_oo_c", "mouth_pucker_l")
PARTING = ("mouth_lowerLipDepress_l", "mouth_upperLipRaise_l")
FUNNEL = ("mouth_funnel_dl", "mouth_funnel_ul")
CLOSING = ("mouth_pucker_l", "mouth_oo_c", "mouth_suck_dl", "mouth_suck_ul", "mouth_press_l")


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredClip:
    """One recording with its lips as they were measured.

    name: of the file; group: folder (grid, fluent, mandarin); talker: a name; text: what is said, "" where unknown.
    samples: (n,) float32 mono 16 kHz. time: (frames,) s of each measured frame. opening, width: (frames,) in the
    recording's own unit, rounding: (frames,) in [0, 1]; NaN where not measured. words: (text, start s, end s).
    """

    name: str
    group: str
    talker: str
    text: str
    samples: Array
    time: Array
    opening: Array
    width: Array
    rounding: Array
    words: tuple[tuple[str, float, float], ...]

    @property
    def speaking(self) -> NDArray[np.bool_]:
        """(frames,): from a little before the first word to a little after the last, or everywhere."""
        if not self.words:
            return np.ones(len(self.time), bool)
        first, last = self.words[0][1] - SPEAKING_LEAD, self.words[-1][2] + SPEAKING_TAIL
        inside: NDArray[np.bool_] = (self.time >= first) & (self.time <= last)
        return inside

    @property
    def judged(self) -> NDArray[np.bool_]:
        """(frames,): where the audio can tell what lips do: not long before the first word."""
        if not self.words:
            return np.isfinite(self.opening)
        known: NDArray[np.bool_] = np.isfinite(self.opening) & (self.time > self.words[0][1] - UNKNOWN_REST)
        return known


def voice_of(clip: MeasuredClip) -> str:
    """Of a talker; of a captured take, since one take is held out and its talker is not."""
    take = clip.name if clip.group == "mandarin" else clip.talker
    return MEASURED + take.lower().replace(" ", "-")


def read_clips(folder: Path, groups: Sequence[str] = ("grid", "fluent", "mandarin")) -> list[MeasuredClip]:
    """All clips of a folder, by group and name.

    Raises:
        FileNotFoundError: there is none.
        ValueError: a clip cannot be read; the message names it.
    """
    paths = [path for group in groups for path in sorted((folder / group).glob("*.json"))]
    if not paths:
        raise FileNotFoundError(f"expected NAME.flac and NAME.json in {' or '.join(groups)} of {folder}; found none")
    return [read_clip(path) for path in paths]


def read_clip(path: Path) -> MeasuredClip:
    """One clip, by the path of its JSON file.

    Raises:
        ValueError: it lacks a key, or its arrays are not as long as it says.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        frames, fps = int(told["frames"]), float(told["fps"])
        captured = "aperture" not in told
        opening, width, rounding = _captured(told) if captured else _seen(told)
        start = float(told["first_frame_middle"]) + (CAPTURE_DELAY if captured else 0.0)
        talker = str(told["speaker"])
    except (KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: expected the keys of a measured clip; {error!r}") from error
    if {len(opening), len(width), len(rounding)} != {frames}:
        raise ValueError(f"{path}: expected {frames} frames, got {len(opening)} openings and {len(width)} widths")
    return MeasuredClip(
        path.stem,
        path.parent.name,
        talker,
        str(told.get("sentence") or told.get("transcript") or ""),
        read_audio(path.with_suffix(".flac")),
        (start + np.arange(frames) / fps).astype(np.float32),
        opening,
        width,
        rounding,
        tuple((str(word), float(a), float(b)) for word, a, b in told.get("words") or ()),
    )


def read_audio(path: Path) -> Array:
    """A sound file to (n,) float32 mono 16 kHz."""
    resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
    with av.open(str(path)) as file:
        decoded = [*file.decode(audio=0), None]
        parts = [part.to_ndarray()[0] for frame in decoded for part in resampler.resample(frame)]
    return np.concatenate(parts).astype(np.float32)


def tracks(clips: Iterable[MeasuredClip]) -> dict[str, LipTrack]:
    """The lips of each clip by its name, in units that all talkers share. All clips of a talker must be given."""
    by_talker: dict[str, list[MeasuredClip]] = {}
    for clip in clips:
        by_talker.setdefault(clip.talker, []).append(clip)
    found: dict[str, LipTrack] = {}
    for said in by_talker.values():
        opening, width, rounding = (
            np.concatenate([getattr(clip, name)[clip.speaking] for clip in said])
            for name in ("opening", "width", "rounding")
        )
        wide = float(np.nanpercentile(opening, WIDE_PERCENTILE))
        measured = np.isfinite(width).any()
        rest, spread = (resting_width(opening, width, wide), float(np.nanstd(width))) if measured else (0.0, 1.0)
        round_lips = float(np.nanpercentile(rounding, WIDE_PERCENTILE)) if np.isfinite(rounding).any() else 1.0
        for clip in said:
            found[clip.name] = LipTrack(
                clip.time,
                shares_of_wide(clip.opening, wide),
                ((clip.width - rest) / spread).astype(np.float32),
                np.clip(clip.rounding / max(round_lips, 1e-6), 0, 1).astype(np.float32),
            )
    return found


def _seen(told: dict[str, Any]) -> tuple[Array, Array, Array]:
    """Opening, width and rounding of lips measured in video; rounding is not measured there."""
    opening, width = (
        np.array([np.nan if v is None else v for v in told[key]], np.float32) for key in ("aperture", "width")
    )
    return opening, width, np.full(len(opening), np.nan, np.float32)


def _captured(told: dict[str, Any]) -> tuple[Array, Array, Array]:
    """The same of a captured head, whose shapes are known by how far each is on, one side of each; no width."""
    frames = int(told["frames"])
    shapes = {name: np.array(values, np.float32) for name, values in told["blendshapes"].items()}

    def total(names: Iterable[str]) -> Array:
        return np.asarray(sum((shapes[n] for n in names if n in shapes), np.zeros(frames, np.float32)), np.float32)

    parted = shapes["mouth_stretch_c"] + 0.5 * total(PARTING) + 0.25 * total(FUNNEL) - 0.3 * total(CLOSING)
    unknown = np.full(frames, np.nan, np.float32)
    return np.maximum(parted, 0).astype(np.float32), unknown, total(ROUNDING)
