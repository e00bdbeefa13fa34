"""A training run goes on where it was, and keeps the mean of its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from scripts.training.diffusion.run import LAST_SHARE, WARM_UP, Run, TrainingSchedule, load_mean, train  # noqa: E402

PACE = TrainingSchedule(steps=6, batch=4, rate=0.1)


class Stopped(Exception):
    pass


def begin() -> Run:
    torch.manual_seed(3)
    network = torch.nn.ModuleDict({"trained": torch.nn.Linear(3, 1), "fixed": torch.nn.Linear(3, 1)})
    return Run.begin(network, [network["trained"]], PACE.rate)


def go(run: Run, checkpoint: Path, stop: int | None = None) -> None:
    def losses(step: int) -> dict[str, Any]:
        if step == stop:
            run.save(checkpoint)
            raise Stopped
        given = torch.randn(4, 3, generator=torch.Generator().manual_seed(step))
        return {"square": (run.network["trained"](given) - given.sum(1, keepdim=True)).square().mean()}

    train(run, PACE, checkpoint, losses, lambda: "judged")


def bias_of(network: Any) -> float:
    return float(network["trained"].bias.detach())


def test_stopped_and_gone_on_is_the_same_as_in_one_go(tmp_path: Path) -> None:
    go(begin(), tmp_path / "once.pt")
    with pytest.raises(Stopped):
        go(begin(), tmp_path / "twice.pt", stop=3)
    run = begin()
    run.resume(tmp_path / "twice.pt")
    assert run.step == 3
    go(run, tmp_path / "twice.pt")
    first, second = (torch.load(tmp_path / name, weights_only=True) for name in ("once.pt", "twice.pt"))
    assert first["step"] == second["step"] == 6
    for kept in ("network", "mean"):
        for name, value in first[kept].items():
            assert torch.equal(value, second[kept][name])


def test_only_the_named_parts_are_trained(tmp_path: Path) -> None:
    run, before = begin(), begin().network.state_dict()
    go(run, tmp_path / "run.pt")
    after = run.network.state_dict()
    assert torch.equal(before["fixed.weight"], after["fixed.weight"])
    assert not torch.equal(before["trained.weight"], after["trained.weight"])


def test_the_mean_lags_behind_the_weights(tmp_path: Path) -> None:
    run, before = begin(), bias_of(begin().network)
    train(run, PACE, tmp_path / "run.pt", lambda _: {"bias": run.network["trained"].bias.sum()}, lambda: "judged")
    mean = begin().network
    load_mean(mean, tmp_path / "run.pt")
    assert bias_of(run.network) < bias_of(mean) < before


def test_progress_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    go(begin(), tmp_path / "run.pt")
    assert "run 6/6: square" in capsys.readouterr().err


def test_the_rate_rises_and_then_falls() -> None:
    schedule = TrainingSchedule(steps=1000, batch=1, rate=1.0)
    rates = [schedule.rate_at(step) for step in range(1001)]
    assert rates[0] == pytest.approx(1 / WARM_UP)
    assert max(rates) == rates[WARM_UP - 1]
    assert rates[WARM_UP:] == sorted(rates[WARM_UP:], reverse=True)
    assert rates[1000] == pytest.approx(LAST_SHARE)
