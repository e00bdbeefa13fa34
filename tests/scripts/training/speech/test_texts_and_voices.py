"""What is said and who says it."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.training.speech.texts import Writer
from scripts.training.speech.voices import (
    ENGLISH,
    HELD_OUT_LANGUAGES,
    HELD_OUT_VARIANTS,
    OTHERS,
    OWN_VARIANTS,
    STOCK_VARIANTS,
    is_held_out_voice,
    own_variant,
)


def fields(text: str) -> dict[str, list[float]]:
    """The numbers of each line of a variant by its keyword; formants by number."""
    rows: dict[str, list[float]] = {}
    for line in text.splitlines():
        words = line.split()
        key = f"formant {words[1]}" if words[0] == "formant" else words[0]
        values = words[2:] if words[0] == "formant" else words[1:]
        rows[key] = [float(word) for word in values if word.replace(".", "").isdigit()]
    return rows


def test_a_seed_always_writes_the_same_sentences() -> None:
    one, again, other = Writer(3), Writer(3), Writer(4)
    said = [[w.english(), w.command(), w.invented(), w.drill()] for w in (one, again, other)]
    assert said[0] == said[1] != said[2]


def test_english_sentences_are_of_words_and_end_with_a_mark() -> None:
    writer = Writer(0)
    for sentence in (writer.english() for _ in range(60)):
        assert sentence[-1] in ".?!"
        assert 2 <= len(sentence.split()) <= 20
        assert all(word.strip(".,?!").isalpha() for word in sentence.split())


def test_commands_are_short_and_begin_with_a_verb() -> None:
    writer = Writer(0)
    commands = [writer.command().rstrip(".").split() for _ in range(60)]
    assert {len(command) for command in commands} <= {2, 3, 4, 5, 6}
    assert len({command[0] for command in commands}) > 8


def test_invented_words_need_no_language() -> None:
    writer = Writer(0)
    words = " ".join(writer.invented() for _ in range(80))
    assert set(words) <= set("abcdefghijklmnoprstuvwz .,?")
    assert all(vowel in words for vowel in "aeiou")


def test_drills_set_consonants_that_sound_alike_between_vowels() -> None:
    writer = Writer(0)
    words = [word.strip(".,?") for _ in range(100) for word in writer.drill().split()]
    assert all(word[0] in "aeiou" and word[-1] in "aeiou" for word in words)
    counts = {letter: sum(word.count(letter) for word in words) for letter in "pbmfvtdn"}
    assert min(counts.values()) > 15


@pytest.mark.parametrize(
    ("voice", "held"),
    [("en-us+f2", False), ("sv", True), ("ro+f2", True), ("en+own7", True), ("en+own8", False), ("czech_krb", True)],
)
def test_voices_are_held_out_by_name_variant_or_language(voice: str, held: bool) -> None:
    assert is_held_out_voice(voice) is held


def test_what_is_held_out_exists() -> None:
    own = {f"own{number}" for number in range(OWN_VARIANTS)}
    assert set(HELD_OUT_VARIANTS) <= own | set(STOCK_VARIANTS)
    assert set(HELD_OUT_LANGUAGES) <= set(OTHERS)
    assert not set(ENGLISH) & set(OTHERS)


def test_own_variants_differ_and_are_repeatable() -> None:
    variants = [own_variant(number) for number in range(OWN_VARIANTS)]
    assert len(set(variants)) == OWN_VARIANTS
    assert own_variant(5) == variants[5]


def test_longer_vocal_tracts_have_lower_formants_and_voices() -> None:
    rows = [fields(own_variant(number)) for number in range(OWN_VARIANTS)]
    formants = np.array([np.mean([row[f"formant {n}"][0] for n in range(9)]) for row in rows])
    pitch = np.array([row["pitch"][0] for row in rows])
    assert formants.min() == pytest.approx(100 / 1.22, rel=0.05)
    assert formants.max() == pytest.approx(100 / 0.84, rel=0.05)
    assert np.corrcoef(formants, pitch)[0, 1] > 0.6
    assert all(low < high for low, high in (row["pitch"] for row in rows))
