"""Splitting: nothing is lost, nothing is too long, no character is cut, and no text makes it slow."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.contract import LengthUnit
from channels.fitting import length_of, split_text
from tests.growth import grows_linearly

UNITS: list[LengthUnit] = ["codepoints", "utf16", "bytes"]
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
CHARACTERS = {
    "family": FAMILY,
    "flag": "\U0001f1e9\U0001f1ea",
    "skin": "\U0001f44d\U0001f3fd",
    "keycap": "1\ufe0f\u20e3",
    "accent": "e\u0301",
    "stacked": "o\u0302\u0323",
    "devanagari": "\u0915\u094d\u0937\u093f",
    "jamo": "\u1112\u1161\u11ab",
    "england": "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
}
PIECES = st.sampled_from(
    [*CHARACTERS.values(), " ", "\n", "\n\n", "\r\n", ". ", "! ", "word", "אב", "。", "\u00a0", "\0"]
)
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=40).map("".join)


def inked(text: str) -> str:
    return "".join(char for char in text if not char.isspace())


@given(text=TEXTS, limit=st.integers(4, 60), unit=st.sampled_from(UNITS))
@settings(max_examples=300, deadline=None)
def test_loses_nothing_and_keeps_the_limit(text: str, limit: int, unit: LengthUnit) -> None:
    parts = split_text(text, limit, unit)
    assert inked("".join(parts)) == inked(text)
    assert all(0 < length_of(part, unit) <= limit for part in parts)
    assert all(part.strip() for part in parts)


@given(text=st.text(st.characters(), max_size=60), limit=st.integers(4, 12), unit=st.sampled_from(UNITS))
@settings(max_examples=200, deadline=None)
def test_takes_any_string_even_with_lone_surrogates(text: str, limit: int, unit: LengthUnit) -> None:
    parts = split_text(text + "\ud83d" + text, limit, unit)
    assert inked("".join(parts)) == inked(text + "\ud83d" + text)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("character", CHARACTERS.values(), ids=CHARACTERS.keys())
def test_never_cuts_inside_a_character(character: str, unit: LengthUnit) -> None:
    text = character * 30
    for limit in range(max(4, length_of(character, unit)), 4 * length_of(character, unit)):
        for part in split_text(text, limit, unit):
            assert part == character * (len(part) // len(character))


@given(words=st.lists(st.sampled_from([*CHARACTERS.values(), "ab", "c d", "e. f", "\n"]), max_size=30))
@settings(max_examples=200, deadline=None)
def test_cuts_mixed_text_only_between_characters(words: list[str]) -> None:
    for part in split_text("x".join(words), 30, "utf16"):
        assert not part.startswith(("\u200d", "\ufe0f", "\u20e3", "\u0301", "\u0302", "\u0323", "\U0001f3fd", "\u11ab"))
        assert not part.endswith(("\u200d", "\u094d"))
        assert sum("\U0001f1e6" <= char <= "\U0001f1ff" for char in part) % 2 == 0


def test_a_text_that_fits_comes_back_as_it_is() -> None:
    assert split_text("  two lines\n here  ", 40, "codepoints") == ["  two lines\n here  "]


@pytest.mark.parametrize("text", ["", " ", "\n\n  \n", " " * 100])
def test_white_space_alone_gives_no_part(text: str) -> None:
    assert split_text(text, 10, "codepoints") == []


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("First one here.\n\nSecond one.", 20, ["First one here.", "Second one."]),
        ("First line here\nand the second", 20, ["First line here", "and the second"]),
        ("It is a sentence. Then more words", 24, ["It is a sentence.", "Then more words"]),
        ("some words without an end", 11, ["some words", "without an", "end"]),
        ("ends exact here", 10, ["ends exact", "here"]),
        ("def f():\n    return 1", 12, ["def f():", "    return 1"]),
        ("one two\r\n\r\nthree four", 12, ["one two", "three four"]),
        ("今日は。元気です。はい", 5, ["今日は。", "元気です。", "はい"]),
        ("short https://example.org/long", 26, ["short", "https://example.org/long"]),
        ("cost 10\u00a0000 now", 8, ["cost", "10\u00a0000", "now"]),
    ],
)
def test_cuts_where_a_reader_would(text: str, limit: int, parts: list[str]) -> None:
    assert split_text(text, limit, "codepoints") == parts


def test_a_character_longer_than_a_part_is_cut_between_code_points() -> None:
    monster = "a" + "\u0301" * 10_000
    parts = split_text(monster, 100, "utf16")
    assert "".join(parts) == monster
    assert max(map(len, parts)) <= 100


def test_units() -> None:
    assert [length_of("a\U0001f600é", unit) for unit in UNITS] == [3, 4, 7]
    assert length_of("\ud83d", "bytes") == 3


def test_a_limit_that_holds_not_even_a_character_is_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        split_text("abc", 3, "bytes")


@pytest.mark.parametrize(
    "pattern",
    [
        "a\u0301",
        "\U0001f1e9",
        " ",
        "\n",
        "a ",
        "x. ",
        "\u0300",
        "\u200d",
        "!",
        '."""',
        "。",
        "a " + "b" * 4096,
        "\ud83d",
    ],
    ids=ascii,
)
def test_time_is_linear(pattern: str) -> None:
    """Quadratic would take minutes for these 100,000 characters."""
    grows_linearly(lambda text: split_text(text, 4096, "utf16"), pattern * (100_000 // len(pattern)))
