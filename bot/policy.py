"""Who does what. A pure function over values that reads like the table in the design: the first line that fits wins.

Nothing here knows a database, a channel or a model; everything that decides is in the arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final, Literal

from store.words import ASKED_AGAIN, NOT_ENDED, NOT_HELPED

REOPENS_WITHIN: Final = timedelta(hours=72)
ANSWERS_AN_HOUR: Final = 3
SECTIONS_AT_MOST: Final = 2
SURVEY: Final = {"survey:good": "good", "survey:fair": "fair", "survey:poor": "poor"}
GRAVE: Final = ("outage", "billing", "person")
"""Tiers that go to a person wherever they stand in a text, the gravest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One undecided message."""

    id: int
    kind: str  # text | edit | deletion | button
    text: str
    button: str | None = None
    files: int = 0
    us: bool = False
    bot: bool = False
    automatic: bool = False
    addressed: bool = True
    edits_decided: bool = False
    """A revision of a message that the machine has already dealt with."""
    before_return: bool = False
    """Written before a person gave the conversation back to the machine."""
    third: bool = False
    """Not the customer wrote it, but somebody who answers in their conversation."""
    link: Literal["code", "command", "words"] | None = None
    """A code that proves another address, or a request for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """What the classifier makes of the burst as one matter."""

    tier: str
    intent: str
    automatable: bool
    reason: str
    security: bool = False
    hurt: bool = False
    """Somebody may come to harm: a matter of security that passwords have nothing to do with."""
    person: bool = False
    """A call for a person, by verdict or by wire."""
    grave: str | None = None
    """The gravest tier that any sentence or wire names: outage, billing or person."""
    complaint: bool = False
    foreign: bool = False
    language: str | None = None
    small_talk: str | None = None
    """greeting | thanks | are_you_a_bot | yes | no, if that is all there is."""
    others: tuple[str, ...] = ()
    """Further tiers in the same text, for the case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that counts for one decision."""

    said: tuple[Said, ...]
    understanding: Understanding | None
    """None if there are no words to understand, or the machine failed on them."""
    owner: Literal["bot", "human"] = "bot"
    case_open: bool = False
    resolved_for: timedelta | None = None
    """How long ago the newest case was resolved by a person; None: it was not."""
    asked_if_helped: bool = False
    """The machine's last word was an answer that waits for yes or no."""
    same_question: bool = False
    answers_last_hour: int = 0
    greeted: bool = False
    questions: int = 1
    articles: int = 0
    """For how many of the questions a good enough section was found."""
    public: bool = False
    """Others than the customer read this, and may tap what stands there."""
    blocked: bool = False
    """People want to hear no more of who writes this."""
    answered: bool = False
    """The machine has answered this customer here before."""
    asked_by_a_person: bool = False
    """The last word from our side is a person's, and asks something."""
    failed: bool = False
    """Reading this raised twice."""


Act = Literal["nothing", "hand_off", "reopen", "append", "answer", "thank", "greet", "own_up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do about a burst. `ends` has exactly one end, with its reason, for every message in it."""

    act: Act
    ends: Mapping[int, tuple[str, str]]
    reason: str = ""
    tier: str = "unknown"
    sla: str = "unknown"
    acknowledge: str = "unknown"
    flags: Mapping[str, Any] = field(default_factory=dict)
    survey: str | None = None
    wants_reply: bool = True
    """False: thanks for what a person said. It is kept with the case and starts no clock."""
    unfinished: bool = False
    """A calm question that nothing answers as it stands: the next line may be the rest of it."""
    links: frozenset[int] = frozenset()
    """Messages that are about who writes, and no question: codes, and requests for one."""

    @property
    def may_wait(self) -> bool:
        """The machine would speak by itself, or would with the rest of the question: a chat first falls quiet."""
        return self.unfinished or self.act in ("answer", "thank", "greet", "own_up")


_LINK_ENDS: Final = {
    "code": ("noted", "a code that proves another address"),
    "command": ("noted", "asked how to prove another address"),
    "words": ("noted", "asked how to prove another address"),
}


def decide(now: Situation) -> Decision:
    """The decision for one conversation's undecided messages."""
    decision = _decide(now)
    links = frozenset(message.id for message in now.said if _is_about_who_writes(message, decision.ends[message.id]))
    return replace(decision, links=links) if links and not now.failed else decision


def _is_about_who_writes(message: Said, end: tuple[str, str]) -> bool:
    """A code that others may have read is worth nothing from then on, also where we are not spoken to."""
    return end in _LINK_ENDS.values() or (message.link == "code" and end == _NOT_ADDRESSED)


_NOT_ADDRESSED: Final = ("ignored", "not addressed to us")
_BLOCKED: Final = ("ignored", "blocked")


def _decide(now: Situation) -> Decision:
    ends: dict[int, tuple[str, str]] = {}
    rest: list[Said] = []
    for message in now.said:
        end = _needs_no_decision(message, now)
        if end is None:
            rest.append(message)
        else:
            ends[message.id] = end
    if not rest:
        return Decision(act="nothing", ends=ends)

    if now.owner == "human":
        flags = {"works_now": True} if _says_it_works(rest, now.understanding) else {}
        return _all(
            rest, ends, "append", "appended", "a person has this conversation",
            flags=flags, wants_reply=not _thanks_only(now, rest),
        )  # fmt: skip

    buttons = [message.button for message in rest if message.kind == "button" and message.button]
    survey = next((mark for button in buttons if (mark := SURVEY.get(button)) is not None), None)
    survey = survey if now.resolved_for is not None else None
    words = [message for message in rest if message.kind != "button"]
    if now.public and not now.answered:  # a stranger, who taps under the answer to somebody else
        buttons = [button for button in buttons if button == "person"]
    if not words and "person" not in buttons and "helped:no" not in buttons:
        return _all(rest, ends, "nothing", "noted", "a tap, no reply needed", survey=survey)

    return replace(_of_words(now, rest, words, buttons, ends), survey=survey)


def _needs_no_decision(message: Said, now: Situation) -> tuple[str, str] | None:
    """Lines of the table that look at one message alone."""
    if message.us:
        return "ignored", "our own echo"
    if message.bot:
        return "ignored", "another bot"
    if message.automatic:
        return "ignored", "automatic mail"
    if now.blocked and not (message.third or now.failed or _about_safety(now.understanding)):
        return _BLOCKED
    in_open_case = now.case_open and now.owner == "human"
    if not message.addressed and not in_open_case:
        return _NOT_ADDRESSED
    # Where a person answers, `link` alone may be an answer to them; a command or a code is nothing else.
    if message.link is not None and not now.failed and not (message.link == "words" and now.owner == "human"):
        return _LINK_ENDS[message.link]
    if not message.addressed:
        return None
    if message.kind == "deletion":
        return ("appended" if now.owner == "human" else "noted"), "deleted by its author"
    if message.before_return and now.owner == "bot":
        return "noted", "written before the conversation was given back to the machine"
    return None


def _about_safety(said: Understanding | None) -> bool:
    """Somebody may come to harm, or says so: no block keeps that from people."""
    return said is not None and said.security


def _of_words(
    now: Situation, rest: list[Said], words: list[Said], buttons: list[str], ends: dict[int, tuple[str, str]]
) -> Decision:
    said = now.understanding
    # With a file beside it a greeting is not all there is.
    talk = said.small_talk if said and not any(message.files for message in words) else None
    tapped_person = "person" in buttons
    grave = _gravest(said) or ("person" if tapped_person else None)
    # An edit of what the machine has dealt with may only escalate: it is calm if the machine might have answered it.
    calm = said is None or said.automatable or talk is not None
    only_edits = bool(words) and all(message.edits_decided for message in words)
    mild_edit = only_edits and grave is None and not (said is not None and said.security)

    if now.failed:
        return _hand_off(rest, ends, "the machine failed to read this", tier="unknown", acknowledge="failed")

    if now.resolved_for is not None and now.resolved_for <= REOPENS_WITHIN:
        if talk in ("thanks", "yes") and not tapped_person and "helped:no" not in buttons:
            return _all(rest, ends, "nothing", "noted", "thanks after a resolved case")
        if mild_edit:
            return _all(rest, ends, "nothing", "noted", "an edit that changes nothing grave")
        tier = grave or (said.tier if said else "unknown")
        sla = "outage" if said and said.security else _sla(tier)
        return _all(
            rest, ends, "reopen", "handed_off", "wrote again after it was resolved",
            tier=tier, sla=sla, acknowledge="reopened", flags=_flags(said),
        )  # fmt: skip

    if said is not None and said.security:
        return _hand_off(rest, ends, "security or safety", tier=grave or said.tier, sla="outage",
                         acknowledge="hurt" if said.hurt else "security", said=said)  # fmt: skip
    if grave is not None:
        reason = {"outage": "reports that it is down", "billing": "money is in question"}.get(
            grave, "asked for a person"
        )
        return _hand_off(rest, ends, reason, tier=grave, acknowledge=grave, said=said)
    if any(message.third for message in rest):
        return _hand_off(rest, ends, "somebody else wrote in this conversation", tier=said.tier if said else "unknown",
                         sla=_sla(said.tier) if said else "unknown", acknowledge="unknown", said=said)  # fmt: skip
    if "helped:no" in buttons:
        return _hand_off(rest, ends, NOT_HELPED, tier="howto", acknowledge="not_helped", said=said)

    if mild_edit and calm:
        return _all(rest, ends, "nothing", "noted", "an edit that changes nothing grave")
    if talk == "are_you_a_bot":
        return _all(rest, ends, "own_up", "answered", "asked whether this is a machine")
    if talk == "thanks" or (talk == "yes" and now.asked_if_helped):
        return _all(rest, ends, "nothing", "noted", "thanks, no reply needed")
    if talk == "greeting":
        if now.greeted:
            return _hand_off(rest, ends, "greeted twice and said nothing else", tier="unknown", acknowledge="unknown")
        return _all(rest, ends, "greet", "answered", "a greeting only")
    if said is None:
        return _hand_off(rest, ends, "sent a file or a voice message without words", tier="unknown",
                         acknowledge="attachment")  # fmt: skip
    if said.foreign:
        # What the classifier makes of words that it was not taught is worth nothing.
        return _hand_off(rest, ends, f"wrote in another language ({said.language or 'unknown'})", tier="unknown",
                         acknowledge="unknown", said=said)  # fmt: skip
    if (talk == "no" and now.asked_if_helped) or now.same_question:
        reason = NOT_HELPED if talk == "no" else ASKED_AGAIN
        return _hand_off(rest, ends, reason, tier="howto", acknowledge="not_helped", said=said)
    if now.answers_last_hour >= ANSWERS_AN_HOUR:
        return _hand_off(rest, ends, NOT_ENDED, tier=said.tier,
                         sla=_sla(said.tier), acknowledge="not_helped", said=said)  # fmt: skip
    if said.complaint:
        tier = said.tier if said.tier != "howto" else "feedback"
        sla = "unknown" if tier == "feedback" else _sla(tier)
        return _hand_off(rest, ends, "a complaint", tier=tier, sla=sla, acknowledge="complaint", said=said)
    if said.tier == "problem":
        return _hand_off(rest, ends, "one thing is broken", tier="problem", acknowledge="problem", said=said)
    if said.tier == "howto" and said.automatable:
        if now.articles and now.articles == now.questions and now.questions <= SECTIONS_AT_MOST:
            return _all(rest, ends, "answer", "answered", said.reason, tier="howto")
        reason = "no article answers all of it" if now.questions > 1 else "no article answers this"
        handed = _hand_off(rest, ends, reason, tier="howto", acknowledge="unknown", said=said)
        return replace(handed, unfinished=True)
    if said.tier == "feedback" and said.automatable:
        return _all(
            rest,
            ends,
            "thank",
            "filed",
            said.reason or "feedback",
            tier="feedback",
            sla="feedback",
            acknowledge="feedback",
        )
    known = said.tier if said.tier in ("problem", "feedback") else "unknown"
    return _hand_off(rest, ends, said.reason or "nothing we are sure of", tier=said.tier, sla=_sla(said.tier),
                     acknowledge=known, said=said)  # fmt: skip


def _sla(tier: str) -> str:
    """Whose time a person's answer keeps; feedback that the machine may not thank is somebody waiting."""
    return "unknown" if tier == "feedback" else tier


def _gravest(said: Understanding | None) -> str | None:
    if said is None:
        return None
    named = {said.tier, said.grave, "person" if said.person else None}
    return next((tier for tier in GRAVE if tier in named), None)


def _thanks_only(now: Situation, rest: Sequence[Said]) -> bool:
    """Thanks or an "ok" that answers no question of ours, and nothing else."""
    talk = now.understanding.small_talk if now.understanding else None
    plain = all(message.kind == "text" and not message.files for message in rest)
    return talk == "thanks" and plain and not now.asked_by_a_person


def _says_it_works(rest: Sequence[Said], said: Understanding | None) -> bool:
    text = " ".join(message.text for message in rest).casefold()
    return said is not None and any(
        words in text for words in ("works now", "working now", "works again", "working again", "is back", "fixed now")
    )


def _flags(said: Understanding | None) -> dict[str, Any]:
    flags: dict[str, Any] = {}
    if said is not None and said.security:
        flags["security"] = True
    if said is not None and said.others:
        flags["also"] = list(said.others)
    if said is not None and said.foreign and said.language:
        flags["language"] = said.language
    return flags


def _hand_off(
    rest: Sequence[Said],
    ends: dict[int, tuple[str, str]],
    reason: str,
    *,
    tier: str,
    acknowledge: str,
    sla: str | None = None,
    said: Understanding | None = None,
) -> Decision:
    return _all(
        rest, ends, "hand_off", "handed_off", reason, tier=tier, sla=sla or tier, acknowledge=acknowledge,
        flags=_flags(said),
    )  # fmt: skip


def _all(
    rest: Sequence[Said],
    ends: dict[int, tuple[str, str]],
    act: Act,
    end: str,
    reason: str,
    **more: Any,
) -> Decision:
    for message in rest:
        ends[message.id] = (end, reason)
    return Decision(act=act, ends=ends, reason=reason, **more)
