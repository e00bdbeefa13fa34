"""Coming back after a drop: the viewers' link goes on, and what they are told until then."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from engines.api import Avatar
from streamer.config import Config, ServerConfig
from streamer.server.session_ids import new_address
from streamer.server.sessions import REMEMBERED
from tests.streamer.server_harness import ServerHarness

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


async def test_the_viewers_link_outlives_a_restart_of_the_server(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        first = (await harness.join()).json()
    async with ServerHarness(folder) as harness:
        await harness.ready()
        assert (await harness.watch(first["watch_url"])).status_code == 404
        second = (await harness.join(previous=first["id"])).json()
        assert second["watch_url"] == first["watch_url"]
        assert (await harness.watch(first["watch_url"])).status_code == 201


async def test_viewers_of_a_lost_speaker_are_told_that_nobody_is_there_now(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        session = (await harness.join()).json()
        harness.server.ready()[1].find(session["id"]).session.end("connection-lost")
        await harness.pass_until(lambda: harness.value("sessions") == 0)
        assert (await harness.watch(session["watch_url"])).status_code == 404


async def test_a_speaker_who_says_goodbye_after_the_loss_has_left_all_the_same(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        session = (await harness.join()).json()
        harness.server.ready()[1].find(session["id"]).session.end("connection-lost")
        await harness.pass_until(lambda: harness.value("sessions") == 0)
        assert (await harness.delete(session["url"])).status_code == 410
        assert (await harness.watch(session["watch_url"])).status_code == 410


async def test_viewers_of_a_replaced_session_are_let_go_and_find_the_new_one(folder: Path) -> None:
    async with ServerHarness(folder, Config(server=ServerConfig(max_sessions=1, max_viewers=1))) as harness:
        await harness.ready()
        first = (await harness.join()).json()
        await harness.watch(first["watch_url"])
        await harness.join(previous=first["id"])
        await harness.pass_until(lambda: harness.value("viewers") == 0)
        assert (await harness.watch(first["watch_url"])).status_code == 201


async def test_a_full_server_still_refuses_who_was_never_there(folder: Path) -> None:
    async with ServerHarness(folder, Config(server=ServerConfig(max_sessions=1))) as harness:
        await harness.ready()
        first = (await harness.join()).json()
        stranger = first["id"][::-1]
        assert (await harness.join(previous=stranger)).status_code == 503
        assert (await harness.get(first["url"])).status_code == 200


async def test_an_old_address_has_no_power_over_the_new_session(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        first = (await harness.join()).json()
        second = (await harness.join(previous=first["id"])).json()
        assert (await harness.delete(first["url"])).status_code == 410
        assert (await harness.get(second["url"])).status_code == 200
        assert (await harness.watch(second["watch_url"])).status_code == 201


async def test_a_client_that_comes_back_keeps_its_slot_while_its_presenter_is_loaded(folder: Path) -> None:
    """A stranger who asks meanwhile must not be given it."""
    one = Config(server=ServerConfig(max_sessions=1))
    async with ServerHarness(folder, one) as harness:
        await harness.ready()
        first = (await harness.join()).json()
        loading, go_on = threading.Event(), threading.Event()

        def slow(avatar: Avatar) -> None:
            loading.set()
            assert go_on.wait(10)

        harness.engine.prepare = slow  # type: ignore[method-assign]
        coming_back = asyncio.create_task(harness.join(previous=first["id"]))
        await harness.pass_until(loading.is_set)
        stranger = await harness.join()
        go_on.set()
        await harness.pass_until(coming_back.done)
        assert (stranger.status_code, coming_back.result().status_code) == (503, 201)


async def test_of_two_that_come_back_at_once_the_second_replaces_the_first(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        first = (await harness.join()).json()
        both = [asyncio.create_task(harness.join(previous=first["id"])) for _ in range(2)]
        await harness.pass_until(lambda: all(task.done() for task in both))
        one, two = (task.result() for task in both)
        assert two.status_code == 201
        if one.status_code == 201:  # else it was replaced before its offer was answered
            assert (await harness.get(one.json()["url"])).json()["reason"] == "replaced"
        else:
            assert (one.status_code, one.json()["reason"]) == (410, "replaced")
        assert (await harness.get(two.json()["url"])).status_code == 200
        assert harness.value("sessions") == 1


async def test_an_end_is_told_with_its_reason(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        session = (await harness.join()).json()
        harness.server.ready()[1].find(session["id"]).session.end("idle")
        await harness.pass_until(lambda: harness.value("sessions") == 0)
        answer = await harness.get(session["url"])
        assert answer.status_code == 410
        assert answer.json()["reason"] == "idle"
        assert "no audio" in answer.json()["detail"]


async def test_ids_that_were_never_given_out_do_not_make_the_server_forget_who_left(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        session = (await harness.join()).json()
        await harness.delete(session["url"])
        await harness.pass_until(lambda: harness.value("sessions") == 0)
        assert (await harness.watch(session["watch_url"])).status_code == 410
        for _ in range(REMEMBERED + 1):
            assert (await harness.delete(f"/api/sessions/{new_address().id}")).status_code == 404
        assert (await harness.watch(session["watch_url"])).status_code == 410


async def test_a_refused_rejoin_leaves_the_client_the_session_that_it_has(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        first = (await harness.join()).json()
        assert (await harness.join(previous=first["id"], avatar="nobody")).status_code == 404
        assert (await harness.get(first["url"])).status_code == 200


async def test_viewers_of_a_client_that_came_back_and_was_lost_are_not_told_that_it_left(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        first = (await harness.join()).json()
        second = (await harness.join(previous=first["id"])).json()
        assert (await harness.delete(first["url"])).status_code == 410
        harness.server.ready()[1].find(second["id"]).session.end("connection-lost")
        await harness.pass_until(lambda: harness.value("sessions") == 0)
        assert (await harness.watch(first["watch_url"])).status_code == 404


async def test_who_left_and_comes_back_is_there_again(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        first = (await harness.join()).json()
        await harness.delete(first["url"])
        await harness.pass_until(lambda: harness.value("sessions") == 0)
        second = (await harness.join(previous=first["id"])).json()
        harness.server.ready()[1].find(second["id"]).session.end("connection-lost")
        await harness.pass_until(lambda: harness.value("sessions") == 0)
        assert (await harness.watch(first["watch_url"])).status_code == 404
