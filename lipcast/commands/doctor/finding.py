"""What the doctor found, as text and as JSON. Knows nothing of what is checked."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class State(enum.Enum):
    GOOD = "good"
    WARNING = "warning"  # works, but not as most would expect
    ERROR = "error"  # something that was configured cannot work
    MISSING = "missing"  # not there, and nothing that was configured needs it


MARKS = {State.GOOD: "✓", State.WARNING: "!", State.ERROR: "✗", State.MISSING: "·"}


@dataclass(frozen=True, slots=True)
class Finding:
    """part: the heading it stands under; fix: what to do, empty where nothing is."""

    part: str
    state: State
    what: str
    fix: str = ""


def good(part: str, what: str) -> Finding:
    return Finding(part, State.GOOD, what)


def warning(part: str, what: str, fix: str = "") -> Finding:
    return Finding(part, State.WARNING, what, fix)


def error(part: str, what: str, fix: str) -> Finding:
    return Finding(part, State.ERROR, what, fix)


def missing(part: str, what: str) -> Finding:
    return Finding(part, State.MISSING, what)


def is_well(findings: Iterable[Finding]) -> bool:
    return all(finding.state is not State.ERROR for finding in findings)


def body(findings: Sequence[Finding], version: str) -> dict[str, object]:
    """The findings as JSON."""
    rows = [{"part": each.part, "state": each.state.value, "what": each.what, "fix": each.fix} for each in findings]
    return {"version": version, "ok": is_well(findings), "findings": rows}


def text(findings: Sequence[Finding], version: str) -> str:
    """The findings as text, one a line under its part's heading, then the verdict."""
    lines = [f"Lipcast {version}"]
    for part, group in itertools.groupby(findings, lambda finding: finding.part):
        lines += ["", part]
        for finding in group:
            lines.append(f"  {MARKS[finding.state]} {finding.what}")
            if finding.fix:
                lines.append(f"    → {finding.fix}")
    return "\n".join([*lines, "", verdict(findings)])


def verdict(findings: Sequence[Finding]) -> str:
    errors = sum(finding.state is State.ERROR for finding in findings)
    warnings = sum(finding.state is State.WARNING for finding in findings)
    result = "Everything that is needed works." if not errors else f"{counted(errors, 'error')} (✗)."
    return result + (f" {counted(warnings, 'warning')} (!)." if warnings else "")


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
