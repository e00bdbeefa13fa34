"""The benchmark of frame steps in miniature: it measures what it says and counts what there is to compute."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch

from benchmarks.measuring.full_size import FULL, MINIATURE
from benchmarks.steps import BenchmarkOptions, argument_parser, fitting, floor_ms, run, sessions, table, work_of


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """So small a network is slower on several, which wait for one another spinning."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def result(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("steps") / "steps.json"
    said = "--device cpu --miniature --precision bfloat16 --sizes 32 --steps 1,2 --batches 1,2 --seconds 0 --commit abc"
    return run(argument_parser().parse_args([*said.split(), "--json", str(path)])) | {"path": path}


def test_every_stage_is_measured_of_every_batch(result: dict[str, Any]) -> None:
    assert [(row["steps"], row["batch"]) for row in result["rows"]] == [(1, 1), (2, 1), (1, 2), (2, 2)]
    stages = {"encoder", "tokens", "unet", "decoder", "whole"}
    for row in result["rows"]:
        assert set(row["graph"]) == (stages if row["steps"] == 1 else {"whole"})
        assert min(laps["p50_ms"] for laps in [*row["graph"].values(), row["served"]]) > 0
        assert 0 < row["floor_ms"]
    assert {key.split(",")[0] for key in result["sessions"]} == {"32 px"}


def test_the_file_says_where_and_with_what(result: dict[str, Any]) -> None:
    kept = json.loads(Path(result["path"]).read_text())
    assert (kept["commit"], kept["device"]["name"], len(kept["rows"])) == ("abc", "CPU", 4)
    assert any("2 steps, batch 2" in name for name, _, _ in table(kept))


def test_the_whole_is_the_sum_of_its_stages(result: dict[str, Any]) -> None:
    work = result["tflop"]["32"]
    parts = sum(work[stage] for stage in ("encoder", "tokens", "unet", "decoder"))
    assert work["whole"] == pytest.approx(parts)


def test_the_full_size_computes_what_stable_diffusion_does() -> None:
    """Figures of the published network at 256 pixels: UNet 0.180 TFLOP, TAESD's decoder 0.035, encoder 0.031."""
    order = BenchmarkOptions([256], [1], [1], [], "float16", "plain")
    work = work_of(FULL, order, 256)
    assert work["unet"] == pytest.approx(0.180, rel=0.02)
    assert (work["decoder"], work["encoder"]) == (pytest.approx(0.035, rel=0.03), pytest.approx(0.031, rel=0.03))


def test_no_time_is_under_the_floor_of_reading_the_weights() -> None:
    row, best = {"steps": 2, "batch": 1}, {"tflops": 1000.0, "terabytes_s": 4.0}
    tiny = {"whole": 1e-6, "unet": 1e-6}
    assert floor_ms(tiny, unet_weights=10**9, weights=10**9, row=row, best=best, size=2) == pytest.approx(1.0)
    assert floor_ms({"whole": 2.0, "unet": 1.0}, 1, 1, row, best, 2) == pytest.approx(3.0)


def test_sessions_are_those_of_the_best_batch() -> None:
    rows = [{"batch": 1, "ms": 2.0}, {"batch": 8, "ms": 8.0}, {"batch": 16, "ms": 40.0}]
    assert sessions(rows, lambda row: row["ms"]) == 34
    assert sessions([], lambda row: 1.0) == 0


def test_what_was_refused_is_not_counted() -> None:
    rows = [{"size": 256, "steps": 1, "batch": 1, "refused": "too little memory"}]
    assert fitting(rows) == {(256, 1): {"device": 0, "served": 0}}


def test_a_miniature_has_all_adapters_of_the_full_size() -> None:
    assert FULL.views.keys() == MINIATURE.views.keys() == FULL.image_tokens.keys()
