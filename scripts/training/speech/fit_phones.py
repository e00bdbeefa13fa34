"""Fits targets, weights and reaches of phones on people's measured lips and writes phone_targets.json.

Usage: python -m scripts.training.speech.fit_phones CORPUS [--out FILE]

CORPUS: a folder with lips-TALKER.npz (recordings.py). All talkers count alike, whatever was recorded of them;
talkers who are held out (voices.py) are only compared. A phone's logarithmic deviation from its published value is
the sum of its class's and its own; both are pulled to 0, so that phones that were seldom said follow their class.
"""

from __future__ import annotations

import argparse
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scripts.training.speech.lip_blend import (
    PHONE_NAMES,
    PaddedUtterances,
    Values,
    blended_opening,
    blended_width,
    padded,
    values_of,
)
from scripts.training.speech.lip_track import WIDE_MM
from scripts.training.speech.phone_targets import PATH, BlendValues, PhoneTarget
from scripts.training.speech.phones import PUBLISHED, ROUNDED, SILENCE
from scripts.training.speech.utterance import Utterance, load

TALKERS = ("s1", "s2", "s3", "s4")  # fitted on
LEFT_OUT = ("s5", "s30", "s32", "s33", "barack-obama")  # compared only
LEAD, TAIL = 0.08, 0.2  # s before the first and after the last phone that count as speech
CLASSES = ("ieɪjɨ", "ɛæaɑʌɒ", "ɔoʊuyøœwβ", "ə", "pbm", "fv", "tdɾnl", "kgŋxhʔ", "θð", "sz", "ʃʒ", "rɜ")
LEAST_OPENING = 1.3  # mm: a narrower slit can't be told from closed lips in video, and only p b m are closed
WIDEST_OPENING = 14.0  # mm
# Deviations that are likely before any lips are seen: of the logarithm of a target or weight, and of a width.
# A phone's own of an opening is as strong as some 60 phones seen in NOISE.
PHONE_OPENING, PHONE_WEIGHT, PHONE_WIDTH = 0.2, 0.5, 0.3
CLASS_OPENING, CLASS_WEIGHT, CLASS_WIDTH = 0.15, 0.7, 0.6
# A phone is told apart from its words where it stands beside so many neighbours on either side, each met so often.
MIN_NEIGHBOURS, MIN_NEIGHBOUR_COUNT = 6, 5
BLEND_DEVIATION = 1.0  # of the logarithm of a reach, a speed or the weight of silence
NOISE = 2.5  # mm, deviation of lips from any blend
WIDTH_NOISE = 0.8  # likewise of width
FRAMES_ALIKE = 3.0  # video frames that say no more than one: they lie in the same phone
HUBER = 1.5  # deviations of noise beyond which a frame counts linearly
STEPS, RATE = 350, 0.04  # of Adam
FITTED = ("reach_before", "reach_after", "reach_after_last", "closing_speed", "tuck", "undershoot", "silence_after")
WIDTH_FITTED = ("width_reach_before", "width_reach_after")
BOUNDS = {
    "reach_before": (0.02, 0.12),
    "reach_after": (0.02, 0.12),
    "reach_after_last": (0.03, 0.09),
    "closing_speed": (140.0, 200.0),
    "tuck": (1.3, 1.9),
    "undershoot": (0.07, 0.2),
    "silence_after": (0.5, 8.0),
    "width_reach_before": (0.03, 0.2),
    "width_reach_after": (0.03, 0.2),
}  # s, s, s, mm/s, mm, s, weight, s, s: what lips can do
PUBLISHED_BLEND = BlendValues(
    reach_before=0.050,
    reach_after=0.055,
    reach_after_last=0.085,
    width_reach_before=0.100,
    width_reach_after=0.075,
    closing_speed=160.0,
    tuck=1.6,
    undershoot=0.11,
    silence_before=1.2,
    silence_after=1.2,
    ajar=2.0,
    short_pause=0.35,
)  # before any fit (Schwartz and Savariaux 2014 for the reaches)
SHORT_PAUSE, AJAR = 0.6, 3.0  # s, mm: lips of fluent talkers stay at least so far apart in pauses up to that length
LEAST_ROUNDING = 0.65  # of ROUNDED: rounding that is seen beside any neighbour
NARROWEST, WIDEST = 10, 90  # percentiles of the fitted widths of rounded and of other phones that are full gestures


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredLips:
    """Utterances of some talkers with what was measured of them.

    opening, width: (u, f) mm and the talker's deviations, 0 where unknown; known: (u, f), 1 where they count, and
    talker: (u,) index. counts: how often each phone was said; variety: how many phones it stood beside (_variety).
    """

    plan: PaddedUtterances
    opening: Tensor
    width: Tensor
    known: Tensor
    talker: Tensor
    counts: dict[str, int]
    variety: dict[str, int]

    @property
    def weight(self) -> Tensor:
        """(u, f), sum 1: each talker as much as another."""
        talkers = int(self.talker.max()) + 1
        frames = torch.zeros(talkers).index_add(0, self.talker, self.known.sum(1))
        return self.known / (talkers * frames[self.talker])[:, None]


def published() -> dict[str, PhoneTarget]:
    """What the fit starts from and is pulled to."""
    return {
        name: PhoneTarget(
            phone.opening,
            phone.weight,
            phone.spreading - 1.5 * phone.rounding,
            phone.rounding_weight,
            phone.rounding,
            phone.rounding_weight,
            phone.spreading,
        )
        for name, phone in ((name, PUBLISHED[name]) for name in PHONE_NAMES)
    }


def measured_lips(talkers: Sequence[Sequence[Utterance]]) -> MeasuredLips:
    """Utterances with phones and lips, by talker.

    Raises:
        ValueError: there are none.
    """
    said = [(i, u) for i, talker in enumerate(talkers) for u in talker if u.lips and u.segments]
    if not said:
        raise ValueError("expected utterances with phone times and measured lips, got none")
    tracks = [u.lips for _, u in said if u.lips]
    utterances = [u for _, u in said]
    f = max(len(track.time) for track in tracks)
    opening, width, known = (np.zeros((len(said), f), np.float32) for _ in range(3))
    for row, (utterance, track) in enumerate(zip(utterances, tracks, strict=True)):
        n = len(track.time)
        opening[row, :n], width[row, :n] = WIDE_MM * track.opening, track.width
        during = (track.time > utterance.segments[0].start - LEAD) & (track.time < utterance.segments[-1].end + TAIL)
        known[row, :n] = during & np.isfinite(track.opening) & np.isfinite(track.width)
    heights, widths, counted = (
        torch.from_numpy(np.where(known > 0, x, 0).astype(np.float32)) for x in (opening, width, known)
    )
    counts = Counter(s.phone for u in utterances for s in u.segments if s.phone != SILENCE)
    talker = torch.tensor([i for i, _ in said])
    return MeasuredLips(
        padded(utterances, [track.time for track in tracks]),
        heights,
        widths,
        counted,
        talker,
        dict(counts),
        _variety(utterances),
    )


def _variety(utterances: Sequence[Utterance]) -> dict[str, int]:
    """Of each phone, how many others stand MIN_NEIGHBOUR_COUNT before it, or after it where these are fewer."""
    before, after = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for utterance in utterances:
        for one, other in pairwise(s.phone for s in utterance.segments):
            after[one, other] += 1
            before[other, one] += 1
    sides = [Counter(phone for (phone, _), n in side.items() if n >= MIN_NEIGHBOUR_COUNT) for side in (before, after)]
    return {name: min(side[name] for side in sides) for name in PHONE_NAMES}


def _with_reduced_vowels(utterance: Utterance) -> Utterance:
    """The commands' only word with æ is an unstressed "at", whose vowel is said as ə."""
    weak = tuple(replace(s, phone="ə") if s.phone == "æ" else s for s in utterance.segments)
    return replace(utterance, segments=weak)


def fit(lips: MeasuredLips, steps: int = STEPS) -> tuple[dict[str, PhoneTarget], BlendValues]:
    """Opening first, then width; rounding and spreading follow from width."""
    prior = values_of(published(), PUBLISHED_BLEND)
    pauses = {"ajar": torch.tensor(AJAR), "short_pause": torch.tensor(SHORT_PAUSE)}
    prior = replace(prior, blend=prior.blend | pauses)
    openings = _optimise(lips, _OpeningModel(prior, lips), steps)
    both = _optimise(lips, _WidthModel(openings, lips), steps)
    return _targets(both), BlendValues(**{name: round(float(value), 4) for name, value in both.blend.items()})


class _Model(ABC):
    """Deviations from the prior, which is where they start."""

    shared: tuple[str, ...]

    def __init__(self, prior: Values, lips: MeasuredLips) -> None:
        self.prior = prior
        # A phone that stands beside few others can't be told from its words, however often it was said.
        known = [min(1.0, max(lips.variety[name], 1) / MIN_NEIGHBOURS) ** 0.5 for name in PHONE_NAMES]
        self._known = torch.tensor(known)
        of_class = torch.tensor([next(i for i, c in enumerate(CLASSES) if name in c) for name in PHONE_NAMES])
        self._of_class = of_class
        self.phone_target, self.phone_weight = (torch.zeros(len(PHONE_NAMES), requires_grad=True) for _ in range(2))
        self.class_target, self.class_weight = (torch.zeros(len(CLASSES), requires_grad=True) for _ in range(2))
        self.common = torch.zeros(len(self.shared), requires_grad=True)

    def parameters(self) -> list[Tensor]:
        return [self.phone_target, self.phone_weight, self.class_target, self.class_weight, self.common]

    def _deviation(self, phone: Tensor, group: Tensor) -> Tensor:
        return phone * self._known + group[self._of_class]

    def _blend(self) -> dict[str, Tensor]:
        moved = {
            name: (self.prior.blend[name] * torch.exp(step)).clamp(*BOUNDS[name])
            for name, step in zip(self.shared, self.common, strict=True)
        }
        return self.prior.blend | moved

    def penalty(self, deviations: Sequence[float]) -> Tensor:
        """Of the logarithm of the probability of the deviations."""
        scaled = zip(self.parameters(), deviations, strict=True)
        return 0.5 * torch.stack([((p / deviation) ** 2).sum() for p, deviation in scaled]).sum()

    @abstractmethod
    def values(self) -> Values:
        """The values at the present deviations."""

    @abstractmethod
    def loss(self, lips: MeasuredLips) -> Tensor:
        """Negative logarithm of the posterior probability of the present deviations."""


class _OpeningModel(_Model):
    shared = FITTED

    def values(self) -> Values:
        opening = self.prior.opening * torch.exp(self._deviation(self.phone_target, self.class_target))
        closing = self.prior.opening == 0
        opening = torch.where(closing, self.prior.opening, opening.clamp(LEAST_OPENING, WIDEST_OPENING))
        weight = self.prior.weight * torch.exp(self._deviation(self.phone_weight, self.class_weight))
        return replace(self.prior, opening=opening, weight=weight, blend=self._blend())

    def loss(self, lips: MeasuredLips) -> Tensor:
        apart = (blended_opening(lips.plan, self.values()) - lips.opening) / NOISE
        prior = (PHONE_OPENING, PHONE_WEIGHT, CLASS_OPENING, CLASS_WEIGHT, BLEND_DEVIATION)
        return _effective_frames(lips) * _weighted_huber(apart, lips.weight) + self.penalty(prior)


class _WidthModel(_Model):
    shared = WIDTH_FITTED

    def values(self) -> Values:
        width = self.prior.width + self._deviation(self.phone_target, self.class_target)
        weight = self.prior.width_weight * torch.exp(self._deviation(self.phone_weight, self.class_weight))
        return replace(self.prior, width=width, width_weight=weight, blend=self._blend())

    def loss(self, lips: MeasuredLips) -> Tensor:
        apart = blended_width(lips.plan, self.values()) - lips.width
        # Talkers rest differently wide: what they all have in common does not count.
        talkers = int(lips.talker.max()) + 1
        sums = torch.zeros(talkers).index_add(0, lips.talker, (apart * lips.weight).sum(1))
        apart = apart - (sums * talkers)[lips.talker][:, None]
        prior = (PHONE_WIDTH, PHONE_WEIGHT, CLASS_WIDTH, CLASS_WEIGHT, BLEND_DEVIATION)
        return _effective_frames(lips) * _weighted_huber(apart / WIDTH_NOISE, lips.weight) + self.penalty(prior)


def _optimise(lips: MeasuredLips, model: _Model, steps: int) -> Values:
    optimiser = torch.optim.Adam(model.parameters(), RATE)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        loss = model.loss(lips)
        loss.backward()
        optimiser.step()
        slower.step()
    with torch.no_grad():
        return model.values()


def _weighted_huber(apart: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of Huber's loss; apart: in deviations of noise."""
    loss = torch.nn.functional.huber_loss(apart, torch.zeros_like(apart), reduction="none", delta=HUBER)
    return (loss * weight).sum()


def _effective_frames(lips: MeasuredLips) -> float:
    """How many independent frames the lips are worth: unequal weights and frames of the same phone say less."""
    return float(1 / (lips.weight**2).sum() / FRAMES_ALIKE)


def _targets(values: Values) -> dict[str, PhoneTarget]:
    columns = (values.opening, values.weight, values.width, values.width_weight)
    rows = {
        name: [round(float(v), 3) for v in row]
        for name, row in zip(PHONE_NAMES, zip(*columns, strict=True), strict=True)
    }
    widths = {name: row[2] for name, row in rows.items()}
    narrow = [-widths[name] for name in PHONE_NAMES if PUBLISHED[name].rounding and widths[name] < 0]
    wide = [widths[name] for name in PHONE_NAMES if not PUBLISHED[name].rounding and widths[name] > 0]
    most_narrow = float(np.percentile(narrow, 100 - NARROWEST)) if narrow else 1.0
    most_wide = float(np.percentile(wide, WIDEST)) if wide else 1.0
    found = {}
    for name, (opening, weight, width, width_weight) in rows.items():
        gestures = _gestures(name, width, width_weight, most_narrow, most_wide)
        found[name] = PhoneTarget(opening, weight, width, width_weight, *gestures)
    return found


def _gestures(
    name: str, width: float, weight: float, most_narrow: float, most_wide: float
) -> tuple[float, float, float]:
    """Rounding, its weight and spreading.

    Only phones that are said to be rounded round, and those keep what makes it visible. Others whose lips are narrow
    (p b m f v press or draw them in) leave rounding to their neighbours as much as published.
    """
    if PUBLISHED[name].rounding:
        least = LEAST_ROUNDING if name in ROUNDED else 0.0
        return round(min(max(-width / most_narrow, least), 1.0), 3), weight, 0.0
    if width <= 0:
        return 0.0, min(weight, PUBLISHED[name].rounding_weight), 0.0
    return 0.0, weight, round(min(width / most_wide, 1.0), 3)


def correlations(lips: MeasuredLips, values: Values) -> tuple[float, float]:
    """Pearson's correlation of opening and of width with the measured ones, over all frames of speech."""
    with torch.no_grad():
        found = ((blended_opening(lips.plan, values), lips.opening), (blended_width(lips.plan, values), lips.width))
    opening, width = (_correlation(one.numpy(), other.numpy(), lips.known.numpy() > 0) for one, other in found)
    return opening, width


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32], known: NDArray[np.bool_]) -> float:
    return float(np.corrcoef(one[known], other[known])[0, 1])


def report(talkers: dict[str, MeasuredLips], before: Values, after: Values) -> dict[str, dict[str, float]]:
    """By talker."""
    rows = {}
    for name, lips in talkers.items():
        (opening, width), (new_opening, new_width) = correlations(lips, before), correlations(lips, after)
        rows[name] = {
            "opening_before": round(opening, 3),
            "opening_after": round(new_opening, 3),
            "width_before": round(width, 3),
            "width_after": round(new_width, 3),
        }
    return rows


def document(
    phones: dict[str, PhoneTarget], blend: BlendValues, lips: MeasuredLips, compared: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """What is written."""
    return {
        "provenance": {
            "written_by": "python -m scripts.training.speech.fit_phones",
            "corpus": "Cooke, M., Barker, J., Cunningham, S., Shao, X. (2006): The Grid Audio-Visual Speech Corpus "
            "(1.0), Zenodo, https://doi.org/10.5281/zenodo.3625687",
            "licence": "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
            "changed": "lips measured on the video, phones aligned with the audio, values fitted on both",
            "talkers": list(TALKERS),
            "left_out": list(LEFT_OUT),
            "not_fitted": "p b m opening (closed), silence_before, ajar, short_pause",
        },
        "units": {
            "opening": "mm on the canonical head, 11 is a talker's 95th percentile",
            "width": "the talker's standard deviations from the resting width",
            "reach, undershoot, short_pause": "s",
            "closing_speed": "mm/s",
            "tuck, ajar": "mm",
            "n": "phones of this kind in the fitted recordings",
        },
        "correlation": compared,
        "blend": asdict(blend),
        "phones": {
            name: asdict(target)
            | {"n": lips.counts.get(name, 0)}
            | {"published": {k: v for k, v in asdict(published()[name]).items() if not k.startswith("width")}}
            for name, target in phones.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False, description="fit the phones' targets on measured lips")
    parser.add_argument("corpus", type=Path, help="folder with lips-TALKER.npz")
    parser.add_argument("--out", type=Path, default=PATH)
    args = parser.parse_args()
    torch.set_num_threads(1)
    spoken = {name: list(load(args.corpus / f"lips-{name}.npz")) for name in (*TALKERS, *LEFT_OUT)}
    lips = measured_lips([[_with_reduced_vowels(u) for u in spoken[name]] for name in TALKERS])
    phones, blend = fit(lips)
    talkers = {name: measured_lips([utterances]) for name, utterances in spoken.items()}
    compared = report(talkers, values_of(published(), PUBLISHED_BLEND), values_of(phones, blend))
    text = json.dumps(document(phones, blend, lips, compared), ensure_ascii=False, indent=1)
    args.out.write_text(text + "\n", encoding="utf-8")
    print(json.dumps(compared, indent=1))


if __name__ == "__main__":
    main()
