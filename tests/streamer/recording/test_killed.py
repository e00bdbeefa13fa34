"""A server that is killed as it records: the file plays, and lacks two seconds at most."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import av
import httpx
import pytest

from streamer.recording.mark import marked, xmp_of
from tests.streamer.server_harness import AVATAR

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
PATIENCE_S = 120.0  # a busy machine is slow to start
LOST_S = 2.0

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


async def until(holds: Callable[[], Awaitable[bool]], process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                if await holds():
                    return
            except httpx.TransportError:
                assert process.returncode is None, "the server ended"
            await asyncio.sleep(0.02)


async def test_what_was_recorded_two_seconds_before_the_kill_plays(
    folder: Path, tmp_path: Path, unused_tcp_port: int
) -> None:
    command = [sys.executable, "-c", SERVER, str(unused_tcp_port), str(folder), str(tmp_path)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{unused_tcp_port}") as client:

            async def ready() -> bool:
                return (await client.get("/readyz")).status_code == 200

            async def recorded() -> bool:
                progress = (await client.get(recording["url"])).json()
                assert progress["state"] == "recording", progress
                return bool(progress["seconds"] >= 4)

            await until(ready, process)
            session = (await client.post("/api/sessions", json={"avatar": AVATAR, "source": "pcm"})).json()
            recording = (await client.post(f"{session['url']}/recordings")).json()
            await until(recorded, process)
            process.send_signal(signal.SIGKILL)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    path = tmp_path / f"{recording['id']}.mp4"
    with av.open(str(path)) as container:
        seen = [frame.time or 0.0 for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        heard = [(frame.time or 0.0) + frame.samples / frame.sample_rate for frame in container.decode(audio=0)]
    assert seen[-1] + 0.04 >= 4 - LOST_S
    assert heard[-1] >= 4 - LOST_S
    assert marked(xmp_of(path))
