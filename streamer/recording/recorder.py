"""One recording as it is made: takes what a session sends, and has it encoded and written on a thread of its own.

The session never waits for it. Where the thread or the disk is too slow, frames and audio are dropped and counted; the
file shows the frame before, and is silent, for so long.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
from numpy.typing import NDArray

from streamer.audio.concealment import Samples
from streamer.clock import Clock
from streamer.recording.fragmented_mp4 import FragmentedMp4
from streamer.recording.signing import NotSigned, Signer

log = logging.getLogger(__name__)

T = TypeVar("T")

CAPACITY = 75  # one second of frames and audio packets: a frame of 512×512 pixels has 0.8 MB
WRITE_EVERY_S = 0.2  # what waits is encoded and written together
FIXES = {
    errno.ENOSPC: "the server's disk is full; delete recordings, or have its operator make room",
    errno.EDQUOT: "the server's disk quota is used up; delete recordings, or have its operator raise it",
    errno.EACCES: "the server may not write to its folder of recordings; its operator must allow it, or name another",
    errno.EPERM: "the server may not write to its folder of recordings; its operator must allow it, or name another",
    errno.EROFS: "the server's folder of recordings can only be read; its operator must name another",
    errno.ENOENT: "the server's folder of recordings is gone; its operator must make it again",
    errno.ENOTDIR: "what the server was told is its folder of recordings is none; its operator must name another",
}
OTHER_FIX = "the server cannot write the recording; its log says why"

NOT_SIGNED = "the file is whole, but it could not be signed; the server's log says why"


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """20 ms of audio, 48 kHz mono; pts in 1/48000 s."""

    samples: Samples
    pts: int


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """A frame, (height, width, 3) RGB."""

    image: NDArray[np.uint8]
    index: int


class Recorder:
    """`await open()`, add it to a broadcast, and `run()` until it has ended.

    limit: bytes, after which it ends by itself, at the next fragment; executor: one thread, which this shuts down;
    signer: signs the whole file.
    """

    def __init__(self, path: Path, limit: int, executor: Executor, clock: Clock, signer: Signer | None) -> None:
        self._path = path
        self._limit = limit
        self._executor = executor
        self._clock = clock
        self._signer = signer
        self._waiting: deque[AudioBlock | VideoFrame] = deque(maxlen=CAPACITY)
        self._file: FragmentedMp4 | None = None
        self._closing = False
        self.ended = asyncio.Event()  # the file is whole, or will never be
        self.reason = ""  # why it ends: "stopped", "session-ended", "size-limit", "not-written" or "error"
        self.detail = ""  # of a failure, with its fix
        self.signed = False  # as C2PA says
        self.dropped = 0  # frames and packets of audio
        self.frames = 0
        self.seconds = 0.0  # of video that has been encoded
        self.bytes = 0

    async def open(self, size: tuple[int, int], frame_rate: int, title: str) -> None:
        """
        Raises:
            OSError: the file cannot be made.
        """
        loop = asyncio.get_running_loop()
        try:
            self._file = await loop.run_in_executor(self._executor, FragmentedMp4, self._path, size, frame_rate, title)
        except BaseException:
            self._executor.shutdown(wait=False, cancel_futures=True)
            raise

    @property
    def state(self) -> str:
        """ "recording", "finishing", "finished" or "failed"."""
        if self.reason in ("not-written", "error"):
            return "failed"
        if self.ended.is_set():
            return "finished"
        return "finishing" if self._closing else "recording"

    def add_audio(self, samples: Samples, pts: int) -> None:
        """See RawReceiver."""
        self._take(AudioBlock(samples, pts))

    def add_frame(self, image: NDArray[np.uint8], index: int) -> None:
        """See RawReceiver."""
        self._take(VideoFrame(image, index))

    def _take(self, item: AudioBlock | VideoFrame) -> None:
        if self._closing:
            return
        if len(self._waiting) == CAPACITY:
            self.dropped += 1
        else:
            self._waiting.append(item)

    async def close(self) -> None:
        """See RawReceiver: the session has ended. `ended` tells when the file is whole."""
        self.stop("session-ended")

    def stop(self, reason: str) -> None:
        """Take no more; what has been taken is still written."""
        if not self._closing:
            self._closing, self.reason = True, reason

    async def run(self) -> None:
        """Write until stopped. Returns when the file is whole; a fault of the disk ends this recording alone."""
        try:
            await self._write_all()
            await self._in_thread(self._end)
            self.signed = self._signer is not None and self.frames > 0
        except NotSigned as error:
            log.error("the recording %s is not signed: %s", self._path, error)
            self.detail = NOT_SIGNED
        except OSError as error:
            log.error("the recording %s ends: %s", self._path, error)
            self.reason, self.detail = "not-written", fix_of(error)
            await self._in_thread(self._abandon)
        except Exception:
            self.reason, self.detail = "error", "something broke; the server's log says what"
            await self._in_thread(self._abandon)
            raise
        finally:
            self._closing = True
            self._executor.shutdown(wait=False, cancel_futures=True)
            self.ended.set()

    async def _write_all(self) -> None:
        while not self._closing or self._waiting:
            if not self._closing:
                await self._clock.sleep_until(self._clock.now() + WRITE_EVERY_S)
            batch = list(self._waiting)
            self._waiting.clear()
            await self._in_thread(partial(self._write, batch))
            if self.bytes >= self._limit:
                self.stop("size-limit")
                self._waiting.clear()

    def _write(self, batch: list[AudioBlock | VideoFrame]) -> None:
        """On the thread."""
        assert self._file is not None, "open() comes first"
        for item in batch:
            if isinstance(item, VideoFrame):
                self._file.add_frame(item.image, item.index)
            else:
                self._file.add_audio(item.samples, item.pts)
        self._note(self._file)

    def _end(self) -> None:
        """On the thread."""
        assert self._file is not None, "open() comes first"
        self._file.close()
        self._note(self._file)
        if self._signer is not None and self.frames:
            self._signer.sign(self._path)
            self.bytes = self._path.stat().st_size

    def _note(self, file: FragmentedMp4) -> None:
        self.bytes, self.frames, self.seconds = file.bytes, file.frames, file.seconds

    def _abandon(self) -> None:
        """On the thread: close the file as it is. It plays up to its last fragment."""
        assert self._file is not None, "open() comes first"
        with contextlib.suppress(OSError, av.FFmpegError):  # the fault that ended it has been told
            self._file.close()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def fix_of(error: OSError) -> str:
    """What is wrong and how to fix it, for clients: no path of the server."""
    return FIXES.get(error.errno or 0, OTHER_FIX)
