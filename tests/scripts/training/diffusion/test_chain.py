"""From drawn mouths to a pack that runs: the whole training chain in miniature."""

from __future__ import annotations

import re
from contextlib import redirect_stderr
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")
pytest.importorskip("diffusers", reason="training needs diffusers: pip install -e .[train]")
pytest.importorskip("onnx", reason="export needs onnx: pip install -e .[train]")

from engines.diffusion.architecture import Sampling  # noqa: E402
from engines.diffusion.frame_step import FrameStep  # noqa: E402
from engines.diffusion.pack import PackError, load_pack  # noqa: E402
from scripts.training.diffusion.dataset import MouthDataset  # noqa: E402
from scripts.training.diffusion.make_pack import AGREEMENT, make_pack  # noqa: E402
from scripts.training.diffusion.preview import preview_sheet  # noqa: E402
from scripts.training.diffusion.run import TrainingSchedule, load_mean  # noqa: E402
from scripts.training.diffusion.train import STAGES, StageFolders, run_stage  # noqa: E402
from tests.engines.diffusion.miniature import MODEL as MINIATURE  # noqa: E402
from tests.scripts.training.diffusion.drawn_mouths import write_mouths  # noqa: E402

pytestmark = pytest.mark.slow
MODEL = replace(MINIATURE, sampling=Sampling(steps=1, strength=0.1))
STEPS = {"autoencoder": 160, "denoiser": 120, "few-step": 60, "adversarial": 20}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> StageFolders:
    folder = tmp_path_factory.mktemp("embedded")
    write_mouths(folder / "mouths", {"train": 48, "val": 16})
    return StageFolders(folder / "mouths", folder / "out", torch.device("cpu"))


def schedule(stage: str, steps: int | None = None) -> TrainingSchedule:
    return TrainingSchedule(steps or STEPS[stage], batch=8, rate=4e-3)


def train(stage: str, folders: StageFolders, steps: int | None = None) -> None:
    run_stage(STAGES[stage], MODEL, schedule(stage, steps), folders)


@pytest.fixture(scope="module")
def said(folders: StageFolders) -> dict[str, str]:
    """The whole chain has run; what each stage said meanwhile."""
    found = {}
    for stage in STAGES:
        with redirect_stderr(StringIO()) as spoken:
            train(stage, folders)
        found[stage] = spoken.getvalue()
    return found


@pytest.fixture
def trained(said: dict[str, str], folders: StageFolders) -> StageFolders:
    return folders


@pytest.mark.parametrize("stage", ["autoencoder", "few-step", "adversarial"])  # the other sees latents alone
def test_pictures_come_nearer_to_the_truth_than_structure_frames(said: dict[str, str], stage: str) -> None:
    verdicts = re.findall(r"unseen (\S+) dB, bare structure frames ([\d.]+)", said[stage])
    found, bare = map(float, verdicts[-1])
    assert found > bare + 0.3


def test_the_denoiser_comes_nearer_to_the_latents(said: dict[str, str]) -> None:
    losses = [float(value) for value in re.findall(r"latents ([\d.]+);", said["denoiser"])]
    assert losses[-1] < 0.95 * losses[0]


def test_a_pack_of_it_runs_and_agrees_with_the_reference(trained: StageFolders, tmp_path: Path) -> None:
    seen, mouths = MouthDataset(trained.mouths, "train"), MouthDataset(trained.mouths, "val")
    assert make_pack(trained.checkpoint("adversarial"), seen, mouths, tmp_path, MODEL, "1") <= AGREEMENT
    pack = load_pack(tmp_path, threads=1, batches=(1,))
    feeds = {spec.name: np.zeros(spec.shape, np.float32) for spec in pack.frame_steps[1].inputs}
    assert pack.frame_steps[1].run(feeds)["picture"].shape == (1, 3, 32, 32)
    assert pack.manifest.name == "embedded"
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "on 16 pictures" in card
    assert re.search(r"weighted by the mask: [\d.]+ dB", card)


def test_a_pack_that_loses_too_much_by_8_bits_is_refused(
    trained: StageFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.training.diffusion.make_pack.MOST_LOST", 0.0)
    seen, mouths = MouthDataset(trained.mouths, "train"), MouthDataset(trained.mouths, "val")
    with pytest.raises(PackError, match=r"expected at most 0\.0 grey levels lost by 8 bits, found"):
        make_pack(trained.checkpoint("adversarial"), seen, mouths, tmp_path, MODEL, "1")


def test_the_sheet_to_look_at_has_six_rows(trained: StageFolders) -> None:
    network = FrameStep(MODEL)
    load_mean(network, trained.checkpoint("adversarial"))
    picture = preview_sheet(network.eval(), MouthDataset(trained.mouths, "val"), columns=3, seed=1)
    assert picture.shape == (3, 6 * 32, 3 * 32)


def test_later_stages_leave_the_autoencoders_encoder_alone(trained: StageFolders) -> None:
    weights = []
    for stage in STAGES:
        network = FrameStep(MODEL)
        load_mean(network, trained.checkpoint(stage))
        weights.append(torch.cat([value.flatten() for value in network.encoder.state_dict().values()]))
    for later in weights[1:]:
        torch.testing.assert_close(weights[0], later, atol=1e-5, rtol=1e-4)


def test_latents_are_of_unit_deviation(trained: StageFolders) -> None:
    network = FrameStep(MODEL)
    load_mean(network, trained.checkpoint("autoencoder"))
    with torch.no_grad():
        latents = network.encoder(MouthDataset(trained.mouths, "train").pick(slice(None)).target)[0]
    torch.testing.assert_close(latents.mean(dim=(0, 2, 3)), torch.zeros(4), atol=0.02, rtol=0)
    torch.testing.assert_close(latents.std(dim=(0, 2, 3)), torch.ones(4), atol=0.02, rtol=0)


def test_a_stage_without_the_one_before_it_is_refused(folders: StageFolders, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run the stage autoencoder first"):
        train("denoiser", replace(folders, out=tmp_path))


def test_mouths_of_another_size_are_refused(folders: StageFolders, tmp_path: Path) -> None:
    other = replace(MODEL, architecture=replace(MODEL.architecture, size=64))
    with pytest.raises(ValueError, match="expected mouths of 64 pixels, found 32"):
        run_stage(STAGES["autoencoder"], other, schedule("autoencoder"), replace(folders, out=tmp_path))


def test_a_folder_without_mouths_is_refused(folders: StageFolders, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"run scripts\.training\.mouth_data\.build first"):
        train("autoencoder", replace(folders, mouths=tmp_path))
