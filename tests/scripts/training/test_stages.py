"""Builds: their stages in order, and what runs them."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.training.stages import run_stages


def check(stages: Sequence[Sequence[str]]) -> list[str]:
    """Every stage is a module that there is; their names without the package."""
    for module, *arguments in stages:
        assert importlib.util.find_spec(module) is not None, module
        assert all(isinstance(argument, str) for argument in arguments)
    return [stage[0].rpartition(".")[2] for stage in stages]


def test_stages_run_in_order_and_are_told(capfd: pytest.CaptureFixture[str]) -> None:
    run_stages([("platform", "--terse"), ("this",)])
    told = capfd.readouterr().out
    assert told.index("== platform --terse") < told.index("== this") < told.index("The Zen of Python")


def test_a_stage_that_fails_ends_the_build(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run_stages([("no_such_module_anywhere",), ("this",)])
    assert "== this" not in capfd.readouterr().out


def test_speech_goes_from_a_corpus_to_weights(tmp_path: Path) -> None:
    pytest.importorskip("scipy", reason="alignment needs scipy: pip install -e .[train]")
    from scripts.training.speech.build import stages

    found = stages(tmp_path, Path("speech"), Path("lips"), 5800)
    assert check(found) == ["corpus", "recordings", "dataset", "train", "export"]
    assert found[-1][-1] == str(tmp_path / "lips.onnx")
    assert str(5800) in found[3]


def test_diffusion_goes_from_mouths_to_a_pack(tmp_path: Path) -> None:
    pytest.importorskip("diffusers", reason="training needs diffusers: pip install -e .[train]")
    from scripts.training.diffusion.build import stages
    from scripts.training.diffusion.train import STAGES

    options = argparse.Namespace(
        folder=tmp_path, facekit=Path("kit"), pack=None, version="3", samples=64, longer=2.0, half=True, threads=2,
        device="cpu",
    )  # fmt: skip
    found = stages(options)
    assert check(found) == ["build", *["train"] * 4, "preview", "make_pack"]
    assert [stage[1] for stage in found[1:5]] == list(STAGES) == ["autoencoder", "denoiser", "few-step", "adversarial"]
    assert all("--half" in stage for stage in found[1:5])
    assert found[1][found[1].index("--steps") + 1] == str(2 * STAGES["autoencoder"].steps)
    assert found[-1][-3:] == [str(tmp_path / "pack"), "--version", "3"]


def test_heads_render_every_presenter_and_the_canonical_mouth(tmp_path: Path) -> None:
    from engines.loader import SHIPPED
    from scripts.training.heads.build import stages

    found = stages(Path("kit"), tmp_path, tmp_path / "canonical")
    names = [stage[1] for stage in found if stage[0].endswith("render_presenter")]
    assert names == sorted(path.name for path in SHIPPED.iterdir() if (path / "avatar.json").exists())
    assert found[-1][0] == "scripts.tools.canonical_mouth"
