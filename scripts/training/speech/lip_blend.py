"""The blend of curves.py in torch, for many utterances at once, so that its values can be fitted to measured lips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scripts.training.speech import curves
from scripts.training.speech.phone_targets import BlendValues, PhoneTarget
from scripts.training.speech.phones import BILABIALS, LABIODENTALS, PUBLISHED, SILENCE, VOWELS
from scripts.training.speech.utterance import Segment, Utterance

PHONE_NAMES = tuple(name for name in PUBLISHED if name != SILENCE)
FAR = 9.0  # s: further than any phone reaches
SILENCE_WIDTH = PUBLISHED[SILENCE].rounding_weight  # weight of silence in the blend of width, whose target is rest


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """What is blended: (phones,) each, in the order of PHONE_NAMES; blend: BlendValues by name, a number each."""

    opening: Tensor
    weight: Tensor
    width: Tensor
    width_weight: Tensor
    blend: dict[str, Tensor]


def values_of(phones: dict[str, PhoneTarget], blend: BlendValues) -> Values:
    """Fitted values as tensors."""
    opening, weight, width, width_weight = (
        torch.tensor([getattr(phones[name], field) for name in PHONE_NAMES], dtype=torch.float32)
        for field in ("opening", "weight", "width", "width_weight")
    )
    shared = {f.name: torch.tensor(getattr(blend, f.name), dtype=torch.float32) for f in fields(BlendValues)}
    return Values(opening, weight, width, width_weight, shared)


@dataclass(frozen=True, slots=True, eq=False)
class PaddedUtterances:
    """Utterances laid out for the blend: u utterances of at most s segments and f frames, filled up with nothing.

    phone: (u, s) index into PHONE_NAMES, len(PHONE_NAMES) for silence; present: (u, s) 1 where there is a segment.
    early, late: (u, s, f) s that a frame is before or after a core. after_pause, before_pause, glottal, ajar, first,
    vowel: (u, s) 0 or 1. length: (u, s) s; loudest: (u, s) effort. shut, tuck: (u, f) s from the nearest closure.
    """

    phone: Tensor
    present: Tensor
    early: Tensor
    late: Tensor
    after_pause: Tensor
    before_pause: Tensor
    glottal: Tensor
    ajar: Tensor
    first: Tensor
    vowel: Tensor
    length: Tensor
    loudest: Tensor
    shut: Tensor
    tuck: Tensor


def padded(utterances: Sequence[Utterance], times: Sequence[NDArray[np.float32]]) -> PaddedUtterances:
    """times: for each utterance the s at which the blend is wanted, at most as long as the longest."""
    filled = [curves.fill(u.segments, _frames(u) / curves.RATE) for u in utterances]
    u, s, f = len(utterances), max(map(len, filled)), max(map(len, times))
    flat = {name: np.zeros((u, s), np.float32) for name in _BY_SEGMENT}
    phone = np.full((u, s), len(PHONE_NAMES))
    early, late = np.full((u, s, f), FAR, np.float32), np.full((u, s, f), FAR, np.float32)
    shut, tuck = np.full((u, f), FAR, np.float32), np.full((u, f), FAR, np.float32)
    for i, (utterance, segments, t) in enumerate(zip(utterances, filled, times, strict=True)):
        n, m = len(segments), len(t)
        early[i, :n, :m], late[i, :n, :m] = curves.apart(curves.cores_of(segments), t)
        shut[i, :m] = curves.distance(segments, t, BILABIALS)
        tuck[i, :m] = curves.distance(segments, t, LABIODENTALS)
        phone[i, :n] = [_index(segment.phone) for segment in segments]
        for name, value in _by_segment(segments, utterance).items():
            flat[name][i, :n] = value
    tensors = {name: torch.from_numpy(value) for name, value in flat.items()}
    laid = {"early": early, "late": late, "shut": shut, "tuck": tuck}
    return PaddedUtterances(
        phone=torch.from_numpy(phone), **tensors, **{name: torch.from_numpy(x) for name, x in laid.items()}
    )


_BY_SEGMENT = (
    "present", "after_pause", "before_pause", "glottal", "ajar", "first", "vowel", "length", "loudest"
)  # fmt: skip


def _by_segment(segments: Sequence[Segment], utterance: Utterance) -> dict[str, NDArray[np.float32]]:
    effort = curves.loudness_effort(utterance.samples, _frames(utterance))
    lengths = [s.end - s.start for s in segments]
    ajar = curves.ajar(segments)
    rows = [
        (
            1.0,
            curves.after_pause(segments, i),
            curves.before_pause(segments, i),
            s.phone == SILENCE and lengths[i] < curves.GLOTTAL_STOP,
            i in ajar,
            i == 0 and s.phone == SILENCE,
            s.phone in VOWELS,
            lengths[i],
            curves.loudest(s, effort),
        )
        for i, s in enumerate(segments)
    ]
    return dict(zip(_BY_SEGMENT, np.array(rows, np.float32).T, strict=True))


def _frames(utterance: Utterance) -> int:
    return math.ceil(len(utterance.samples) / 160)


def _index(phone: str) -> int:
    return len(PHONE_NAMES) if phone == SILENCE else PHONE_NAMES.index(phone)


def blended_opening(laid: PaddedUtterances, values: Values) -> Tensor:
    """(u, f) mm, before curves.smooth."""
    blend = values.blend
    silent = laid.phone == len(PHONE_NAMES)
    reached = curves.LEAST_REACHED + (1 - curves.LEAST_REACHED) * laid.length / blend["undershoot"]
    strength = torch.where(laid.vowel > 0, laid.loudest * reached.clamp(max=1.0), torch.ones_like(reached))
    target = _of_phones(values.opening, laid) * strength
    target = torch.where(laid.ajar > 0, blend["ajar"], target)
    rest = torch.where(laid.first > 0, blend["silence_before"], blend["silence_after"])
    weight = torch.where(silent, rest, _of_phones(values.weight, laid))
    open_blend = _blend(laid, target, weight, blend["reach_before"], blend["reach_after"], blend["reach_after_last"])
    speed = blend["closing_speed"]
    ceiling = torch.minimum(_ceiling(laid.shut, 0.0, speed), _ceiling(laid.tuck, blend["tuck"], speed))
    return torch.minimum(open_blend, ceiling)


def blended_width(laid: PaddedUtterances, values: Values) -> Tensor:
    """(u, f), in the talker's deviations from rest."""
    blend = values.blend
    silent = laid.phone == len(PHONE_NAMES)
    weight = torch.where(silent, torch.tensor(SILENCE_WIDTH), _of_phones(values.width_weight, laid))
    return _blend(
        laid,
        _of_phones(values.width, laid),
        weight,
        blend["width_reach_before"],
        blend["width_reach_after"],
        blend["reach_after_last"],
    )


def _of_phones(column: Tensor, laid: PaddedUtterances) -> Tensor:
    return torch.cat([column, torch.zeros(1)])[laid.phone]


def _blend(
    laid: PaddedUtterances, target: Tensor, weight: Tensor, before: Tensor, after: Tensor, last: Tensor
) -> Tensor:
    reach_before = torch.where(laid.after_pause > 0, before.clamp(min=curves.ONSET_REACH), before)
    reach_after = torch.where(laid.before_pause > 0, torch.maximum(after, last), after)
    dominance = torch.exp(-laid.early / reach_before[:, :, None] - laid.late / reach_after[:, :, None])
    weight = laid.present * torch.where(laid.glottal > 0, torch.tensor(curves.GLOTTAL_WEIGHT), weight)
    over = torch.stack([weight * target, weight], 1) @ dominance
    return over[:, 0] / (over[:, 1] + curves.NEGLIGIBLE)


def _ceiling(distance: Tensor, least: Tensor | float, speed: Tensor) -> Tensor:
    return least + speed * (distance - 0.005).clamp(min=0)
