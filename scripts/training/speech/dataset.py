"""Features and labels of clips, in files of 64 clips; files that exist are kept. Knows no network.

Usage: python -m scripts.training.speech.dataset CORPUS FOLDER [--passes 2] [--people 6] [--lips 12] [--workers 2]

What is held out becomes files of its own, held-*.npz: training looks at them but does not learn from them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.speech.features import MELS, LogMel, Normaliser
from scripts.training.speech.clips import Clip, make_clip
from scripts.training.speech.utterance import SAMPLE_RATE, Utterance, load
from scripts.training.speech.voices import HELD_OUT_SYNTHESISERS, is_held_out_voice

CLIPS = 64  # of a file
HELD_PREFIX = "held-"
FILLED = (3.0, 9.0)  # s of speech from which on a clip counts as full
KINDS = ("shard", "people", "lips")  # begin the names of the corpus's files
HELD_OUT_CLIPS = {"shard": 3, "people": 40, "lips": 40}  # of a file of the corpus, at most
EXCERPTS_FILL = 1.5  # times as much speech is laid out for clips of excerpts
TRACT = 0.07  # deviation of the logarithm of the warp of the mel axis (Jaitly and Hinton 2013: 0.9 to 1.1)


@dataclass(frozen=True, slots=True)
class Work:
    """One pass over one shard of the corpus; held: over what is for testing only."""

    shard: Path
    folder: Path
    number: int  # of the pass
    held: bool = False

    def file(self, part: int) -> Path:
        kind = HELD_PREFIX if self.held else ""
        return self.folder / f"{kind}{self.shard.stem}-pass{self.number}-{part}.npz"


def is_for_training(utterance: Utterance) -> bool:
    return utterance.synthesiser not in HELD_OUT_SYNTHESISERS and not is_held_out_voice(utterance.voice)


def write(work: Work) -> int:
    """Write the files of one pass over one shard; how many clips they hold."""
    draw = np.random.default_rng([3, work.number, *work.shard.stem.encode()])
    utterances = [u for u in load(work.shard) if is_for_training(u) != work.held]
    order = draw.permutation(len(utterances))
    groups = _group([utterances[i] for i in order], draw)
    groups = groups[: HELD_OUT_CLIPS[kind_of(work.shard)]] if work.held else groups
    for part, start in enumerate(range(0, len(groups), CLIPS)):
        clips = [make_clip(group, draw) for group in groups[start : start + CLIPS]]
        path = work.file(part)
        partial = path.with_suffix(".part.npz")
        np.savez(partial, allow_pickle=False, **pack(clips, np.exp(draw.normal(0, TRACT, len(clips)))))
        partial.rename(path)
    return len(groups)


def kind_of(shard: Path) -> str:
    """shard: synthesised; people: recordings; lips: recordings of people whose lips were measured."""
    return next(kind for kind in KINDS if shard.stem.startswith(kind))


def _group(utterances: Sequence[Utterance], draw: np.random.Generator) -> list[list[Utterance]]:
    """Utterances that one clip strings together: about as many as fill it."""
    groups: list[list[Utterance]] = []
    more = EXCERPTS_FILL if any(u.lips for u in utterances) else 1.0
    full, length = 0.0, np.inf
    for utterance in utterances:
        if length >= full:
            groups.append([])
            full, length = more * draw.uniform(*FILLED), 0.0
        groups[-1].append(utterance)
        length += len(utterance.samples) / SAMPLE_RATE
    return groups


def pack(clips: Sequence[Clip], tract: NDArray[np.float64] | None = None) -> dict[str, NDArray[np.generic]]:
    """Arrays of clips: features (n, 800, FEATURES) and coefficients (n, 800, 14) as float16, viseme (n, 800)."""
    batch = (len(clips),)
    bands = LogMel(batch).step(np.stack([c.samples for c in clips]))
    if tract is not None:
        bands = np.stack([warped(b, w) for b, w in zip(bands, tract, strict=True)])
    return {
        "features": Normaliser(batch).step(bands).astype(np.float16),
        "coefficients": np.stack([c.labels.coefficients for c in clips]).astype(np.float16),
        "viseme": np.stack([c.labels.viseme for c in clips]),
        "known": np.stack([c.labels.known for c in clips]),
    }


def warped(bands: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """(frames, MELS) with the bands of the middle of the spectrum moved by a factor: another vocal tract."""
    where = np.clip(np.arange(MELS) * factor, 0, MELS - 1)
    low = np.minimum(where.astype(int), MELS - 2)
    share = (where - low).astype(np.float32)
    moved: NDArray[np.float32] = bands[:, low] * (1 - share) + bands[:, low + 1] * share
    return moved


def plan(corpus: Path, folder: Path, passes: Mapping[str, int]) -> Iterator[Work]:
    """All work on a corpus; what is for testing first. passes: over each kind of file."""
    shards = [(path, passes[kind_of(path)]) for path in sorted(corpus.glob("*.npz")) if ".part" not in path.name]
    for path, _ in shards:
        if not all(is_for_training(u) for u in load(path)):
            yield Work(path, folder, 0, held=True)
    for number in range(max(passes.values())):
        for path, times in shards:
            if number < times and any(is_for_training(u) for u in load(path)):
                yield Work(path, folder, number)


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False, description="features and labels of clips")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--passes", type=int, default=2, help="over synthesised speech")
    parser.add_argument("--people", type=int, default=6, help="passes over recordings")
    parser.add_argument("--lips", type=int, default=12, help="passes over recordings with measured lips")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    passes = {"shard": args.passes, "people": args.people, "lips": args.lips}
    work = list(plan(args.corpus, args.folder, passes))
    missing = [w for w in work if not w.file(0).exists()]
    print(f"{len(work) - len(missing)} of {len(work)} exist")
    clips = 0
    with ProcessPoolExecutor(args.workers) as pool:
        for i, done in enumerate(as_completed([pool.submit(write, w) for w in missing])):
            clips += done.result()
            print(f"{i + 1}/{len(missing)}: {clips} clips", flush=True)


if __name__ == "__main__":
    main()
