"""Speech and phone times from espeak-ng, through its library's phoneme events. Knows no lips.

A build-time tool only: nothing of espeak-ng is shipped.
"""

from __future__ import annotations

import ctypes
import itertools
import shutil
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from scripts.training.speech.phones import SILENCE, parse_ipa
from scripts.training.speech.segments import find_closures, split
from scripts.training.speech.utterance import Utterance, resample

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS
_BUFFER_MS = 200
_PHONEMES_IN_IPA = 3  # espeakINITIALIZE_PHONEME_EVENTS | espeakINITIALIZE_PHONEME_IPA
_WORD, _PHONEME = 1, 7  # espeakEVENT_WORD, espeakEVENT_PHONEME
_UTF8 = 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4  # espeak_PARAMETER


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def data_folder() -> Path:
    """Where the installed espeak-ng keeps its data.

    Raises:
        FileNotFoundError: espeak-ng is not installed.
    """
    for root in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/share", "/usr/lib"):
        if (folder := Path(root) / "espeak-ng-data").is_dir():
            return folder
    raise FileNotFoundError("espeak-ng's data was not found: install the package espeak-ng")


class Espeak:
    """The library with a private copy of its data, to which own voice variants are added. One per process."""

    def __init__(self, variants: dict[str, str]) -> None:
        home = Path(mkdtemp(prefix="lipcast-espeak-"))
        shutil.copytree(data_folder(), home / "espeak-ng-data")
        shutil.rmtree(home / "espeak-ng-data/voices/mb", ignore_errors=True)  # the library lists 350 voices at most
        for name, text in variants.items():
            (home / "espeak-ng-data/voices/!v" / name).write_text(text)
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self._rate = self._library.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, str(home).encode(), _PHONEMES_IN_IPA)
        self._home = home
        self._sound = bytearray()
        self._events: list[tuple[float, str]] = []
        self._words: list[int] = []  # how many phonemes came before each word
        self._callback = _CALLBACK(self._hear)  # kept: the library holds only its address
        self._library.espeak_SetSynthCallback(self._callback)

    def close(self) -> None:
        shutil.rmtree(self._home, ignore_errors=True)

    def say(self, text: str, voice: str, words_a_minute: int, pitch: int, pitch_range: int) -> Utterance:
        """Speak; pitch and range are 0-100.

        Raises:
            ValueError: the voice does not exist, or nothing was said.
        """
        self._sound.clear()
        self._events.clear()
        self._words.clear()
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        for parameter, value in ((_RATE, words_a_minute), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        line = text.encode()
        self._library.espeak_Synth(line, len(line) + 1, 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        samples = np.frombuffer(bytes(self._sound), np.int16) * np.float32(1 / 32768)
        if not self._events or not len(samples):
            raise ValueError(f"espeak-ng said nothing for {text!r} in voice {voice!r}")
        ends = [start for start, _ in self._events[1:]] + [len(samples) / self._rate]
        marks = [(start, end, symbol) for (start, symbol), end in zip(self._events, ends, strict=True)]
        samples = resample(samples, self._rate)
        segments = find_closures(split(marks, parse_ipa, burst_marked=True), samples)
        return Utterance(samples, segments, "espeak", voice)

    def words(self) -> list[list[str]]:
        """The phones of what was said last, by word, without pauses."""
        edges = [*self._words, len(self._events)]
        spelt = [[symbol for _, symbol in self._events[a:b]] for a, b in itertools.pairwise(edges)]
        phones = [[p for symbol in word for p in parse_ipa(symbol) if p != SILENCE] for word in spelt]
        return [word for word in phones if word]

    def _hear(self, sound: ctypes.Array[ctypes.c_short], count: int, events: ctypes.Array[_Event]) -> int:
        if sound and count:
            self._sound.extend(ctypes.string_at(sound, count * 2))
        i = 0
        while events[i].type:
            if events[i].type == _PHONEME:
                symbol = bytes(events[i].id.string).decode("utf-8", "ignore")
                if "(" not in symbol:  # not the name of another language
                    self._events.append((events[i].sample / self._rate, symbol))
            elif events[i].type == _WORD:
                self._words.append(len(self._events))
            i += 1
        return 0
