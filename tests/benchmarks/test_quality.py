"""The benchmark of quality on a clip drawn by code: who draws the truth is perfect, and each part can be told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("scipy", reason="the truth is rendered with scipy and numba: install the train extra")
pytest.importorskip("numba", reason="the truth is rendered with scipy and numba: install the train extra")

from benchmarks.measuring.comparison_media import save_sheet, save_video
from benchmarks.measuring.ground_truth import STILL_FRAMES, Clip, load_clip, save_clip
from benchmarks.measuring.renderers import Network, refined_clip, renderers
from benchmarks.quality import MEASURES, SEED, BenchmarkOptions, bars, compare, measure, table
from engines.diffusion.frame_refiner import MethodOptions
from engines.diffusion.noise_sensor import Prior
from engines.diffusion.temporal_filter import Kernel
from scripts.training.landmarks.detector import LipMarks, openings
from tests.engines.diffusion.graphs import SIZE, FakeEncode, FakeFrameStep
from tests.engines.face import tiny_avatar as tiny

SPOKEN = 14  # frames


def mouth(opening: float) -> NDArray[np.uint8]:
    """Lips that part, SIZE pixels."""
    fine = np.full((128, 128, 3), (200, 160, 140), np.uint8)
    cv2.ellipse(fine, (64, 44), (28, round(8 + 20 * opening)), 0, 0, 360, (170, 80, 80), -1)
    cv2.ellipse(fine, (64, 44), (22, round(1 + 18 * opening)), 0, 0, 360, (40, 10, 10), -1)
    return np.asarray(cv2.resize(fine, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.fixture(scope="module")
def clip() -> Clip:
    track = [*np.abs(np.sin(np.linspace(0.3, 5, SPOKEN))), *[0.6] * STILL_FRAMES]
    pictures = np.stack([mouth(opening) for opening in track])
    motions = [replace(tiny.motion(jawOpen=float(each)), aperture=float(0.2 * each)) for each in track]
    soft = np.stack([np.asarray(cv2.GaussianBlur(each, (0, 0), 0.8), np.uint8) for each in pictures])
    middle = np.zeros((SIZE, SIZE), np.uint8)
    middle[4:28, 4:28] = 255
    marks = np.full((len(track), 20, 2), 0.5, np.float32)
    return Clip("drawn", mouth(0.0), soft, pictures, soft[::-1].copy(), middle, marks, 0.7, motions)


def network(light: float = 0.0, grain: float = 0.0) -> Network:
    return Network(FakeFrameStep(1, light, grain), FakeFrameStep(1, light, grain), FakeEncode())


def test_single_precision_is_drawn_by_its_own_graph_and_by_nobody_else(clip: Clip) -> None:
    everybody = renderers(replace(network(), single=FakeFrameStep(1, light=0.1, grain=0.0)))
    drawn = {name: bool((paint(clip) != clip.structure).any()) for name, paint in everybody.items()}
    assert [name for name, changed in drawn.items() if changed] == ["network in single precision", "no structurist"]


def test_a_clip_is_kept_as_it_is(clip: Clip, tmp_path: Path) -> None:
    save_clip(tmp_path / "drawn.safetensors", clip)
    again = load_clip(tmp_path / "drawn.safetensors")
    for name in ("reference", "structure", "target", "foreign", "mask", "landmarks"):
        np.testing.assert_array_equal(getattr(again, name), getattr(clip, name))
    assert (again.name, again.interocular) == (clip.name, clip.interocular)
    for one, other in zip(again.motions, clip.motions, strict=True):
        np.testing.assert_array_equal(one.coefficients, other.coefficients)
        assert one.aperture == other.aperture


def test_who_draws_the_truth_is_perfect(clip: Clip) -> None:
    found = compare(clip.target, clip, LipMarks())
    assert found.keys() == {name for name, *_ in MEASURES}
    assert found["psnr"] > 70
    for name in ("ssim", "csld", "pcld", "sharpness"):
        assert found[name] == pytest.approx(1)
    for name in ("lip_distance", "pd", "static_flicker", "jitter"):
        assert found[name] == pytest.approx(0, abs=1e-6)


def test_who_blurs_it_is_not(clip: Clip) -> None:
    found, perfect = compare(clip.structure, clip, LipMarks()), compare(clip.target, clip, LipMarks())
    assert found["psnr"] < 40
    for name in ("ssim", "sharpness"):
        assert found[name] < perfect[name]


@pytest.mark.parametrize("kernel", list(Kernel))
def test_a_network_that_changes_nothing_draws_the_structure_frames(clip: Clip, kernel: Kernel) -> None:
    drawn = refined_clip(clip, network(), MethodOptions(noise_sensor=Prior(kernel)))
    np.testing.assert_array_equal(drawn, clip.structure)


def test_without_the_noise_sensor_a_grainy_network_flickers(clip: Clip) -> None:
    marks = LipMarks()
    everybody = renderers(network(grain=0.1))
    names = ("diffusion", "network for every frame", "no noise sensor")
    still, calm, restless = (compare(everybody[name](clip), clip, marks) for name in names)
    assert restless["static_flicker"] > 2 * calm["static_flicker"] > 0
    assert still["static_flicker"] < calm["static_flicker"]  # what does not move is not drawn again
    assert restless["mnp"] > calm["mnp"]


def measured(clip: Clip, folder: Path, shown: list[dict[str, NDArray[np.uint8]]]) -> dict[str, Any]:
    save_clip(folder / f"{SEED}-000-{SPOKEN}.safetensors", clip)
    return measure(BenchmarkOptions(Path("nowhere"), 1, SPOKEN, folder), network(light=0.02, grain=0.05), [], shown)


def test_everybody_is_measured_and_told(clip: Clip, tmp_path: Path) -> None:
    shown: list[dict[str, NDArray[np.uint8]]] = []
    result = measured(clip, tmp_path, shown)
    assert set(result["engines"]) == set(renderers(network()))
    rows = table(result)
    assert len(rows) == len(MEASURES) * len(result["engines"]) + 2 + len(bars(result["engines"]))
    assert {name for name, _, _ in bars(result["engines"])} >= {"PCLD", "PCLD by the Structure Controller"}
    assert len(shown) == 1
    assert list(shown[0])[:2] == ["at rest", "truth"]
    assert bars({"warp": result["engines"]["warp"]}) == []


def test_what_was_measured_can_be_seen(clip: Clip, tmp_path: Path) -> None:
    shown = [{"truth": clip.target, "at rest": clip.structure, "warp": clip.structure}]
    save_sheet(tmp_path / "sheet.png", shown)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    assert sheet.shape[1] == 3 * SIZE
    save_video(tmp_path / "clips.mp4", shown)
    with av.open(str(tmp_path / "clips.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == SPOKEN + STILL_FRAMES


def test_without_a_network_there_is_warp_alone() -> None:
    assert list(renderers(None)) == ["warp"]


def test_wider_mouths_are_seen_to_be_wider() -> None:
    marks = LipMarks()(np.stack([mouth(0.1), mouth(0.9)]))
    assert marks.shape == (2, 20, 2)
    narrow, wide = openings(marks)
    assert wide > narrow + 0.05
