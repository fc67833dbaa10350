"""Our words at Telegram: entities only where our styles are, nothing alive that we did not mean, all of it in parts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channels.fitting import length_of
from channels.richtext import Block, BlockKind, RichText, Span
from channels.telegram.rendering import ENTITIES, LONGEST, parts, rendered
from tests.platforms.telegram_state import checked_text

KINDS: list[BlockKind] = ["paragraph", "heading", "bullet", "number", "code", "quote"]
LIVELY = st.text(st.sampled_from("@/abc_9 .:\n<>*_`[]()#&\U0001f600é"), max_size=30)
WORDS = (
    LIVELY | st.text(max_size=20) | st.sampled_from(["@everyone", "/start", "<b>x</b>", "[x](tg://user?id=1)", "**b**"])
)
SPANS = st.builds(
    Span, text=WORDS, bold=st.booleans(), italic=st.booleans(), code=st.booleans(),
    href=st.none() | st.sampled_from(["https://a.example/x", "mailto:a@b.example"]),
)  # fmt: skip
BLOCKS = st.builds(
    Block, kind=st.sampled_from(KINDS), spans=st.lists(SPANS, min_size=1, max_size=4).map(tuple),
    number=st.none() | st.integers(1, 30),
)  # fmt: skip
TEXTS = st.lists(BLOCKS, max_size=5).map(lambda blocks: RichText(blocks=tuple(blocks)))


def sent(text: RichText) -> list[dict[str, Any]]:
    """The entities that the platform has in the end, its own finds included; it refuses what it does not take."""
    words, entities = rendered(text)
    return [dict(entity) for entity in checked_text(words, [entity.to_dict() for entity in entities], longest=10**6)]


def cut(words: str, entity: dict[str, Any]) -> str:
    raw = words.encode("utf-16-le")
    return raw[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])].decode("utf-16-le")


def of(*blocks: Block) -> RichText:
    return RichText(blocks=blocks)


def block(kind: BlockKind, *spans: Span, number: int | None = None) -> Block:
    return Block(kind=kind, spans=spans, number=number)


def test_each_style_has_its_entity() -> None:
    text = of(
        block("heading", Span(text="\U0001f680 Reset")),
        block(
            "paragraph", Span(text="Hold "), Span(text="both", bold=True), Span(text=" for "),
            Span(text="3 s", italic=True),
        ),
        block("number", Span(text="Open "), Span(text="the page", href="https://a.example/x"), number=1),
        block("number", Span(text="Type "), Span(text="arm()", code=True), number=2),
        block("bullet", Span(text="or not")),
        block("code", Span(text="a = 1\nb = 2")),
        block("quote", Span(text="it beeps")),
        block("paragraph", Span(text="Mail us", href="mailto:us@a.example")),
    )  # fmt: skip
    words, _ = rendered(text)
    assert words == (
        "\U0001f680 Reset\n\nHold both for 3 s\n\n1. Open the page\n2. Type arm()\n\n• or not\n\na = 1\nb = 2\n\n"
        "it beeps\n\nMail us (mailto:us@a.example)"
    )
    found = [(entity["type"], cut(words, entity), entity.get("url")) for entity in sent(text)]
    assert found == [
        ("bold", "\U0001f680 Reset", None),
        ("bold", "both", None),
        ("italic", "3 s", None),
        ("text_link", "the page", "https://a.example/x"),
        ("code", "arm()", None),
        ("pre", "a = 1\nb = 2", None),
        ("blockquote", "it beeps", None),
    ]


@pytest.mark.parametrize(
    ("words", "guarded"),
    [
        ("@everyone look", ["@everyone"]),
        ("ask (@bob_1) or @al", ["@bob_1", "@al"]),
        ("send /start or /help@robobot", ["/start", "/help@robobot"]),
        ("a@b.example, either/or, 1/2, https://t.example/a/b, @ and /", []),
        ("@@twice //twice", ["@twice"]),
    ],
)
def test_what_would_come_alive_is_shown_as_code(words: str, guarded: list[str]) -> None:
    found = sent(RichText.of(words))
    assert [(entity["type"], cut(words, entity)) for entity in found] == [("code", word) for word in guarded]


def test_bold_goes_around_what_is_guarded() -> None:
    text = of(block("heading", Span(text="Tell @bob now")))
    assert [(entity["type"], cut("Tell @bob now", entity)) for entity in sent(text)] == [
        ("bold", "Tell"), ("code", "@bob"), ("bold", "now"),
    ]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(TEXTS)
@example(of(block("quote", Span(text=" @abc "), Span(text="x ", bold=True, href="https://a.example/x"))))
@example(of(block("paragraph", Span(text="@0"), Span(text="", code=True), Span(text="9"))))
@example(of(block("paragraph", Span(text="@0"), Span(text="", href="https://a.example/x"), Span(text="9"))))
@example(of(block("paragraph", Span(text="/0"), Span(text="@00000000", code=True), Span(text="9" * 25))))
def test_nothing_is_alive_and_entities_stand_where_ours_are(text: RichText) -> None:
    words, _ = rendered(text)
    if not words:
        return
    allowed = {span.href for block in text.blocks for span in block.spans}
    for entity in sent(text):
        assert entity["type"] in ("bold", "italic", "code", "pre", "blockquote", "text_link")
        assert entity.get("url") in {*allowed, None}
        covered = cut(words, entity)
        assert covered == covered.strip() != ""
        plain = not any(
            span.bold or span.italic or span.code or span.href for block in text.blocks for span in block.spans
        ) and all(block.kind in ("paragraph", "bullet", "number") for block in text.blocks)
        assert not plain or (entity["type"] == "code" and covered[0] in "@/")


@settings(max_examples=30, deadline=None)
@given(TEXTS, st.integers(1, 200))
def test_parts_fit_and_lose_nothing(text: RichText, times: int) -> None:
    long = RichText(blocks=text.blocks * times)
    pieces = parts(long)
    for piece in pieces:
        words, entities = rendered(piece)
        assert length_of(words, "utf16") <= LONGEST
        assert len(entities) <= ENTITIES
    kept = "".join("".join(rendered(piece)[0] for piece in pieces).split())
    assert kept == "".join(rendered(long)[0].split())


def test_a_link_keeps_its_address_on_both_sides_of_a_cut() -> None:
    text = of(block("paragraph", Span(text="word " * 1500, href="https://a.example/x")))
    for piece in parts(text):
        (entity,) = sent(piece)
        assert entity["url"] == "https://a.example/x"


def test_a_label_that_pretends_another_address_shows_where_it_leads() -> None:
    text = of(block("paragraph", Span(text="https://bank.example", href="https://evil.example/x")))
    assert rendered(text) == ("https://bank.example (https://evil.example/x)", [])
    honest = of(block("paragraph", Span(text="evil.example", href="https://evil.example/x")))
    (entity,) = rendered(honest)[1]
    assert (rendered(honest)[0], entity.url) == ("evil.example", "https://evil.example/x")


def test_many_mentions_go_in_several_messages() -> None:
    assert len(parts(RichText.of("\n\n".join(["@somebody"] * 150)))) == 2
    assert len(parts(RichText.of(" ".join(["@somebody"] * 150)))) == 2


def test_the_same_text_gives_the_same_parts() -> None:
    text = RichText.of("Hold the button. " * 700)
    assert list(parts(text)) == list(parts(text))


def test_what_no_form_can_carry_is_replaced() -> None:
    assert rendered(RichText.of("a\0b\ud83dc"))[0] == "a\ufffdb\ufffdc"
