"""People's speech for the corpus: recordings of Debian packages, their texts, and phone times found by alignment.

Usage: python -m scripts.training.speech.recordings FOLDER [--root /]

Packages: asterisk-core-sounds-{en,es,fr,it,ru}-g722 and asterisk-core-sounds-{en,es,fr,it,ru} (their texts),
tuxpaint-stamps-default, klettres-data. --root: where they are installed or were unpacked with dpkg-deb -x. Their
licences and speakers are named in engines/speech/weights/README.md. Files that exist are kept.
"""

from __future__ import annotations

import argparse
import gzip
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from scripts.training.speech.align import STATES, STEP, Aligned, Spoken, align
from scripts.training.speech.espeak import Espeak
from scripts.training.speech.phones import SILENCE
from scripts.training.speech.utterance import PERSON, SAMPLE_RATE, Segment, Utterance, save

TEACHERS = ("f2", "m3")  # variants of espeak-ng whose speech is the aligner's first teacher
MISFITS = 0.08  # of a talker's recordings, those that fit worst: another text, noises, singing
LONGEST = 12.0  # s: paths through longer ones take long to find
SLOWEST = 0.45  # s a phone, on the mean
BREAK = 0.25  # s of a pause at which a long recording is cut in two
PIECE = 3.0  # s after which it is
EDGE = 0.15  # s of silence kept at either end
LEAD, FAINT = 0.25, 0.02  # s kept before and after a spoken letter's first and last sample above a share of its peak


@dataclass(frozen=True, slots=True)
class Talker:
    """One speaker of one package: voice in the corpus, language of espeak-ng, folder below the root."""

    voice: str
    language: str
    folder: str
    texts: str  # a list of texts below the root, or the tag of a language in the texts beside the recordings

    @property
    def spells(self) -> bool:
        """Whether these are letters and syllables by themselves."""
        return self.texts.endswith(".xml")

    @property
    def packages(self) -> dict[str, str]:
        """Where each of its Debian packages has what is needed, below the root."""
        if self.spells:
            return {"klettres-data": self.folder}
        if not self.texts.endswith(".gz"):
            return {"tuxpaint-stamps-default": self.folder}
        name = Path(self.texts).parent.name
        return {f"{name}-g722": self.folder, name: self.texts}


def _asterisk(tag: str, language: str, folder: str) -> Talker:
    texts = f"usr/share/doc/asterisk-core-sounds-{tag}/core-sounds-{tag}.txt.gz"
    return Talker(f"asterisk-{tag}", language, f"usr/share/asterisk/sounds/{folder}", texts)


def _tuxpaint(tag: str) -> Talker:
    return Talker(f"tuxpaint-{tag}", tag, "usr/share/tuxpaint/stamps", tag)


def _klettres(tag: str, language: str) -> Talker:
    folder = "usr/share/klettres"
    return Talker(f"klettres-{tag}", language, folder, f"{folder}/{tag}/sounds.xml")


TALKERS = (
    _asterisk("en", "en-us", "en_US_f_Allison"),
    _asterisk("es", "es-419", "es_MX_f_Allison"),
    _asterisk("fr", "fr", "fr_CA_f_June"),
    _asterisk("it", "it", "it_IT_m_Carlo"),
    _asterisk("ru", "ru", "ru_RU_f_IvrvoiceRU"),
    *(_tuxpaint(tag) for tag in "fr ru ro ca bg es be el da".split()),
    *(_klettres(tag, tag) for tag in "cs da de es hu it lt nb nl ru uk".split()),
    _klettres("en", "en-us"),
    _klettres("en_GB", "en"),
    _klettres("fr", "fr"),
    _klettres("pt_BR", "pt-br"),
)


def refuse_missing(root: Path) -> None:
    """
    Raises:
        SystemExit: packages of recordings are not there; the message says which, and how to get them.
    """
    places = {name: place for talker in TALKERS for name, place in talker.packages.items()}
    missing = sorted(name for name, place in places.items() if not (root / place).exists())
    if missing:
        raise SystemExit(
            f"expected recordings and their texts below {root}, and do not find those of: {' '.join(missing)};"
            " install these Debian packages, or, where an installation leaves out /usr/share/doc, unpack them with"
            " dpkg-deb -x FILE FOLDER and give --root FOLDER"
        )


def recordings(talker: Talker, root: Path) -> Iterator[tuple[Path, str]]:
    """Files of a talker and what is said in them."""
    folder = root / talker.folder
    if talker.spells:
        return _spelt(folder, root / talker.texts)
    if talker.texts.endswith(".gz"):
        return _listed(folder, root / talker.texts)
    return _described(folder, talker.texts)


def _spelt(folder: Path, texts: Path) -> Iterator[tuple[Path, str]]:
    """Letters and syllables, in small letters: espeak-ng spells what is in capitals."""
    for sound in ElementTree.parse(texts).iter("sound"):
        if (path := folder / sound.get("file", "")).is_file():
            yield path, sound.get("name", "").lower()


def _listed(folder: Path, texts: Path) -> Iterator[tuple[Path, str]]:
    """Lines of key: text. A text that describes a sound is left out."""
    for line in gzip.open(texts, "rt", encoding="utf-8-sig"):
        key, _, text = line.partition(":")
        if (path := folder / f"{key.strip()}.g722").exists() and text.strip() and not set("[]<>") & set(text):
            yield path, text.strip()


def _described(folder: Path, language: str) -> Iterator[tuple[Path, str]]:
    """Recordings with a text file beside them that has a line for each language."""
    ending, tag = f"_desc_{language}.ogg", f"{language}.utf8="
    for path in sorted(folder.rglob(f"*{ending}")):
        beside = path.with_name(path.name.removesuffix(ending) + ".txt")
        lines = beside.read_text(encoding="utf-8").splitlines() if beside.exists() else []
        if text := next((line.removeprefix(tag).strip() for line in lines if line.startswith(tag)), ""):
            yield path, text


def read(path: Path) -> NDArray[np.float32]:
    """A sound file to (n,) float32 mono 16 kHz."""
    resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
    with av.open(str(path)) as file:
        decoded = [*file.decode(audio=0), None]
        parts = [part.to_ndarray()[0] for frame in decoded for part in resampler.resample(frame)]
    return np.concatenate(parts).astype(np.float32)


def trimmed(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without the silence before and after it, but for LEAD."""
    loud = np.flatnonzero(np.abs(samples) > FAINT * np.abs(samples).max())
    lead = round(LEAD * SAMPLE_RATE)
    return samples[max(loud[0] - lead, 0) : loud[-1] + lead] if len(loud) else samples


def speak(talker: Talker, root: Path, speaker: Espeak) -> Iterator[Utterance]:
    """The talker's utterances with their phone times; what fits its text badly is left out."""
    spoken: list[Spoken] = []
    taught: list[Utterance] = []
    for path, text in recordings(talker, root):
        try:
            samples = trimmed(read(path)) if talker.spells else read(path)
            lessons = [speaker.say(text, f"{talker.language}+{variant}", 150, 50, 50) for variant in TEACHERS]
        except (ValueError, av.FFmpegError) as error:
            print(f"{path.name} is left out: {error}")
            continue
        phones = sum(len(word) for word in speaker.words())
        length = len(samples) / SAMPLE_RATE
        if phones and 1.2 * STATES * STEP * phones < length < min(LONGEST, 1.0 + SLOWEST * phones):
            spoken.append(Spoken(samples, speaker.words()))
            taught += lessons
    if not spoken:
        raise FileNotFoundError(f"{talker.voice}: no recordings in {root / talker.folder}: install its package")
    aligned = align(spoken, taught)
    worst = np.quantile([a.fit for a in aligned], MISFITS)
    for recording, found in zip(spoken, aligned, strict=True):
        if found.fit > worst:
            yield from pieces(recording.samples, found, talker.voice)


def pieces(samples: NDArray[np.float32], found: Aligned, voice: str) -> Iterator[Utterance]:
    """A recording cut at long pauses into utterances of a few seconds, with little silence at either end."""
    part: list[Segment] = []
    for i, segment in enumerate(found.segments):
        if segment.phone != SILENCE:
            part.append(segment)
        long = segment.phone == SILENCE and segment.end - segment.start >= BREAK
        last = i == len(found.segments) - 1
        if part and (last or (long and part[-1].end - part[0].start >= PIECE)):
            start = max(part[0].start - EDGE, 0.0)
            end = min(part[-1].end + EDGE, len(samples) / SAMPLE_RATE)
            moved = tuple(Segment(s.start - start, s.end - start, s.phone, s.release - start) for s in part)
            heard = samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
            yield Utterance(heard, moved, PERSON, voice)
            part = []
        elif part and segment.phone == SILENCE:
            part.append(segment)


def shard_path(folder: Path, talkers: Sequence[Talker], talker: Talker) -> Path:
    return folder / f"people{talkers.index(talker):03d}.npz"


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False, description="add people's speech to the corpus")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--root", type=Path, default=Path("/"), help="where the packages are, if not installed")
    args = parser.parse_args()
    refuse_missing(args.root)
    args.folder.mkdir(parents=True, exist_ok=True)
    speaker = Espeak({})
    try:
        for talker in TALKERS:
            if (path := shard_path(args.folder, TALKERS, talker)).exists():
                continue
            utterances = list(speak(talker, args.root, speaker))
            save(path, utterances)
            minutes = sum(len(u.samples) for u in utterances) / SAMPLE_RATE / 60
            print(f"{talker.voice}: {len(utterances)} utterances, {minutes:.1f} minutes", flush=True)
    finally:
        speaker.close()


if __name__ == "__main__":
    main()
