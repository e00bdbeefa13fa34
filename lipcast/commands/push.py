"""`lipcast push`: watches a session and sends it to an RTMP server, in a process of its own; retries when it breaks."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

import av

from lipcast.commands.errors import CommandError
from lipcast.commands.rtmp import NotSent, RtmpOutput, Target
from streamer.clock import Clock, MonotonicClock
from streamer.config import IceServer
from streamer.logs import redact
from streamer.webrtc.viewer import ConnectionEnded, Media, Viewer

REQUEST_S = 15.0  # for an answer of the Lipcast server
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0  # between two attempts; each is twice the one before
STABLE_S = 60.0  # what ran for so long begins again with the first pause
ATTEMPTS = 10  # that fail one after another end the command
OVER = 410  # HTTP status of a session that has ended
UNKNOWN = 404  # of one that never was, or not yet again


class SessionOver(Exception):
    """The speaker has left."""


@dataclass(frozen=True, slots=True)
class PushJob:
    """link: a page for viewers; bitrate: of the video, bit/s; attempts: failures in a row that end it."""

    link: str
    target: Target
    bitrate: int
    attempts: int = ATTEMPTS

    def api(self, path: str) -> str:
        """The address of a call, /PREFIX/api/PATH.

        Raises:
            CommandError: the link is none.
        """
        parts = urlsplit(self.link)
        prefix, found, watch_id = parts.path.rpartition("/watch/")
        if parts.scheme not in ("http", "https") or not parts.netloc or not found or not watch_id.strip("/"):
            raise CommandError("the first argument is no link to watch a session: expected http://HOST/watch/ID")
        return f"{parts.scheme}://{parts.netloc}{prefix}/api/{path.format(watch_id=watch_id.strip('/'))}"


def add_push_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("link", metavar="WATCH_LINK", help="the link for viewers, http://HOST/watch/ID")
    parser.add_argument(
        "target",
        metavar="RTMP_URL",
        help="rtmp://HOST/APP/KEY; - reads it from standard input, so that no list of processes shows the key",
    )
    parser.add_argument("--kbps", type=int, default=2500, help="bit rate of the video, kbit/s (default 2500)")
    parser.set_defaults(command=run_push)


def run_push(options: argparse.Namespace) -> int:
    target = sys.stdin.readline().strip() if options.target == "-" else options.target
    if not 100 <= options.kbps <= 20_000:
        raise CommandError(f"--kbps {options.kbps}: expected 100 to 20000 kbit/s")
    job = PushJob(options.link, Target(target), options.kbps * 1000)
    asyncio.run(push(job, tell_stderr, MonotonicClock()))
    return 0


def tell_stderr(line: str) -> None:
    sys.stderr.write(f"lipcast push: {line}\n")
    sys.stderr.flush()


async def push(job: PushJob, tell: Callable[[str], None], clock: Clock) -> None:
    """Send the session until it has ended.

    Raises:
        CommandError: there is no such session, or it failed too often; the message says the last reason.
    """
    job.api("config")
    failures, ever = 0, False
    while True:
        began = clock.now()
        try:
            await push_once(job, tell)
        except SessionOver:
            tell("the session has ended")
            return
        except (NotSent, ConnectionEnded, OSError, HTTPException, ValueError, av.FFmpegError) as error:
            why = job.target.redact(redact(str(error)))
            if isinstance(error, urllib.error.HTTPError) and error.code == UNKNOWN and not ever:
                raise CommandError("there is no such session now: open the link in a browser to see") from None
        ever = ever or clock.now() - began > FIRST_PAUSE_S
        failures = 1 if clock.now() - began > STABLE_S else failures + 1
        if failures >= job.attempts:
            raise CommandError(f"given up after {failures} attempts in a row; the last: {why}")
        pause = min(FIRST_PAUSE_S * 2 ** (failures - 1), LONGEST_PAUSE_S)
        tell(f"{why}; trying again in {pause:.0f} s")
        await clock.sleep_until(clock.now() + pause)


async def push_once(job: PushJob, tell: Callable[[str], None]) -> None:
    """Watch, connect to the target, and send until one of both breaks.

    Raises:
        SessionOver, NotSent, ConnectionEnded, OSError, HTTPException, ValueError
    """
    config = await ask("GET", job.api("config"))
    viewer = Viewer([IceServer(tuple(ice["urls"]), *login(ice)) for ice in config["ice_servers"]])
    executor = ThreadPoolExecutor(1, "rtmp")
    failure: Exception | None = None
    address = ""
    try:
        offer = {"type": "offer", "sdp": await viewer.offer()}
        answer = await ask("POST", job.api("watch/{watch_id}"), offer)
        address = answer["url"]
        await viewer.accept(answer["sdp"])
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(viewer.read())
            try:
                await send(viewer, job, config["frame_rate"], executor, tell)
            except (NotSent, ConnectionEnded) as error:
                failure = error
            finally:
                reading.cancel()
    except urllib.error.HTTPError as error:
        if error.code == OVER:
            raise SessionOver from None
        raise
    finally:
        await viewer.close()
        executor.shutdown(wait=False, cancel_futures=True)
        await leave(job, address)
    if failure is not None:
        raise failure


async def send(viewer: Viewer, job: PushJob, frame_rate: int, executor: Executor, tell: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    first = await viewer.next()
    while not isinstance(first.frame, av.VideoFrame):
        first = await viewer.next()
    size = (first.frame.width, first.frame.height)
    output = await loop.run_in_executor(executor, partial(RtmpOutput, job.target, size, frame_rate, job.bitrate))
    await loop.run_in_executor(executor, output.__enter__)
    tell(f"sending {size[0]}×{size[1]} pixels to {job.target.shown}")
    try:
        while True:
            await loop.run_in_executor(executor, write, output, await viewer.next())
    finally:
        await loop.run_in_executor(executor, output.__exit__, None, None, None)


def write(output: RtmpOutput, media: Media) -> None:
    if isinstance(media.frame, av.VideoFrame):
        output.add_frame(media.frame, media.time_s)
    else:
        output.add_audio(media.frame, media.time_s)


async def leave(job: PushJob, address: str) -> None:
    """Tell the server that nobody watches any more. It would see it by itself, later."""
    if address:
        parts = urlsplit(job.link)
        try:
            await ask("DELETE", f"{parts.scheme}://{parts.netloc}{address}")
        except (OSError, HTTPException, ValueError):
            return  # the session or the server has gone, which is why we leave


def login(ice: dict[str, Any]) -> tuple[str, str]:
    return ice.get("username", ""), ice.get("credential", "")


async def ask(method: str, url: str, body: dict[str, str] | None = None) -> Any:
    """The JSON of the answer, None if it has no body.

    Raises:
        OSError, HTTPException: no answer, or one that is an error. ValueError: it is not JSON.
    """
    return await asyncio.to_thread(ask_now, method, url, body)


def ask_now(method: str, url: str, body: dict[str, str] | None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_S) as answer:
            content = answer.read()
    except urllib.error.HTTPError as error:
        error.close()
        raise
    return json.loads(content) if content else None
