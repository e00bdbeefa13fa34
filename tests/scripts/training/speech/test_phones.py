"""The table of phones: targets that are possible, sets that are known, and what is said of classes of phones."""

from __future__ import annotations

import pytest

from engines.motion import VISEMES
from scripts.training.speech.phones import (
    BILABIALS,
    LABIODENTALS,
    PHONES,
    ROUNDED,
    SILENCE,
    STOPS,
    VOICELESS_STOPS,
    VOWELS,
)
from scripts.training.speech.sustained_vowels import FORMANTS


def test_every_phone_has_a_viseme_that_the_product_knows() -> None:
    assert {phone.viseme for phone in PHONES.values()} <= set(VISEMES)


def test_targets_are_lengths_and_shares_that_mouths_can_do() -> None:
    for phone in PHONES.values():
        assert 0 <= phone.opening <= 14
        assert 0 <= phone.jaw <= 12
        assert phone.weight > 0
        for share in (phone.rounding, phone.spreading, phone.tongue):
            assert 0 <= share <= 1


@pytest.mark.parametrize("group", [VOWELS, STOPS, VOICELESS_STOPS, BILABIALS, LABIODENTALS, ROUNDED])
def test_classes_are_of_known_phones(group: frozenset[str]) -> None:
    assert group <= set(PHONES)


def test_classes_do_not_contradict_each_other() -> None:
    assert VOICELESS_STOPS < STOPS
    assert not VOWELS & (STOPS | BILABIALS | LABIODENTALS)
    assert set(FORMANTS) <= VOWELS


def test_bilabials_shut_labiodentals_nearly_and_open_vowels_open() -> None:
    assert max(PHONES[phone].opening for phone in BILABIALS) == 0
    assert max(PHONES[phone].opening for phone in LABIODENTALS) < 2
    assert min(PHONES[phone].opening for phone in ("a", "ɑ", "æ")) > 9
    assert PHONES[SILENCE].opening == PHONES[SILENCE].jaw == 0


def test_rounded_phones_round_and_spread_ones_do_not() -> None:
    assert min(PHONES[phone].rounding for phone in ROUNDED) > 0.5
    assert all(PHONES[phone].rounding == 0 for phone in ("i", "e", "s"))
    assert min(PHONES[vowel].spreading for vowel in "ieɛ") > 0.5
    assert max(PHONES[vowel].spreading for vowel in "uoʊɔ") == 0


def test_sounds_that_leave_the_lips_to_their_neighbours_insist_least() -> None:
    insisting = min(PHONES[phone].weight for phone in BILABIALS | LABIODENTALS)
    assert all(PHONES[phone].weight < 0.3 * insisting for phone in ("h", "k", "g", "ʔ"))
