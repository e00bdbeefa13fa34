"""Plans on disk: found by what they are for and nothing else, whole or refused, made by one process at a time."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from engines.backends.cuda import Device
from engines.backends.plan_cache import PlanCache, PlanError, PlanKey, PlanOptions, content_hash, source_of

PARITY = {"worst": 0.001}
KEY = PlanKey("frame_step", "ab" * 32, 4, PlanOptions(), "10.16.1.11", Device("Paper GPU", "9.0"))


@pytest.fixture
def cache(tmp_path: Path) -> PlanCache:
    return PlanCache(tmp_path, "compile it")


def test_what_is_stored_is_loaded(cache: PlanCache) -> None:
    assert not cache.holds(KEY)
    cache.store(KEY, b"a plan", PARITY)
    assert (cache.load(KEY), cache.holds(KEY)) == (b"a plan", True)


@pytest.mark.parametrize(
    "change",
    [
        {"content": "cd" * 32},
        {"batch": 2},
        {"options": PlanOptions("bfloat16")},
        {"options": PlanOptions(level=3)},
        {"options": PlanOptions(tf32=False)},
        {"options": PlanOptions(workspace_mib=1)},
        {"rules": 99},
        {"tensorrt": "11.4.0.106"},
        {"device": Device("Other GPU", "9.0")},
        {"device": Device("Paper GPU", "8.9")},
    ],
)
def test_everything_that_a_plan_depends_on_is_in_its_key(cache: PlanCache, change: dict[str, Any]) -> None:
    cache.store(KEY, b"a plan", PARITY)
    assert not cache.holds(dataclasses.replace(KEY, **change))


def test_a_missing_plan_names_those_that_there_are(cache: PlanCache) -> None:
    cache.store(KEY, b"a plan", PARITY)
    wanted = dataclasses.replace(KEY, tensorrt="11.4.0.106")
    with pytest.raises(PlanError) as refused:
        cache.load(wanted)
    assert "tensorrt 11.4.0.106" in refused.value.expected
    assert refused.value.found == f"{cache.sidecar(KEY).name} for tensorrt 10.16.1.11"
    assert refused.value.fix == "compile it"


def test_a_plan_under_another_one_s_name_is_refused(cache: PlanCache) -> None:
    """As somebody does who is told that a file is missing, and renames the one that is there."""
    other = dataclasses.replace(KEY, device=Device("Other GPU", "8.9"))
    cache.store(other, b"a plan", PARITY)
    cache.plan(other).rename(cache.plan(KEY))
    cache.sidecar(other).rename(cache.sidecar(KEY))
    with pytest.raises(PlanError, match=r"name Paper GPU.*found device \(name Other GPU, capability 8\.9\)"):
        cache.load(KEY)


@pytest.mark.parametrize("content", [b"", b"a plam", b"a plan and more"])
def test_a_damaged_plan_is_refused(cache: PlanCache, content: bytes) -> None:
    cache.store(KEY, b"a plan", PARITY)
    cache.plan(KEY).write_bytes(content)
    with pytest.raises(PlanError, match="it is damaged; compile it"):
        cache.load(KEY)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": 0}'])
def test_a_damaged_description_is_refused(cache: PlanCache, content: str) -> None:
    cache.store(KEY, b"a plan", PARITY)
    cache.sidecar(KEY).write_text(content)
    with pytest.raises(PlanError, match="expected JSON that describes a plan"):
        cache.load(KEY)


def test_a_plan_whose_file_is_gone_is_refused(cache: PlanCache) -> None:
    cache.store(KEY, b"a plan", PARITY)
    cache.plan(KEY).unlink()
    with pytest.raises(PlanError, match="expected the plan that its JSON file describes"):
        cache.load(KEY)


def test_what_was_half_written_is_no_plan(cache: PlanCache) -> None:
    """A process ended between the two files: the plan is there, what describes it is not."""
    cache.store(KEY, b"a plan", PARITY)
    cache.sidecar(KEY).unlink()
    assert not cache.holds(KEY)


def test_nothing_is_left_beside_the_two_files(cache: PlanCache) -> None:
    cache.store(KEY, b"a plan", PARITY)
    cache.store(KEY, b"another", PARITY)
    assert sorted(path.suffix for path in cache.folder.iterdir()) == [".json", ".plan"]
    assert cache.load(KEY) == b"another"


def test_the_description_is_readable(cache: PlanCache) -> None:
    cache.store(KEY, b"a plan", PARITY)
    note = json.loads(cache.sidecar(KEY).read_text())
    assert note["key"]["device"] == {"name": "Paper GPU", "capability": "9.0"}
    assert (note["parity"], note["plan"]["bytes"]) == (PARITY, 6)


def hold(folder: Path, held: Any, let_go: Any) -> None:
    cache = PlanCache(folder, "")
    with cache.building(KEY, lambda: None):
        held.set()
        let_go.wait()
        cache.store(KEY, b"the other one's", PARITY)


def test_a_second_process_waits_and_then_finds_the_plan(cache: PlanCache) -> None:
    context = multiprocessing.get_context("spawn")
    held, let_go = context.Event(), context.Event()
    other = context.Process(target=hold, args=(cache.folder, held, let_go))
    other.start()
    held.wait()
    told: list[str] = []

    def waiting() -> None:
        told.append("waiting")
        let_go.set()

    with cache.building(KEY, waiting):
        assert (told, cache.load(KEY)) == (["waiting"], b"the other one's")
    other.join()


def test_the_lock_ends_with_its_block(cache: PlanCache) -> None:
    with pytest.raises(ZeroDivisionError), cache.building(KEY, lambda: None):
        raise ZeroDivisionError
    with (cache.folder / f"{KEY.stem}.lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where somebody holds it


def test_the_hash_is_of_every_file_and_of_where_each_ends(tmp_path: Path) -> None:
    one, other, third = (tmp_path / name for name in ("one", "other", "third"))
    one.write_bytes(b"ab")
    other.write_bytes(b"c")
    third.write_bytes(b"a")
    before = content_hash(one, other)
    assert before not in (content_hash(one), content_hash(other, one))
    one.write_bytes(b"a")
    other.write_bytes(b"bc")
    assert content_hash(one, other) != before
    with pytest.raises(ValueError, match="none that can be read"):
        source_of(tmp_path / "absent.onnx")


@pytest.mark.parametrize("wrong", [{"precision": "half"}, {"level": 6}, {"workspace_mib": 0}])
def test_options_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected a precision of"):
        PlanOptions(**wrong)
