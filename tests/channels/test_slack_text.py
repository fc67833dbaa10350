"""What people type in Slack reaches us as they saw it, and as plain text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.slack.text import mentioned, mentions, of_blocks, plain, unescaped
from tests.platforms.slack_state import escaped

NAMES = {"U1": "Ada", "U2": "Bo <b>"}


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c"),
        ("<@U1> and <@U9|nine> and <@U8>", "@Ada and @nine and @U8"),
        ("<@U2>", "@Bo <b>"),
        ("<#C1|help> <#C2>", "#help #C2"),
        ("<!here> <!subteam^S1|@team> <!subteam^S1>", "@here @team @S1"),
        ("<!date^1^{date}|today>", "today"),
        ("<http://x.example>", "http://x.example"),
        ("<http://x.example|x.example>", "http://x.example"),
        ("<http://x.example/|http://x.example>", "http://x.example/"),
        ("<http://evil.example|https://bank.example>", "https://bank.example (http://evil.example)"),
        ("<http://evil.example|bank.example>", "bank.example (http://evil.example)"),
        ("<http://bank.example.evil.example|bank.example>", "bank.example (http://bank.example.evil.example)"),
        ("<javascript:alert(1)|click>", "click (javascript:alert(1))"),
        ("<mailto:a@b.example|a@b.example>", "a@b.example"),
        ("<http://x.example?a=1&amp;b=2>", "http://x.example?a=1&b=2"),
        ("<what is this>", "<what is this>"),
        ("< > <> << >>", "< > <> << >>"),
        ("&lt;@U1&gt;", "<@U1>"),
    ],
)
def test_marks(raw: str, shown: str) -> None:
    assert plain(raw, NAMES) == shown


@pytest.mark.parametrize("raw", ["<@U0> hello", "<@U0>, hello", " <@U0|desk>: hello", "<@U0>\nhello"])
def test_speaking_to_us_is_no_part_of_it(raw: str) -> None:
    assert plain(raw, {}, "U0") == "hello"


@pytest.mark.parametrize("raw", ["@Warmline hello", " @warmline: hello"])
def test_a_name_that_was_only_typed_counts(raw: str) -> None:
    assert mentions(raw, "U0", "warmline")
    assert plain(raw, {}, "U0", "warmline") == "hello"


@pytest.mark.parametrize("raw", ["@warmline-two hello", "me@warmline hello", "warmline hello", "<@warmline"])
def test_other_words_are_no_name(raw: str) -> None:
    assert not mentions(raw, "U0", "warmline")
    assert plain(raw, {}, "U0", "warmline") == raw


def test_only_at_the_beginning() -> None:
    assert plain("hello <@U0>", {"U0": "Desk"}, "U0") == "hello @Desk"


def test_who_is_named() -> None:
    assert mentioned("<@U1> <@U2|b> <@U1> &lt;@U3&gt;") == ["U1", "U2"]
    assert mentions("x <@U1|a>", "U1")
    assert mentions("<@U_one-2>", "U_one-2")
    assert not mentions("<@U1>", "")
    assert not mentions("&lt;@U1&gt;", "U1")
    assert len(mentioned(" ".join(f"<@U{n}>" for n in range(1000)))) == 20


@given(st.text())
def test_what_is_typed_is_what_arrives(text: str) -> None:
    assert unescaped(escaped(text)) == text
    assert plain(escaped(text), NAMES, "U0") == text


@given(st.text(alphabet="<>@!#|&;:/U1ahtp \n", max_size=200))
def test_nothing_raises(text: str) -> None:
    plain(text, NAMES, "U0")
    mentioned(text)


trees = st.recursive(
    st.none() | st.text(max_size=5) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "elements", "fields", "url", "user_id"]), inner)
    ),
)


@given(trees)
def test_any_blocks(blocks: object) -> None:
    assert isinstance(of_blocks({"blocks": blocks, "attachments": blocks}), str)


@pytest.mark.parametrize("piece", ["<", "<@", "<a|", "&lt;", "<http://x|", "<<>"])
def test_long_nonsense_ends(piece: str) -> None:
    """In some milliseconds; were it quadratic, the time of a test would be over long before."""
    plain(piece * 200_000 + "y" * 200_000, {}, "U0")
    mentioned(piece * 200_000)
