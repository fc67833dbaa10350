"""Words: which count, which meet, which slips are mended, and BM25 by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.words import index_of, root, telling_words


@pytest.mark.parametrize(
    "forms",
    [
        ("domain", "domains"),
        ("forward", "forwards", "forwarding", "forwarded"),
        ("move", "moved", "moving", "moves"),
        ("stop", "stopped", "stopping", "stops"),
        ("entry", "entries"),
        ("address", "addresses", "adress", "url", "urls"),
        ("invoice", "invoices", "bill", "bills"),
        ("password", "passwords", "pw", "pwd"),
        ("email", "emails", "e-mail", "e-mails", "mail", "mails"),
        ("certificate", "certificates", "cert", "certs"),
        ("cancel", "cancelled", "cancels", "cancellation", "cancelling"),
        ("login", "logins", "log in", "logging in", "signed into", "sign in"),
        ("website", "websites", "site", "sites", "page", "pages"),
    ],
)
def test_forms_of_one_word_meet(forms: tuple[str, ...]) -> None:
    assert len({tuple(telling_words(form)) for form in forms}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("port", "post"), ("logs", "log in"), ("passed", "password"), ("plan", "plain"), ("card", "cart")],
)
def test_different_words_stay_apart(one: str, other: str) -> None:
    assert telling_words(one) != telling_words(other)


def test_words_that_say_nothing_are_left_out() -> None:
    assert telling_words("Hello, could you please tell me how I can do this? Thanks!") == []
    assert telling_words("I don't know my FTP-Password") == ["sftp", "password"]


def test_words_of_other_scripts_are_words() -> None:
    assert telling_words("Ελληνικά 電子メール") == ["ελληνικά", "電子メール"]


@given(st.text(max_size=200) | st.text(alphabet="abcdeilnsty", max_size=12))
def test_any_text_has_words(text: str) -> None:
    for word in telling_words(text):
        assert word
        assert root(word) is not None


class TestIndex:
    index = index_of(
        [
            [("Forward your mail", 2.0), ("Forwarding sends mail on.", 1.0)],
            [("Change your password", 2.0), ("Choose a password.", 1.0)],
            [("Restore a backup", 2.0), ("Backups are kept.", 1.0)],
        ]
    )

    def test_it_is_bm25_as_a_share_of_the_most(self) -> None:
        scored = self.index.score("backup")
        weight = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
        # "backup" twice by the first field, once by the second; lengths in telling words, weighted in the same way.
        often, lengths = 3.0, [2 * 2 + 3, 2 * 2 + 2, 2 * 2 + 2]
        length, average = lengths[2], sum(lengths) / 3
        expected = often / (often + 1.2 * (1 - 0.5 + 0.5 * length / average))
        assert scored.weights == pytest.approx((weight,))
        assert scored.share == pytest.approx([0, 0, expected], rel=1e-5)

    def test_an_unknown_word_lowers_the_share(self) -> None:
        alone, with_other = self.index.score("backup").share[2], self.index.score("backup trombone").share[2]
        assert with_other < alone / 2

    def test_a_word_said_twice_counts_once(self) -> None:
        assert self.index.score("backup backups BACKUP").words == ("backup",)

    @pytest.mark.parametrize("slip", ["passwrod", "pasword", "passsword", "passwird", "passwords"])
    def test_a_slip_in_a_long_word_is_mended(self, slip: str) -> None:
        assert self.index.score(slip).words == ("password",)

    @pytest.mark.parametrize("word", ["pastor", "mals", "crossword", "forwarder"])
    def test_another_word_is_left_alone(self, word: str) -> None:
        assert self.index.score(word).words[0] not in ("password", "email")

    def test_nothing_asked_and_nothing_indexed_score_nothing(self) -> None:
        assert not self.index.score("").share.any()
        assert index_of([]).score("password").share.shape == (0,)

    @given(st.text())
    def test_shares_lie_between_0_and_1(self, text: str) -> None:
        share = self.index.score(text).share
        assert np.all((share >= 0) & (share <= 1))
