"""`lipcast push`: a session as an RTMP server gets it; keys stay secret; what breaks begins again, later and later."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import av
import httpx
import numpy as np
import pytest
import uvicorn

from lipcast.cli import main
from lipcast.commands.errors import CommandError
from lipcast.commands.push import LONGEST_PAUSE_S, PushJob, push
from lipcast.commands.rtmp import SECRET, NotSent, RtmpOutput, Target
from streamer.audio.pcm_input import WindowFull
from streamer.audio.speech_queue import SpeechQueue
from streamer.clock import MonotonicClock
from tests.streamer.server_harness import AVATAR, ServerHarness, presenters

pytestmark = pytest.mark.anyio

KEY = "live_123-secret"
RATE = 16_000
SENT_S = 8.0  # of the session, before it ends
PATIENCE_S = 180.0  # a busy machine is slow
STEP_S = 0.06  # how far a flash may be from its click: a frame and a half


class PatientClock:
    """Time passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self._now = 0.0

    def now(self) -> float:
        return self._now

    async def sleep_until(self, deadline: float) -> None:
        self.pauses.append(deadline - self._now)
        self._now = deadline


def test_a_target_shows_no_key() -> None:
    target = Target(f"rtmps://user:pass@host.example:443/app/{KEY}?token=t0k")
    assert target.shown == f"rtmps://host.example:443/app/{SECRET}"
    for text in (f"cannot open {target.url}", f"'{KEY}' refused", "token=t0k", "user:pass"):
        assert not any(secret in target.redact(text) for secret in (KEY, "t0k", "pass"))
    assert target.redact("Connection refused") == "Connection refused"


@pytest.mark.parametrize("url", ["", "http://host/app/key", "rtmp://host", "rtmp://host/app", "rtmp:///app/key", KEY])
def test_what_is_no_target_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(CommandError, match="expected rtmp://HOST/APP/KEY") as refused:
        Target(url)
    assert not url or url not in str(refused.value).replace("rtmp://HOST/APP/KEY", "")


@pytest.mark.parametrize("link", ["", "nothing", "http://host/", "http://host/watch/", "ftp://host/watch/abc"])
def test_what_is_no_link_is_refused(link: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["push", link, f"rtmp://127.0.0.1/app/{KEY}"]) == 1
    told = capsys.readouterr().err
    assert "expected http://HOST/watch/ID" in told
    assert KEY not in told


def test_a_link_below_a_prefix_keeps_it() -> None:
    job = PushJob("https://host/lipcast/watch/abc", Target(f"rtmp://host/app/{KEY}"), 1)
    assert job.api("watch/{watch_id}") == "https://host/lipcast/api/watch/abc"


def test_a_server_that_is_not_there_is_told_without_the_key(free_tcp_port: int) -> None:
    target = Target(f"rtmp://127.0.0.1:{free_tcp_port}/app/{KEY}")
    with pytest.raises(NotSent) as failed, RtmpOutput(target, (64, 48), 25, 500_000):
        pass
    assert KEY not in str(failed.value)
    assert target.shown in str(failed.value)
    assert failed.value.__cause__ is None  # the library's own message has the key


async def test_attempts_come_later_and_later_and_end(free_tcp_port: int) -> None:
    clock, told = PatientClock(), list[str]()
    job = PushJob(f"http://127.0.0.1:{free_tcp_port}/watch/abc", Target(f"rtmp://127.0.0.1/app/{KEY}"), 1, 8)
    with pytest.raises(CommandError, match="given up after 8 attempts") as failed:
        await push(job, told.append, clock)
    assert clock.pauses == [1, 2, 4, 8, 16, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
    assert KEY not in "".join([*told, str(failed.value)])


@contextlib.asynccontextmanager
async def serving(harness: ServerHarness, port: int) -> AsyncIterator[str]:
    """The harness's server at a real port."""
    server = uvicorn.Server(uvicorn.Config(harness.app, port=port, lifespan="off", log_config=None, loop="asyncio"))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110  no event tells it
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True


async def test_a_link_that_leads_nowhere_is_said_at_once(tmp_path: Path, free_tcp_port: int) -> None:
    async with (
        ServerHarness(presenters(tmp_path), clock=MonotonicClock()) as harness,
        serving(await harness.ready(), free_tcp_port) as url,
    ):
        job = PushJob(f"{url}/watch/{'0' * 22}", Target(f"rtmp://127.0.0.1/app/{KEY}"), 1)
        with pytest.raises(CommandError, match="no such session now"):
            await push(job, print, PatientClock())


async def speak(speech: SpeechQueue) -> None:
    """A tone of 240 ms each second, as far ahead as may wait: a busy machine drops some of its six frames, not all."""
    time = np.arange(RATE) / RATE
    second = np.where(time < 0.24, 20_000 * np.sin(2 * np.pi * 500 * time), 0).astype(np.int16)
    speech.start("clicks", RATE)
    while True:
        with contextlib.suppress(WindowFull):
            speech.push("clicks", second)
        await asyncio.sleep(0.2)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg, as the RTMP server")
async def test_an_rtmp_server_gets_the_session_in_step(
    tmp_path: Path, free_tcp_port_factory: Callable[[], int]
) -> None:
    free_port = free_tcp_port_factory
    target, out = f"rtmp://127.0.0.1:{free_port()}/live/{KEY}", tmp_path / "got.flv"
    listener = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-v", "error", "-listen", "1", "-i", target, "-c", "copy", str(out))
    )
    async with ServerHarness(presenters(tmp_path), clock=MonotonicClock()) as harness:
        await harness.ready()
        async with serving(harness, free_port()) as url, httpx.AsyncClient(base_url=url) as client:
            made = (await client.post("/api/sessions", json={"avatar": AVATAR, "source": "pcm"})).json()
            speech = harness.server.ready()[1].find(made["id"]).speech
            assert speech is not None
            speaking = asyncio.create_task(speak(speech))
            command = [sys.executable, "-m", "lipcast", "push", url + made["watch_url"], "-"]
            pipe = asyncio.subprocess.PIPE
            pushing = await asyncio.create_subprocess_exec(*command, stdin=pipe, stderr=pipe)
            assert pushing.stdin is not None
            assert pushing.stderr is not None
            pushing.stdin.write(f"{target}\n".encode())
            pushing.stdin.write_eof()
            async with asyncio.timeout(PATIENCE_S):
                first = ""
                while "sending" not in first:  # it may come before the RTMP server is there
                    first = (await pushing.stderr.readline()).decode()
                    assert first, "it ended"
                assert f"pixels to rtmp://127.0.0.1:{target.split(':')[2].split('/')[0]}/live/{SECRET}" in first
                await asyncio.sleep(SENT_S)  # real media take real time
                speaking.cancel()
                await client.delete(made["url"])
                rest = (await pushing.stderr.read()).decode()
                assert await pushing.wait() == 0, rest
                assert "the session has ended" in rest
                await listener.wait()
    assert KEY not in first + rest
    flashes, onsets = seen_and_heard(out)
    assert len(flashes) >= 3
    nearest = [min(abs(flash - onset) for onset in onsets) for flash in flashes]
    assert np.median(nearest) <= STEP_S  # a flash whose first frames were dropped comes later than its click


def seen_and_heard(path: Path) -> tuple[list[float], list[float]]:
    """When frames become bright, and when audio becomes loud, seconds."""
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec.name == "h264"
        levels = [
            (frame.time or 0.0, float(frame.to_ndarray(format="gray").mean())) for frame in container.decode(video=0)
        ]
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec.name == "aac"
        blocks = [(frame.time or 0.0, np.abs(frame.to_ndarray()).reshape(-1)) for frame in container.decode(audio=0)]
    loud = [(start + index / 48_000, bool(block[index : index + 96].max() > 0.2)) for start, block in blocks
            for index in range(0, len(block) - 95, 96)]  # fmt: skip
    return rises([(time, level > 60) for time, level in levels]), rises(loud, 0.3)


def rises(states: list[tuple[float, bool]], apart_s: float = 0.3) -> list[float]:
    """When the state becomes true, after it was false for `apart_s` seconds."""
    found, last = [], float("-inf")
    for time, on in states:
        if on:
            if time - last > apart_s:
                found.append(time)
            last = time
    return found
