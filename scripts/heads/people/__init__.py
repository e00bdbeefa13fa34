"""The presenters that ship, a module each: plain values."""

from __future__ import annotations

from scripts.heads.looks import Look
from scripts.heads.people.helen import HELEN
from scripts.heads.people.kofi import KOFI
from scripts.heads.people.mira import MIRA
from scripts.heads.people.noor import NOOR

LOOKS: dict[str, Look] = {look.name: look for look in (MIRA, KOFI, HELEN, NOOR)}
