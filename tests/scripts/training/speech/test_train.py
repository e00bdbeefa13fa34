"""What training makes small, and how fast it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from engines.motion import COEFFICIENTS, VISEMES  # noqa: E402
from scripts.training.speech.batches import Batch  # noqa: E402
from scripts.training.speech.labels import ALL, OPENING, SHAPE, VISEME, WIDTH  # noqa: E402
from scripts.training.speech.network import LipNetwork  # noqa: E402
from scripts.training.speech.train import (  # noqa: E402
    LEAST_RATE,
    MEMORY_OF_MEAN,
    PEAK_RATE,
    WARM_UP,
    Loss,
    Run,
    _onsets,
    evaluate,
    learning_rate,
)

STEPS = 40
JAW = COEFFICIENTS.index("jawOpen")


def batch_of(jaw: np.ndarray, viseme: str = "aa") -> Batch:
    coefficients = torch.zeros(1, STEPS, len(COEFFICIENTS))
    coefficients[0, :, JAW] = torch.from_numpy(jaw.astype(np.float32))
    visemes = torch.full((1, STEPS), VISEMES.index(viseme))
    known = torch.full((1, STEPS), ALL)
    return Batch(torch.zeros(1, STEPS, 168), torch.zeros(1, dtype=torch.long), coefficients, visemes, known)


def sure(batch: Batch) -> Any:
    """Logits that are right."""
    return 20.0 * torch.nn.functional.one_hot(batch.viseme, len(VISEMES)).float()


def test_what_is_right_costs_next_to_nothing() -> None:
    batch = batch_of(np.linspace(0, 0.5, STEPS))
    assert float(Loss()(batch.coefficients, sure(batch), batch)) < 1e-3


def test_a_wrong_opening_costs_more_the_wronger_it_is() -> None:
    batch, loss = batch_of(np.full(STEPS, 0.3)), Loss()
    costs = [float(loss(batch.coefficients + change, sure(batch), batch)) for change in (0.0, 0.05, 0.1)]
    assert costs[0] < costs[1] < costs[2]


def test_parted_lips_cost_more_where_a_sound_shuts_them() -> None:
    shut, silent = batch_of(np.zeros(STEPS), "PP"), batch_of(np.zeros(STEPS), "aa")
    parted = torch.zeros_like(shut.coefficients)
    parted[..., JAW] = 0.2
    loss = Loss()
    assert float(loss(parted, sure(shut), shut)) > 1.2 * float(loss(parted, sure(silent), silent))


def test_a_missed_f_costs_more_than_a_missed_vowel() -> None:
    loss = Loss()
    costs = []
    for viseme in ("FF", "aa"):
        batch = batch_of(np.zeros(STEPS), viseme)
        # Half of the steps are of a sound that counts once, as the weights are relative to one another.
        batch.viseme[0, ::2] = VISEMES.index("kk")
        logits = sure(batch)
        logits[0, 1::2] = 0
        costs.append(float(loss(batch.coefficients, logits, batch)))
    assert costs[0] > 1.2 * costs[1]


def test_lips_that_rise_out_of_silence_are_an_onset_and_later_ones_are_not() -> None:
    wanted = torch.zeros(1, STEPS)
    wanted[0, 10:] = 1.0
    wanted[0, 30:] = 2.0
    silent = torch.zeros(1, STEPS, dtype=torch.bool)
    silent[0, :10] = True
    assert _onsets(wanted, silent).nonzero()[:, 1].tolist() == [10]


def test_the_learning_rate_warms_up_stays_and_falls() -> None:
    rates = [learning_rate(step, 5000) for step in range(5000)]
    assert rates[0] == pytest.approx(PEAK_RATE / WARM_UP)
    assert rates[WARM_UP] == max(rates) == PEAK_RATE
    assert rates[1500] == PEAK_RATE
    assert rates[-1] == pytest.approx(LEAST_RATE * PEAK_RATE, rel=0.05)


def test_a_longer_run_goes_on_from_a_shorter_one_s_level_part() -> None:
    assert [learning_rate(step, 5000) for step in range(1000)] == [learning_rate(step, 8000) for step in range(1000)]


def test_the_mean_of_the_weights_is_that_of_all_at_first_and_of_the_last_ones_later() -> None:
    network = LipNetwork()
    run = Run(network, torch.optim.SGD(network.parameters(), 1.0))
    for step, value in enumerate((1.0, 2.0, 6.0)):
        run.step = step
        torch.nn.init.constant_(network.narrow.bias, value)
        run.average()
    assert float(run.mean.narrow.bias[0].detach()) == pytest.approx(3.0)
    run.step = 10 * MEMORY_OF_MEAN
    torch.nn.init.constant_(network.narrow.bias, 403.0)
    run.average()
    assert float(run.mean.narrow.bias[0].detach()) == pytest.approx(4.0, rel=1e-3)


def test_a_checkpoint_is_whole_and_resumed_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = LipNetwork()
    run = Run(network, torch.optim.AdamW(network.parameters(), 1e-3), step=7)
    run.save(tmp_path / "lips.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["lips.pt"]
    other = LipNetwork()
    resumed = Run(other, torch.optim.AdamW(other.parameters(), 1e-3))
    resumed.resume(tmp_path / "lips.pt")
    assert resumed.step == 7
    torch.testing.assert_close(resumed.network.narrow.bias, network.narrow.bias)


def test_progress_says_how_right_the_opening_and_the_gestures_are() -> None:
    batch = batch_of(np.linspace(0, 0.5, STEPS), "PP")
    told = evaluate(LipNetwork().eval(), batch)
    assert told.startswith("opening ")
    assert ", PP " in told
    assert ", FF " in told


@pytest.mark.parametrize("unknown", [0, 10])
def test_what_is_not_known_costs_nothing(unknown: int) -> None:
    batch, loss = batch_of(np.full(STEPS, 0.3), "aa"), Loss()
    batch.known[0, :unknown] = 0
    wrong, logits = batch.coefficients.clone(), sure(batch)
    wrong[0, : unknown or 1, JAW] = 0.9
    logits[0, : unknown or 1] = 0.0
    cost, right = float(loss(wrong, logits, batch)), float(loss(batch.coefficients, sure(batch), batch))
    if unknown:
        wrong[0, unknown - 1, JAW] = 0.3  # the speed from the last unknown frame to the first known one is unknown, too
        assert cost == pytest.approx(right, abs=1e-5)
    else:
        assert cost > right + 0.01


def test_each_bit_of_what_is_known_counts_by_itself() -> None:
    loss = Loss()
    costs = []
    for bits in (OPENING, WIDTH, SHAPE, VISEME):
        batch = batch_of(np.full(STEPS, 0.3))
        batch.known[:] = bits
        costs.append(float(loss(batch.coefficients + 0.1, torch.zeros(1, STEPS, len(VISEMES)), batch)))
    assert min(costs) > 0.01
