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


async def status(harness: ServerHarness) -> tuple[int, int]:
    """What /livez and /readyz answer."""
    return (await harness.get("/livez")).status_code, (await harness.get("/readyz")).status_code


async def test_a_viewer_that_cannot_be_removed_harms_nobody_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        first, second = (await harness.join()).json(), (await harness.join()).json()
        await harness.watch(first["watch_url"])
        sessions = harness.server.ready()[1]
        place = sessions.find(first["id"])

        async def broken(*_: object) -> None:
            raise KeyError("broken")

        with monkeypatch.context() as patch:
            patch.setattr(sessions, "_remove_viewer", broken)
            sessions._lost(place, "v")
            await settle()
        assert await status(harness) == (200, 200)
        assert harness.value("sessions") == 2
        assert (await harness.get(second["url"])).status_code == 200
        assert (await harness.join()).status_code == 201
        assert harness.value("task_failures_total", kind="viewer") == 1
        assert "a task of the server failed" in caplog.text


async def test_a_session_that_fails_as_it_ends_gives_its_slot_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        broken, whole = (await harness.join()).json(), (await harness.join()).json()
        sessions = harness.server.ready()[1]
        place = sessions.find(broken["id"])

        def fail() -> None:
            raise OSError("broken")

        monkeypatch.setattr(place.broadcast, "close", fail)
        await harness.delete(broken["url"])
        await harness.pass_until(lambda: harness.value("task_failures_total", kind="session"))
        assert (await harness.get(whole["url"])).status_code == 200
        assert (harness.value("sessions"), place.closed.is_set()) == (1, True)
        assert await status(harness) == (200, 200)


async def test_when_what_draws_for_all_fails_the_server_says_so_and_asks_to_be_ended(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        await harness.join()
        worker = harness.server.ready()[1]._pool._workers[0]

        def fail() -> None:
            raise KeyError("a mistake in the scheduler")

        monkeypatch.setattr(worker, "_next_batch", fail)
        await harness.pass_until(lambda: harness.failures)
        assert await status(harness) == (503, 503)
        assert (await harness.join()).status_code == 503
        await harness.pass_until(lambda: harness.value("sessions") == 0)
        assert harness.value("task_failures_total", kind="serve") == 1


ONE_WORKER = Config(engine=EngineConfig(threads=1))


async def test_a_hung_engine_ends_its_sessions_and_is_told_to_those_who_ask(folder: Path) -> None:
    async with ServerHarness(folder, ONE_WORKER) as harness:
        await harness.ready()
        first = (await harness.join()).json()
        thread = harness.threads["engine"]
        assert isinstance(thread, FakeExecutor)
        thread.cost = HUNG_S + 1
        await harness.pass_until(lambda: harness.value("sessions") == 0)
        assert harness.value("session_ends_total", reason="engine-hung") == 1
        assert (await harness.get(first["url"])).status_code in (404, 410)
        assert await status(harness) == (503, 503)
        assert "does not answer" in (await harness.join()).json()["detail"]
        thread.cost = 0.0
        await harness.pass_until(lambda: not harness.server.ready()[1]._pool.hung)
        assert await status(harness) == (200, 200)
        assert (await harness.join()).status_code == 201


async def test_an_interruption_does_not_wait_for_a_hung_engine(folder: Path) -> None:
    async with ServerHarness(folder, ONE_WORKER) as harness:
        await harness.ready()
        session = (await harness.join()).json()
        thread = harness.threads["engine"]
        assert isinstance(thread, FakeExecutor)
        thread.cost = float("inf")
        assert (await harness.post(session["url"] + "/interrupt")).status_code == 204  # no time has passed


async def test_a_server_stopped_while_it_loads_does_not_wait_for_that(folder: Path) -> None:
    gate, begun = threading.Event(), threading.Event()

    def load() -> None:
        begun.set()
        gate.wait()

    async with ServerHarness(folder, load=load) as harness:
        await harness.pass_until(begun.is_set)
    gate.set()
    assert harness.server.sessions is None
