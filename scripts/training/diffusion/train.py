"""Train the embedded model from nothing, stage by stage, each going on from its last checkpoint.

    python -m scripts.training.diffusion.train autoencoder --mouths FOLDER --out build/embedded
    python -m scripts.training.diffusion.train denoiser    --mouths FOLDER --out build/embedded
    python -m scripts.training.diffusion.train few-step    --mouths FOLDER --out build/embedded
    python -m scripts.training.diffusion.train adversarial --mouths FOLDER --out build/embedded

A stage begins from what the stage before it left in the folder. Stopped, or given more steps, it goes on; the learning
rate falls until the last step. --half computes in bfloat16: faster where the processor has it, slower where it has not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from engines.diffusion.architecture import Model
from engines.diffusion.frame_step import FrameStep
from scripts.training.diffusion import adversarial, autoencoder, denoiser, few_step
from scripts.training.diffusion.dataset import MouthDataset
from scripts.training.diffusion.objective import Objective, StageInputs
from scripts.training.diffusion.run import Run, TrainingSchedule, load_mean, train

JUDGED = 96  # unseen samples by which progress is told


@dataclass(frozen=True, slots=True)
class TrainingStage:
    """name: of its checkpoint; after: of the one it begins from; rate: the highest learning rate; parts: trained.

    steps: of 32 samples, by default: so that all stages together take some 70 minutes on one core.
    """

    name: str
    after: str | None
    objective: Callable[[StageInputs], Objective]
    rate: float
    steps: int
    parts: tuple[str, ...]


STAGES = {
    stage.name: stage
    for stage in (
        TrainingStage("autoencoder", None, autoencoder.objective, 1.5e-3, 1800, ("encoder", "decoder")),
        TrainingStage(
            "denoiser", "autoencoder", denoiser.objective, 8e-4, 1500, ("image_encoder", "resampler", "unet")
        ),
        TrainingStage(
            "few-step", "denoiser", few_step.objective, 4e-4, 2000, ("image_encoder", "resampler", "unet", "decoder")
        ),
        TrainingStage("adversarial", "few-step", adversarial.objective, 2e-4, 900, ("decoder",)),
    )
}


@dataclass(frozen=True, slots=True)
class StageFolders:
    """Where a stage works. most: samples of the dataset to use, None for all."""

    mouths: Path
    out: Path
    device: torch.device
    most: int | None = None

    def checkpoint(self, stage: str) -> Path:
        return self.out / f"{stage}.pt"


def run_stage(stage: TrainingStage, model: Model, schedule: TrainingSchedule, folders: StageFolders) -> None:
    """Train one stage to its last step.

    Raises:
        FileNotFoundError: the dataset or the checkpoint of the stage before is not there.
        ValueError: the dataset's pictures are of another size.
    """
    torch.manual_seed(0)
    network = FrameStep(model).to(folders.device, memory_format=torch.channels_last)
    mouths, unseen = MouthDataset(folders.mouths, "train", folders.most), MouthDataset(folders.mouths, "val", JUDGED)
    if mouths.size != model.architecture.size:
        size = model.architecture.size
        raise ValueError(f"expected mouths of {size} pixels, found {mouths.size} in {folders.mouths}")
    folders.out.mkdir(parents=True, exist_ok=True)
    own = folders.checkpoint(stage.name)
    if stage.after is not None and not own.exists():
        before = folders.checkpoint(stage.after)
        if not before.exists():
            raise FileNotFoundError(f"{before} is not there: run the stage {stage.after} first")
        load_mean(network, before)
    objective = stage.objective(StageInputs(network, mouths, schedule, model.sampling.strength, folders.device))
    run = Run.begin(network, [network.get_submodule(part) for part in stage.parts], stage.rate)
    run.beside = objective.beside
    if own.exists():
        run.resume(own)
        print(f"{stage.name}: going on from step {run.step} of {schedule.steps}", file=sys.stderr)
    if run.step >= schedule.steps:
        return
    train(run, schedule, own, objective.losses, _judge(stage, run, unseen, folders))
    if stage.name == "autoencoder":
        _finish_autoencoder(run, own, mouths, folders)


def _judge(stage: TrainingStage, run: Run, unseen: MouthDataset, folders: StageFolders) -> Callable[[], str]:
    """By the running mean of the weights, which is what comes of a stage."""

    def judge() -> str:
        network = run.network
        assert isinstance(network, FrameStep)
        own = {name: value.clone() for name, value in network.state_dict().items()}
        network.load_state_dict(run.mean)
        verdict: str = (autoencoder if stage.name == "autoencoder" else few_step).judge(network, unseen, folders.device)
        network.load_state_dict(own)
        return verdict

    return judge


def _finish_autoencoder(run: Run, checkpoint: Path, mouths: MouthDataset, folders: StageFolders) -> None:
    """Measure the latents of the weights that go on, once."""
    network: nn.Module = run.network
    assert isinstance(network, FrameStep)
    network.load_state_dict(run.mean)
    autoencoder.measure(network, mouths, folders.device)
    run.mean = {name: value.clone() for name, value in network.state_dict().items()}
    run.save(checkpoint)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--mouths", type=Path, required=True, help="a dataset of scripts.training.mouth_data.build")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the checkpoints")
    parser.add_argument("--steps", type=int, help="in all, earlier runs included; instead of the stage's own")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, help="the highest learning rate, instead of the stage's own")
    parser.add_argument("--half", action="store_true", help="compute in bfloat16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    stage = STAGES[options.stage]
    schedule = TrainingSchedule(options.steps or stage.steps, options.batch, options.rate or stage.rate, options.half)
    try:
        run_stage(stage, Model(), schedule, StageFolders(options.mouths, options.out, torch.device(options.device)))
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
