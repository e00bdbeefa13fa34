"""The presenters that ship, a module each: plain values."""

from __future__ import annotations

from scripts.training.heads.appearance import Appearance
from scripts.training.heads.people.helen import HELEN
from scripts.training.heads.people.kofi import KOFI
from scripts.training.heads.people.mira import MIRA
from scripts.training.heads.people.noor import NOOR

APPEARANCES: dict[str, Appearance] = {appearance.name: appearance for appearance in (MIRA, KOFI, HELEN, NOOR)}
