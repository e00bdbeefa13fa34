"""Write a dataset of mouths for training: pictures of random people with their mouths at rest and moved.

    python -m scripts.training.mouth_data.build --facekit ../shared/ict_facekit --out FOLDER --samples 20000 --seed 1

Split by identity into train, val and test. Stopped, it goes on where it was; the same seed gives the same dataset.
What the files hold is written in the folder's index.json.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--facekit", type=Path, required=True, help="the folder of the ICT face model")
    parser.add_argument("--out", type=Path, required=True, help="the dataset's folder, made if need be")
    parser.add_argument("--samples", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=128, help="pixels of a crop's side")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    options = parser.parse_args()
    if find_spec("numba") is None:
        sys.exit("expected numba, which draws the mouths; install the extra: pip install -e '.[train]'")
    from scripts.training.mouth_data.generate import make
    from scripts.training.mouth_data.plan import Plan

    try:
        make(options.facekit, options.out, Plan(options.samples, options.seed, options.size), options.workers)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
