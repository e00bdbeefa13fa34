"""Text as it streams in becomes sentences, the same however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.speech.sentences import LONGEST, Sentences


def all_of(*pieces: str) -> list[str]:
    sentences = Sentences()
    return [each for piece in pieces for each in sentences.feed(piece)] + sentences.finish()


def test_a_sentence_is_known_as_soon_as_the_next_word_may_begin() -> None:
    sentences = Sentences()
    assert sentences.feed("Hello there") == []
    assert sentences.feed(".") == []  # it may be 3.14
    assert sentences.feed(" How") == ["Hello there."]
    assert sentences.finish() == ["How"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It is 3.14 here. So.", ["It is 3.14 here.", "So."]),
        ("Dr. Smith is in. Good.", ["Dr. Smith is in.", "Good."]),
        ('He said "go." Then he went.', ['He said "go."', "Then he went."]),
        ("A line\nanother\n\nlast", ["A line", "another", "last"]),
        ("你好。再见！", ["你好。", "再见！"]),
        ("... — …! 🙂", []),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert all_of(text) == expected


@given(text=st.text(alphabet="ab .,!?\n", max_size=900), size=st.integers(1, 50))
def test_pieces_give_the_words_of_the_whole_and_none_is_too_long(text: str, size: int) -> None:
    pieces = all_of(*(text[place : place + size] for place in range(0, len(text), size)))
    assert "".join(each for each in "".join(pieces) if each in "ab") == "".join(each for each in text if each in "ab")
    assert all(0 < len(each) <= LONGEST for each in pieces)
