"""A fault ends the smallest thing it can: a viewer, a session, a worker's sessions; and the server tells the truth."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from lipcast.testing import FakeExecutor, settle
from streamer.config import Config, EngineConfig
from streamer.scheduling.engine_worker import HUNG_S
from tests.streamer.server_harness import ServerHarness

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


async def status(house: ServerHarness) -> tuple[int, int]:
    """What /livez and /readyz answer."""
    return (await house.get("/livez")).status_code, (await house.get("/readyz")).status_code


async def test_a_viewer_that_cannot_be_removed_harms_nobody_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with ServerHarness(folder) as house:
        await house.ready()
        first, second = (await house.join()).json(), (await house.join()).json()
        await house.watch(first["watch_url"])
        sessions = house.server.ready()[1]
        place = sessions.find(first["id"])

        async def broken(*_: object) -> None:
            raise KeyError("broken")

        with monkeypatch.context() as patch:
            patch.setattr(sessions, "_remove_viewer", broken)
            sessions._lost(place, "v")
            await settle()
        assert await status(house) == (200, 200)
        assert house.value("sessions") == 2
        assert (await house.get(second["url"])).status_code == 200
        assert (await house.join()).status_code == 201
        assert house.value("task_failures_total", kind="viewer") == 1
        assert "a task of the server failed" in caplog.text


async def test_a_session_that_fails_as_it_ends_gives_its_slot_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ServerHarness(folder) as house:
        await house.ready()
        broken, whole = (await house.join()).json(), (await house.join()).json()
        sessions = house.server.ready()[1]
        place = sessions.find(broken["id"])

        def fail() -> None:
            raise OSError("broken")

        monkeypatch.setattr(place.broadcast, "close", fail)
        await house.delete(broken["url"])
        await house.pass_until(lambda: house.value("task_failures_total", kind="session"))
        assert (await house.get(whole["url"])).status_code == 200
        assert (house.value("sessions"), place.closed.is_set()) == (1, True)
        assert await status(house) == (200, 200)


async def test_when_what_draws_for_all_fails_the_server_says_so_and_asks_to_be_ended(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ServerHarness(folder) as house:
        await house.ready()
        await house.join()
        worker = house.server.ready()[1]._pool._workers[0]

        def fail() -> None:
            raise KeyError("a mistake in the scheduler")

        monkeypatch.setattr(worker, "_next_batch", fail)
        await house.pass_until(lambda: house.failures)
        assert await status(house) == (503, 503)
        assert (await house.join()).status_code == 503
        await house.pass_until(lambda: house.value("sessions") == 0)
        assert house.value("task_failures_total", kind="serve") == 1


ONE_WORKER = Config(engine=EngineConfig(threads=1))


async def test_a_hung_engine_ends_its_sessions_and_is_told_to_those_who_ask(folder: Path) -> None:
    async with ServerHarness(folder, ONE_WORKER) as house:
        await house.ready()
        first = (await house.join()).json()
        thread = house.threads["engine"]
        assert isinstance(thread, FakeExecutor)
        thread.cost = HUNG_S + 1
        await house.pass_until(lambda: house.value("sessions") == 0)
        assert house.value("session_ends_total", reason="engine-hung") == 1
        assert (await house.get(first["url"])).status_code in (404, 410)
        assert await status(house) == (503, 503)
        assert "does not answer" in (await house.join()).json()["detail"]
        thread.cost = 0.0
        await house.pass_until(lambda: not house.server.ready()[1]._pool.hung)
        assert await status(house) == (200, 200)
        assert (await house.join()).status_code == 201


async def test_an_interruption_does_not_wait_for_a_hung_engine(folder: Path) -> None:
    async with ServerHarness(folder, ONE_WORKER) as house:
        await house.ready()
        session = (await house.join()).json()
        thread = house.threads["engine"]
        assert isinstance(thread, FakeExecutor)
        thread.cost = float("inf")
        assert (await house.post(session["url"] + "/interrupt")).status_code == 204  # no time has passed


async def test_a_server_stopped_while_it_loads_does_not_wait_for_that(folder: Path) -> None:
    gate, begun = threading.Event(), threading.Event()

    def load() -> None:
        begun.set()
        gate.wait()

    async with ServerHarness(folder, load=load) as house:
        await house.pass_until(begun.is_set)
    gate.set()
    assert house.server.sessions is None
