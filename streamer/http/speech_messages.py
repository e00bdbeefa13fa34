"""What is said on a speech socket: JSON in, actions out; events in, JSON out. Knows no socket.

The protocol lipcast.speech.v1 has messages `start`, `end` and `cancel`, and binary ones of audio. Two dialects are
understood beside it, so that a program can pass on what it has: the server events of OpenAI's Realtime API and the
messages of LiveAvatar's LITE mode. READERS is the one table of all. What a dialect says beyond it is ignored.
"""

from __future__ import annotations

import base64
import binascii
import enum
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streamer.audio.speech_queue import Caption, Closed, Failed, Finished, Progress, SpeechEvent, Started

PROTOCOL = "lipcast.speech.v1"
DIALECT_RATE = 24_000  # Hz, of both dialects' audio

Message = dict[str, Any]


class Dialect(enum.Enum):
    NATIVE = "lipcast"
    OPENAI = "openai"
    LIVEAVATAR = "liveavatar"


@dataclass(frozen=True, slots=True)
class Start:
    turn: str
    rate: int


@dataclass(frozen=True, slots=True)
class Append:
    """Audio of a dialect, which starts its turn by itself. turn: None is the one that is open, or a new one."""

    pcm: bytes
    turn: str | None
    event_id: str
    dialect: Dialect
    acknowledge: str = ""  # the type of the message that confirms it


@dataclass(frozen=True, slots=True)
class End:
    """turn: None is the one that is open. event_id: of a dialect's message."""

    turn: str | None
    event_id: str = ""
    acknowledge: str = ""


@dataclass(frozen=True, slots=True)
class Cancel:
    """turn: None is all of them."""

    turn: str | None
    event_id: str = ""
    acknowledge: str = ""


@dataclass(frozen=True, slots=True)
class Say:
    """Text to be spoken. more: more of this turn's text follows."""

    turn: str
    text: str
    voice: str | None
    more: bool


Action = Start | Append | End | Cancel | Say


class MessageRefused(ValueError):
    """A message that cannot be read; says what was expected."""


def read(text: str) -> Action | None:
    """The action that a message asks for; None for one of a dialect that needs none.

    Raises:
        MessageRefused
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MessageRefused("the message is not JSON: send an object with a 'type', and audio as binary") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise MessageRefused('the message has no \'type\': send a JSON object such as {"type": "end"}')
    kind: str = message["type"]
    if kind in READERS:
        return READERS[kind](message)
    if "." in kind or kind == "error":  # a dialect's: nothing to do
        return None
    known = ", ".join(f"'{each}'" for each in READERS if "." not in each)
    raise MessageRefused(f"'type' is {kind[:40]!r}; expected one of {known}")


def field(message: Message, key: str, kind: type, what: str) -> Any:
    value = message.get(key)
    if type(value) is not kind:
        raise MessageRefused(f"'{key}' of a '{message['type']}' message must be {what}")
    return value


def optional(message: Message, key: str) -> str | None:
    return None if message.get(key) is None else str(field(message, key, str, "a string, or left out"))


def read_start(message: Message) -> Action:
    turn: str = field(message, "turn", str, "a string that names the turn")
    return Start(turn, field(message, "rate", int, "an integer, 8000 to 48000 Hz"))


def read_end(message: Message) -> Action:
    return End(optional(message, "turn"))


def read_cancel(message: Message) -> Action:
    return Cancel(optional(message, "turn"))


def read_say(message: Message) -> Action:
    more = message.get("more", False)
    if type(more) is not bool:
        raise MessageRefused("'more' of a 'say' message must be true, false or left out")
    turn: str = field(message, "turn", str, "a string that names the turn")
    return Say(turn, field(message, "text", str, "a string"), optional(message, "voice"), more)


def read_openai_delta(message: Message) -> Action:
    item: str = field(message, "item_id", str, "a string")
    return Append(pcm_in(message, "delta"), item, item, Dialect.OPENAI)


def read_openai_done(message: Message) -> Action:
    item: str = field(message, "item_id", str, "a string")
    return End(item, item)


def read_speech_started(message: Message) -> Action:
    return Cancel(None)


def read_speak(message: Message) -> Action:
    pcm = pcm_in(message, "audio")
    return Append(pcm, None, event_id(message), Dialect.LIVEAVATAR, "agent.audio_buffer_appended")


def read_speak_end(message: Message) -> Action:
    return End(None, event_id(message), "agent.audio_buffer_committed")


def read_interrupt(message: Message) -> Action:
    return Cancel(None, event_id(message), "agent.audio_buffer_cleared")


def event_id(message: Message) -> str:
    value = message.get("event_id")
    return value[:64] if isinstance(value, str) else ""


def pcm_in(message: Message, key: str) -> bytes:
    try:
        return base64.b64decode(field(message, key, str, "PCM in base64"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MessageRefused(f"'{key}' of a '{message['type']}' message is not base64: {error}") from error


READERS: dict[str, Callable[[Message], Action]] = {
    "start": read_start,
    "end": read_end,
    "cancel": read_cancel,
    "say": read_say,
    # OpenAI Realtime, what its server sends
    "response.output_audio.delta": read_openai_delta,
    "response.output_audio.done": read_openai_done,
    "input_audio_buffer.speech_started": read_speech_started,
    # LiveAvatar, LITE mode
    "agent.speak": read_speak,
    "agent.speak_end": read_speak_end,
    "agent.interrupt": read_interrupt,
}


def native_messages(event: SpeechEvent) -> list[Message]:
    """An event as lipcast.speech.v1 says it. The end of the session has no message: the socket closes."""
    match event:
        case Started(turn, at_ms):
            return [{"type": "started", "turn": turn, "at_ms": at_ms}]
        case Progress(turn, played_ms):
            return [{"type": "progress", "turn": turn, "played_ms": played_ms}]
        case Caption(turn, text, at_ms):
            return [{"type": "caption", "turn": turn, "text": text, "at_ms": at_ms}]
        case Finished(turn, played_ms, interrupted):
            return [{"type": "finished", "turn": turn, "played_ms": played_ms, "interrupted": interrupted}]
        case Failed(turn, title, detail):
            return [error_message(title, detail, turn)]
        case Closed():
            return []


def openai_messages(event: SpeechEvent, reply_to: str) -> list[Message]:
    """As OpenAI's server tells of a client's playback; and, for that server, how much of an item was heard."""
    match event:
        case Started():
            return [{"type": "output_audio_buffer.started", "item_id": reply_to}]
        case Finished(_, played_ms, True):
            heard = {"item_id": reply_to, "content_index": 0, "audio_end_ms": played_ms}
            return [
                {"type": "output_audio_buffer.cleared", "item_id": reply_to},
                {"type": "conversation.item.truncate"} | heard,
            ]
        case Finished():
            return [{"type": "output_audio_buffer.stopped", "item_id": reply_to}]
        case Failed():
            return native_messages(event)
        case _:
            return []


def liveavatar_messages(event: SpeechEvent, reply_to: str) -> list[Message]:
    match event:
        case Started():
            return [reply("agent.speak_started", reply_to)]
        case Finished(_, _, interrupted):
            return [reply("agent.speak_interrupted" if interrupted else "agent.speak_ended", reply_to)]
        case Failed():
            return native_messages(event)
        case _:
            return []


def reply(kind: str, to: str) -> Message:
    """LITE clients look at one or the other id."""
    return {"type": kind, "event_id": to, "source_event_id": to}


def error_message(title: str, detail: str, turn: str | None = None, refused: str | None = None) -> Message:
    """The fields of a problem (RFC 9457), but for its type. turn: that failed, and will finish; refused: of a message
    that was not carried out.
    """
    named = {"turn": turn} if turn is not None else {}
    return {"type": "error", "title": title, "detail": detail} | named | ({"refused": refused} if refused else {})
