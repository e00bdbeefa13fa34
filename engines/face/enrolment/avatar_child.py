"""The child that reads an avatar of strangers once, to see whether it is sound. Knows nothing of where it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engines.face.avatar import MANIFEST, load_avatar, read_manifest
from engines.face.enrolment.sandbox import answer


def main(request: dict[str, Any]) -> dict[str, Any]:
    """{"folder"} → {}."""
    folder = Path(request["folder"])
    manifest = read_manifest(folder / MANIFEST)
    if not manifest.ai_generated or not manifest.consent.strip():
        raise ValueError("its manifest lacks the consent of the person shown, or does not say that it is AI-generated")
    load_avatar(folder)
    return {}


if __name__ == "__main__":
    answer(main)
