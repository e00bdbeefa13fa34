"""Coming back after a drop: the viewers' link goes on, and what they are told until then."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.config import Config, ServerConfig
from tests.streamer.server_harness import ServerHarness

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


async def test_the_viewers_link_outlives_a_restart_of_the_server(folder: Path) -> None:
    async with ServerHarness(folder) as house:
        await house.ready()
        first = (await house.join()).json()
    async with ServerHarness(folder) as house:
        await house.ready()
        assert (await house.watch(first["watch_url"])).status_code == 404
        second = (await house.join(previous=first["id"])).json()
        assert second["watch_url"] == first["watch_url"]
        assert (await house.watch(first["watch_url"])).status_code == 201


async def test_viewers_of_a_lost_speaker_are_told_that_nobody_is_there_now(folder: Path) -> None:
    async with ServerHarness(folder) as house:
        await house.ready()
        session = (await house.join()).json()
        house.server.ready()[1].find(session["id"]).session.end("connection-lost")
        await house.pass_until(lambda: house.value("sessions") == 0)
        assert (await house.watch(session["watch_url"])).status_code == 404


async def test_a_speaker_who_says_goodbye_after_the_loss_has_left_all_the_same(folder: Path) -> None:
    async with ServerHarness(folder) as house:
        await house.ready()
        session = (await house.join()).json()
        house.server.ready()[1].find(session["id"]).session.end("connection-lost")
        await house.pass_until(lambda: house.value("sessions") == 0)
        assert (await house.delete(session["url"])).status_code == 404
        assert (await house.watch(session["watch_url"])).status_code == 410


async def test_viewers_of_a_replaced_session_are_let_go_and_find_the_new_one(folder: Path) -> None:
    async with ServerHarness(folder, Config(server=ServerConfig(max_sessions=1, max_viewers=1))) as house:
        await house.ready()
        first = (await house.join()).json()
        await house.watch(first["watch_url"])
        await house.join(previous=first["id"])
        await house.pass_until(lambda: house.value("viewers") == 0)
        assert (await house.watch(first["watch_url"])).status_code == 201


async def test_a_full_server_still_refuses_who_was_never_there(folder: Path) -> None:
    async with ServerHarness(folder, Config(server=ServerConfig(max_sessions=1))) as house:
        await house.ready()
        first = (await house.join()).json()
        stranger = first["id"][::-1]
        assert (await house.join(previous=stranger)).status_code == 503
        assert (await house.get(first["url"])).status_code == 200


async def test_an_old_address_has_no_power_over_the_new_session(folder: Path) -> None:
    async with ServerHarness(folder) as house:
        await house.ready()
        first = (await house.join()).json()
        second = (await house.join(previous=first["id"])).json()
        assert (await house.delete(first["url"])).status_code == 404
        assert (await house.get(second["url"])).status_code == 200
        assert (await house.watch(second["watch_url"])).status_code == 201
