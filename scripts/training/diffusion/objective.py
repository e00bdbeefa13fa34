"""What a stage of training is given, and what it gives to the run. Knows no stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from engines.diffusion.frame_step import FrameStep
from scripts.training.diffusion.dataset import MouthDataset
from scripts.training.diffusion.run import TrainingSchedule


@dataclass(frozen=True, slots=True, eq=False)
class StageInputs:
    """strength: of the sampling, in (0, 1]."""

    network: FrameStep
    mouths: MouthDataset
    schedule: TrainingSchedule
    strength: float
    device: torch.device


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """losses: of a step by number, by name; beside: what else a checkpoint holds, each with state_dict and
    load_state_dict."""

    losses: Callable[[int], dict[str, Tensor]]
    beside: dict[str, Any] = field(default_factory=dict)
