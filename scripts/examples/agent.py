"""Drives an avatar from program audio: a session whose microphone is an audio file, or raw samples on standard input.

    python -m scripts.examples.agent speech.wav --avatar helen
    some-speech-synthesis | python -m scripts.examples.agent - --rate 24000 --wait

Prints the link under which people watch, and the address at which to interrupt. Knows the server by its HTTP interface
and WebRTC alone, and needs nothing but aiortc, PyAV and numpy: a start for an agent of one's own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole
from aiortc.mediastreams import MediaStreamTrack
from numpy.typing import NDArray

RATE = 48_000  # Hz, of Opus
PACKET = 960  # samples: 20 ms
LONGEST_WAITING_S = 0.2  # of sound that a source is ahead; then it waits: little is left to drop when it is interrupted
LINGER_S = 1.0  # after the last sample: look-ahead, drawing and the wire
READ = 4096  # bytes taken from standard input at once, at most
LOOK_EVERY_S = 0.5  # between polls for viewers

Samples = NDArray[np.int16]


class Voice(MediaStreamTrack):
    """A microphone that plays queued audio at the speed of speech, and silence otherwise."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        # Not `_waiting`: the base class keeps its listeners' futures there.
        self._unsaid: Samples = np.zeros(0, np.int16)  # at most LONGEST_WAITING_S and one block: `say` waits
        self._room = asyncio.Event()
        self._sent = 0  # samples
        self._began: float | None = None

    async def say(self, samples: Samples) -> None:
        """Speak (n,) samples at 48 kHz after what waits already; returns when little waits."""
        self._unsaid = np.concatenate([self._unsaid, samples])
        while self.waiting_s > LONGEST_WAITING_S:
            self._room.clear()
            await self._room.wait()

    def clear(self) -> None:
        """Drop what waits."""
        self._unsaid = self._unsaid[:0]
        self._room.set()

    @property
    def waiting_s(self) -> float:
        return len(self._unsaid) / RATE

    async def recv(self) -> av.AudioFrame:
        if self._began is None:
            self._began = time.monotonic()
        await asyncio.sleep(max(0.0, self._began + (self._sent + PACKET) / RATE - time.monotonic()))
        frame = av.AudioFrame.from_ndarray(self._take().reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._sent, Fraction(1, RATE)
        self._sent += PACKET
        return frame

    def _take(self) -> Samples:
        taken = np.zeros(PACKET, np.int16)
        said, self._unsaid = self._unsaid[:PACKET], self._unsaid[PACKET:]
        taken[: len(said)] = said
        self._room.set()
        return taken


class Session:
    """One session of a server, whose speaker is a Voice."""

    def __init__(self, url: str, voice: Voice) -> None:
        self._url = url.rstrip("/")
        self._voice = voice
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._sink = MediaBlackhole()  # the agent does not need its own video
        self._path = ""
        self._ended = asyncio.Event()

    async def join(self, avatar: str | None) -> tuple[str, str]:
        """Begin to speak; the link for viewers, and the session's own address.

        Raises:
            RuntimeError: the server refuses; the message says why.
        """
        if avatar is None:
            avatar = (await self.ask("GET", "/api/avatars"))["avatars"][0]["name"]
        self._connection.add_listener("connectionstatechange", self._look)
        self._connection.addTransceiver(self._voice, "sendrecv")
        self._connection.addTransceiver("video", "recvonly")
        await self._connection.setLocalDescription()
        offer = self._connection.localDescription
        answer = await self.ask("POST", "/api/sessions", {"type": "offer", "sdp": offer.sdp, "avatar": avatar})
        self._path = answer["url"]
        await self._connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        for receiver in self._connection.getReceivers():
            self._sink.addTrack(receiver.track)
        await self._sink.start()
        return self._url + answer["watch_url"], self._url + answer["url"]

    async def watched(self) -> None:
        """Wait until the session has a viewer."""
        while True:
            told = await self.ask("GET", self._path)
            if told["viewers"]:
                return
            await asyncio.sleep(LOOK_EVERY_S)

    async def interrupt(self) -> None:
        """Mouth closed and silent at once: what the voice was still to say is dropped, here and on its way."""
        self._voice.clear()
        await self.ask("POST", f"{self._path}/interrupt")

    async def fail_at_end(self) -> None:
        """
        Raises:
            RuntimeError: the session has ended, and not by `leave`.
        """
        await self._ended.wait()
        raise RuntimeError("the session ended: the server stopped or cannot be reached any more")

    async def leave(self) -> None:
        if self._path and not self._ended.is_set():
            await self.ask("DELETE", self._path)
        await self._sink.stop()
        await self._connection.close()

    async def ask(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:
        return await asyncio.to_thread(ask, method, self._url + path, body)

    def _look(self) -> None:
        if self._connection.connectionState in ("failed", "closed"):
            self._ended.set()


def ask(method: str, url: str, body: dict[str, str] | None) -> Any:
    """One call of the HTTP interface, JSON in and out.

    Raises:
        RuntimeError: there is no answer, or the server refuses; the message says why.
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{method} {url}: {error.code} {error.read().decode(errors='replace')}") from error
    except OSError as error:
        raise RuntimeError(f"{method} {url}: {error}; does `lipcast serve` run there?") from error
    return json.loads(text) if text else None


def sound_of(source: str, rate: int) -> Iterator[Samples]:
    """Mono samples at 48 kHz, block by block. source: a sound file, or "-" for 16-bit mono on standard input.

    Raises:
        OSError, IndexError: it cannot be read, or holds no sound.
    """
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    frames = raw_frames(sys.stdin.fileno(), rate) if source == "-" else file_frames(source)
    for frame in chain(frames, [None]):
        for resampled in resampler.resample(frame):
            yield np.asarray(resampled.to_ndarray().reshape(-1), np.int16)


def file_frames(path: str) -> Iterator[av.AudioFrame]:
    with av.open(path) as container:
        yield from container.decode(container.streams.audio[0])


def raw_frames(pipe: int, rate: int) -> Iterator[av.AudioFrame]:
    """16-bit samples as they come: a voice must not wait until a buffer is full."""
    half = b""
    while data := os.read(pipe, READ):
        data = half + data
        whole = len(data) - len(data) % 2
        half = data[whole:]
        if whole:
            samples = np.frombuffer(data[:whole], "<i2").reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = rate
            yield frame


async def speak(options: argparse.Namespace) -> None:
    voice = Voice()
    session = Session(options.url, voice)
    try:
        watch, address = await session.join(options.avatar)
        print(f"watch      {watch}\ninterrupt  POST {address}/interrupt", flush=True)
        async with asyncio.TaskGroup() as tasks:
            ending = tasks.create_task(session.fail_at_end())
            if options.wait:
                await session.watched()
            await pour(sound_of(options.source, options.rate), voice)
            await asyncio.sleep(voice.waiting_s + LINGER_S)
            ending.cancel()
    finally:
        await session.leave()


async def pour(blocks: Iterator[Samples], voice: Voice) -> None:
    """Say them all. A thread waits for each: a pipe may be silent for long."""
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        await voice.say(block)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        allow_abbrev=False, prog="scripts.examples.agent", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("source", help='a sound file, or "-": 16-bit mono samples on standard input')
    parser.add_argument("--rate", type=int, default=RATE, help="Hz, of standard input (default 48000)")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="of the server (default %(default)s)")
    parser.add_argument("--avatar", help="presenter (default: the first)")
    parser.add_argument("--wait", action="store_true", help="begin once the session has a viewer")
    options = parser.parse_args(arguments)
    if options.source != "-" and not Path(options.source).is_file():
        parser.error(f"expected a sound file or -, and there is no file {options.source}")
    status = 0
    try:
        asyncio.run(speak(options))
    except* (RuntimeError, OSError, IndexError) as errors:
        print(*(f"error: {error}" for error in errors.exceptions), sep="\n", file=sys.stderr)
        status = 1
    except* KeyboardInterrupt:
        status = 130
    return status


if __name__ == "__main__":
    sys.exit(main())
