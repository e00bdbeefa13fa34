"""What an examination found, for people and for machines. Knows nothing of what is examined."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class State(enum.Enum):
    GOOD = "good"
    CARE = "care"  # works, but not as everybody would expect
    BROKEN = "broken"  # something that was configured cannot work
    ABSENT = "absent"  # not there, and nothing that was configured needs it


MARKS = {State.GOOD: "✓", State.CARE: "!", State.BROKEN: "✗", State.ABSENT: "·"}


@dataclass(frozen=True, slots=True)
class Finding:
    """part: the heading it stands under; mend: what to do, empty if nothing is to be done."""

    part: str
    state: State
    what: str
    mend: str = ""


def good(part: str, what: str) -> Finding:
    return Finding(part, State.GOOD, what)


def care(part: str, what: str, mend: str = "") -> Finding:
    return Finding(part, State.CARE, what, mend)


def broken(part: str, what: str, mend: str) -> Finding:
    return Finding(part, State.BROKEN, what, mend)


def absent(part: str, what: str) -> Finding:
    return Finding(part, State.ABSENT, what)


def is_well(findings: Iterable[Finding]) -> bool:
    return all(finding.state is not State.BROKEN for finding in findings)


def body(findings: Sequence[Finding], version: str) -> dict[str, object]:
    """The examination as JSON."""
    rows = [{"part": each.part, "state": each.state.value, "what": each.what, "mend": each.mend} for each in findings]
    return {"version": version, "ok": is_well(findings), "findings": rows}


def text(findings: Sequence[Finding], version: str) -> str:
    """The examination for people, one finding a line under its part's heading, then the verdict."""
    lines = [f"Lipcast {version}"]
    for part, group in itertools.groupby(findings, lambda finding: finding.part):
        lines += ["", part]
        for finding in group:
            lines.append(f"  {MARKS[finding.state]} {finding.what}")
            if finding.mend:
                lines.append(f"    → {finding.mend}")
    return "\n".join([*lines, "", verdict(findings)])


def verdict(findings: Sequence[Finding]) -> str:
    wrong = sum(finding.state is State.BROKEN for finding in findings)
    known = sum(finding.state is State.CARE for finding in findings)
    said = "Everything that is needed works." if not wrong else f"{wrong} to mend (✗)."
    return said + (f" {known} to know about (!)." if known else "")
