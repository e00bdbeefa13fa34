"""`lipcast pack`, from the command line to a video: built of weights, shown, rendered with, served with, refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lipcast.cli import main, new_parser, with_engine
from lipcast.commands.packs import show
from streamer.config import Config, EngineConfig, load_config
from streamer.wiring import load_runtime
from tests.engines.diffusion.miniature import write_miniature
from tests.engines.face import tiny_avatar
from tests.lipcast.commands.recordings import pictures_of, write
from tests.sounds import voice


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of miniature weights."""
    for needed in ("transformers", "onnx"):
        pytest.importorskip(needed)
    from tests.engines.diffusion.sd15.weights import save_all

    return save_all(tmp_path_factory.mktemp("weights") / "sd15")


@pytest.fixture(scope="module")
def pack(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the command, of the real resolution, with one step."""
    folder = tmp_path_factory.mktemp("packs") / "mine"
    assert main(["pack", "build", "sd15", "--weights", str(weights), "--steps", "1", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a configuration with one presenter, "tiny"; enrolments are kept in the test's own folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tiny_avatar.save(tmp_path / "presenters" / "tiny")
    path = tmp_path / "lipcast.toml"
    path.write_text(f'[engine]\npresenters = "{tmp_path / "presenters"}"\nthreads = 1\n')
    return str(path)


def test_a_pack_is_built_and_says_what_it_is(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", "show", str(pack)]) == 0
    said = capsys.readouterr().out
    for words in ("Stable Diffusion 1.5, live, 256 pixels", "1 steps, strength 0.5", "licence creativeml-openrail-m"):
        assert words in said
    assert "frame_step.onnx" in said


def test_a_video_is_rendered_with_it_and_the_presenter_enrolled_once(pack: Path, config: str, tmp_path: Path) -> None:
    audio = str(write(tmp_path / "speech.wav", voice(0.6)))
    words = ["render", "--audio", audio, "--avatar", "tiny", "--config", config]
    for name, more in (("warp", []), ("sd15", ["--pack", str(pack)])):
        assert main([*words, "--out", str(tmp_path / f"{name}.mp4"), *more]) == 0
    warp, sd15 = (pictures_of(tmp_path / f"{name}.mp4") for name in ("warp", "sd15"))
    assert len(warp) == len(sd15) == 15
    assert (warp != sd15).any()
    assert len(list((tmp_path / "cache" / "lipcast" / "conditioning").glob("*.safetensors"))) == 1


def test_a_server_loads_it(pack: Path, config: str) -> None:
    options = new_parser().parse_args(["serve", "--config", config, "--pack", str(pack)])
    own = with_engine(load_config(options.config), options)
    assert (own.engine.name, own.engine.pack) == ("diffusion", str(pack))
    runtime = load_runtime(own)
    assert runtime.load_avatar("tiny").name == "tiny"


def test_the_words_win_over_the_configuration(config: str) -> None:
    options = new_parser().parse_args(["serve", "--config", config, "--engine", "warp", "--backend", "openvino"])
    own = with_engine(Config(engine=EngineConfig(pack="mine", backend="onnxruntime")), options)
    assert (own.engine.name, own.engine.pack, own.engine.backend) == ("warp", "mine", "openvino")


def test_a_pack_is_replaced_when_it_is_said_and_nothing_else_ever(
    weights: Path, pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["pack", "build", "sd15", "--weights", str(weights), "--out"]
    assert main([*words, str(pack)]) == 1
    assert "or --force to replace a pack" in capsys.readouterr().err
    (tmp_path / "letters").mkdir()
    assert main([*words, str(tmp_path / "letters"), "--force"]) == 1
    assert "expected a pack to replace, or nothing, found something else" in capsys.readouterr().err


def test_what_is_missing_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "empty").mkdir()
    assert main(["pack", "build", "sd15", "--weights", str(tmp_path / "empty"), "--out", str(tmp_path / "o")]) == 1
    said = capsys.readouterr().err
    assert "the inpainting UNet (unet/): stable-diffusion-v1-5/stable-diffusion-inpainting" in said
    assert "a few-step LoRA" in said
    assert not (tmp_path / "o").exists()


def test_the_embedded_kind_is_shown_too_and_a_damaged_file_is_named(tmp_path: Path) -> None:
    folder = write_miniature(tmp_path / "pack")
    assert any("miniature 0, 32 pixels" in line for line in show(folder))
    (folder / "README.md").write_text("something else")
    with pytest.raises(ValueError, match=r"README\.md: expected SHA-256"):
        list(show(folder))


def test_a_manifest_of_another_form_is_refused(pack: Path, tmp_path: Path) -> None:
    value = json.loads((pack / "pack.json").read_text())
    for change, match in (
        ({"format": 99}, "sd15, format 1, found sd15, format 99"),
        ({"model": {}}, "a pack's manifest"),
    ):
        (tmp_path / "pack.json").write_text(json.dumps(value | change))
        with pytest.raises(ValueError, match=match):
            list(show(tmp_path))


def test_without_a_gpu_nothing_is_compiled(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", "compile", str(pack), "--batch", "1"]) == 1
    assert capsys.readouterr().err.startswith("lipcast: ")
    assert not list(pack.rglob("*.plan"))
