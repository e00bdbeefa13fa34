"""Phone symbols and times: every set's symbols become known phones, closures lie before bursts."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.training.speech.phones import PHONES, SETS, SILENCE, parse_ipa, parse_set
from scripts.training.speech.segments import find_closures, split


@pytest.mark.parametrize(
    ("symbol", "phones"),
    [("aɪ", ["a", "ɪ"]), ("tʃ", ["t", "ʃ"]), ("ɑː", ["ɑ"]), ("ˈɹ", ["r"]), ("", [SILENCE]), ("ʁ", ["x"])],
)
def test_ipa_symbols_become_phones(symbol: str, phones: list[str]) -> None:
    assert parse_ipa(symbol) == phones


@pytest.mark.parametrize(
    ("symbol", "name", "phones"),
    [
        ("ch", "arpabet", ["t", "ʃ"]),
        ("AA1", "arpabet", ["ɑ"]),
        ("a1", "italian", ["a"]),
        ("s~", "czech", ["ʃ"]),
        ("pp", "russian", ["p"]),
        ("k:", "finnish", ["k"]),
        ("pau", "catalan", [SILENCE]),
    ],
)
def test_symbols_of_voices_become_phones(symbol: str, name: str, phones: list[str]) -> None:
    assert parse_set(symbol, name) == phones


def test_every_table_leads_to_known_phones() -> None:
    for name, table in SETS.items():
        for symbol in table:
            assert set(parse_set(symbol, name)) <= set(PHONES), (name, symbol)


def test_diphthongs_are_split() -> None:
    first, second = split([(0.0, 0.2, "aɪ")], parse_ipa, burst_marked=True)
    assert (first.phone, second.phone) == ("a", "ɪ")
    assert first.end == second.start == pytest.approx(0.11)


def test_a_stop_marked_at_its_burst_gets_the_silence_before_it() -> None:
    samples = np.ones(16_000, np.float32) * 0.1
    samples[4800:6400] = 0  # 0.30 to 0.40 s
    marks = [(0.1, 0.4, "a"), (0.4, 0.45, "p"), (0.45, 0.6, "a")]
    vowel, stop, _ = find_closures(split(marks, parse_ipa, burst_marked=True), samples)
    assert vowel.end == stop.start == pytest.approx(0.3, abs=0.006)
    assert stop.release == 0.4


def test_a_stop_marked_at_its_closure_keeps_it() -> None:
    marks = [(0.1, 0.3, "a"), (0.3, 0.4, "b"), (0.4, 0.6, "a")]
    _, stop, _ = find_closures(split(marks, parse_ipa, burst_marked=True), np.zeros(16_000, np.float32))
    assert (stop.start, stop.end) == (0.3, 0.4)
    assert 0.3 < stop.release < 0.4
