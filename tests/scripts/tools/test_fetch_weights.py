"""Fetching weights from a server that is real, though small: resumed, verified, refused."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.tools.fetch_weights import HASHES, Fetcher, FetchError, HubFile, fetch_all, standard

CONTENT = bytes(range(256)) * 40_000  # 10 MB: ten pieces
WEIGHTS = HubFile("some/model", "unet/weights.safetensors")
CARD = HubFile("some/model", "README.md", optional=True)
SHA = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Shelf:
    """files by path; states: whether hashes are stated, and how; cut: bytes after which the next answers break off."""

    files: dict[str, bytes] = field(default_factory=dict)
    states: str = ""
    cut: list[int] = field(default_factory=list)
    ranges: bool = True
    asked: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    shelf: Shelf

    def log_message(self, *given: object) -> None: ...

    def do_HEAD(self) -> None:
        content = self.shelf.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        if self.shelf.states == "hub":  # as the hub does: size and hash here, the content elsewhere
            self.send_response(302)
            self.send_header("Location", "/elsewhere" + self.path)
            self.send_header("X-Linked-Size", str(len(content)))
            self.send_header("X-Linked-Etag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("Content-Length", "0")
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", '"of-its-own-kind"')
        self.end_headers()

    def do_GET(self) -> None:
        content, wanted = self.shelf.files[self.path], self.headers.get("Range")
        self.shelf.asked.append(wanted or "all")
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.shelf.ranges else 0
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        sent = content[begin:]
        self.wfile.write(sent[: self.shelf.cut.pop(0)] if self.shelf.cut else sent)
        self.close_connection = True


@pytest.fixture
def shelf() -> Iterator[tuple[Shelf, str]]:
    """And its address."""
    own = Shelf({"/some/model/resolve/main/unet/weights.safetensors": CONTENT})
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Handler,), {"shelf": own}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield own, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fetcher(url: str, words: io.StringIO | None = None) -> Fetcher:
    return Fetcher(url, words or io.StringIO(), pause=lambda seconds: None)


def test_files_and_their_hashes_are_written(shelf: tuple[Shelf, str], tmp_path: Path) -> None:
    words = io.StringIO()
    found = fetch_all([CARD, WEIGHTS], tmp_path, fetcher(shelf[1], words), {})
    assert (tmp_path / WEIGHTS.name).read_bytes() == CONTENT
    assert found == {WEIGHTS.name: SHA} == json.loads((tmp_path / HASHES).read_text())
    assert "100 % of 10.2 MB" in words.getvalue()
    assert not list(tmp_path.rglob("*.part"))


def test_what_is_broken_off_goes_on_where_it_ended(shelf: tuple[Shelf, str], tmp_path: Path) -> None:
    own, url = shelf
    own.cut = [3_000_000, 1_000_000]
    fetch_all([WEIGHTS], tmp_path, fetcher(url), {})
    assert (tmp_path / WEIGHTS.name).read_bytes() == CONTENT
    assert own.asked == ["all", "bytes=3000000-", "bytes=4000000-"]


def test_a_later_call_goes_on_too(shelf: tuple[Shelf, str], tmp_path: Path) -> None:
    own, url = shelf
    own.cut = [5_000_000, *[0] * 10]
    with pytest.raises(FetchError, match="what has come is kept: start again to go on"):
        fetch_all([WEIGHTS], tmp_path, fetcher(url), {})
    own.cut, own.asked = [], []
    fetch_all([WEIGHTS], tmp_path, fetcher(url), {})
    assert (tmp_path / WEIGHTS.name).read_bytes() == CONTENT
    assert own.asked == ["bytes=5000000-"]


def test_a_server_that_knows_no_ranges_begins_anew(shelf: tuple[Shelf, str], tmp_path: Path) -> None:
    own, url = shelf
    own.cut, own.ranges = [3_000_000], False
    fetch_all([WEIGHTS], tmp_path, fetcher(url), {})
    assert (tmp_path / WEIGHTS.name).read_bytes() == CONTENT


def test_what_is_there_is_compared_and_not_fetched_again(shelf: tuple[Shelf, str], tmp_path: Path) -> None:
    own, url = shelf
    fetch_all([WEIGHTS], tmp_path, fetcher(url), {})
    own.asked = []
    fetch_all([WEIGHTS], tmp_path, fetcher(url), {})
    assert own.asked == []
    (tmp_path / WEIGHTS.name).write_bytes(CONTENT[:-1] + b"?")
    with pytest.raises(FetchError, match=f"expected SHA-256 {SHA}, found .*; delete it and start again"):
        fetch_all([WEIGHTS], tmp_path, fetcher(url), {})


def test_hashes_that_the_hub_states_must_agree(shelf: tuple[Shelf, str], tmp_path: Path) -> None:
    own, url = shelf
    own.states = "hub"
    path = "/some/model/resolve/main/unet/weights.safetensors"
    looked = fetcher(url).head(WEIGHTS)
    assert looked is not None
    assert looked.sha256 == SHA
    own.files[path] = CONTENT[:-1] + b"?"  # between the two answers somebody changed it
    with pytest.raises(FetchError, match="thrown away; start again, or try another --mirror"):
        fetcher(url).fetch(WEIGHTS, looked, tmp_path / "w")
    assert list(tmp_path.iterdir()) == []


def test_hashes_that_are_given_must_agree(shelf: tuple[Shelf, str], tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=f"expected SHA-256 {'0' * 64}"):
        fetch_all([WEIGHTS], tmp_path, fetcher(shelf[1]), {WEIGHTS.name: "0" * 64})


def test_a_file_that_there_is_not_is_said_unless_it_is_a_card(shelf: tuple[Shelf, str], tmp_path: Path) -> None:
    own, url = shelf
    fetch_all([CARD], tmp_path, fetcher(url), {})
    own.files.clear()
    with pytest.raises(FetchError, match=r"weights\.safetensors: the server says 404"):
        fetch_all([WEIGHTS], tmp_path, fetcher(url), {})


def test_no_server_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="start again to go on"):
        fetch_all([WEIGHTS], tmp_path, fetcher("http://127.0.0.1:9"), {})


def test_the_standard_set_is_safetensors_with_their_configurations() -> None:
    names = [each.name for each in standard(("plus", "plain"))]
    assert len(set(names)) == len(names)
    assert sum("ip-adapter" in name for name in names) == 2
    assert {name.rpartition(".")[2] for name in names} == {"md", "json", "txt", "safetensors"}
