"""Our rich text on Discord: formatted where we mean it, words everywhere else, and never a ping."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channels.discord.markdown import LIMIT, length, render
from channels.registry import load
from channels.richtext import BLOCK_KINDS, Block, RichText, Span
from tests.platforms.discord_eye import WIDTHLESS, dangers, links, marks, seen
from tests.platforms.discord_world import token_of

NASTY = (
    "@everyone", "@here", "<@300000000000000001>", "<@!3>", "<@&700000000000000201>", "<#5>", "<:a:1>", "<t:1:R>",
    "</x:1>", "<id:guide>", "https://discord.gg/abc", "discord.gg/abc", "discord.com/invite/x", "**b**", "__u__", "_i_",
    "*i*", "~~s~~", "||s||", "`c`", "```\nc\n```", "``", "[a](http://evil.example)", "[a](<http://evil.example>)",
    "# h",
    "-# small", "> q", ">>> q", "- l", "* l", "1. n", "\\", "\\\\*", ":smile:", "http://a.b/c_d_e*f", "<http://a.b>",
    "\n", " ", "\u200b", "\u202e", "(", ")", "]", "[", "<", ">", "@", "everyone", "here", "http://", "10:30:15",
    "\x1b", "\u2060", "\xd7",
)  # fmt: skip

words = st.lists(st.sampled_from(NASTY) | st.text(max_size=6), max_size=8).map("".join)
spans = st.builds(
    Span, text=words, bold=st.booleans(), italic=st.booleans(), code=st.booleans(),
    href=st.none() | st.sampled_from(["https://help.example/a_b?c=d*e", "mailto:a@b.example", "https://x.example/(y)",
                                      "https://x.example/@everyone", "javascript:alert(1)", "https://x>y.example"]),
)  # fmt: skip
blocks = st.builds(
    Block, kind=st.sampled_from(sorted(BLOCK_KINDS)), spans=st.lists(spans, max_size=4).map(tuple),
    number=st.none() | st.integers(1, 99),
)  # fmt: skip
texts = st.lists(blocks, max_size=4).map(lambda found: RichText(blocks=tuple(found)))


def squeezed(text: str) -> str:
    """Without what is not seen; an at sign in an address may be written in either way."""
    return "".join(text.replace(WIDTHLESS, "").replace("%40", "@").split())


@given(texts)
@example(RichText.of("http://\u200bdiscord.gg/abc http://\x1bdiscord.gg/abc http://\xd7discord.gg/abc"))
@settings(max_examples=60)
def test_nothing_pings_and_nothing_points(text: RichText) -> None:
    assert dangers(render(text)) == []


@given(words)
@example("¯\\_(ツ)_/¯")
@example("a_b_c http://a.b/c_d (http://x.y/z).")
@example("http://**b**")
@example("1. a\n- b\n# c\n> d")
def test_words_are_words(text: str) -> None:
    """Whatever stands in them: no mark works, and what is seen is what was written."""
    rendered = render(RichText.of(text))
    assert marks(rendered) == []
    assert squeezed(seen(rendered)) == squeezed(RichText.of(text).plain())


@given(words)
def test_words_link_only_where_an_address_is_written(text: str) -> None:
    for address in links(render(RichText.of(text))):
        assert address.replace("%40", "@").replace(WIDTHLESS, "") in text.replace(WIDTHLESS, "")


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (Block(kind="heading", spans=(Span(text="Reset *it*"),)), "## Reset \\*it\\*"),
        (Block(kind="bullet", spans=(Span(text="one\ntwo"),)), "- one\n  two"),
        (Block(kind="number", spans=(Span(text="one"),), number=3), "3. one"),
        (Block(kind="quote", spans=(Span(text="a\nb"),)), "> a\n> b"),
        (Block(kind="code", spans=(Span(text="if a_b:\n    *x*"),)), "```\nif a_b:\n    *x*\n```"),
        (Block(kind="paragraph", spans=(Span(text="a "), Span(text=" b ", bold=True), Span(text="c"))), "a  **b** c"),
        (Block(kind="paragraph", spans=(Span(text="a", bold=True), Span(text="b", italic=True))), "**a**\u200b*b*"),
        (Block(kind="paragraph", spans=(Span(text="a", bold=True, italic=True),)), "***a***"),
        (Block(kind="paragraph", spans=(Span(text="x_y", code=True),)), "`x_y`"),
        (Block(kind="paragraph", spans=(Span(text="guide", href="https://a.example/b_c"),)), "[guide](<https://a.example/b_c>)"),
        (Block(kind="paragraph", spans=(Span(text="bank.example", href="https://evil.example"),)), "bank.example (<https://evil.example>)"),
        (Block(kind="paragraph", spans=(Span(text="x", href="javascript:alert(1)"),)), "x (javascript:alert(1))"),
        (Block(kind="paragraph", spans=(Span(text="a@b.example", href="mailto:a@b.example"),)), "a@b.example"),
    ],
)  # fmt: skip
def test_each_kind(block: Block, expected: str) -> None:
    assert render(RichText(blocks=(block,))) == expected


@given(texts)
@settings(max_examples=25)
def test_parts_fit_and_lose_nothing(text: RichText) -> None:
    channel = load("discord", {"token": token_of("900000000000000001")})
    longer = RichText(blocks=text.blocks * 40)
    parts = channel.parts(longer)  # type: ignore[attr-defined]
    assert all(length(part) <= LIMIT for part in parts) or not longer.plain().strip()
    assert parts == channel.parts(longer)  # type: ignore[attr-defined]
    whole = "".join(squeezed(span.text) for block in longer.blocks for span in block.spans)
    assert "".join(squeezed(span.text) for part in parts for block in part.blocks for span in block.spans) == whole


def test_a_long_answer_stays_a_list_with_its_links() -> None:
    items = [
        Block(
            kind="number",
            number=n,
            spans=(Span(text=f"Step {n}: "), Span(text="see this", href=f"https://h.example/{n}")),
        )
        for n in range(1, 121)
    ]
    channel = load("discord", {"token": token_of("900000000000000001")})
    parts = [render(part) for part in channel.parts(RichText(blocks=tuple(items)))]  # type: ignore[attr-defined]
    assert len(parts) > 2
    assert [link for part in parts for link in links(part)] == [f"https://h.example/{n}" for n in range(1, 121)]
    assert all(line[0].isdigit() for part in parts for line in part.splitlines())
