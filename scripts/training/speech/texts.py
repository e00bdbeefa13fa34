"""Sentences to synthesise: prose, short commands and invented words. Knows no synthesiser."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Sequence

import numpy as np

_COMMON = (
    "the of and to a in is it you that he was for on are with as his they be at one have this from by hot but some "
    "what there we can out other were all your when up use word how said each she which do their time if will way "
    "about many then them would write like these her long make thing see him two has look more day could go come did "
    "my sound no most number who over know water than call first people may down side been now find any new work part "
    "take get place made live where after back little only round man year came show every good me give our under name "
    "very through just form much great think say help low line before turn cause same mean move right boy old too does "
    "tell sentence set three want air well also play small end put home read hand port large spell add even land here "
    "must big high such follow act why ask men change went light kind off need house picture try us again animal point "
    "mother world near build self earth father blue red green white black brown yellow morning evening paper apple "
    "table window open close begin stop speak voice mouth people summer winter family money music movie happy maybe "
    "problem probably remember important possible beautiful together tomorrow yesterday never always above below above "
    "five four seven eleven twelve forty fifty million number bottom problem river over ever fever favour fish fifth "
    "five wave weave woman women wonder window wood would wool shoe show shoulder sugar sure push bush beach measure "
    "pleasure judge jam jump jelly cheap choose church choice thumb thick both mouth bathe breathe smooth moon spoon "
    "mop map mob bob pop pub pump lamp bump ample apple purple people maple bubble double trouble simple example"
).split()
_VERBS = (
    "put place set lay bin move turn open close bring push pull take give show play stop start call find keep".split()
)
_THINGS = (
    "lamp door book ball blue green red white music window cup phone bottle paper page light box map room bell".split()
)
_PREPOSITIONS = "at by in with on from under over near for to".split()
_ENDINGS = "please now again soon today later first fast slowly maybe".split()
_NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve twenty thirty".split()
_LETTERS = "a b c d e f g h i j k l m n o p q r s t u v w x y z".split()
_PROSE_MODULES = (
    "argparse asyncio collections csv dataclasses datetime decimal difflib doctest email enum fractions functools "
    "heapq html http inspect io itertools json logging math mimetypes os pathlib pprint queue random re sched shutil "
    "socket statistics string subprocess tarfile tempfile textwrap threading timeit traceback "
    "unittest urllib wave"
).split()
_ONSETS = "p b m f v t d s z n l r k g w j sh ch h st pr br fl sp pl bl tr kr sm".split()
_NUCLEI = "a e i o u a e i o u ai au oi ei ou ie".split()
_CODAS = ["", "", "", "", "n", "m", "s", "l", "r", "t", "p", "f", "k"]
_ALIKE = "p t k b d g m n m b v l f s th b v w r v f p".split()  # consonants that sound alike where lips differ


class Writer:
    """Writes sentences by a seeded generator."""

    def __init__(self, seed: int) -> None:
        self._draw = np.random.default_rng(seed)
        self._prose = _prose()

    def english(self) -> str:
        """A sentence of prose, a command, or common words in no order."""
        kind = self._draw.random()
        if kind < 0.35:
            return self._pick(self._prose)
        if kind < 0.65:
            return self.command()
        words = [self._pick(_COMMON) for _ in range(self._draw.integers(3, 13))]
        if len(words) > 6 and self._draw.random() < 0.5:
            words[len(words) // 2] += ","
        return " ".join(words) + self._pick((".", ".", "?", "!"))

    def command(self) -> str:
        """A short command: what a person says to a machine."""
        parts = [self._pick(_VERBS), self._pick(_THINGS)]
        for group, share in ((_PREPOSITIONS, 0.7), (_LETTERS, 0.6), (_NUMBERS, 0.7), (_ENDINGS, 0.6)):
            if self._draw.random() < share:
                parts.append(self._pick(group))
        return " ".join(parts) + "."

    def invented(self) -> str:
        """Words of no language, spelt so that most voices can say them: every consonant before every vowel."""
        words = []
        for _ in range(self._draw.integers(3, 9)):
            syllables = self._draw.integers(1, 4)
            words.append("".join(self._syllable() for _ in range(syllables)))
        return " ".join(words) + self._pick((".", ",", "?"))

    def drill(self) -> str:
        """Vowels with consonants between them that are easily taken for one another: p and t, m and n, b and v."""
        words = []
        for _ in range(self._draw.integers(3, 8)):
            syllables = [self._pick(_ALIKE) + self._pick(_NUCLEI) for _ in range(self._draw.integers(1, 4))]
            words.append(self._pick(_NUCLEI) + "".join(syllables))
        return " ".join(words) + self._pick((".", ",", "?"))

    def _syllable(self) -> str:
        return self._pick(_ONSETS) + self._pick(_NUCLEI) + self._pick(_CODAS)

    def _pick(self, group: Sequence[str]) -> str:
        return group[int(self._draw.integers(len(group)))]


def _prose() -> list[str]:
    """English sentences at hand wherever Python is: the documentation of its standard library."""
    sentences: set[str] = set()
    for name in _PROSE_MODULES:
        module = importlib.import_module(name)
        members = [module, *(m for _, m in inspect.getmembers(module) if inspect.isclass(m) or inspect.isroutine(m))]
        for member in members:
            text = re.sub(r"\s+", " ", inspect.getdoc(member) or "")
            sentences.update(re.findall(r"\b[A-Z][a-z]+(?:,? [a-z]+){3,14}[.?]", text))
    return sorted(sentences)
