"""Nothing is lost when a text is cut, and the number of pieces is bounded."""

# ruff: noqa: RUF001 -- texts of other languages

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intents.sentences import MOST_PIECES, pieces, split
from tests.growth import grows_linearly


def squeezed(text: str) -> str:
    return "".join(text.split())


@given(st.text())
def test_nothing_is_lost(text: str) -> None:
    assert squeezed("".join(split(text))) == squeezed(text)
    assert squeezed("".join(pieces(text))) == squeezed(text)


@given(st.text(alphabet="ab .!?\n", max_size=2000))
def test_pieces_are_few_and_never_empty(text: str) -> None:
    found = pieces(text)
    assert len(found) <= MOST_PIECES
    assert all(piece.strip() for piece in found)
    assert bool(found) == bool(text.strip())


@given(st.text(alphabet=st.characters(blacklist_characters=".!?…。！？।؟\n\r\u2028\u2029"), min_size=1))
def test_one_sentence_is_the_stripped_text_itself(text: str) -> None:
    if text.strip():
        assert pieces(text) == (text.strip(),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How do I export? It is all down!", ("How do I export?", "It is all down!")),
        ("version 3.5 of example.org is fine", ("version 3.5 of example.org is fine",)),
        ("one\ntwo\r\n\r\nthree", ("one", "two", "three")),
        ("Wait... what?!", ("Wait...", "what?!")),
        ("停电了。什么时候恢复？", ("停电了。", "什么时候恢复？")),
        ("   ", ()),
        ("", ()),
    ],
)
def test_where_it_is_cut(text: str, expected: tuple[str, ...]) -> None:
    assert split(text) == expected


def test_a_scrap_is_judged_with_its_neighbour() -> None:
    assert pieces("Hi! How do I export my contacts? Thx.") == ("Hi! How do I export my contacts? Thx.",)
    assert pieces("How do I export my contacts? Nothing has worked since nine.") == (
        "How do I export my contacts?",
        "Nothing has worked since nine.",
    )


def test_many_sentences_are_merged_not_dropped() -> None:
    text = " ".join(f"This is the sentence number {number}." for number in range(100))
    found = pieces(text)
    assert len(found) == MOST_PIECES
    assert " ".join(found) == text


@pytest.mark.parametrize("text", ["a. " * 350_000, "." * 1_000_000], ids=["sentences", "full stops"])
def test_a_megabyte_is_cut_in_linear_time(text: str) -> None:
    grows_linearly(pieces, text)
