"""People's speech for the corpus: recordings with texts, phone times found by alignment, and measured lips.

Usage: python -m scripts.training.speech.recordings CORPUS --speech FOLDER --lips FOLDER

--speech: a folder of sources, each with a transcripts.jsonl (name, text, language, talker) and NAME.flac.
--lips: recordings with measured lips (real_lips.py). Talkers and licences: engines/speech/weights/README.md.
Files that exist are kept.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.training.speech.align import STATES, STEP, Aligned, Spoken, align
from scripts.training.speech.espeak import Espeak
from scripts.training.speech.lip_track import LipTrack
from scripts.training.speech.phones import SILENCE
from scripts.training.speech.real_lips import read_audio, read_clips, tracks, voice_of
from scripts.training.speech.utterance import PERSON, SAMPLE_RATE, Segment, Utterance, save

TEACHERS = ("f2", "m3")  # variants of espeak-ng whose speech is the aligner's first teacher
WORST_FIT_SHARE = 0.08  # of a group's recordings, those that fit worst: another text, noises, singing
LONGEST = 30.0  # s; paths through longer ones take long to find
LONGEST_WITH_LIPS = 60.0  # s: of these there are few
LONGEST_PHONE = 0.45  # s a phone, on the mean
CUT_PAUSE = 0.25  # s of a pause at which a long recording is cut in two
SHORTEST_PIECE = 3.0  # s after which it is
EDGE = 0.15  # s of silence kept at either end
UNTRANSCRIBED_PIECE = 6.0  # s of a recording whose text is not known, about
QUIET_SEARCH = 1.5  # s around a cut within which the quietest moment is looked for
LANGUAGES = {"en": "en-us", "es": "es-419"}  # ISO 639-1 to a voice of espeak-ng, where it is not the same


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One recording: voice in the corpus, ISO 639-1 language, text ("" where it is not known) and measured lips."""

    name: str
    voice: str
    language: str
    text: str
    samples: NDArray[np.float32]
    lips: LipTrack | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Recordings of one kind, which are aligned together and share a file of the corpus."""

    name: str
    folder: Path

    def recordings(self) -> Iterator[Recording]:
        for line in (self.folder / "transcripts.jsonl").read_text(encoding="utf-8").splitlines():
            told = json.loads(line)
            samples = read_audio(self.folder / f"{told['name']}.flac")
            yield Recording(told["name"], told["talker"], told["language"], told["text"], samples)


def sources(folder: Path) -> list[Source]:
    """
    Raises:
        SystemExit: the folder has none; the message says what was expected.
    """
    found = [Source(path.parent.name, path.parent) for path in sorted(folder.glob("*/transcripts.jsonl"))]
    if not found:
        raise SystemExit(f"expected {folder}/SOURCE/transcripts.jsonl with NAME.flac beside it, and found none")
    return found


def refuse_missing(speech: Path, lips: Path) -> None:
    """
    Raises:
        SystemExit: one of the folders has nothing of what is expected; the message says what that is.
    """
    sources(speech)
    if not any(lips.glob("*/*.json")):
        raise SystemExit(f"expected recordings with measured lips, {lips}/GROUP/NAME.json and .flac, and found none")


def measured(folder: Path) -> dict[str, list[Recording]]:
    """Recordings with their lips, by talker.

    Raises:
        SystemExit: the folder has none.
    """
    try:
        clips = read_clips(folder)
    except FileNotFoundError as error:
        raise SystemExit(str(error)) from error
    lips = tracks(clips)
    found: dict[str, list[Recording]] = {}
    for clip in clips:
        found.setdefault(voice_of(clip), []).append(
            Recording(clip.name, voice_of(clip), "en", clip.text, clip.samples, lips[clip.name])
        )
    return found


def speak(recordings: Sequence[Recording], speaker: Espeak) -> Iterator[Utterance]:
    """Utterances with their phone times, one language after another; what fits its text badly is left out."""
    for language in sorted({r.language for r in recordings}):
        yield from _speak_one(language, [r for r in recordings if r.language == language], speaker)


def _speak_one(language: str, recordings: Sequence[Recording], speaker: Espeak) -> Iterator[Utterance]:
    kept: list[Recording] = []
    spoken: list[Spoken] = []
    taught: list[Utterance] = []
    for recording in recordings:
        if not recording.text:
            yield from untranscribed_pieces(recording)
            continue
        voice = LANGUAGES.get(language, language)
        lessons = [speaker.say(recording.text, f"{voice}+{variant}", 150, 50, 50) for variant in TEACHERS]
        words = speaker.words()
        if _plausible(recording, sum(len(word) for word in words)):
            kept.append(recording)
            spoken.append(Spoken(recording.samples, words, recording.voice))
            taught += lessons
    if not kept:
        return
    aligned = align(spoken, taught)
    worst = np.quantile([a.fit for a in aligned], WORST_FIT_SHARE) if len(aligned) > 1 / WORST_FIT_SHARE else -np.inf
    for recording, found in zip(kept, aligned, strict=True):
        if found.fit > worst or recording.lips:
            yield from pieces(recording, found)


def _plausible(recording: Recording, phones: int) -> bool:
    """Whether so many phones can be what is said in it, and it is not too long."""
    length = len(recording.samples) / SAMPLE_RATE
    longest = LONGEST_WITH_LIPS if recording.lips else LONGEST
    return bool(phones) and 1.2 * STATES * STEP * phones < length < min(longest, 2.0 + LONGEST_PHONE * phones)


def pieces(recording: Recording, found: Aligned) -> Iterator[Utterance]:
    """A recording cut at long pauses into utterances of a few seconds, with little silence at either end."""
    samples = recording.samples
    part: list[Segment] = []
    for i, segment in enumerate(found.segments):
        if segment.phone != SILENCE:
            part.append(segment)
        long = segment.phone == SILENCE and segment.end - segment.start >= CUT_PAUSE
        last = i == len(found.segments) - 1
        if part and (last or (long and part[-1].end - part[0].start >= SHORTEST_PIECE)):
            start = max(part[0].start - EDGE, 0.0)
            end = min(part[-1].end + EDGE, len(samples) / SAMPLE_RATE)
            moved = tuple(Segment(s.start - start, s.end - start, s.phone, s.release - start) for s in part)
            yield Utterance(_cut(samples, start, end), moved, PERSON, recording.voice, _lips(recording, start, end))
            part = []
        elif part and segment.phone == SILENCE:
            part.append(segment)


def untranscribed_pieces(recording: Recording) -> Iterator[Utterance]:
    """A recording whose phones are not known, cut at quiet moments."""
    samples, edges = recording.samples, [0.0]
    length = len(samples) / SAMPLE_RATE
    power = np.convolve(samples**2, np.ones(SAMPLE_RATE // 20), "same")
    while length - edges[-1] > UNTRANSCRIBED_PIECE + QUIET_SEARCH:
        first = round((edges[-1] + UNTRANSCRIBED_PIECE - QUIET_SEARCH) * SAMPLE_RATE)
        edges.append((first + int(power[first : first + int(2 * QUIET_SEARCH * SAMPLE_RATE)].argmin())) / SAMPLE_RATE)
    for start, end in zip(edges, [*edges[1:], length], strict=True):
        yield Utterance(_cut(samples, start, end), (), PERSON, recording.voice, _lips(recording, start, end))


def _cut(samples: NDArray[np.float32], start: float, end: float) -> NDArray[np.float32]:
    return samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]


def _lips(recording: Recording, start: float, end: float) -> LipTrack | None:
    return recording.lips.between(start, end) if recording.lips else None


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False, description="add people's speech to the corpus")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--speech", type=Path, required=True, help="sources with transcripts.jsonl")
    parser.add_argument("--lips", type=Path, required=True, help="recordings with measured lips")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    groups = {f"people-{source.name}": source for source in sources(args.speech)}
    with_lips = measured(args.lips)
    speaker = Espeak({})
    try:
        for name in (*groups, *with_lips):
            if (path := args.folder / f"{name}.npz").exists():
                continue
            recordings = list(groups[name].recordings()) if name in groups else with_lips[name]
            utterances = list(speak(recordings, speaker))
            save(path, utterances)
            minutes = sum(len(u.samples) for u in utterances) / SAMPLE_RATE / 60
            print(f"{name}: {len(utterances)} utterances, {minutes:.1f} minutes", flush=True)
    finally:
        speaker.close()


if __name__ == "__main__":
    main()
