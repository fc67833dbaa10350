"""Our words in Slack: fitted, whole, and never a mention or a link that we did not mean."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import Address, Button, OutboundMessage
from channels.richtext import Block, RichText, Span
from channels.slack.api import Api
from channels.slack.outbound import Outbound
from channels.slack.render import LIMIT, blocks, measure, mrkdwn, parts
from channels.slack.settings import SlackSettings
from tests.platforms.slack import _bad_block

NASTY = [
    "<!here>", "<!channel>", "<!everyone>", "<@U123>", "<!subteam^S1>", "@everyone", "@here", "<#C1>", "&lt;!here&gt;",
    "<http://evil.example|ok>", "*b*", "_i_", "`c`", "```", "\u202e", "\x00", "&", "<", ">", "\n", " ", "x",
]  # fmt: skip
words = st.lists(st.sampled_from(NASTY) | st.text(max_size=8), max_size=6).map("".join)
hrefs = st.none() | st.sampled_from(
    ["https://a.example/x?a=1&b=2", "http://a.example/|y", "mailto:a@b.example", "javascript:alert(1)", "https://a b",
     "https://x.example/><!here>", "data:text/html,x", "https://a.example/" + "x" * 4000]
)  # fmt: skip
spans = st.builds(Span, text=words, bold=st.booleans(), italic=st.booleans(), code=st.booleans(), href=hrefs)
kinds = st.sampled_from(["paragraph", "heading", "bullet", "number", "code", "quote"])
some = st.builds(Block, kind=kinds, spans=st.lists(spans, max_size=4).map(tuple), number=st.none() | st.integers(1, 99))
texts = st.lists(some, max_size=6).map(lambda found: RichText(blocks=tuple(found)))

MENTION = re.compile(r"<[@!#]")


@given(texts)
def test_no_mention_leaves(text: RichText) -> None:
    shown = mrkdwn(text)
    assert not MENTION.search(shown)
    links = {span.href for block in text.blocks for span in block.spans if span.href}
    for target in re.findall(r"<([^<>|]*)", shown):
        assert target.replace("&amp;", "&") in links
    for kind in _types(blocks(text)):
        assert kind in {
            "rich_text", "rich_text_section", "rich_text_list", "rich_text_quote", "rich_text_preformatted",
            "text", "link",
        }  # fmt: skip


@given(texts)
def test_slack_finds_nothing_wrong_with_it(text: RichText) -> None:
    found = blocks(text, (Button(id="a", label="L" * 200), Button(id="b", label="No")))
    assert [_bad_block(block) for block in found] == [""] * len(found)
    json.dumps(found)


@given(texts)
def test_every_word_is_shown(text: RichText) -> None:
    shown = "".join(_leaves(blocks(text)))
    for block in text.blocks:
        for span in block.spans:
            assert span.text in shown


@given(texts)
def test_more_words_are_never_shorter(text: RichText) -> None:
    assert measure(text) <= measure(text + RichText.of("x"))
    assert measure(text) >= sum(len(span.text) for block in text.blocks for span in block.spans)


@pytest.mark.parametrize("piece", ["word ", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "x", "<&> ", "line\n"])
def test_a_long_text_goes_in_parts_that_fit(piece: str) -> None:
    text = RichText.of(piece * 9000)
    found = parts(text)
    assert len(found) > 1
    assert all(measure(part) <= LIMIT for part in found)
    assert "".join("".join(part.plain() for part in found).split()) == "".join(text.plain().split())


PRETENDING = ["https://bank.example", "bank.example", "log in at WWW.Bank.example/a", "bank\u200b.example",
              "https\u200d://bank.example", "\uff42ank.example"]  # fmt: skip


@pytest.mark.parametrize("label", PRETENDING)
def test_a_label_that_pretends_another_address_shows_where_it_leads(label: str) -> None:
    text = RichText(blocks=(Block(kind="paragraph", spans=(Span(text=label, href="https://evil.example/x"),)),))
    assert _types(blocks(text)) == ["rich_text", "rich_text_section", "text"]
    assert mrkdwn(text) == f"{label} (https://evil.example/x)"


@pytest.mark.parametrize(
    "label", ["evil.example", "https://evil.example/other", "our guide to 3.11", "www.evil.example", "here"]
)
def test_an_honest_label_is_a_link(label: str) -> None:
    text = RichText(blocks=(Block(kind="paragraph", spans=(Span(text=label, href="https://evil.example/x"),)),))
    assert _types(blocks(text)) == ["rich_text", "rich_text_section", "link"]


def test_styles_lists_code_quotes_and_links() -> None:
    text = RichText(
        blocks=(
            Block(kind="heading", spans=(Span(text="Reset"),)),
            Block(kind="paragraph", spans=(Span(text="Hold "), Span(text="both", bold=True), Span(text=" & wait"))),
            Block(kind="bullet", spans=(Span(text="one"),)),
            Block(kind="bullet", spans=(Span(text="two", italic=True),)),
            Block(kind="number", number=3, spans=(Span(text="three"),)),
            Block(kind="code", spans=(Span(text="a < b"),)),
            Block(kind="quote", spans=(Span(text="said"),)),
            Block(
                kind="paragraph",
                spans=(Span(text="page", href="https://h.example/?a=1&b=2"), Span(text=" x ", code=True)),
            ),
        )
    )  # fmt: skip
    assert mrkdwn(text) == (
        "*Reset*\n\nHold *both* &amp; wait\n\n• one\n• _two_\n\n3. three\n\n```\na &lt; b\n```\n\n> said\n\n"
        "<https://h.example/?a=1&amp;b=2|page> `x` "
    )
    (shown,) = blocks(text)
    assert [element["type"] for element in shown["elements"]] == [
        "rich_text_section", "rich_text_list", "rich_text_list", "rich_text_preformatted", "rich_text_quote",
        "rich_text_section",
    ]  # fmt: skip
    assert shown["elements"][2]["offset"] == 2
    assert shown["elements"][5]["elements"][0] == {"type": "link", "url": "https://h.example/?a=1&b=2", "text": "page"}


@pytest.mark.parametrize(
    ("names", "kind", "scopes", "username", "first"),
    [
        ("auto", "text", "chat:write,chat:write.customize", "Lea", "hi"),
        ("auto", "text", "chat:write", None, "Lea:"),
        ("auto", "text", None, None, "Lea:"),
        ("auto", "answer", "chat:write", None, "hi"),
        ("username", "answer", None, "Lea", "hi"),
        ("prefix", "text", "chat:write.customize", None, "Lea:"),
        ("none", "text", "chat:write.customize", None, "hi"),
    ],
)
async def test_who_speaks(names: Any, kind: str, scopes: str | None, username: str | None, first: str) -> None:
    settings = SlackSettings(bot_token="xoxb-1", names=names)
    outbound = Outbound(Api(settings), settings)
    outbound.granted(scopes)
    address = Address(account="main", place="D1", thread="1.2")
    post = outbound._post(OutboundMessage(key="k", address=address, text=RichText.of("hi"), kind=kind, author="Lea"))
    assert post.get("username") == username
    assert _leaves(post["blocks"])[0] == first
    assert (post["unfurl_links"], post["unfurl_media"], post["link_names"], post["parse"]) == (
        False,
        False,
        False,
        "none",
    )
    assert (post["thread_ts"], post["channel"]) == ("1.2", "D1")
    assert post["metadata"] == {"event_type": "warmline_message", "event_payload": {"key": "k"}}


def _types(node: Any) -> list[str]:
    if isinstance(node, list):
        return [kind for each in node for kind in _types(each)]
    return [node["type"], *_types(node.get("elements", []))]


def _leaves(node: Any) -> list[str]:
    if isinstance(node, list):
        return [leaf for each in node for leaf in _leaves(each)]
    if "elements" in node:
        return _leaves(node["elements"])
    return [node.get("text") or node.get("url")]
