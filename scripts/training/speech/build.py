"""Rebuilds the lip encoder from nothing: corpus, clips, training, export. Goes on where it stopped.

Usage: python -m scripts.training.speech.build FOLDER --speech FOLDER --lips FOLDER [--steps 6000]

The network it makes is FOLDER/lips.onnx; to serve it, put it in the place of engines/speech/weights/lips.onnx.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from scripts.training.speech.recordings import refuse_missing
from scripts.training.stages import run_stages


def stages(folder: Path, speech: Path, lips: Path, steps: int) -> list[tuple[str, ...]]:
    """The modules to run and their arguments, in order."""
    corpus, clips, checkpoint, weights = (str(folder / name) for name in ("corpus", "clips", "lips.pt", "lips.onnx"))
    return [
        ("scripts.training.speech.corpus", corpus, "--shards", "44", "--utterances", "160"),
        ("scripts.training.speech.recordings", corpus, "--speech", str(speech), "--lips", str(lips)),
        ("scripts.training.speech.dataset", corpus, clips, "--passes", "2", "--people", "5", "--lips", "10"),
        ("scripts.training.speech.train", clips, checkpoint, "--batch", "48", "--steps", str(steps)),
        ("scripts.training.speech.export", checkpoint, "--out", weights),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False, description="rebuild the lip encoder")
    parser.add_argument("folder", type=Path, help="for the corpus, the clips and the checkpoint: 4 GB")
    parser.add_argument("--speech", type=Path, required=True, help="recordings with transcripts, a folder a source")
    parser.add_argument("--lips", type=Path, required=True, help="recordings with measured lips")
    parser.add_argument("--steps", type=int, default=6000)
    args = parser.parse_args()
    refuse_missing(args.speech, args.lips)
    args.folder.mkdir(parents=True, exist_ok=True)
    run_stages(stages(args.folder, args.speech, args.lips, args.steps))
    print(
        f"{args.folder / 'lips.onnx'} is ready; measure it with: python -m benchmarks.lips --real {args.lips} "
        f"--corpus {args.folder / 'corpus'} --weights {args.folder / 'lips.onnx'}"
    )


if __name__ == "__main__":
    main()
