"""Speaks a session's texts: each is a turn of its speech queue, sentence by sentence."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

import numpy as np

from streamer.audio.concealment import SAMPLE_RATE
from streamer.audio.pcm_input import FULL_SCALE, PcmResampler, WindowFull
from streamer.audio.speech_queue import Finished, SpeechEvent, SpeechQueue, TurnRefused
from streamer.clock import Clock
from streamer.errors import TooLarge, VoiceFailed
from streamer.speech.sentences import Sentences
from streamer.speech.voice import Pcm, Voice
from streamer.speech.voices import Voices

log = logging.getLogger(__name__)

MAX_TEXT = 20_000  # characters of a turn: a quarter of an hour
TEXT_S = 10.0  # for more text of a turn that has all been spoken; then the turn is over
FIRST_AUDIO_S = 60.0  # for a voice to begin; its own time limit is shorter
ROOM_S = 0.1  # between two looks whether there is room for audio
PIECE = SAMPLE_RATE  # samples pushed at once, at most: little is synthesised in vain when a turn is cancelled


class Spawn(Protocol):
    """ServerTasks.spawn."""

    def __call__(self, work: Callable[[], Awaitable[None]], kind: str, name: str) -> asyncio.Task[None]: ...


class Utterance:
    """A text on its way. begun: set with the first audio, or the failure of the voice; cancelled if neither comes."""

    def __init__(self, turn: str, voice: Voice) -> None:
        self.turn = turn
        self.voice = voice
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.finished: asyncio.Future[Finished] = asyncio.get_running_loop().create_future()
        self.complete = False
        self.characters = 0
        self.task: asyncio.Task[None] | None = None
        self._sentences = Sentences()
        self._waiting: deque[str] = deque(maxlen=MAX_TEXT)  # as many as there are characters, at most
        self._changed = asyncio.Event()

    def feed(self, text: str) -> None:
        """
        Raises:
            TooLarge
        """
        if self.characters + len(text) > MAX_TEXT:
            raise TooLarge(f"a turn's text has {MAX_TEXT} characters at most: begin another turn for the rest")
        self.characters += len(text)
        self._waiting.extend(self._sentences.feed(text))
        self._changed.set()

    def finish(self) -> None:
        """No more text comes."""
        if not self.complete:
            self.complete = True
            self._waiting.extend(self._sentences.finish())
            self._changed.set()

    async def next_sentence(self) -> str | None:
        """Waits for it; None after the last one."""
        while not self._waiting:
            if self.complete:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()


class Speaker:
    """Of one session. Synthesises one sentence at a time, as far ahead as the queue's window allows."""

    def __init__(self, queue: SpeechQueue, voices: Voices, spawn: Spawn, clock: Clock) -> None:
        self.queue = queue
        self._voices = voices
        self._spawn = spawn
        self._clock = clock
        self._utterances: dict[str, Utterance] = {}  # of turns that have not finished: as many as the queue takes
        self._synthesis = asyncio.Lock()
        self._numbers = itertools.count(1)
        queue.listen(self._on_event)

    def say(self, text: str, turn: str | None = None, voice: str | None = None) -> Utterance:
        """Begin to say a text, or go on with the one of this turn. It is complete when `finish` is called.

        Raises:
            Conflict: no voice is set up. BadRequest: there is no such voice. TooLarge: the text is.
            TurnRefused
        """
        utterance = self._utterances.get(turn) if turn is not None else None
        if utterance is None:
            if len(text) > MAX_TEXT:
                raise TooLarge(f"a text has {MAX_TEXT} characters at most: say it in several turns")
            utterance = self._begin(turn or f"say-{next(self._numbers)}", self._voices.find(voice))
        elif utterance.complete:
            raise TurnRefused(f"turn {utterance.turn!r} is complete: say more in another turn")
        utterance.feed(text)
        return utterance

    def find(self, turn: str) -> Utterance | None:
        """The one of this turn, while it has not finished."""
        return self._utterances.get(turn)

    @property
    def busy(self) -> bool:
        """Whether a voice speaks: another text has to wait for it."""
        return self._synthesis.locked()

    def _begin(self, turn: str, voice: Voice) -> Utterance:
        self.queue.start(turn, SAMPLE_RATE, first_audio_s=FIRST_AUDIO_S, dry_s=TEXT_S)
        utterance = self._utterances[turn] = Utterance(turn, voice)
        utterance.task = self._spawn(lambda: self._speak(utterance), "speech", turn)
        return utterance

    async def _speak(self, utterance: Utterance) -> None:
        try:
            async with self._synthesis:
                while (sentence := await utterance.next_sentence()) is not None:
                    await self._speak_sentence(utterance, sentence)
            self.queue.end(utterance.turn)
        except VoiceFailed as error:
            self._failed(utterance, error)
        except TurnRefused as error:  # it has waited for its text for too long: the queue has told that
            log.info("text after its turn's end: %s", error)
        except Exception:
            self.queue.fail(utterance.turn, "Internal error", "the server's log has the details")
            self._stop(utterance)
            raise

    async def _speak_sentence(self, utterance: Utterance, sentence: str) -> None:
        resamplers: dict[int, PcmResampler] = {}  # one, of the rate that the voice turns out to have
        told = False

        async def on_audio(rate: int, pcm: Pcm) -> None:
            nonlocal told
            if not told:
                told = True
                self.queue.caption(utterance.turn, sentence)
            if rate not in resamplers:
                resamplers[rate] = PcmResampler(rate)
            await self._push(utterance, as_int16(resamplers[rate](pcm)))

        await utterance.voice.speak(sentence, on_audio)
        for resampler in resamplers.values():
            await self._push(utterance, as_int16(resampler.flush()))

    async def _push(self, utterance: Utterance, pcm: Pcm) -> None:
        for place in range(0, len(pcm), PIECE):
            piece = pcm[place : place + PIECE]
            while not self._pushed(utterance.turn, piece):
                await self._clock.sleep_until(self._clock.now() + ROOM_S)
        if len(pcm) and not utterance.begun.done():
            utterance.begun.set_result(None)

    def _pushed(self, turn: str, piece: Pcm) -> bool:
        try:
            self.queue.push(turn, piece)
        except WindowFull:
            return False
        return True

    def _failed(self, utterance: Utterance, error: VoiceFailed) -> None:
        log.warning("%s", error.detail)
        self.queue.fail(utterance.turn, error.title, error.detail)
        if not utterance.begun.done():
            utterance.begun.set_exception(error)
            utterance.begun.exception()  # whoever waits is told; nobody has to
        self._stop(utterance)

    def _stop(self, utterance: Utterance) -> None:
        """What has been spoken of it is still heard."""
        if self.queue.is_over(utterance.turn):
            return
        if utterance.begun.done() and not utterance.begun.cancelled() and utterance.begun.exception() is None:
            self.queue.end(utterance.turn)
        else:
            self.queue.cancel(utterance.turn)

    def _on_event(self, event: SpeechEvent) -> None:
        if not isinstance(event, Finished):
            return
        utterance = self._utterances.pop(event.turn, None)
        if utterance is None:
            return
        if not utterance.begun.done():
            utterance.begun.cancel()
        utterance.finished.set_result(event)
        if utterance.task is not None and utterance.task is not asyncio.current_task():
            utterance.task.cancel()


def as_int16(samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Pcm:
    return (samples * FULL_SCALE).clip(-FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
