"""The presenters that ship, a module each: plain values."""

from __future__ import annotations

from scripts.heads.looks import Look
from scripts.heads.people.mira import MIRA

LOOKS: dict[str, Look] = {look.name: look for look in (MIRA,)}
