"""Every word that a customer reads from the machine."""

from __future__ import annotations

import inspect
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff import texts
from handoff.texts import Voice, acknowledgement

KINDS = sorted({*texts._OPENING, *texts._WITH_TIME, *texts._WITHOUT_TIME, "complaint", "something new"} - {""})
LANGUAGES = [None, "en", "xx", *texts._FOREIGN]
BY = "Monday 14:40 CET"
DIGITS = re.compile(r"\d")
CLOCK = re.compile(r"\d\s*[:.h時点]\s*\d|\bminute|\bhour|\btoday\b|\btomorrow\b|\bwithin\b|\bsoon\b|Uhr", re.IGNORECASE)


def whole(text: str) -> None:
    """Nothing left over from how it was made."""
    assert text.strip() == text != ""
    assert not re.search(r"[{}]|None|  | [.,;]", text), text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("by", [None, BY])
@pytest.mark.parametrize("kind", KINDS)
def test_every_acknowledgement_names_the_case_and_a_time_only_if_there_is_one(
    kind: str, by: str | None, language: str | None
) -> None:
    text = acknowledgement(kind, case="W-1234", by=by, language=language)
    whole(text)
    bare = text.replace("W-1234", "")
    assert "W-1234" in text
    if by is None:
        assert not DIGITS.search(bare)
        assert not CLOCK.search(bare)
    else:
        assert by in text
        assert not DIGITS.search(bare.replace(by, ""))
    if language in texts._FOREIGN:
        theirs, _, ours = text.partition("\n\n")
        assert "W-1234" in theirs
        assert "W-1234" in ours
        assert (by is None) or (by in theirs and by in ours)
    else:
        assert "\n" not in text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("by", [None, BY])
def test_what_may_come_with_an_acknowledgement(kind: str, by: str | None) -> None:
    help_ = texts.workaround("Reset the router", None)
    text = acknowledgement(kind, case="W-1", by=by, place=7, workaround=help_, back="Monday 09:00 UTC")
    whole(text)
    assert text.endswith(help_)
    assert ("We are back Monday 09:00 UTC." in text) is (by is None)
    assert ("you are number 7" in text) is (kind == "person")


@pytest.mark.parametrize("language", list(texts._FOREIGN))
def test_a_text_in_another_language_is_in_its_own_words(language: str) -> None:
    told, time = texts._FOREIGN[language]
    assert told.count("{case}") == 1
    assert time.count("{by}") == 1
    assert not {"a person", "case {case}"} & {told.lower()}
    assert len({told for told, _ in texts._FOREIGN.values()}) == len(texts._FOREIGN)


def test_every_kind_that_is_acknowledged_has_its_own_opening() -> None:
    assert set(texts._WITH_TIME) == set(texts._WITHOUT_TIME) <= {*texts._OPENING, ""}
    assert len(set(texts._OPENING.values())) >= len(texts._OPENING) - 1  # feedback and unknown begin alike


@pytest.mark.parametrize("outcome", texts.OUTCOMES)
def test_a_resolved_case_says_how_and_that_it_opens_again(outcome: str) -> None:
    text = texts.resolved(texts.OUTCOMES[outcome], "Lea")
    whole(text)
    assert texts.OUTCOMES[outcome] in text
    assert "opens again" in text


def test_a_case_closed_without_an_outcome_claims_none() -> None:
    text = texts.resolved(None, "Lea")
    whole(text)
    assert text.startswith("Lea has closed this case.")
    assert "Solved" not in text


@pytest.mark.parametrize("new", [None, "15:10 UTC"])
@pytest.mark.parametrize("supervisor", [None, "Mia"])
def test_a_promise_at_risk_names_the_old_time_and_a_new_one_only_if_there_is_one(
    new: str | None, supervisor: str | None
) -> None:
    text = texts.at_risk(old="14:40 UTC", new=new, supervisor=supervisor)
    whole(text)
    rest = text.replace("14:40 UTC", "")
    assert "14:40 UTC" in text
    assert ("Mia" in text) is (supervisor is not None)
    assert (new in rest) if new else not DIGITS.search(rest)
    assert "sorry" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_public_an_acknowledgement_tells_nothing_of_a_case(language: str | None) -> None:
    text = texts.public_acknowledgement(language)
    whole(text)
    assert text.endswith(texts.PUBLIC_ACKNOWLEDGEMENT)
    assert not DIGITS.search(text)
    assert not CLOCK.search(text)
    if language in texts._FOREIGN:
        told = texts._FOREIGN[language][0]
        theirs = text.partition("\n\n")[0]
        assert told.startswith(theirs)
        assert theirs[-1] in ".\u3002"
        assert len(theirs) > 8
        assert not re.search(r"Fall|Dossier|Caso|Zaak|Sprawa|Ärende|Kay|Обращение|Звернення|受付|编号", theirs)


@pytest.mark.parametrize("themselves", [True, False])
def test_in_public_no_notice_names_a_case(themselves: bool) -> None:
    said = [
        texts.takeover("Lea", "W-1234", themselves=themselves, public=True),
        texts.returned("Lea", "Ada", public=True),
        *(texts.resolved(outcome, "Lea", public=True) for outcome in (None, *texts.OUTCOMES.values())),
    ]
    for text in said:
        whole(text)
        assert not DIGITS.search(text)
        assert "case" not in text.lower()
    assert "W-1234" in texts.takeover("Lea", "W-1234", themselves=themselves, public=False)


FIXED = {
    "GREETING": {"company": "Acme"},
    "I_AM_A_BOT": {"company": "Acme", "bot": "Ada"},
    "TAKEOVER": {"agent": "Lea", "case": "W-1"},
    "GIVEN": {"agent": "Lea", "case": "W-1"},
    "RETURNED": {"agent": "Lea", "bot": "Ada"},
    "FEEDBACK": {},
    "PRAISE": {},
    "SURVEY": {},
    "DID_THIS_HELP": {},
    "ALL_IS_WELL": {},
    "PUBLIC_ACKNOWLEDGEMENT": {},
    "PUBLIC_TAKEOVER": {"agent": "Lea"},
    "PUBLIC_GIVEN": {"agent": "Lea"},
    "PUBLIC_RESOLVED": {},
    "PUBLIC_RETURNED": {"bot": "Ada"},
    "CODE_NOT_HERE": {},
    "CODES_TOO_OFTEN": {},
    "CODE_SEEN": {},
    "CODE_WRONG": {},
    "CODE_TRIES": {},
    "CODE_HERE": {},
    "CODE_FULL": {},
    "LINKED": {"where": "on Telegram"},
    "LINKED_ALREADY": {"where": "in our web chat"},
}


def test_no_text_has_been_forgotten_here() -> None:
    strings = {name for name, value in vars(texts).items() if name.isupper() and isinstance(value, str)}
    assert {name for name in strings if name[0] != "_"} == set(FIXED)
    functions = inspect.getmembers(texts, inspect.isfunction)
    ours = {name for name, value in functions if value.__module__ == texts.__name__}
    assert ours == {
        "acknowledgement", "workaround", "at_risk", "resolved", "source", "refused_file", "hours", "mail_author",
        "mail_subject", "mail_text", "public_acknowledgement", "takeover", "returned", "code", "elsewhere",
        "instead_of_buttons", "with_files",
    }  # fmt: skip


def test_buttons_become_a_sentence_where_nothing_can_be_tapped() -> None:
    text = texts.instead_of_buttons(texts.ANSWER_BUTTONS)
    whole(text)
    assert text == "To answer this, write back: Yes / No / Talk to a person."


@pytest.mark.parametrize(
    ("files", "more"),
    [(0, ""), (1, "\n\n(A file came with this: in the chat.)"), (3, "\n\n(3 files came with this: in the chat.)")],
)
def test_a_mail_says_that_files_stayed_in_the_chat(files: int, more: str) -> None:
    assert texts.with_files("See here.", files) == f"See here.{more}"


def test_a_code_says_what_it_is_for_and_that_it_is_secret() -> None:
    for agent in (None, "Lea"):
        text = texts.code("WL-234C-DFGH", agent=agent)
        whole(text)
        assert text.count("WL-234C-DFGH") == 1
        assert all(words in text for words in ("alone in a message", "works once", "Show it to nobody"))
        assert text.startswith("Lea would like") is (agent is not None)


@pytest.mark.parametrize(
    ("channel", "where"),
    [("web", "in our web chat"), ("email", "by mail"), ("telegram", "on Telegram"), ("slack", "on Slack")],
)
def test_another_channel_is_named_by_its_platform_alone(channel: str, where: str) -> None:
    assert texts.elsewhere(channel) == where


@pytest.mark.parametrize("name", FIXED)
def test_a_fixed_text_is_whole_and_names_no_time(name: str) -> None:
    text = getattr(texts, name).format(**FIXED[name])
    whole(text)
    assert not CLOCK.search(text)
    assert all(value in text for value in FIXED[name].values())


@given(name=st.text(alphabet="{}%s0:!case by", max_size=12))
def test_what_people_are_called_is_never_read_as_a_format(name: str) -> None:
    assert texts.TAKEOVER.format(agent=name, case="W-1").startswith(f"{name} here.")
    assert name in texts.GREETING.format(company=name)
    assert f'"{name}"' in texts.workaround(name, None)
    assert f'"{name}"' in texts.source(name, None)
    assert name in acknowledgement("problem", case="W-1", by=None, workaround=texts.workaround(name, "https://x"))


def test_a_source_says_where() -> None:
    assert texts.source("DNS", "https://x/dns") == 'From "DNS": https://x/dns'
    assert texts.source("DNS", None) == 'From "DNS".'
    assert texts.workaround("DNS", "https://x/dns").endswith('"DNS": https://x/dns')


def test_buttons_have_ids_of_their_own_and_labels() -> None:
    buttons = [*texts.ANSWER_BUTTONS, *texts.SURVEY_BUTTONS]
    assert len({button["id"] for button in buttons}) == len(buttons)
    assert all(button["label"] for button in buttons)
    assert texts.PERSON in texts.ANSWER_BUTTONS


NOW = datetime(2025, 3, 3, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "ahead", "said"),
    [
        ("UTC", timedelta(hours=2), "14:00 UTC"),
        ("Europe/Berlin", timedelta(hours=2), "15:00 CET"),
        ("UTC", timedelta(hours=12), "Tuesday 00:00 UTC"),
        ("America/New_York", timedelta(hours=12), "19:00 EST"),
        ("UTC", timedelta(days=6), "Sunday 12:00 UTC"),
        ("UTC", timedelta(days=7), "Monday, 10 March, 12:00 UTC"),
        ("UTC", timedelta(days=-1), "Sunday, 2 March, 12:00 UTC"),
        ("Europe/Berlin", timedelta(days=27), "Sunday, 30 March, 14:00 CEST"),
    ],
)
def test_a_time_is_said_as_exactly_as_its_distance_needs(zone: str, ahead: timedelta, said: str) -> None:
    voice = Voice(company="Acme", bot="Ada", zone=ZoneInfo(zone))
    assert voice.time(NOW + ahead, NOW) == said


@given(minutes=st.integers(0, 60 * 24 * 400), zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]))
def test_a_time_that_is_said_can_be_mistaken_for_no_other(minutes: int, zone: str) -> None:
    voice = Voice(company="Acme", bot="Ada", zone=ZoneInfo(zone))
    at = NOW + timedelta(minutes=minutes)
    said = voice.time(at, NOW)
    assert f"{at.astimezone(ZoneInfo(zone)):%H:%M}" in said
    for other in (at - timedelta(days=7), at + timedelta(days=7), at + timedelta(days=1), at - timedelta(days=1)):
        assert other < NOW or voice.time(other, NOW) != said


@pytest.mark.parametrize("reason", [*texts._FILE_REASONS, "something new"])
def test_a_file_that_was_not_kept_is_named_with_the_reason_and_what_to_do(reason: str) -> None:
    text = texts.refused_file("invoice.exe", reason, at_most=10_000_000)
    whole(text)
    assert "invoice.exe did not" in text
    assert "up to 10 MB" in text
    assert ("program" in text) is (reason == "program")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("always", "Round the clock"),
        ("Mon-Fri 09:00-18:00", "Mon–Fri 09:00–18:00 CET"),
        ("mon-fri 08:00-20:00,  sat 10:00-14:00", "Mon–Fri 08:00–20:00, Sat 10:00–14:00 CET"),
    ],
)
def test_hours_are_said_as_people_write_them(said: str, shown: str) -> None:
    assert texts.hours(said, ZoneInfo("Europe/Berlin"), datetime(2026, 11, 23, tzinfo=UTC)) == shown
