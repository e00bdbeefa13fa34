"""Logs tell what happens and never what must stay secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from streamer.config import LogConfig
from streamer.logs import configure_logs
from tests.streamer.webrtc.offers import CHROMIUM, candidate

SECRETS = [
    pytest.param("a=ice-pwd:dN4fsmsKc3kBJPT63xh/qsBH", "dN4fsmsKc3kBJPT63xh", id="ICE password"),
    pytest.param("a=ice-ufrag:50LY", "50LY", id="ICE name"),
    pytest.param("a=fingerprint:sha-256 11:A8:28:CF", "11:A8", id="fingerprint"),
    pytest.param(candidate("192.0.2.7"), "192.0.2.7", id="candidate"),
    pytest.param("Authorization: Bearer abc.def", "abc.def", id="token"),
    pytest.param("GET /api/sessions/AbCdEfGh.IjKl/interrupt", "AbCdEfGh", id="session"),
    pytest.param("POST /api/watch/AbCdEfGh/IjKl", "IjKl", id="viewer"),
    pytest.param(json.dumps({"sdp": CHROMIUM}), "qsBH", id="a body"),
    pytest.param(repr(CHROMIUM), "qsBH", id="an offer"),
]
both = pytest.mark.parametrize("form", ["text", "json"])


@contextmanager
def logs(form: str, level: str = "debug") -> Iterator[io.StringIO]:
    """The server's logging, into a string; afterwards as it was."""
    root, kept = logging.getLogger(), io.StringIO()
    before = (root.handlers[:], root.level)
    try:
        configure_logs(LogConfig(level, form))
        handler = root.handlers[0]
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(kept)
        yield kept
    finally:
        root.handlers[:], root.level = before
        for name in ("aiortc", "aioice", "av", "libav", "uvicorn.access"):
            logging.getLogger(name).setLevel(logging.NOTSET)


@both
@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_secrets_are_blackened_wherever_they_stand(form: str, text: str, secret: str) -> None:
    log = logging.getLogger("streamer.test")
    with logs(form) as written:
        log.info("%s", text)
        log.info("see", extra={"what": text})
        try:
            raise RuntimeError(text)
        except RuntimeError:
            log.exception("broken")
    lines = written.getvalue()
    assert secret not in lines
    assert lines.count("•••") >= 3


@both
def test_what_is_no_secret_is_told(form: str) -> None:
    with logs(form) as written:
        logging.getLogger("streamer.test").info("session %s", "begins", extra={"presenter": "mira"})
    assert "session begins" in written.getvalue()
    assert "mira" in written.getvalue()


def test_json_is_one_object_a_line() -> None:
    with logs("json") as written:
        logging.getLogger("streamer.test").warning("a\nb", extra={"count": 3})
        logging.getLogger("streamer.test").info("GET /api/sessions/x?y='z'")
    first, second = (json.loads(line) for line in written.getvalue().splitlines())
    assert (first["level"], first["message"], first["count"]) == ("warning", "a\nb", 3)
    assert first["logger"] == "streamer.test"
    assert "x?y" not in second["message"]


def test_text_shows_extras_as_pairs() -> None:
    with logs("text") as written:
        logging.getLogger("streamer.test").info("ready", extra={"engine": "warp"})
    assert written.getvalue().endswith("ready engine=warp\n")


@pytest.mark.parametrize("name", ["aiortc.rtcpeerconnection", "aioice.ice", "uvicorn.access"])
def test_the_libraries_that_print_offers_are_held_back(name: str) -> None:
    with logs("text", level="debug") as written:
        logging.getLogger(name).debug(CHROMIUM)
        logging.getLogger(name).info(CHROMIUM)
    assert written.getvalue() == ""


@both
def test_no_terminal_s_colours_get_into_the_log(form: str) -> None:
    """uvicorn sends a second copy of its message, with colour codes in it."""
    with logs(form) as kept:
        logging.getLogger("uvicorn.error").info(
            "Started process [%d]", 7, extra={"color_message": "Started process [\x1b[36m%d\x1b[0m]"}
        )
        logging.getLogger("other").info("\x1b[31mred\x1b[0m")
        assert "Started process [7]" in kept.getvalue()
        assert "color_message" not in kept.getvalue()
        assert "\x1b" not in kept.getvalue()
        assert "u001b" not in kept.getvalue()


def test_handlers_of_other_libraries_stay_open() -> None:
    """abseil's, which comes with OpenVINO, closes the standard error stream of whoever imported it."""
    closed: list[str] = []

    class Closing(logging.Handler):
        def close(self) -> None:
            closed.append("closed")
            super().close()

    others = Closing()  # logging knows of it from now on
    with logs("text"):
        assert closed == []
    others.close()
