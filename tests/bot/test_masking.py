"""Secrets are hidden, the rest stays, twice is the same as once, and time is linear."""

import random
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.masking import LONGEST_LOGGED, mask, mask_event
from tests.growth import grows_linearly

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"

HIDDEN = [
    ("my card is 4111 1111 1111 1111 ok?", "my card is [card] ok?"),
    ("4111111111111111", "[card]"),
    ("card 4111-1111-1111-1111.", "card [card]."),
    ("amex 378282246310005", "amex [card]"),
    ("4111 1111 1111 1111 12 28 123", "[card] 12 28 123"),
    ("4111111111111111 4111 1111 1111 1111", "[card] [card]"),
    ("order 12 4111 1111 1111 1111", "order 12 [card]"),
    ("IBAN DE89 3704 0044 0532 0130 00 please", "IBAN [iban] please"),
    ("GB82WEST12345698765432", "[iban]"),
    ("gb82 west 1234 5698 7654 32", "[iban]"),
    ("my password is hunter2", "my password is [secret]"),
    ("pw: hunter2!", "pw: [secret]"),
    ("Password = 'correct-horse'", "Password = '[secret]'"),
    ("pin: 1234", "pin: [secret]"),
    ("mein passwort ist geheim1", "mein passwort ist [secret]"),
    ("api_key=abc123def456", "api_key=[secret]"),
    ("key sk_live_4eC39HqLyjWDarjtT1zdp7dc here", "key [key] here"),
    ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "[key]"),
    ("xoxb-123456789012-abcdefABCDEF", "[key]"),
    ("AKIAIOSFODNN7EXAMPLE", "[key]"),
    ("bot 123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc", "bot [key]"),
    (f"token here {JWT}", "token here [token]"),
    ("Authorization: Bearer abcdefghijklmnop123456", "Authorization: Bearer [token]"),
    ("https://user:pa55word@example.org/x", "https://user:[password]@example.org/x"),
    (
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----\nbye",
        "[private key]\nbye",
    ),
]
KEPT = [
    "",
    "write to ana.silva+help@example.org",
    "call +351 912 345 678 or 00351912345678",
    "order 4111111111111112 is late",  # fails the check digit
    "DE89 3704 0044 0532 0130 02",  # fails mod 97
    "the password is wrong",
    "my password is not working",
    "how do I change my password?",
    "the pin is blocked",
    "the task is sketchy",
    "invoice 2026-11-22 17:30:12.123456",
    "0000 0000 0000 0000",
    "[card] [secret] password: [secret]",
    "git commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
]


@pytest.mark.parametrize(("text", "expected"), HIDDEN)
def test_secrets_are_hidden(text: str, expected: str) -> None:
    assert mask(text) == expected


@pytest.mark.parametrize("text", KEPT)
def test_the_rest_stays(text: str) -> None:
    assert mask(text) == text


PARTS = st.sampled_from(
    [*(text for text, _ in HIDDEN), *KEPT, " ", "\n", ":", "=", "-", "1", "password", "is", "bearer", "token"]
)


@given(st.one_of(st.text(), st.lists(PARTS, max_size=8).map("".join), st.lists(PARTS, max_size=8).map(" ".join)))
def test_twice_is_the_same_as_once(text: str) -> None:
    once = mask(text)
    assert mask(once) == once


@given(st.text(alphabet="0123456789 -", max_size=60))
def test_digits_twice(text: str) -> None:
    once = mask(text)
    assert mask(once) == once


HOSTILE = {
    "digits": "1" * 100_000,
    "groups": "1 " * 50_000,
    "4s": "4111 " * 20_000,
    "letters": "DE89 " * 20_000,
    "password": "password is " * 9_000,
    "colons": "://a:" * 20_000,
    "jwt": "eyJaaaaa." * 11_000,
    "begin": "-----BEGIN PRIVATE KEY-----" * 3_000,
    "spaces": "pw" + " " * 100_000,
    "random": "".join(random.Random(1).choices("sk_eyJ0123 -:=.password", k=100_000)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_linear_in_time(name: str) -> None:
    grows_linearly(mask, HOSTILE[name])


class Point(NamedTuple):
    label: str
    count: int


def test_an_event_is_masked_however_nested() -> None:
    event: dict[str, Any] = {
        "event": "pw: hunter2",
        "count": 3,
        "nothing": None,
        "nested": {"card": ["4111 1111 1111 1111", ("x", {"deep": "pin: 1234"})]},
        "bytes": b"pw: hunter2",
        "named": Point("pw: hunter2", 1),
        "object": ...,
    }
    masked = mask_event(None, "info", event)
    assert masked == {
        "event": "pw: [secret]",
        "count": 3,
        "nothing": None,
        "nested": {"card": ["[card]", ("x", {"deep": "pin: [secret]"})]},
        "bytes": "pw: [secret]",
        "named": Point("pw: [secret]", 1),
        "object": ...,
    }


def test_long_values_are_cut() -> None:
    event = mask_event(None, "info", {"body": "ab " * 100_000})
    assert len(event["body"]) < LONGEST_LOGGED + 40
    assert "300000 characters" in event["body"]


def test_a_loop_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert "too deep" in str(mask_event(None, "info", {"loop": loop}))


def test_of_a_long_traceback_the_end_is_kept() -> None:
    trace = "Traceback (most recent call last):\n" + "  File x\n" * 2000 + "ValueError: card 4111 1111 1111 1111"
    shown = mask_event(None, "error", {"exception": trace})["exception"]
    assert shown.startswith("Traceback (most recent call last):\n…")
    assert shown.endswith("ValueError: card [card]")
    assert len(shown) < 2 * LONGEST_LOGGED + 100
