"""Engines by name, each with its weights; the diffusion engine on a pack that the real code wrote."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from engines.api import SAMPLE_RATE, Chunk, Effort, Engine, Frame, Step
from engines.backends.registry import PLANS, TENSORRT
from engines.diffusion.pack import PackError
from engines.loader import ENGINES, GPU_BATCHES, UnknownEngine, gpu_batches, load_engine
from engines.speech.api import FRAME_SAMPLES
from lipcast.cli import main
from streamer.config import EngineConfig
from streamer.wiring import load_engine_of
from tests.engines.face import tiny_avatar as tiny

AVATAR = tiny.avatar()
QUIET = 15  # frames


def voice(frames: int) -> list[Chunk]:
    """Silence, then an open vowel whose pitch moves as a voice's does: lips rest in noise, and in a steady tone."""
    time = np.arange(frames * FRAME_SAMPLES) / SAMPLE_RATE
    harmonics = np.arange(1, 25)
    weights = sum(np.exp(-(((130.0 * harmonics - formant) / 150) ** 2)) for formant in (700, 1200, 2600)) + 0.05
    phase = 2 * np.pi * np.cumsum(130 + 25 * np.sin(4 * np.pi * time)) / SAMPLE_RATE
    sound = weights @ np.sin(harmonics[:, None] * phase)
    sound[: QUIET * FRAME_SAMPLES] = 0
    samples = (0.3 * sound / np.abs(sound).max()).astype(np.float32).reshape(frames, -1)
    return [Chunk(chunk, index) for index, chunk in enumerate(samples)]


def talk(engine: Engine, chunks: list[Chunk], effort: Effort = Effort.FULL) -> list[Frame]:
    stream = engine.open(AVATAR)
    return [engine.step([Step(stream, chunk, effort)])[0] for chunk in chunks]


def test_an_unknown_engine_is_told_who_exists() -> None:
    with pytest.raises(UnknownEngine, match=", ".join(ENGINES)):
        load_engine("magic", 2)


def test_without_its_weights_the_diffusion_engine_says_where_they_belong(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"pack\.json: expected a pack's manifest, found no such file; "):
        load_engine("diffusion", 2, tmp_path)


@pytest.mark.parametrize(
    ("most", "sizes"), [(1, (1,)), (2, (1, 2)), (3, (1, 2, 4)), (4, (1, 2, 4)), (9, GPU_BATCHES), (64, GPU_BATCHES)]
)
def test_a_gpu_s_batches_go_up_to_the_first_that_holds_a_call(most: int, sizes: tuple[int, ...]) -> None:
    assert gpu_batches(most) == sizes


def test_a_server_needs_the_plans_that_were_compiled_for_its_largest_batch_and_no_others(
    miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    from tests.engines.backends.gpu import install

    install(monkeypatch)
    folder = Path(shutil.copytree(miniature, tmp_path / "pack"))
    assert main(["pack", "compile", str(folder), "--max-batch", "2", "--precision", "float32"]) == 0
    assert len(list((folder / PLANS).glob("*.plan"))) == 2
    config = EngineConfig(pack=str(folder), backend=TENSORRT, precision="float32", max_batch=2)
    assert load_engine_of(config).timing.lookahead_frames == 2
    with pytest.raises(PackError, match=r"expected a plan for .*batch 4"):
        load_engine_of(dataclasses.replace(config, max_batch=3))


def test_a_pack_makes_the_mouth_move_and_keeps_the_rest(miniature: Path) -> None:
    engine, warp = load_engine("diffusion", 2, miniature, threads=1), load_engine("warp", 2)
    assert engine.timing == warp.timing
    drawn, warped = (talk(each, voice(25)) for each in (engine, warp))
    assert [frame.index for frame in drawn] == list(range(-2, 23))
    assert not np.array_equal(drawn[-1].rgb, warped[-1].rgb)
    corner = np.s_[:20, :20]
    for one, other in zip(drawn, warped, strict=True):
        np.testing.assert_array_equal(one.rgb[corner], other.rgb[corner])


def test_quick_frames_are_those_of_warp(miniature: Path) -> None:
    engine, warp = load_engine("diffusion", 2, miniature, threads=1), load_engine("warp", 2)
    for one, other in zip(talk(engine, voice(25), Effort.QUICK), talk(warp, voice(25)), strict=True):
        np.testing.assert_array_equal(one.rgb, other.rgb)


def test_sessions_together_see_what_each_sees_alone(miniature: Path) -> None:
    engine = load_engine("diffusion", 0, miniature, threads=1)
    alone = talk(engine, voice(25))
    streams = [engine.open(AVATAR) for _ in range(3)]
    for chunk, expected in zip(voice(25), alone, strict=True):
        for frame in engine.step([Step(stream, chunk) for stream in streams]):
            # Sums are taken in another order in batches of another size: the last bit may differ.
            assert np.abs(frame.rgb.astype(int) - expected.rgb).max() <= 1
