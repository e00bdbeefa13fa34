"""From a folder of weights to frames: pack, graphs, conditioning, engine, in both modes; no PyTorch once built."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("transformers")
pytest.importorskip("onnx")

from safetensors.numpy import load_file

from engines.api import Chunk, Engine, Frame, Step
from engines.backends.batch_planner import linear_cost
from engines.backends.onnxruntime import open_onnx
from engines.diffusion.conditioning import AT_REST, as_input
from engines.diffusion.engine import DiffusionEngine
from engines.diffusion.sd15.bank import grid, motion_at
from engines.diffusion.sd15.pack import Sd15Pack, load_pack
from engines.diffusion.sd15.precompute import Sd15Precompute
from engines.diffusion.temporal_filter import Kernel
from engines.face.structurist import StructureFrames
from engines.loader import load_engine
from engines.speech.api import FRAME_SAMPLES
from engines.warp.engine import WarpEngine
from tests.engines.diffusion.sd15.conftest import SIZE
from tests.engines.face import tiny_avatar as tiny
from tests.engines.level_encoder import LevelEncoder

AVATAR = tiny.avatar()
LEVELS = [0.0, 0.5, 1.0, 0.7, 0.2, 0.0]
LOOKAHEAD = 1


@pytest.fixture(scope="module", params=["live", "paper"])
def pack(request: pytest.FixtureRequest) -> Sd15Pack:
    return load_pack(request.getfixturevalue(request.param), threads=1, batches=(1, 2))


@pytest.fixture(scope="module")
def precompute(pack: Sd15Pack, tmp_path_factory: pytest.TempPathFactory) -> Sd15Precompute:
    return precompute_of(pack, tmp_path_factory.mktemp("conditioning"))


@pytest.fixture(scope="module")
def engine(pack: Sd15Pack, precompute: Sd15Precompute) -> DiffusionEngine:
    return DiffusionEngine(LevelEncoder(LOOKAHEAD), linear_cost(pack.frame_steps), precompute, pack.options)


def precompute_of(pack: Sd15Pack, cache: Path) -> Sd15Precompute:
    manifest = pack.manifest
    return Sd15Precompute(
        manifest.model, pack.options, manifest.key, pack.frame_steps[1], pack.latents, pack.tokens, cache
    )


def chunk(level: float, index: int) -> Chunk:
    return Chunk(np.full(FRAME_SAMPLES, level, np.float32), index)


def talk(engine: Engine, levels: list[float] = LEVELS) -> list[Frame]:
    stream = engine.open(AVATAR)
    return [engine.step([Step(stream, chunk(level, index))])[0] for index, level in enumerate(levels)]


def test_the_mouth_is_drawn_and_the_rest_of_the_picture_is_the_presenter_s(engine: DiffusionEngine) -> None:
    late = engine.timing.lookahead_frames - LOOKAHEAD
    drawn, warped = talk(engine), talk(WarpEngine(LevelEncoder(LOOKAHEAD)))
    assert [frame.index for frame in drawn] == [frame.index - late for frame in warped]
    one, other = drawn[4].rgb, warped[4 - late].rgb
    assert (one != other).any()
    corner = np.s_[:20, :20]
    np.testing.assert_array_equal(one[corner], other[corner])


def test_modes_have_the_parts_that_the_paper_and_live_use_have(pack: Sd15Pack) -> None:
    sensor = pack.options.noise_sensor
    assert sensor is not None
    wanted = {"live": (Kernel.CAUSAL, 0), "paper": (Kernel.CENTRED_5, 2)}[pack.manifest.model.mode]
    assert (sensor.kernel, pack.options.lookahead) == wanted


def test_a_session_is_repeatable_and_a_batch_draws_what_single_steps_draw(engine: DiffusionEngine) -> None:
    alone = talk(engine)
    streams = [engine.open(AVATAR) for _ in range(2)]
    for index, level in enumerate(LEVELS):
        for frame in engine.step([Step(stream, chunk(level, index)) for stream in streams]):
            # Sums are taken in another order in batches of another size: the last bit may differ.
            assert np.abs(frame.rgb.astype(int) - alone[index].rgb).max() <= 1


def test_cached_conditioning_is_read_and_not_computed_again(pack: Sd15Pack, precompute: Sd15Precompute) -> None:
    first = precompute(AVATAR)
    path = next(precompute.cache.glob("*.safetensors"))
    written = path.stat().st_mtime_ns
    again = precompute_of(pack, precompute.cache)(AVATAR)
    assert path.stat().st_mtime_ns == written
    for name, value in first.feeds(0, motion_at((0.1, 0.2, 0.3))).items():
        np.testing.assert_array_equal(again.feeds(0, motion_at((0.1, 0.2, 0.3)))[name], value)


def test_another_pack_or_presenter_is_precomputed_anew(pack: Sd15Pack, tmp_path: Path) -> None:
    manifest = pack.manifest
    for key in (manifest.key, "f" * 64):
        precompute = Sd15Precompute(
            manifest.model, pack.options, key, pack.frame_steps[1], pack.latents, pack.tokens, tmp_path
        )
        precompute(AVATAR)
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    precompute(tiny.avatar(cavity=np.array([9, 9, 9], np.uint8)))
    assert len(list(tmp_path.glob("*.safetensors"))) == 3


def test_a_damaged_cache_file_is_made_again(pack: Sd15Pack, tmp_path: Path) -> None:
    precompute_of(pack, tmp_path)(AVATAR)
    path = next(tmp_path.glob("*.safetensors"))
    whole = load_file(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    precompute_of(pack, tmp_path)(AVATAR)
    for name, tensor in load_file(path).items():
        np.testing.assert_array_equal(tensor, whole[name])


def test_conditioning_that_cannot_be_cached_is_used_and_that_is_said(
    live: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    precompute = precompute_of(load_pack(live, threads=1, batches=(1,)), tmp_path / "file" / "no folder")
    with caplog.at_level(logging.WARNING):
        assert precompute(AVATAR).feeds(0, AT_REST)["anchor"].any()
    [said] = caplog.messages
    assert "the conditioning of tiny cannot be cached" in said
    assert "$XDG_CACHE_HOME" in said


def test_the_anchor_is_the_image_encoding_of_the_mouth_at_rest(pack: Sd15Pack, precompute: Sd15Precompute) -> None:
    frames = StructureFrames(AVATAR.face, SIZE)
    shut = frames.draw(AVATAR.loop[0], AVATAR.face.alignment[0], AT_REST)
    wanted = pack.tokens.run({"picture": as_input(shut)[None]})["tokens"][0]
    found = precompute(AVATAR).feeds(0, AT_REST)["anchor"]
    assert np.abs(found - wanted).max() <= 2e-3 * np.abs(wanted).max()  # kept in half precision


def test_the_bank_holds_what_the_image_encoder_says_of_each_structure_frame(live: Path, tmp_path: Path) -> None:
    pack = load_pack(live, threads=1, batches=(1,))
    conditions = precompute_of(pack, tmp_path)(AVATAR)
    frames = StructureFrames(AVATAR.face, SIZE)
    for _, motion in list(grid())[::11]:
        structure = frames.draw(AVATAR.loop[0], AVATAR.face.alignment[0], motion)
        wanted = pack.tokens.run({"picture": as_input(structure)[None]})["tokens"][0]
        assert np.abs(conditions.feeds(0, motion)["tokens"] - wanted).max() <= 2e-3 * np.abs(wanted).max()


def test_the_noise_that_the_network_has_was_measured_against_the_structure_frames(precompute: Sd15Precompute) -> None:
    calibration = precompute(AVATAR).calibration
    assert calibration.flows == 24
    assert np.isfinite(calibration.pattern).all()
    assert calibration.pattern.max() > 0


def test_constants_are_read_only_and_fit_the_frame_step(pack: Sd15Pack, precompute: Sd15Precompute) -> None:
    feeds = precompute(AVATAR).feeds(3, motion_at((0.1, 0.0, 0.5)))
    specs = {spec.name: spec.shape[1:] for spec in pack.frame_steps[1].inputs}
    assert {name: value.shape for name, value in feeds.items()} == {name: specs[name] for name in feeds}
    assert specs.keys() - feeds.keys() == {"structure", "lam", "noise"}
    assert not any(value.flags.writeable for name, value in feeds.items() if name != "tokens")


def test_with_a_pack_the_server_s_loader_needs_no_torch(live: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from engines.loader import load_engine;"
        f"load_engine('diffusion', 1, Path({str(live)!r}), threads=1);"
        "assert not {'torch', 'diffusers', 'transformers', 'onnx'} & sys.modules.keys(), 'imported'"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=300)


def test_a_damaged_pack_is_refused(live: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(live, tmp_path / "copy"))
    with (copy / "weights.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x55")
    with pytest.raises(ValueError, match=r"weights\.safetensors: expected SHA-256"):
        load_engine("diffusion", 1, copy, threads=1)


def test_weights_and_graphs_are_on_disk_once(live: Path) -> None:
    largest = max(path.stat().st_size for path in live.glob("*.onnx"))
    assert largest < (live / "weights.safetensors").stat().st_size
    stored = load_file(live / "weights.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {np.dtype(np.float16)}


@pytest.mark.parametrize("batch", [1, 3])
def test_scales_are_inputs_and_no_branch_is_lost(live: Path, batch: int) -> None:
    graph = open_onnx(live / "frame_step.onnx", batch, 1)
    draw = np.random.default_rng(1)
    feeds: dict[str, Any] = {spec.name: draw.normal(size=spec.shape).astype(np.float32) for spec in graph.inputs}

    def picture(lips: float, identity: float, **changed: Any) -> Any:
        feeds["scale"] = np.tile(np.array([[lips, identity]], np.float32), (batch, 1))
        return graph.run(feeds | changed)["picture"]

    full = picture(1, 1)
    assert np.abs(full - picture(0, 1)).max() > 1e-4
    assert np.abs(full - picture(1, 0)).max() > 1e-4
    other = {"tokens": feeds["tokens"][..., ::-1].copy(), "anchor": feeds["anchor"] + 1}
    np.testing.assert_array_equal(picture(0, 1, **other), picture(0, 1))
    assert np.abs(picture(1, 1, **other) - full).max() > 1e-4
