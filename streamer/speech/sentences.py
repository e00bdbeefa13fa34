"""Text as it streams in, cut into sentences: speech can begin with the first one."""

from __future__ import annotations

import re

LONGEST = 300  # characters: longer ones are cut, so that no voice has to speak for a minute before it is heard
# The end of a sentence, known once white space follows; or of a line.
END = re.compile(r"[.!?…]+[\"'”’)\]]*\s+|[。！？]+[”’）」]*|\n+")
ABBREVIATION = re.compile(r"(?:^|\s)(?:Mr|Mrs|Ms|Dr|Prof|St|e\.g|i\.e|vs|No|[A-Z])\.\s+$")


class Sentences:
    """`feed` and `finish` return the sentences that are complete, without white space around."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> list[str]:
        self._rest += text
        found: list[str] = []
        begin = 0
        for match in END.finditer(self._rest):
            if not ABBREVIATION.search(self._rest[begin : match.end()]):
                found.append(self._rest[begin : match.end()])
                begin = match.end()
        self._rest = self._rest[begin:]
        while len(self._rest) > LONGEST:
            end = cut(self._rest)
            found.append(self._rest[:end])
            self._rest = self._rest[end:]
        return spoken(found)

    def finish(self) -> list[str]:
        rest, self._rest = self._rest, ""
        return spoken([rest])


def spoken(sentences: list[str]) -> list[str]:
    """Cut to size, less what has nothing to say: a voice makes no sound of dashes."""
    found: list[str] = []
    for sentence in sentences:
        rest = sentence.strip()
        while len(rest) > LONGEST:
            end = cut(rest)
            found.append(rest[:end].strip())
            rest = rest[end:].strip()
        found.append(rest)
    return [sentence for sentence in found if any(each.isalnum() for each in sentence)]


def cut(text: str) -> int:
    """Where to cut a text that is too long: after a comma, else at a space, else anywhere."""
    for mark in (", ", "; ", ": ", " "):
        place = text.rfind(mark, LONGEST // 3, LONGEST)
        if place >= 0:
            return place + len(mark)
    return LONGEST
