"""Addresses of sessions and of their viewers."""

from __future__ import annotations

import pytest

from streamer.errors import BadRequest
from streamer.server.session_ids import new_address, watched_at, worker_of


def test_two_sessions_share_no_address() -> None:
    first, second = new_address(), new_address()
    assert len({first.id, first.watch_id, second.id, second.watch_id}) == 4


def test_a_session_that_continues_another_has_the_same_viewer_link_and_an_id_of_its_own() -> None:
    first = new_address()
    second = new_address(first.id)
    third = new_address(second.id)
    assert first.watch_id == second.watch_id == third.watch_id
    assert len({first.id, second.id, third.id}) == 3


def test_the_viewer_link_is_found_from_the_id_and_does_not_tell_it() -> None:
    address = new_address()
    assert watched_at(address.id) == address.watch_id
    assert address.watch_id not in address.id


@pytest.mark.parametrize("previous", ["", "x", "a" * 22, "a" * 45, f"{'a' * 22}.{'ä' * 22}", f"{'a' * 22}.{'b' * 23}"])
def test_a_previous_id_that_no_server_gave_is_refused(previous: str) -> None:
    assert watched_at(previous) is None
    with pytest.raises(BadRequest, match="previous"):
        new_address(previous)


def test_an_id_names_its_worker_and_so_does_its_watch_id() -> None:
    address = new_address(worker="w2")
    assert address.id.startswith("w2.")
    assert worker_of(address.id) == worker_of(address.watch_id) == "w2"
    assert watched_at(address.id) == address.watch_id
    plain = new_address()
    assert worker_of(plain.id) == worker_of(plain.watch_id) == ""
    assert worker_of("nonsense") is None


def test_a_client_that_comes_back_to_another_worker_keeps_its_family() -> None:
    first = new_address(worker="a")
    second = new_address(first.id, worker="b")
    assert second.watch_id.removeprefix("b.") == first.watch_id.removeprefix("a.")
