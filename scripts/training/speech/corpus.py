"""Synthesises the corpus in shards; shards that exist are kept, so a broken run goes on. Knows no labels.

Usage: python -m scripts.training.speech.corpus FOLDER [--shards 60] [--utterances 150] [--workers 2]
"""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from scripts.training.speech import festival, flite
from scripts.training.speech.espeak import Espeak
from scripts.training.speech.texts import Writer
from scripts.training.speech.utterance import SAMPLE_RATE, Utterance, load, save
from scripts.training.speech.voices import ENGLISH, OTHERS, OWN_VARIANTS, STOCK_VARIANTS, own_variant

ESPEAK_SHARE, FLITE_SHARE = 0.45, 0.30  # of the utterances; festival's diphones and HTS speak the rest
DRILL_SHARE = 0.15  # of espeak-ng's
FESTIVAL_VOICES_A_SHARD = 3  # each costs a start of festival
SHORTEST = 0.5  # s


@dataclass(frozen=True, slots=True)
class Shard:
    """One file of the corpus; the seed is its number."""

    path: Path
    number: int
    utterances: int


def synthesise(shard: Shard) -> float:
    """Write one shard; its length in seconds."""
    draw = np.random.default_rng([7, shard.number])
    writer = Writer(shard.number)
    with TemporaryDirectory(prefix="lipcast-corpus-") as scratch:
        spoken = [
            *_espeak(draw, writer, round(ESPEAK_SHARE * shard.utterances)),
            *_flite(draw, writer, round(FLITE_SHARE * shard.utterances), Path(scratch)),
            *_festival(draw, writer, round((1 - ESPEAK_SHARE - FLITE_SHARE) * shard.utterances), Path(scratch)),
        ]
    kept = [u for u in spoken if len(u.samples) > SHORTEST * SAMPLE_RATE and np.abs(u.samples).max() > 0.01]
    save(shard.path, kept)
    return sum(len(u.samples) for u in kept) / SAMPLE_RATE


def _espeak(draw: np.random.Generator, writer: Writer, count: int) -> Iterator[Utterance]:
    speaker = Espeak({f"own{i}": own_variant(i) for i in range(OWN_VARIANTS)})
    try:
        for _ in range(count):
            english = draw.random() < 0.5
            text = writer.english() if english or draw.random() < 0.25 else writer.invented()
            if draw.random() < DRILL_SHARE:
                text = writer.drill()
            language = str(draw.choice(ENGLISH if english else OTHERS))
            own = draw.random() < 0.5
            variant = f"own{draw.integers(OWN_VARIANTS)}" if own else str(draw.choice(STOCK_VARIANTS))
            speed, pitch, liveliness = (
                int(draw.integers(95, 240)),
                int(draw.integers(15, 85)),
                int(draw.integers(15, 95)),
            )
            yield speaker.say(text, f"{language}+{variant}", speed, pitch, liveliness)
    finally:
        speaker.close()


def _flite(draw: np.random.Generator, writer: Writer, count: int, scratch: Path) -> Iterator[Utterance]:
    for _ in range(count):
        text = writer.english() if draw.random() < 0.9 else writer.invented()
        voice = str(draw.choice(flite.VOICES, p=(0.3, 0.3, 0.3, 0.1)))
        yield flite.say(text, voice, draw.uniform(0.7, 1.45), draw.uniform(80, 260), scratch / "flite.wav")


def _festival(draw: np.random.Generator, writer: Writer, count: int, scratch: Path) -> Iterator[Utterance]:
    installed = festival.installed_voices()
    voices = draw.choice(installed, min(FESTIVAL_VOICES_A_SHARD, len(installed)), replace=False)
    for voice in voices:
        english = festival.VOICES[voice] == "arpabet"
        lines = []
        for _ in range(-(-count // len(voices))):
            text = writer.english() if english and draw.random() < 0.85 else writer.invented()
            lines.append(festival.Line(text, draw.uniform(0.7, 1.5)))
        folder = scratch / voice
        folder.mkdir()
        try:
            yield from festival.say_all(voice, lines, folder)
        except subprocess.TimeoutExpired:
            print(f"festival hung on voice {voice}: its lines of this shard are left out")


def shards(folder: Path, count: int, utterances: int) -> list[Shard]:
    return [Shard(folder / f"shard{i:03d}.npz", i, utterances) for i in range(count)]


def seconds(path: Path) -> float:
    return sum(len(u.samples) for u in load(path)) / SAMPLE_RATE


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False, description="synthesise the corpus")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shards", type=int, default=60)
    parser.add_argument("--utterances", type=int, default=150, help="in each shard")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    wanted = shards(args.folder, args.shards, args.utterances)
    missing = [shard for shard in wanted if not shard.path.exists()]
    print(f"{len(wanted) - len(missing)} shards exist, {len(missing)} to synthesise")
    total = 0.0
    with ProcessPoolExecutor(args.workers, max_tasks_per_child=1) as pool:
        for i, work in enumerate(as_completed([pool.submit(synthesise, shard) for shard in missing])):
            total += work.result()
            print(f"{i + 1}/{len(missing)} shards, {total / 3600:.2f} h of speech", flush=True)


if __name__ == "__main__":
    main()
