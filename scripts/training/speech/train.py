"""Trains the lip network; shows progress, writes checkpoints and goes on from the last one. Knows no corpus.

Usage: python -m scripts.training.speech.train DATASET CHECKPOINT [--steps 5800] [--batch 48] [--threads 2]
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engines.motion import VISEMES
from engines.speech.mouth import canonical_mouth
from scripts.training.speech.batches import Batch, Clips
from scripts.training.speech.dataset import HELD_PREFIX, KINDS
from scripts.training.speech.labels import OPENING, SHAPE, VISEME, WIDTH
from scripts.training.speech.network import LipNetwork

PEAK_RATE = 2e-3  # learning rate
WARM_UP = 200  # steps
DECAY_SHARE, LEAST_RATE = 0.6, 0.02  # of the steps, at the end; and of the peak rate, at the very end
MEMORY_OF_MEAN = 400  # steps over which the weights that are exported are a running mean
CENTIMETRES = 8.92  # of one unit of aperture: losses are about 1 then
OPENING_LOSS, SPEED_LOSS, WIDTH_LOSS = 4.0, 2.0, 3.0
SHAPE_LOSS, VISEME_LOSS, CLOSURE_LOSS = 30.0, 1.0, 12.0
ONSET_LOSS = 8.0  # more, of lips that are late to open after a pause: the mean of what may come opens them late
ONSET_CHUNKS, ONSET_RISE = 2, 0.05  # after silence, and cm: what counts as opening after a pause
SHUT = 0.004  # aperture, in distances between the eyes (0.4 mm)
RARE = {"PP": 1.5, "FF": 2.0, "TH": 1.5}  # how much more a sound counts in the loss of visemes
SAVE_EVERY, EVALUATE_EVERY, KEEP_EVERY = 100, 500, 1000  # steps: saved; held-out clips evaluated; a copy kept


class Loss(nn.Module):
    """Opening first, for it is what is seen; then its speed, width, all coefficients, closures and visemes.

    What is not known of a frame costs nothing.
    """

    change: Tensor
    rare: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("change", torch.from_numpy(canonical_mouth().change.copy()))
        self.register_buffer("rare", torch.tensor([RARE.get(viseme, 1.0) for viseme in VISEMES]))

    def forward(self, coefficients: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        opening, width = (CENTIMETRES * (coefficients @ self.change)).unbind(dim=-1)
        wanted, wanted_width = (CENTIMETRES * (batch.coefficients @ self.change)).unbind(dim=-1)
        seen, wide, shape, said = (((batch.known & bit) > 0).float() for bit in (OPENING, WIDTH, SHAPE, VISEME))
        viseme = batch.viseme
        lips_shut = ((viseme == VISEMES.index("PP")) & (wanted < CENTIMETRES * SHUT)).float() * seen
        parted = torch.relu(opening - CENTIMETRES * SHUT)
        loss = OPENING_LOSS * (seen * (opening - wanted).square()).mean()
        both = seen[:, 1:] * seen[:, :-1]
        loss = loss + SPEED_LOSS * (both * (_speed(opening) - _speed(wanted)).square()).mean()
        loss = loss + WIDTH_LOSS * (wide * (width - wanted_width).square()).mean()
        late = seen * torch.relu(wanted - opening).square()
        loss = loss + ONSET_LOSS * (_onsets(wanted, (viseme == VISEMES.index("sil")) & (said > 0)) * late).mean()
        error = (coefficients - batch.coefficients).square().mean(dim=-1)
        loss = loss + SHAPE_LOSS * (shape * error).mean()
        loss = loss + CLOSURE_LOSS * (lips_shut * parted.square()).mean()
        unlikely = nn.functional.cross_entropy(logits.flatten(0, 1), viseme.flatten(), self.rare, reduction="none")
        weight = said.flatten() * self.rare[viseme.flatten()]
        return loss + VISEME_LOSS * (said.flatten() * unlikely).sum() / weight.sum().clamp(min=1)


def _speed(opening: Tensor) -> Tensor:
    """How much an opening (batch, chunks) changes in a chunk."""
    return opening[:, 1:] - opening[:, :-1]


def _onsets(wanted: Tensor, silent: Tensor) -> Tensor:
    """1 where the wanted opening (batch, chunks) rises in silence or just after it, else 0."""
    rises = nn.functional.pad(_speed(wanted) > ONSET_RISE, (1, 0))
    lately = [nn.functional.pad(silent, (k, 0))[:, : silent.shape[1]] for k in range(ONSET_CHUNKS + 1)]
    return (rises & torch.stack(lately).any(dim=0)).float()


@dataclass(slots=True, eq=False)
class Run:
    """One training run: what a checkpoint holds."""

    network: LipNetwork
    optimiser: torch.optim.Optimizer
    step: int = 0
    mean: LipNetwork = field(init=False)  # of the weights of the last steps: what is exported

    def __post_init__(self) -> None:
        self.mean = copy.deepcopy(self.network).eval()

    def average(self) -> None:
        """Take the network's weights into the mean."""
        share = 1 / min(self.step + 1, MEMORY_OF_MEAN)
        with torch.no_grad():
            for old, new in zip(self.mean.parameters(), self.network.parameters(), strict=True):
                old.lerp_(new, share)

    def save(self, path: Path) -> None:
        partial = path.with_suffix(".part")
        state = {
            "network": self.network.state_dict(),
            "mean": self.mean.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }
        torch.save(state, partial)
        partial.rename(path)

    def resume(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.mean.load_state_dict(state["mean"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])


def learning_rate(step: int, steps: int) -> float:
    """Warm-up, level, then down in a straight line: a longer run goes on from a shorter one's level part."""
    fall = LEAST_RATE + (1 - LEAST_RATE) * (steps - step) / (DECAY_SHARE * steps)
    return PEAK_RATE * min(1.0, (step + 1) / WARM_UP, fall)


def evaluate(network: LipNetwork, batch: Batch) -> str:
    """How right the network is on clips that it does not learn from: opening, and p b m and f v by their beliefs."""
    with torch.no_grad():
        coefficients, logits = network(batch.features, batch.delay)
    change = torch.from_numpy(canonical_mouth().change[:, 0].copy())
    seen, heard = (batch.known & OPENING) > 0, (batch.known & VISEME) > 0
    pair = torch.stack([(c @ change)[seen] for c in (coefficients, batch.coefficients)])
    said = f"opening {torch.corrcoef(pair)[0, 1]:.3f}"
    guess = logits.argmax(dim=-1)
    for viseme in ("PP", "FF"):
        found, there = (heard & (v == VISEMES.index(viseme)) for v in (guess, batch.viseme))
        both = float((found & there).sum())
        said += f", {viseme} {both / max(float(there.sum()), 1):.2f} of {both / max(float(found.sum()), 1):.2f}"
    return said


def train(
    clips: Clips, run: Run, checkpoint: Path, steps: int, batch_size: int, held: dict[str, Batch] | None = None
) -> None:
    """Train up to a number of steps, earlier runs of this checkpoint included; held: clips looked at meanwhile."""
    device = next(run.network.parameters()).device
    loss_of = Loss().to(device)
    mean = math.nan
    began = time.monotonic()
    while run.step < steps:
        draw = np.random.default_rng([5, run.step])
        batch = clips.batch(batch_size, draw)
        batch = Batch(*(getattr(batch, name).to(device) for name in Batch.__slots__))
        for group in run.optimiser.param_groups:
            group["lr"] = learning_rate(run.step, steps)
        with torch.autocast(device.type, torch.bfloat16):  # twice as fast where the processor knows it
            guess = run.network(batch.features, batch.delay)
        loss = loss_of(*guess, batch)
        run.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(run.network.parameters(), 1.0)
        run.optimiser.step()
        run.average()
        run.step += 1
        if held and run.step % EVALUATE_EVERY == 0:
            for name, clips_of in held.items():
                print(f"step {run.step}, held-out {name}: {evaluate(run.mean, clips_of)}", flush=True)
        if run.step % KEEP_EVERY == 0:
            run.save(checkpoint.with_name(f"{checkpoint.stem}-{run.step:06d}{checkpoint.suffix}"))
        value = float(loss.detach())
        mean = value if math.isnan(mean) else 0.98 * mean + 0.02 * value
        if run.step % SAVE_EVERY == 0:
            minutes = (time.monotonic() - began) / 60
            print(f"step {run.step} of {steps}: loss {mean:.4f}, {minutes:.1f} minutes", flush=True)
            run.save(checkpoint)
    run.save(checkpoint)


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False, description="train the lip network")
    parser.add_argument("dataset", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--steps", type=int, default=5800)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    network = LipNetwork().to(args.device)
    run = Run(network, torch.optim.AdamW(network.parameters(), PEAK_RATE, weight_decay=0.01))
    if args.checkpoint.exists():
        run.resume(args.checkpoint)
        print(f"going on from step {run.step}")
    clips = Clips(args.dataset)
    parameters = sum(p.numel() for p in network.parameters())
    print(f"{len(clips.features)} clips, {parameters} parameters")
    held = {name: Clips(args.dataset, f"{HELD_PREFIX}{name}*.npz").all() for name in KINDS}
    train(clips, run, args.checkpoint, args.steps, args.batch, held)


if __name__ == "__main__":
    main()
