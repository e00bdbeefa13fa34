"""Reads what people's measured lips say of phones: targets, weights and reaches, written by fit_phones.py."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("phone_targets.json")


@dataclass(frozen=True, slots=True)
class PhoneTarget:
    """Fitted values of one phone.

    opening: mm; weight, width_weight: > 0, in the blends of opening and of width; width: in the talker's deviations
    from the resting width, negative is narrower; rounding, spreading: 0 to 1.
    """

    opening: float
    weight: float
    width: float
    width_weight: float
    rounding: float
    rounding_weight: float
    spreading: float


@dataclass(frozen=True, slots=True)
class BlendValues:
    """Fitted values that all phones share.

    reach_before, reach_after, reach_after_last, width_reach_before, width_reach_after, undershoot, short_pause: s;
    closing_speed: mm/s; tuck, ajar: mm; silence_before, silence_after: weights of the silence before the first phone
    and of all others.
    """

    reach_before: float
    reach_after: float
    reach_after_last: float
    width_reach_before: float
    width_reach_after: float
    closing_speed: float
    tuck: float
    undershoot: float
    silence_before: float
    silence_after: float
    ajar: float
    short_pause: float


@dataclass(frozen=True, slots=True)
class PhoneTargets:
    """blend: shared values; phones: by their names, all but silence."""

    blend: BlendValues
    phones: dict[str, PhoneTarget]


@cache
def phone_targets(path: Path = PATH) -> PhoneTargets:
    """
    Raises:
        ValueError: the file lacks a value; the message names it and what to do.
    """
    told = json.loads(path.read_text(encoding="utf-8"))
    try:
        phones = {name: PhoneTarget(**_numbers(PhoneTarget, values)) for name, values in told["phones"].items()}
        return PhoneTargets(BlendValues(**_numbers(BlendValues, told["blend"])), phones)
    except KeyError as error:
        raise ValueError(
            f"{path}: expected the value {error}, which is missing; "
            "python -m scripts.training.speech.fit_phones writes the file"
        ) from error


def _numbers(kind: type[PhoneTarget] | type[BlendValues], values: dict[str, Any]) -> dict[str, float]:
    return {field.name: float(values[field.name]) for field in fields(kind)}
