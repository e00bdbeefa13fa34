"""What the Structurist's benchmark makes of errors and pictures, and its tables."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba", reason="the truth is drawn with numba: install the train extra")
pytest.importorskip("scipy", reason="the face model needs scipy: install the train extra")

from benchmarks.structurist import Tally, _psnr, table


def tally() -> Tally:
    found = Tally()
    errors = np.zeros((4, 20))
    errors[:, :12], errors[:, 12:] = 1.0, 3.0
    found.errors.append(errors)
    found.pcld += [0.9, 0.8]
    found.psnr += [30.0, 32.0]
    found.mouth_psnr += [25.0]
    found.openings += [(0.1, 0.11), (0.2, 0.22), (0.0, 0.0)]
    return found


def test_errors_are_told_for_outer_and_inner_lips_apart() -> None:
    summary = tally().summary()
    assert summary["landmark_error_mean"] == pytest.approx((12 * 1 + 8 * 3) / 20)
    assert summary["outer_lip_error_mean"] == 1.0
    assert summary["inner_lip_error_mean"] == 3.0
    assert summary["landmark_error_p95"] == 3.0


def test_correlations_are_told_with_their_worst_and_pictures_with_their_mean() -> None:
    summary = tally().summary()
    assert summary["pcld"] == pytest.approx(0.85)
    assert summary["pcld_worst"] == 0.8
    assert summary["psnr_in_mask"] == 31.0
    assert summary["seen_opening_correlation"] == pytest.approx(1.0)
    assert summary["seen_opening_error_mean"] == pytest.approx(1.0)


def test_psnr_counts_what_weighs() -> None:
    squares = np.zeros((4, 4))
    squares[0] = 100.0
    weight = np.zeros((4, 4), np.uint8)
    weight[0] = 255
    assert _psnr(squares, weight) == pytest.approx(10 * np.log10(255**2 / 100))
    weight[1] = 255
    assert _psnr(squares, weight) == pytest.approx(10 * np.log10(255**2 / 50))


def test_the_table_has_the_bars_and_every_yaw() -> None:
    found = tally().summary()
    frame = {"cpu_ms": 2.0, "wall_ms_p50": 2.5, "wall_ms_p95": 3.0}
    rows = table({**found, "yaw": {"0.0": found, "16.0": found}, "frame": frame})
    names = [name for name, _, _ in rows]
    assert names[0] == "lip landmark error, mean"
    assert sum(name.startswith("yaw 16.0°") for name in names) == 3
    assert {name: value for name, value, _ in rows}["structure frame, processor"] == "2.00 ms"
