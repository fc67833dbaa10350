"""What an adapter notes becomes what people read."""

from __future__ import annotations

from channels.logbook import KINDS_AT_MOST, Logbook, sentence


def test_from_nothing_to_connected_and_back() -> None:
    book = Logbook(lease="pigeon:main:loft")
    assert (book.report().connected, book.report().troubles, book.report().lease) == ("no", (), "pigeon:main:loft")
    book.up()
    up = book.report()
    assert (up.connected, book.is_up) == ("yes", True)
    book.up()
    assert book.report().since == up.since
    book.down("the loft is closed; open it")
    book.down()
    down = book.report()
    assert (down.connected, down.troubles) == ("no", ("The loft is closed; open it.",))
    assert down.since is not None
    assert up.since is not None
    assert down.since > up.since
    book.up()
    assert book.report().troubles == ()


def test_what_does_not_work_beside_a_link_that_does() -> None:
    book = Logbook()
    book.up()
    assert book.report(beside=(None, "")).connected == "yes"
    assert book.report(beside=["a."]).connected == "partly"
    book.down("a")
    assert book.report(beside=["a."]).troubles == ("A.",)
    assert book.report(beside=["a."]).connected == "no"


def test_who_stands_by_has_no_trouble() -> None:
    book = Logbook()
    book.down("a")
    book.waits()
    assert (book.report().connected, book.report().troubles) == ("standby", ())


def test_strangers_cannot_make_it_grow() -> None:
    book = Logbook()
    for number in range(3 * KINDS_AT_MOST):
        book.count(f"kind {number}")
    assert len(book.report().counts) == KINDS_AT_MOST + 1
    assert sum(book.report().counts.values()) == 3 * KINDS_AT_MOST


def test_sentences() -> None:
    assert [sentence(text) for text in ("", " a", "A?", "b.")] == ["", "A.", "A?", "B."]
