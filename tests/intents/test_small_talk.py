"""The whole message is small talk, or it is a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intents.small_talk import small_talk


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("greeting", "hi"),
        ("greeting", "Hello there!"),
        ("greeting", "good morning team"),
        ("greeting", "hey, good evening"),
        ("thanks", "thanks"),
        ("thanks", "Thank you so much!!"),
        ("thanks", "ok"),
        ("thanks", "ok, thank you for your help"),
        ("thanks", "great, that worked, thanks a lot!"),
        ("thanks", "👍"),
        ("thanks", "🙏🏼🙏🏼 ❤️"),
        ("thanks", "thx 😊"),
        ("thanks", "perfect"),
        ("are_you_a_bot", "are you a bot?"),
        ("are_you_a_bot", "Am I talking to a real person?"),
        ("are_you_a_bot", "is this a bot or a human"),
        ("yes", "yes"),
        ("yes", "Yep!"),
        ("yes", "yes, that helped"),
        ("no", "no"),
        ("no", "Nope."),
        ("no", "that didn't help"),
        ("no", "No, that did not help"),
        ("no", "sorry, this doesn't really help me"),
        ("no", "not helpful at all"),
        ("thanks", "never mind"),
    ],
)
def test_recognised(kind: str, text: str) -> None:
    assert small_talk(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "no, still broken",
        "ok but it's still down",
        "ok help",
        "thanks for nothing",
        "thanks, but i want a refund",
        "hi, everything is down",
        "yes it is still not working",
        "😡",
        "thanks 😡",
        "ok?",
        "great, now it is broken",
        "good morning, how do i export?",
        "",
        "   ",
        "123",
        "?",
        "are you a bot? everything is down",
        "thanks 🙃",
        "never mind the docs, it is down",
        "that didn't help, still broken",
    ],
)
def test_anything_more_is_a_message(text: str) -> None:
    assert small_talk(text) is None


@given(st.text(max_size=150))
def test_never_raises(text: str) -> None:
    small_talk(text)
