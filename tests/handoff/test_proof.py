"""When a text is a code, and when it is something that a customer has to say."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.proof import ALPHABET, ASKS, LENGTH, MASKED, PROOF, Codes, asks, code_in, new_code, spelt

CODE = "7KQ2M9XP"
codes = st.text(alphabet=ALPHABET, min_size=LENGTH, max_size=LENGTH)


@pytest.mark.parametrize(
    "text",
    [
        "WL-7KQ2-M9XP", "wl-7kq2-m9xp", "WL7KQ2M9XP", " wl 7kq2 m9xp\n", "Wl-7kQ2 m9Xp.", "`WL-7KQ2-M9XP`",
        "*WL-7KQ2-M9XP*", "<WL-7KQ2-M9XP>", '"WL-7KQ2-M9XP"', "WL: 7KQ2 – M9XP",
        "\uff37\uff2c\uff0d7\uff2b\uff312\uff0dM9XP", "WL-7 K Q 2 M 9 X P", "WL\u20107KQ2\u2011M9XP!",
    ],
)  # fmt: skip
def test_a_code_is_read_however_it_is_typed(text: str) -> None:
    assert code_in(text) == CODE


@pytest.mark.parametrize(
    "text",
    [
        "", "WL", "WL-", "7KQ2M9XP", "7KQ2-M9XP", "wlan broken", "wlan is down", "WL-7KQ2-M9X", "WL-7KQ2-M9XPP",
        "WL-7KQ2-M9XA", "WL-1000-0000", "my code is WL-7KQ2-M9XP", "WL-7KQ2-M9XP does not work", "WL-7KQ2-M9XP?",
        "W-1042", "WL-BROKEN", "OWL-7KQ2-M9XP", "WL-7KQ2-M9XP WL-7KQ2-M9XP", "WL-7KQ2-M9XP" + " " * 100, MASKED,
    ],
)  # fmt: skip
def test_what_is_more_or_less_than_a_code_goes_the_normal_way(text: str) -> None:
    assert code_in(text) is None


@given(codes, st.data())
def test_every_code_is_found_in_small_letters_and_with_spaces(code: str, data: st.DataObject) -> None:
    drawn = st.sampled_from(["", " ", "-", "  ", "\n"])
    typed = "".join(data.draw(drawn) + data.draw(st.sampled_from([one, one.lower()])) for one in f"WL{code}"[2:])
    assert code_in(f"{data.draw(st.sampled_from(['wl', 'WL', 'Wl']))}{typed}") == code
    assert code_in(spelt(code)) == code


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz ", max_size=40))
def test_no_words_are_taken_for_a_code(text: str) -> None:
    found = code_in(text)
    assert found is None or not set(text.lower()) & set("aeiou")


def test_codes_are_drawn_from_all_of_the_alphabet() -> None:
    drawn = [new_code() for _ in range(500)]
    assert len(set(drawn)) == len(drawn)
    assert {*itertools.chain(*drawn)} == set(ALPHABET)
    assert {len(code) for code in drawn} == {LENGTH}
    assert not set(ALPHABET) & set("01OIL5S8B" + "AEU" + "YZ"), "nothing that looks alike, and no words"


@pytest.mark.parametrize("text", ["/link", "/LINK ", "!link", "/link@acme_bot"])
def test_a_command_asks_for_a_code(text: str) -> None:
    assert asks(text) == "command"


@pytest.mark.parametrize(
    "text", ["link", "Link", "link.", "Link my account", "link my other account please", "please link my chats"]
)
def test_some_plain_words_ask_for_a_code(text: str) -> None:
    assert asks(text) == "words"


@pytest.mark.parametrize(
    "text",
    ["", "the link is broken", "link?", "link my account to Google", "linked", "/linked", "send me the link",
     "/link broken", "I already wrote to you by email", "unlink my account", "link " + "x" * 100],
)  # fmt: skip
def test_other_words_about_links_are_a_question(text: str) -> None:
    assert asks(text) is None


def test_only_the_hash_of_a_code_is_kept() -> None:
    ours, theirs = Codes(b"secret"), Codes(b"another")
    kept, beside = ours.marks(f" {spelt(CODE).lower()}")
    assert (kept, set(beside)) == (MASKED, {PROOF})
    assert beside[PROOF] == ours.hash(CODE) != theirs.hash(CODE)
    assert CODE not in str(beside).upper()
    assert ours.marks("/link") == ("/link", {ASKS: "command"})
    assert ours.marks("the site is down") == ("the site is down", {})
