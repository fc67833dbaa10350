"""The table "Who does what", row by row, and what no situation whatever may lead to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.policy import Act, Decision, Said, Situation, Understanding, decide
from handoff.deadlines import Targets
from handoff.texts import _OPENING
from store.words import End, Tier

HOUR = timedelta(hours=1)


def said(text: str = "words", **more: Any) -> Said:
    return Said(id=more.pop("id", 1), kind=more.pop("kind", "text"), text=text, **more)


def tap(button: str, **more: Any) -> Said:
    return said("", kind="button", button=button, **more)


def meant(tier: str, *, automatable: bool = False, **more: Any) -> Understanding:
    return Understanding(tier=tier, intent=tier, automatable=automatable, reason="by the test", **more)


def talk(small: str) -> Understanding:
    return meant("unknown", small_talk=small)


def now(understanding: Understanding | None, *messages: Said, **more: Any) -> Situation:
    return Situation(said=messages or (said(),), understanding=understanding, **more)


HOWTO = meant("howto", automatable=True)
PRAISE = meant("feedback", automatable=True)
UNKNOWN = meant("unknown")
OWNED: dict[str, Any] = {"owner": "human", "case_open": True}
RECENT: dict[str, Any] = {"resolved_for": 72 * HOUR}
LONG_AGO: dict[str, Any] = {"resolved_for": 72 * HOUR + timedelta(seconds=1)}
ONE: dict[str, Any] = {"articles": 1, "questions": 1}

Row = tuple[str, Situation, str, str]

TABLE: list[Row] = [
    # own echo, other bot, automatic mail
    ("our own echo", now(HOWTO, said(us=True), **ONE), "nothing", "ignored"),
    ("another bot", now(HOWTO, said(bot=True), **ONE), "nothing", "ignored"),
    ("automatic mail", now(meant("outage"), said(automatic=True)), "nothing", "ignored"),
    ("our echo in an owned conversation", now(UNKNOWN, said(us=True), **OWNED), "nothing", "ignored"),
    # blocked
    ("a blocked one writes", now(UNKNOWN, blocked=True), "nothing", "ignored"),
    ("a blocked one calls for a person", now(meant("person", person=True), blocked=True), "nothing", "ignored"),
    ("a blocked one reports an outage", now(meant("outage"), blocked=True), "nothing", "ignored"),
    ("a blocked one taps", now(None, tap("person"), blocked=True), "nothing", "ignored"),
    ("a blocked one sends a file", now(None, said("", files=1), blocked=True), "nothing", "ignored"),
    ("a blocked one asks for a code", now(None, said(link="command"), blocked=True), "nothing", "ignored"),
    ("a blocked one while a person has it", now(UNKNOWN, blocked=True, **OWNED), "nothing", "ignored"),
    ("a blocked one soon after it was closed", now(UNKNOWN, blocked=True, **RECENT), "nothing", "ignored"),
    ("a blocked one in danger", now(meant("unknown", security=True), blocked=True), "hand_off", "handed_off"),
    ("a blocked one in danger soon after", now(meant("unknown", security=True), blocked=True, **RECENT), "reopen",
     "handed_off"),
    ("somebody else in the conversation of a blocked one", now(UNKNOWN, said(third=True), blocked=True), "hand_off",
     "handed_off"),
    ("a blocked one whose words cannot be read", now(None, failed=True, blocked=True), "hand_off", "handed_off"),
    # not addressed to us in a group
    ("not addressed", now(meant("outage"), said(addressed=False)), "nothing", "ignored"),
    ("not addressed, by somebody in an open case", now(UNKNOWN, said(addressed=False), **OWNED), "append", "appended"),
    ("not addressed, after it was resolved", now(UNKNOWN, said(addressed=False), **RECENT), "nothing", "ignored"),
    ("not addressed, feedback only filed", now(UNKNOWN, said(addressed=False), case_open=True), "nothing", "ignored"),
    # a code, or a request for one
    ("a code", now(None, said(link="code")), "nothing", "noted"),
    ("asks for a code", now(None, said(link="command")), "nothing", "noted"),
    ("asks for a code in words", now(None, said(link="words")), "nothing", "noted"),
    ("a code while a person has it", now(None, said(link="code"), **OWNED), "nothing", "noted"),
    ("asks for a code while a person has it", now(None, said(link="command"), **OWNED), "nothing", "noted"),
    ("words that may be meant for that person", now(UNKNOWN, said(link="words"), **OWNED), "append", "appended"),
    ("a code, just resolved", now(None, said(link="code"), **RECENT), "nothing", "noted"),
    ("a code not addressed to us", now(None, said(link="code", addressed=False)), "nothing", "ignored"),
    ("a code not addressed, in an open case", now(None, said(link="code", addressed=False), **OWNED), "nothing",
     "noted"),
    ("a code from another bot", now(None, said(link="code", bot=True)), "nothing", "ignored"),
    ("a code, and the machine failed on it", now(None, said(link="code"), failed=True), "hand_off", "handed_off"),
    # a human owns it
    ("a person has it", now(HOWTO, **ONE, **OWNED), "append", "appended"),
    ("a person has it, outage", now(meant("outage"), **OWNED), "append", "appended"),
    ("a person has it, thanks", now(talk("thanks"), **OWNED), "append", "appended"),
    ("a person has it, a tap", now(None, tap("helped:no"), **OWNED), "append", "appended"),
    ("a person has it, a deletion", now(None, said(kind="deletion"), **OWNED), "nothing", "appended"),
    # resolved at most 72 h ago
    ("just resolved, thanks", now(talk("thanks"), **RECENT), "nothing", "noted"),
    ("just resolved, yes", now(talk("yes"), **RECENT), "nothing", "noted"),
    ("just resolved, anything else", now(UNKNOWN, **RECENT), "reopen", "handed_off"),
    ("just resolved, a how-to", now(HOWTO, **ONE, **RECENT), "reopen", "handed_off"),
    ("just resolved, praise", now(PRAISE, **RECENT), "reopen", "handed_off"),
    ("just resolved, a file only", now(None, said("", files=1), **RECENT), "reopen", "handed_off"),
    ("just resolved, a person is wanted", now(None, tap("person"), **RECENT), "reopen", "handed_off"),
    ("just resolved, the survey", now(None, tap("survey:good"), **RECENT), "nothing", "noted"),
    ("just resolved, survey and thanks", now(talk("thanks"), tap("survey:good"), said("thanks", id=2), **RECENT),
     "nothing", "noted"),
    ("just resolved, thanks with a picture", now(talk("thanks"), said("thanks", files=1), **RECENT), "reopen",
     "handed_off"),
    ("just resolved, a typo put right", now(UNKNOWN, said(kind="edit", edits_decided=True), **RECENT), "nothing",
     "noted"),
    ("just resolved, an edit that is grave", now(meant("outage"), said(kind="edit", edits_decided=True), **RECENT),
     "reopen", "handed_off"),
    ("resolved longer ago, a how-to", now(HOWTO, **ONE, **LONG_AGO), "answer", "answered"),
    ("resolved longer ago, unknown", now(UNKNOWN, **LONG_AGO), "hand_off", "handed_off"),
    # person, security, always-escalate phrase, outage, billing
    ("a person, by verdict", now(meant("person")), "hand_off", "handed_off"),
    ("a person, by wire", now(replace(HOWTO, person=True), **ONE), "hand_off", "handed_off"),
    ("a person, by the button", now(None, tap("person")), "hand_off", "handed_off"),
    ("security", now(replace(HOWTO, security=True), **ONE), "hand_off", "handed_off"),
    ("outage", now(meant("outage")), "hand_off", "handed_off"),
    ("outage in one sentence", now(replace(PRAISE, grave="outage")), "hand_off", "handed_off"),
    ("billing", now(meant("billing")), "hand_off", "handed_off"),
    ("billing in one sentence", now(replace(HOWTO, grave="billing"), **ONE), "hand_off", "handed_off"),
    ("an edit of what was answered, now an outage", now(meant("outage"), said(kind="edit", edits_decided=True)),
     "hand_off", "handed_off"),
    ("an edit of what was answered", now(HOWTO, said(kind="edit", edits_decided=True), **ONE), "nothing", "noted"),
    ("an edit of what was not", now(HOWTO, said(kind="edit"), **ONE), "answer", "answered"),
    ("a deletion", now(None, said(kind="deletion")), "nothing", "noted"),
    # are you a bot?
    ("are you a bot?", now(talk("are_you_a_bot")), "own_up", "answered"),
    # thanks, ok, emoji
    ("thanks", now(talk("thanks")), "nothing", "noted"),
    ("yes, it helped", now(talk("yes"), asked_if_helped=True), "nothing", "noted"),
    ("yes, by the button", now(None, tap("helped:yes"), asked_if_helped=True), "nothing", "noted"),
    ("yes to nothing that was asked", now(talk("yes")), "hand_off", "handed_off"),
    # a greeting only
    ("hello", now(talk("greeting")), "greet", "answered"),
    ("hello, hello", now(talk("greeting"), greeted=True), "hand_off", "handed_off"),
    ("hello with a picture", now(talk("greeting"), said("hello", files=1)), "hand_off", "handed_off"),
    # attachment or voice only
    ("a file only", now(None, said("", files=1)), "hand_off", "handed_off"),
    # another or mixed language
    ("another language", now(replace(HOWTO, foreign=True, language="de"), **ONE), "hand_off", "handed_off"),
    ("praise in another language", now(replace(PRAISE, foreign=True)), "hand_off", "handed_off"),
    # "no" to an answer, or the same question again
    ("no", now(talk("no"), asked_if_helped=True), "hand_off", "handed_off"),
    ("no, by the button", now(None, tap("helped:no"), asked_if_helped=True), "hand_off", "handed_off"),
    ("no, and more words", now(HOWTO, tap("helped:no"), said(id=2), **ONE), "hand_off", "handed_off"),
    ("the same question again", now(HOWTO, same_question=True, **ONE), "hand_off", "handed_off"),
    # three answers within the hour
    ("the third answer", now(HOWTO, answers_last_hour=2, **ONE), "answer", "answered"),
    ("three answers", now(HOWTO, answers_last_hour=3, **ONE), "hand_off", "handed_off"),
    # complaint or rant
    ("a complaint", now(replace(PRAISE, complaint=True)), "hand_off", "handed_off"),
    ("a how-to as a complaint", now(replace(HOWTO, complaint=True), **ONE), "hand_off", "handed_off"),
    # problem, unknown
    ("a problem", now(meant("problem")), "hand_off", "handed_off"),
    ("a problem that claims to be automatable", now(meant("problem", automatable=True), **ONE), "hand_off",
     "handed_off"),
    ("unknown", now(UNKNOWN), "hand_off", "handed_off"),
    # several how-tos
    ("two how-tos with an article each", now(HOWTO, articles=2, questions=2), "answer", "answered"),
    ("two how-tos, one article", now(HOWTO, articles=1, questions=2), "hand_off", "handed_off"),
    ("three how-tos with an article each", now(HOWTO, articles=3, questions=3), "hand_off", "handed_off"),
    # how-to through the gate and an article
    ("a how-to", now(HOWTO, **ONE), "answer", "answered"),
    ("a how-to without an article", now(HOWTO), "hand_off", "handed_off"),
    ("a how-to that the gate stops", now(meant("howto"), **ONE), "hand_off", "handed_off"),
    # feedback through the gate
    ("praise", now(PRAISE), "thank", "filed"),
    ("feedback that the gate stops", now(meant("feedback")), "hand_off", "handed_off"),
    # around a return
    ("before the return", now(HOWTO, said(before_return=True), **ONE), "nothing", "noted"),
    ("the machine failed twice", now(None, failed=True), "hand_off", "handed_off"),
]  # fmt: skip


@pytest.mark.parametrize(("situation", "act", "end"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_table(situation: Situation, act: str, end: str) -> None:
    decision = decide(situation)
    assert decision.act == act
    assert {ending for ending, _ in decision.ends.values()} == {end}


def test_no_line_of_the_table_is_there_twice() -> None:
    assert len({row[0] for row in TABLE}) == len(TABLE)
    assert {row[2] for row in TABLE} == set(get_args(Act))


# --- what the case is ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("situation", "tier", "sla", "acknowledge"),
    [
        (now(meant("outage")), "outage", "outage", "outage"),
        (now(replace(HOWTO, grave="billing")), "billing", "billing", "billing"),
        (now(replace(meant("billing"), grave="outage")), "outage", "outage", "outage"),
        (now(replace(meant("billing"), person=True)), "billing", "billing", "billing"),
        (now(replace(HOWTO, security=True)), "howto", "outage", "security"),
        (now(replace(HOWTO, security=True, hurt=True)), "howto", "outage", "hurt"),
        (now(replace(HOWTO, security=True, grave="billing")), "billing", "outage", "security"),
        (now(None, tap("person")), "person", "person", "person"),
        (now(meant("outage"), tap("person"), said(id=2)), "outage", "outage", "outage"),
        (now(replace(UNKNOWN, security=True), tap("person"), said(id=2)), "person", "outage", "security"),
        (now(meant("problem")), "problem", "problem", "problem"),
        (now(UNKNOWN), "unknown", "unknown", "unknown"),
        (now(meant("feedback")), "feedback", "unknown", "feedback"),
        (now(replace(PRAISE, complaint=True)), "feedback", "unknown", "complaint"),
        (now(replace(meant("problem"), complaint=True)), "problem", "problem", "complaint"),
        (now(PRAISE), "feedback", "feedback", "feedback"),
        (now(talk("no"), asked_if_helped=True), "howto", "howto", "not_helped"),
        (now(None, said("", files=1)), "unknown", "unknown", "attachment"),
        (now(None, failed=True), "unknown", "unknown", "failed"),
        (now(replace(meant("problem"), foreign=True)), "unknown", "unknown", "unknown"),
        (now(replace(UNKNOWN, security=True), **RECENT), "unknown", "outage", "reopened"),
        (now(meant("billing"), **RECENT), "billing", "billing", "reopened"),
    ],
)
def test_the_gravest_decides_whose_time_is_kept(situation: Situation, tier: str, sla: str, acknowledge: str) -> None:
    decision = decide(situation)
    assert (decision.tier, decision.sla, decision.acknowledge) == (tier, sla, acknowledge)


def test_the_case_lists_the_other_matters() -> None:
    decision = decide(now(replace(meant("outage"), others=("billing",), security=True)))
    assert decision.flags == {"also": ["billing"], "security": True}
    german = decide(now(replace(HOWTO, foreign=True, language="de")))
    assert german.flags == {"language": "de"}


@pytest.mark.parametrize("text", ["it works now", "Fixed now, thanks", "our shop IS BACK"])
def test_that_it_works_again_is_flagged_and_the_agent_closes(text: str) -> None:
    decision = decide(now(UNKNOWN, said(text), **OWNED))
    assert (decision.act, decision.flags) == ("append", {"works_now": True})
    assert decide(now(UNKNOWN, said("it is broken now"), **OWNED)).flags == {}


@pytest.mark.parametrize("words", [(), (said("thanks", id=2),), (said("and one more thing", id=2),)])
def test_a_survey_is_recorded_whatever_stands_beside_it(words: tuple[Said, ...]) -> None:
    understanding = talk("thanks") if words and words[0].text == "thanks" else UNKNOWN if words else None
    assert decide(now(understanding, tap("survey:poor"), *words, **RECENT)).survey == "poor"


# --- any situation whatever ------------------------------------------------------------------------

TIERS = get_args(Tier)
flag = st.booleans()
rarely = st.sampled_from([False, False, False, True])

saids = st.builds(
    Said,
    id=st.integers(1, 10**6),
    kind=st.sampled_from(["text", "text", "edit", "deletion", "button"]),
    text=st.sampled_from(["", "words", "works now"]),
    button=st.sampled_from([None, "person", "helped:no", "helped:yes", "survey:good", "unheard of"]),
    files=st.sampled_from([0, 0, 1]),
    us=rarely,
    bot=rarely,
    automatic=rarely,
    addressed=st.sampled_from([True, True, False]),
    edits_decided=flag,
    before_return=rarely,
    third=rarely,
    link=st.sampled_from([None, None, None, None, "code", "command", "words"]),
)
understandings = st.builds(
    Understanding,
    tier=st.sampled_from(TIERS),
    intent=st.just("i"),
    automatable=flag,
    reason=st.sampled_from(["", "why"]),
    security=rarely,
    person=rarely,
    grave=st.sampled_from([None, None, "outage", "billing", "person"]),
    complaint=rarely,
    foreign=rarely,
    language=st.sampled_from([None, "de", "xx"]),
    small_talk=st.sampled_from([None, None, "greeting", "thanks", "are_you_a_bot", "yes", "no"]),
    others=st.sampled_from([(), ("billing",)]),
)
situations = st.builds(
    Situation,
    said=st.lists(saids, min_size=1, max_size=4, unique_by=lambda message: message.id).map(tuple),
    understanding=st.none() | understandings,
    owner=st.sampled_from(["bot", "bot", "human"]),
    case_open=flag,
    resolved_for=st.none() | st.sampled_from([timedelta(), 72 * HOUR, 73 * HOUR]),
    asked_if_helped=flag,
    same_question=rarely,
    answers_last_hour=st.integers(0, 4),
    greeted=flag,
    questions=st.integers(0, 4),
    articles=st.integers(0, 4),
    failed=rarely,
)
SPEAKS = ("answer", "thank", "greet", "own_up")


@settings(max_examples=200)
@given(situations)
def test_every_message_has_exactly_one_end_from_the_list_with_a_reason(situation: Situation) -> None:
    decision = decide(situation)
    assert set(decision.ends) == {message.id for message in situation.said}
    for end, reason in decision.ends.values():
        assert end in get_args(End)
        assert end not in ("superseded", "quarantined")  # not the policy's to give
        assert reason or decision.act in ("answer", "thank")
    assert decision.act in get_args(Act)
    unanswered = decision.act == "hand_off" and decision.reason.startswith("no article")
    assert decision.may_wait is (decision.act in SPEAKS or unanswered)


@settings(max_examples=200)
@given(situations)
def test_what_must_go_to_a_person_is_never_answered_by_the_machine(situation: Situation) -> None:
    decision = decide(situation)
    matter = situation.understanding
    if decision.act not in ("answer", "thank"):
        return
    assert matter is not None
    assert matter.automatable
    assert not any((matter.security, matter.person, matter.grave, matter.foreign, matter.complaint))
    assert matter.tier == ("howto" if decision.act == "answer" else "feedback")
    assert not any((situation.same_question, situation.failed))
    assert situation.answers_last_hour < 3
    if decision.act == "answer":
        assert 1 <= situation.questions == situation.articles <= 2


@settings(max_examples=200)
@given(situations)
def test_nobody_who_calls_or_is_in_need_is_left_with_a_machine(situation: Situation) -> None:
    """If words of theirs count at all, they reach a person: handed off, reopened or appended to what a person has."""
    decision = decide(situation)
    matter = situation.understanding
    counts = [end for end, _ in decision.ends.values() if end != "ignored"]
    live = any(
        not (message.us or message.bot or message.automatic or message.before_return)
        and message.addressed
        and message.kind in ("text", "edit")
        and message.link is None
        for message in situation.said
    )
    if live and matter is not None and (matter.security or matter.person or matter.grave):
        thanked = matter.small_talk in ("thanks", "yes") and situation.resolved_for is not None
        assert decision.act in ("hand_off", "reopen", "append") or thanked
        assert counts


@settings(max_examples=150)
@given(situations.map(lambda situation: replace(situation, owner="human", case_open=True)))
def test_the_machine_is_silent_while_a_person_owns(situation: Situation) -> None:
    decision = decide(situation)
    assert decision.act in ("append", "nothing")
    assert {decision.ends[said.id][0] for said in situation.said if said.id not in decision.links} <= {
        "appended",
        "ignored",
    }


@settings(max_examples=200)
@given(situations)
def test_what_is_about_who_writes_changes_nothing_of_the_rest(situation: Situation) -> None:
    decision = decide(situation)
    open_case = situation.case_open and situation.owner == "human"
    for said in situation.said:
        if said.id in decision.links:
            assert said.link is not None
            assert decision.ends[said.id][0] == ("noted" if said.addressed or open_case else "ignored")
        elif said.link == "code" and said.addressed and not (said.us or said.bot or said.automatic):
            assert situation.failed, "a code is dealt with, or a person has it"
    rest = tuple(said for said in situation.said if said.id not in decision.links)
    if rest and decision.links:
        assert replace(decide(replace(situation, said=rest)), ends={}) == replace(decision, ends={}, links=frozenset())


@settings(max_examples=150)
@given(situations)
def test_what_is_handed_over_has_a_time_and_words_for_it(situation: Situation) -> None:
    decision = decide(situation)
    if decision.act in ("hand_off", "reopen", "thank"):
        assert decision.tier in TIERS
        assert Targets().of(decision.sla) > timedelta()
        assert decision.acknowledge in _OPENING
        assert decision.reason
    if decision.act in ("hand_off", "reopen"):
        assert decision.sla != "feedback"  # somebody waits; five days are for what was only filed
    if decision.act == "hand_off" and situation.understanding is not None and situation.understanding.security:
        assert decision.sla == "outage" or situation.failed


@settings(max_examples=100)
@given(situations, st.randoms(use_true_random=False))
def test_a_decision_depends_on_nothing_but_the_situation(situation: Situation, random: Any) -> None:
    shuffled = list(situation.said)
    random.shuffle(shuffled)
    again: Decision = decide(replace(situation, said=tuple(shuffled)))
    first = decide(situation)
    assert (again.act, again.tier, again.sla, dict(again.ends)) == (first.act, first.tier, first.sla, dict(first.ends))


def test_what_a_third_person_writes_is_for_people() -> None:
    """The machine knows the customer's matter, and not whether this is theirs."""
    howto = Understanding(tier="howto", intent="i", automatable=True, reason="sure")
    assert decide(now(howto, said(), articles=1)).act == "answer"
    handed = decide(now(howto, said(third=True), articles=1))
    assert (handed.act, handed.reason) == ("hand_off", "somebody else wrote in this conversation")
    assert decide(now(howto, said(third=True), owner="human")).act == "append"
