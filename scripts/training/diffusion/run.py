"""One training run: weights, their running mean, checkpoints, progress. Knows neither networks nor losses."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

WARM_UP = 100  # steps
LAST_SHARE = 0.02  # of the learning rate at the last step
MEMORY = 0.998  # of the running mean of the weights
SAY_EVERY, SAVE_EVERY = 20, 200  # steps
LARGEST_GRADIENT = 1.0  # norm


@dataclass(frozen=True, slots=True)
class TrainingSchedule:
    """steps in all, earlier runs included; rate: the highest learning rate; half: compute in bfloat16."""

    steps: int
    batch: int
    rate: float
    half: bool = False

    def rate_at(self, step: int) -> float:
        """Warm-up, then a cosine down to LAST_SHARE."""
        fall = LAST_SHARE + (1 - LAST_SHARE) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, step / self.steps)))
        return self.rate * min(1.0, (step + 1) / WARM_UP) * fall

    def arithmetic(self, device: str) -> AbstractContextManager[Any]:
        return torch.autocast(device, torch.bfloat16) if self.half else nullcontext()


@dataclass(slots=True, eq=False)
class Run:
    """network: the model; trained: what this stage changes of it; beside: what else a checkpoint holds, by name, each
    with state_dict and load_state_dict."""

    network: nn.Module
    trained: list[nn.Parameter]
    optimiser: torch.optim.Optimizer
    mean: dict[str, Tensor]
    step: int = 0
    beside: dict[str, Any] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)

    @classmethod
    def begin(cls, network: nn.Module, modules: Iterable[nn.Module], rate: float) -> Run:
        network.requires_grad_(False)
        trained = [parameter for module in modules for parameter in module.requires_grad_(True).parameters()]
        mean = {name: value.detach().clone() for name, value in network.state_dict().items()}
        return cls(network, trained, torch.optim.AdamW(trained, rate, betas=(0.9, 0.99), weight_decay=0.01), mean)

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        partial = path.with_suffix(".part")
        state = {"network": self.network.state_dict(), "mean": self.mean, "optimiser": self.optimiser.state_dict()}
        beside = {name: part.state_dict() for name, part in self.beside.items()}
        torch.save(state | {"beside": beside, "step": self.step}, partial)
        partial.rename(path)

    def resume(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.mean, self.step = state["mean"], int(state["step"])
        for name, part in self.beside.items():
            part.load_state_dict(state["beside"][name])

    def learn(self, losses: dict[str, Tensor], rate: float) -> None:
        """One step down their sum."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        total = torch.stack(list(losses.values())).sum()
        total.backward()
        nn.utils.clip_grad_norm_(self.trained, LARGEST_GRADIENT)
        self.optimiser.step()
        self.step += 1
        self._remember()
        for name, value in losses.items():
            self.losses[name] = 0.95 * self.losses.get(name, float(value.detach())) + 0.05 * float(value.detach())

    def _remember(self) -> None:
        """The running mean forgets the first steps sooner."""
        share = 1 - min(MEMORY, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.mean[name].lerp_(value, share)


def load_mean(network: nn.Module, path: Path) -> None:
    """The running mean of a run's weights into a network."""
    network.load_state_dict(torch.load(path, weights_only=True)["mean"])


def train(
    run: Run,
    schedule: TrainingSchedule,
    checkpoint: Path,
    losses_at: Callable[[int], dict[str, Tensor]],
    judge: Callable[[], str],
) -> None:
    """Train up to pace.steps and save. losses_at: of a step by number; judge: a word on how good it is by now."""
    began, first = time.monotonic(), run.step
    while run.step < schedule.steps:
        run.learn(losses_at(run.step), schedule.rate_at(run.step))
        last = run.step == schedule.steps
        verdict = ""
        if run.step % SAVE_EVERY == 0 or last:
            run.save(checkpoint)
            verdict = f"; {judge()}"
        if run.step % SAY_EVERY == 0 or last:
            each = (time.monotonic() - began) / (run.step - first)
            shown = ", ".join(f"{name} {value:.4f}" for name, value in run.losses.items())
            left = each * (schedule.steps - run.step) / 60
            print(
                f"{checkpoint.stem} {run.step}/{schedule.steps}: {shown}; {each:.2f} s a step, {left:.1f} min left"
                + verdict,
                file=sys.stderr,
                flush=True,
            )
