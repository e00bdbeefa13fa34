"""Render every presenter that ships, and the canonical mouth that enrolment fits to portraits.

    python -m scripts.training.heads.build --facekit ../shared/ict_facekit

Finished frames are kept in build/presenters: run again after a stop, it goes on where it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from scripts.training.heads.people import APPEARANCES
from scripts.training.stages import run_stages


def stages(facekit: Path, out: Path, canonical: Path) -> list[tuple[str, ...]]:
    """The modules to run and their arguments, in order."""
    model = ("--facekit", str(facekit))
    presenters = [("scripts.tools.render_presenter", name, *model, "--out", str(out)) for name in sorted(APPEARANCES)]
    return [*presenters, ("scripts.tools.canonical_mouth", *model, "--out", str(canonical))]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--facekit", type=Path, required=True, help="the folder of the ICT face model")
    parser.add_argument("--out", type=Path, default=Path("engines/presenters"), help="the presenters' folder")
    parser.add_argument("--canonical", type=Path, default=Path("engines/face/enrolment/canonical"))
    arguments = parser.parse_args()
    run_stages(stages(arguments.facekit, arguments.out, arguments.canonical))


if __name__ == "__main__":
    main()
