"""The OpenAPI document: it names every route and agrees with docs/http.md, and the server answers as it says."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.routing import Route, WebSocketRoute

from streamer.config import Config, RecordingConfig
from streamer.http.app import ROUTES
from streamer.http.openapi import OPERATIONS, SDP, SDP_FRAGMENT, document
from tests.streamer.server_harness import AVATAR, ServerHarness

ROOT = Path(__file__).parents[3]
EXAMPLES = 8  # requests to each operation
PATIENCE_S = 120.0  # a busy machine is slow to start
EVERY_METHOD = 6  # a route that takes so many answers those it does not serve by itself
ROW = re.compile(r"^\| (`[A-Z].*?) \|", re.MULTILINE)
CALL = re.compile(r"`(GET|POST|PATCH|DELETE|WebSocket) (/[\w./-]+)[^`]*`")
# The tool writes no SDP and speaks no WebSocket, and it has read the document.
OTHER_BODIES = {operation.path for operation in OPERATIONS if operation.takes in (SDP, SDP_FRAGMENT)}
OTHER_BODIES |= {"/api/sessions/{id}/speech", "/api/openapi.json"}
CHECKS: list[Any] = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

SERVER = """
import socket, sys
from pathlib import Path
from engines.loader import Presenters
from streamer.config import Config, RecordingConfig
from streamer.http.serving import serve_until_stopped
from streamer.wiring import Runtime
from lipcast.testing import FakeEngine

port, presenters, folder = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
config = Config(recording=RecordingConfig(folder))
listener = socket.create_server(("127.0.0.1", port))
sys.exit(serve_until_stopped(config, [listener], 2048, lambda _: Runtime(FakeEngine(), Presenters(presenters))))
"""


def anonymous(path: str) -> str:
    """Parameters without their names: {id} of a route, ID of the documentation."""
    return re.sub(r"\{\w+\}|(?<=/)[A-Z][A-Z_]*", "*", path)


def test_every_route_is_in_it() -> None:
    documented = {(operation.method.upper(), operation.path) for operation in OPERATIONS}
    paths = {path for _, path in documented}
    missing: list[str] = []
    for route in ROUTES:
        if isinstance(route, Route) and not route.path.startswith(("/api/", "/livez", "/readyz", "/metrics")):
            continue  # pages
        if isinstance(route, Route) and len(route.methods or ()) < EVERY_METHOD:
            wanted = (route.methods or set()) - {"HEAD"}
            missing += [f"{method} {route.path}" for method in wanted if (method, route.path) not in documented]
        elif isinstance(route, Route | WebSocketRoute) and route.path not in paths:
            missing.append(route.path)
    assert missing == [], "name them in streamer/http/openapi.py"


def test_it_names_nothing_that_is_no_route() -> None:
    served = {route.path for route in ROUTES if isinstance(route, Route | WebSocketRoute)}
    assert {operation.path for operation in OPERATIONS} - served == set()


def test_the_documentation_agrees() -> None:
    page = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    calls = {call for row in ROW.findall(page) for call in CALL.findall(row)}
    told = {("GET" if method == "WebSocket" else method, anonymous(path)) for method, path in calls}
    documented = {(operation.method.upper(), anonymous(operation.path)) for operation in OPERATIONS}
    assert documented - told == set(), "docs/http.md does not name them"
    assert told - documented == set(), "streamer/http/openapi.py does not name them"


@pytest.mark.anyio
@pytest.mark.usefixtures("nothing_left")
async def test_real_answers_are_as_it_says(folder: Path, tmp_path: Path) -> None:
    def check(name: str, body: object) -> None:
        # References lead into the document, so it is the schema's root.
        jsonschema_rs.validate({**document("/"), "$ref": f"#/components/schemas/{name}"}, body)

    async with ServerHarness(folder, Config(recording=RecordingConfig(str(tmp_path)))) as harness:
        await harness.ready()
        made = (await harness.post("/api/sessions", json={"avatar": AVATAR, "source": "pcm"})).json()
        check("SessionMade", made)
        check("SessionMade", (await harness.join()).json())
        check("Session", (await harness.get(made["url"])).json())
        check("Avatars", (await harness.get("/api/avatars")).json())
        check("Config", (await harness.get("/api/config")).json())
        check("ViewerMade", (await harness.watch(made["watch_url"])).json())
        recording = (await harness.post(f"{made['url']}/recordings")).json()
        check("Recording", recording)
        check("Problem", (await harness.post(f"{made['url']}/recordings")).json())
        with pytest.raises(jsonschema_rs.ValidationError):
            check("Recording", {**recording, "seconds": "three"})
        assert (await harness.get("/api/openapi.json")).json() == document("/")


@pytest.fixture(scope="module")
def url(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a fake engine, as a process of its own."""
    from scripts.tools.server_process import free_port

    port = free_port()
    command = [sys.executable, "-c", SERVER, str(port), str(folder), str(tmp_path_factory.mktemp("recordings"))]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not is_ready(address):
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server is not ready"
            time.sleep(0.05)
        yield address
    finally:
        process.kill()
        process.wait()


def is_ready(address: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{address}/readyz").status_code == 200
    return False


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the tool's own
def test_the_server_answers_whatever_the_document_allows_as_it_says(url: str) -> None:
    schema = schemathesis.openapi.from_url(f"{url}/api/openapi.json")
    # An error has no such method, and ends the test.
    found = [each.ok() for each in schema.get_all_operations()]  # type: ignore[union-attr]
    http = [operation for operation in found if operation.path not in OTHER_BODIES]
    assert len(http) == sum(operation.path not in OTHER_BODIES for operation in OPERATIONS)
    for operation in http:

        @given(case=operation.as_strategy())
        @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        def answers(case: schemathesis.Case[Any]) -> None:
            response = case.call(base_url=url)
            assert response.status_code != 500, f"{case.method} {case.path}"
            case.validate_response(response, checks=CHECKS)

        answers()
    assert is_ready(url)
