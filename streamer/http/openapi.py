"""The HTTP API as an OpenAPI 3.1 document, `/api/openapi.json`: one line for each operation, beside the routes.

A test compares it with the routes and with docs/http.md, and another sends the server what it allows.
"""

from __future__ import annotations

import dataclasses
import enum
import re
import typing
from dataclasses import dataclass
from importlib.metadata import version
from types import NoneType, UnionType
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streamer.audio.speech_queue import Finished
from streamer.http.server_state import path
from streamer.recording.recordings import RecordingInfo
from streamer.server.host import SessionInfo, Source

Schema = dict[str, Any]

JSON, PROBLEM, VIDEO = "application/json", "application/problem+json", "video/mp4"
SDP, SDP_FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"
PARAMETER = re.compile(r"\{(\w+)\}")
PRIMITIVES = {str: "string", int: "integer", float: "number", bool: "boolean"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. takes, gives: names of schemas, or media types that are no JSON; empty for no body.
    also: what other statuses give.
    """

    method: str
    path: str
    summary: str
    status: int = 200
    gives: str = ""
    takes: str = ""
    query: tuple[str, ...] = ()
    also: tuple[tuple[int, str], ...] = ()


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def record(required: dict[str, Schema], **optional: Schema) -> Schema:
    return {"type": "object", "properties": required | optional, "required": list(required)}


def array(of: Schema) -> Schema:
    return {"type": "array", "items": of}


STRING, INTEGER, NUMBER, BOOLEAN = ({"type": name} for name in ("string", "integer", "number", "boolean"))
URL: Schema = {"type": "string", "description": "a path of this server"}


def schema_of(hint: Any) -> Schema:
    """The schema of a dataclass, or of what one is made of, as it is written as JSON."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = typing.get_type_hints(hint)
        return record({field.name: schema_of(hints[field.name]) for field in dataclasses.fields(hint)})
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"enum": [each.value for each in hint]}
    if isinstance(hint, UnionType):
        return {"anyOf": [schema_of(each) for each in typing.get_args(hint)]}
    return {"type": "null" if hint is NoneType else PRIMITIVES[hint]}


def less(schema: Schema, *names: str) -> Schema:
    """The schema of an object without some of its members."""
    kept = {name: value for name, value in schema["properties"].items() if name not in names}
    return record(kept)


def schemas() -> dict[str, Schema]:
    offer = {"type": {"const": "offer"}, "sdp": STRING}
    answer = {"type": {"const": "answer"}, "sdp": STRING}
    made = {"id": STRING, "url": URL, "watch_url": URL}
    shown = {"name": STRING, "title": STRING, "description": STRING, "preview": URL, "ai_generated": BOOLEAN}
    return {
        "Problem": record({"type": STRING, "title": STRING, "status": INTEGER, "detail": STRING}, reason=STRING),
        "Status": record({"status": STRING}),
        "Config": record(
            {
                "version": STRING,
                "ice_servers": array(record({"urls": array(STRING)}, username=STRING, credential=STRING)),
                "lookahead_ms": INTEGER,
                "frame_rate": INTEGER,
                "max_sessions": INTEGER,
            }
        ),
        "Avatars": record(
            {"avatars": array(record(shown | {"width": INTEGER, "height": INTEGER})), "skipped": array(STRING)}
        ),
        "NewSession": {
            "oneOf": [
                record(offer | {"avatar": STRING}, previous=STRING, source={"const": Source.RTP.value}),
                record({"source": {"const": Source.PCM.value}, "avatar": STRING}, previous=STRING),
            ]
        },
        "SessionMade": {"oneOf": [record(made | answer), record(made) | {"not": {"required": ["sdp"]}}]},
        "Session": less(schema_of(SessionInfo), "id", "watch_id"),
        "Say": record({"text": STRING}, voice=STRING, turn=STRING, wait=BOOLEAN),
        "Saying": record({"turn": STRING}),
        "Finished": schema_of(Finished),
        "Mute": record({"muted": BOOLEAN}),
        "Offer": record(offer),
        "ViewerMade": record(answer | {"url": URL}),
        "Recording": record(
            schema_of(RecordingInfo)["properties"] | {"url": URL, "file": URL, "ai_generated": {"const": True}}
        ),
        "Document": {"type": "object"},
    }


ID, WATCH_ID = r"^[\w-]{1,60}(\.[\w-]{1,60}){1,2}$", r"^([a-z0-9]{1,16}\.)?[0-9a-f]{22}$"
PATTERNS = {"id": ID, "watch_id": WATCH_ID, "viewer_id": r"^[\w-]{22}$", "name": r"^[\w-]{1,64}$"}
PATTERNS |= {"recording_id": r"^[\w-]{22}$"}

OPERATIONS = (
    Operation("get", "/api/openapi.json", "This document", gives="Document"),
    Operation("get", "/api/config", "What a client needs to know first", gives="Config"),
    Operation("get", "/api/avatars", "The presenters", gives="Avatars"),
    Operation("get", "/api/avatars/{name}/preview.jpg", "A presenter's portrait", gives="image/jpeg"),
    Operation("post", "/api/sessions", "Begin a session", 201, "SessionMade", takes="NewSession"),
    Operation("get", "/api/sessions/{id}", "A session as it is now", gives="Session"),
    Operation("patch", "/api/sessions/{id}", "Mute the microphone, or no more", gives="Session", takes="Mute"),
    Operation("delete", "/api/sessions/{id}", "End the session", 204),
    Operation("get", "/api/sessions/{id}/speech", "WebSocket: push speech, docs/speech-socket.md", 101),
    Operation("post", "/api/sessions/{id}/say", "Speak a text", 202, "Saying", "Say", also=((200, "Finished"),)),
    Operation("post", "/api/sessions/{id}/interrupt", "Stop talking now", 204),
    Operation("post", "/api/sessions/{id}/recordings", "Record the session from now on", 201, "Recording"),
    Operation("get", "/api/recordings/{recording_id}", "A recording as it is now", gives="Recording"),
    Operation("post", "/api/recordings/{recording_id}/stop", "End a recording", gives="Recording"),
    Operation("get", "/api/recordings/{recording_id}/file", "The video of a recording that has ended", gives=VIDEO),
    Operation("delete", "/api/recordings/{recording_id}", "Delete a recording and its video", 204),
    Operation("post", "/api/watch/{watch_id}", "Watch a session", 201, "ViewerMade", takes="Offer"),
    Operation("delete", "/api/watch/{watch_id}/{viewer_id}", "Watch no more", 204),
    Operation("post", "/api/whip", "WHIP: publish, docs/whip-whep.md", 201, SDP, SDP, ("avatar",)),
    Operation("patch", "/api/whip/{id}", "WHIP: candidates", 204, takes=SDP_FRAGMENT),
    Operation("delete", "/api/whip/{id}", "WHIP: publish no more"),
    Operation("post", "/api/watch/{watch_id}/whep", "WHEP: watch, docs/whip-whep.md", 201, SDP, SDP),
    Operation("patch", "/api/watch/{watch_id}/whep/{viewer_id}", "WHEP: candidates", 204, takes=SDP_FRAGMENT),
    Operation("delete", "/api/watch/{watch_id}/whep/{viewer_id}", "WHEP: watch no more"),
    Operation("get", "/livez", "Does the process run?", gives="Status"),
    Operation("get", "/readyz", "Would a session be served now?", gives="Status"),
    Operation("get", "/metrics", "Prometheus' metrics", gives="text/plain"),
)


def document(server: str) -> Schema:
    """The OpenAPI document. server: the path below which a proxy shows this server, "/" without one."""
    paths: dict[str, Schema] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lipcast",
            "version": version("lipcast"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server}],
        "paths": paths,
        "components": {"schemas": schemas()},
    }


def described(operation: Operation) -> Schema:
    status = str(operation.status)
    response: Schema = {"description": operation.summary, "content": content(operation.gives)}
    if operation.status == 201:
        response["headers"] = {"Location": {"required": True, "schema": {"type": "string"}}}
    others = {
        str(code): {"description": operation.summary, "content": content(gives)} for code, gives in operation.also
    }
    problem = {"description": "A problem, RFC 9457; the detail says how to fix it", "content": content("Problem")}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": PATTERNS[name]}}
        for name in PARAMETER.findall(operation.path)
    ]
    parameters += [
        {"name": name, "in": "query", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in operation.query
    ]
    found: Schema = {
        "operationId": f"{operation.method} {operation.path}",
        "summary": operation.summary,
        "parameters": parameters,
        "responses": {status: response, **others, "default": problem},
    }
    if operation.takes:
        found["requestBody"] = {"required": True, "content": content(operation.takes)}
    return found


def content(kind: str) -> Schema:
    """The content of a body: a schema's name, a media type, or empty for none."""
    if not kind:
        return {}
    if "/" in kind:
        return {kind: {"schema": {"type": "string"} if kind in (SDP, SDP_FRAGMENT, "text/plain") else {}}}
    return {PROBLEM if kind == "Problem" else JSON: {"schema": ref(kind)}}


async def get_document(request: Request) -> Response:
    return JSONResponse(document(path(request, "/").rstrip("/") or "/"))


OPENAPI_ROUTES = [Route("/api/openapi.json", get_document)]
