"""A long text in portions: each fits, no word is lost, and what was a list, code or a link stays one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.portions import portions
from channels.richtext import Block, RichText, Span


def measure(text: RichText) -> int:
    """As a platform that escapes three characters and marks styles would count."""
    return sum(
        len(span.text) + 4 * sum(map(span.text.count, "&<>")) + 2 * span.bold + len(span.href or "") + 8
        for block in text.blocks
        for span in block.spans
    ) + 2 * len(text.blocks)


spans = st.builds(
    Span,
    text=st.text(alphabet="ab &<.\n👍", min_size=1, max_size=90),
    bold=st.booleans(),
    href=st.none() | st.just("https://x.example"),
)
blocks = st.builds(
    Block,
    kind=st.sampled_from(["paragraph", "bullet", "number", "code", "quote", "heading"]),
    spans=st.lists(spans, min_size=1, max_size=4).map(tuple),
    number=st.none() | st.integers(1, 20),
)
texts = st.lists(blocks, max_size=6).map(lambda found: RichText(blocks=tuple(found)))


def letters(text: RichText) -> str:
    return "".join("".join(span.text for span in block.spans) for block in text.blocks)


@given(texts, st.integers(60, 300))
def test_each_fits_and_no_letter_is_lost(text: RichText, limit: int) -> None:
    found = portions(text, limit, measure)
    if measure(text) <= limit:
        assert found == [text]
        return
    assert all(measure(portion) <= limit for portion in found)
    assert "".join("".join(map(letters, found)).split()) == "".join(letters(text).split())
    assert found == portions(text, limit, measure)


def test_code_stays_code_and_a_link_keeps_its_address() -> None:
    code = Block(kind="code", spans=(Span(text="\n".join(f"line {number}" for number in range(40))),))
    link = Block(kind="paragraph", spans=(Span(text="read this page " * 20, href="https://x.example"),))
    found = portions(RichText(blocks=(code, link)), 120, measure)
    assert len(found) > 3
    assert {block.kind for portion in found for block in portion.blocks} == {"code", "paragraph"}
    assert all(
        span.href == "https://x.example"
        for portion in found
        for block in portion.blocks
        if block.kind == "paragraph"
        for span in block.spans
    )


def test_an_item_that_is_cut_goes_on_as_words() -> None:
    item = Block(kind="number", number=3, spans=(Span(text="word " * 60),))
    first, *rest = portions(RichText(blocks=(item,)), 120, measure)
    assert first.blocks[0].kind == "number"
    assert first.blocks[0].number == 3
    assert all(block.kind == "paragraph" for portion in rest for block in portion.blocks)


def test_it_is_cut_between_blocks_where_that_is_possible() -> None:
    paragraphs = tuple(Block(kind="paragraph", spans=(Span(text="x" * 40),)) for _ in range(6))
    found = portions(RichText(blocks=paragraphs), 120, measure)
    assert [len(portion.blocks) for portion in found] == [2, 2, 2]


def test_a_limit_that_holds_nothing_is_said() -> None:
    with pytest.raises(ValueError, match="holds no character"):
        portions(RichText.of("hello"), 5, measure)
