"""Routes of recordings. What they do is in streamer/recording/recordings.py."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from streamer.http.server_state import path, server_of
from streamer.recording.recordings import RecordingInfo, Recordings


def recordings_of(request: Request) -> Recordings:
    server = server_of(request)
    server.ready()
    assert server.recordings is not None, "made with the sessions"
    return server.recordings


def body_of(request: Request, recording: RecordingInfo) -> dict[str, Any]:
    url = path(request, f"/api/recordings/{recording.id}")
    return {**asdict(recording), "url": url, "file": f"{url}/file", "ai_generated": True}


async def post_recording(request: Request) -> Response:
    recording = await recordings_of(request).start(request.path_params["id"])
    body = body_of(request, recording)
    return JSONResponse(body, status_code=201, headers={"Location": body["url"]})


async def get_recording(request: Request) -> Response:
    return JSONResponse(body_of(request, recordings_of(request).describe(request.path_params["recording_id"])))


async def stop_recording(request: Request) -> Response:
    """Answers when the file is whole."""
    return JSONResponse(body_of(request, await recordings_of(request).stop(request.path_params["recording_id"])))


async def get_file(request: Request) -> Response:
    name = request.path_params["recording_id"]
    file = recordings_of(request).file(name)
    # A name without the id, which is the key to the recording.
    return FileResponse(file, media_type="video/mp4", filename="lipcast.mp4", headers={"Cache-Control": "private"})


async def delete_recording(request: Request) -> Response:
    await recordings_of(request).delete(request.path_params["recording_id"])
    return Response(status_code=204)


RECORDING_ROUTES = [
    Route("/api/sessions/{id}/recordings", post_recording, methods=["POST"]),
    Route("/api/recordings/{recording_id}", get_recording),
    Route("/api/recordings/{recording_id}", delete_recording, methods=["DELETE"]),
    Route("/api/recordings/{recording_id}/stop", stop_recording, methods=["POST"]),
    Route("/api/recordings/{recording_id}/file", get_file),
]
