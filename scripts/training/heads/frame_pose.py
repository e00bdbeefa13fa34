"""What a presenter does at one instant. Knows no shape and no picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FramePose:
    """expression: values by name, as HeadModel.vertices takes them; angles in degrees; breath in [0, 1]."""

    expression: Mapping[str, float] = field(default_factory=dict)
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    breath: float = 0.0
    gaze_right: float = 0.0
    gaze_up: float = 0.0
