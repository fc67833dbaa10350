"""Every update that we know of, and many that nobody should send: none raises, none vanishes unseen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.contract import InboundMessage, Undecodable
from channels.telegram.api import Me
from channels.telegram.channel import make
from channels.telegram.content import shown_links
from channels.telegram.settings import TelegramSettings
from channels.telegram.updates import Read, Reader
from tests.growth import grows_linearly

FOLDER = Path(__file__).resolve().parents[1] / "payloads/telegram"
CASES = [case for path in sorted(FOLDER.glob("*.json")) for case in json.loads(path.read_text())]
SETTINGS = TelegramSettings.parse({"token": "7:secret", "places": {"-1001888888888": "mentions"}})
READER = Reader(SETTINGS, Me(id=7, username="warm7bot"))
AUTHOR = {"author": "external_id", "name": "name", "is_bot": "is_bot", "is_us": "is_us"}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_each_update_is_read_as_it_is_meant(case: dict[str, Any]) -> None:
    read, expect = READER.read(case["update"]), dict(case["expect"])
    kind = expect.pop("is")
    if kind == "ignored":
        assert read.message is None
        assert read.ignored == expect.pop("why")
        assert list(read.moved or ()) == expect.pop("moved", [])
    elif kind == "undecodable":
        assert isinstance(read.message, Undecodable)
        assert json.loads(read.message.raw) == case["update"]
        assert read.message.reason
    else:
        assert isinstance(read.message, InboundMessage)
        _compare(read, read.message, expect)
        assert expect == {}


def _compare(read: Read, message: InboundMessage, expect: dict[str, Any]) -> None:
    """What is expected must be so; it is taken out."""
    if "files" in expect:
        assert [file.name for file in read.files] == expect.pop("files")
    if "file_id" in expect:
        assert [file.id for file in read.files] == [expect.pop("file_id")]
    if "album" in expect:
        assert read.album is not None
        assert read.album[1] == expect.pop("album")
    if "extra_start" in expect:
        assert message.extra["start"] == expect.pop("extra_start")
    for name in list(expect):
        found = getattr(message.author, AUTHOR[name]) if name in AUTHOR else getattr(message, name)
        assert found == expect.pop(name), name


def test_there_are_enough_of_them() -> None:
    kinds = [case["expect"]["is"] for case in CASES]
    assert min(kinds.count(kind) for kind in ("message", "ignored", "undecodable")) >= 20


def test_two_edits_of_one_second_are_kept_apart_in_their_order() -> None:
    case = next(case["update"] for case in CASES if case["name"] == "an edited text")
    reads = [READER.read({**case, "update_id": number}) for number in (5, 6)]
    first, second = (read.message for read in reads)
    assert isinstance(first, InboundMessage)
    assert isinstance(second, InboundMessage)
    assert 0 < first.revision < second.revision < 2**63


def test_what_was_set_aside_can_be_read_after_a_repair() -> None:
    channel = make({"token": "7:secret"})
    good = next(case["update"] for case in CASES if case["name"] == "a text")
    (message,) = channel.reread("update-1", json.dumps(good).encode())
    assert message.text == "My gimbal shakes"
    with pytest.raises(ValueError, match="still cannot be read"):
        channel.reread("update-1", b'{"update_id": 1, "message": 7}')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def bent(draw: st.DrawFn) -> Any:
    """A good update of which one part was replaced by anything, or taken out."""
    update = json.loads(json.dumps(draw(st.sampled_from(CASES))["update"]))
    at = update
    for _ in range(draw(st.integers(0, 4))):
        if not isinstance(at, (dict, list)) or not at:
            return update
        keys = sorted(at) if isinstance(at, dict) else list(range(len(at)))
        key = draw(st.sampled_from(keys))
        if draw(st.booleans()) and isinstance(at[key], (dict, list)):
            at = at[key]
            continue
        if draw(st.booleans()) and isinstance(at, dict):
            del at[key]
        else:
            at[key] = draw(JSON)
        return update
    return update


@settings(max_examples=300, deadline=None)
@given(bent() | JSON)
def test_nothing_that_comes_in_raises(update: Any) -> None:
    read = READER.read(update)
    assert (read.message is None) == bool(read.ignored)


def test_links_without_end_cost_what_their_length_does() -> None:
    """Each of them over the whole text, as nobody but an attacker would send it."""

    def shown(text: str) -> str:
        links = [
            {"type": "text_link", "offset": 0, "length": len(text) - number, "url": "https://evil.example"}
            for number in range(len(text) // 40)
        ]
        return shown_links(text, links)

    grows_linearly(shown, "My gimbal shakes. " * 20_000)


@pytest.mark.parametrize("levels", range(500, 950, 25))
def test_what_is_opened_can_be_set_aside(levels: int) -> None:
    """A parser opens more brackets than a writer closes who stands deeper in the program."""

    def called(depth: int) -> Read:
        return READER.read(update) if depth == 0 else called(depth - 1)

    update = json.loads(f'{{"update_id": 1, "message": {{"chat": {"[" * levels}{"]" * levels}}}}}')
    read = called(100)
    assert isinstance(read.message, Undecodable)
    assert json.loads(read.message.raw)["update_id"] == 1
