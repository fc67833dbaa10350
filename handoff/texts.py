"""Every text that a customer reads from the machine. Short, warm, exact; says what happens next, and by when.

A time stands in a text only if a promise row stands behind it: `by` is None where none can be kept, and the
sentence is another one then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

HELPED: Final = ({"id": "helped:yes", "label": "Yes"}, {"id": "helped:no", "label": "No"})
PERSON: Final = {"id": "person", "label": "Talk to a person"}
ANSWER_BUTTONS: Final = (*HELPED, PERSON)
SURVEY_BUTTONS: Final = (
    {"id": "survey:good", "label": "Good"},
    {"id": "survey:fair", "label": "Fair"},
    {"id": "survey:poor", "label": "Poor"},
)
_BY_WORDS: Final = "To answer this, write back: {labels}."
DID_THIS_HELP: Final = "Did this help?"
GREETING: Final = "Hello, you have reached {company}. Tell us what you need, in your own words."
I_AM_A_BOT: Final = "Yes, I am {bot}, the automatic part of {company}. A person is one tap away."
FEEDBACK: Final = "Thank you for the idea. It goes to the product team; nothing more for you to do."
PRAISE: Final = "Thank you, that is good to hear. We pass it on to the people who made it."
SURVEY: Final = "How was this? One tap is enough."
TAKEOVER: Final = "{agent} here. I have read everything above; {case} is mine now."
GIVEN: Final = "{agent} answers from here on, and sees everything above. Case {case}."
"""To whom somebody else has given it: they may not have read it yet, and say nothing of that kind."""

ALL_IS_WELL: Final = "All systems work."

RETURNED: Final = "{agent} has read this and handed it back to {bot}. Ask here; a person is one tap away."

OUTCOMES: Final = {
    "solved": "it works again",
    "workaround": "there is a way around it",
    "guided": "we went through it together",
    "no_fault": "nothing was broken on our side",
    "spam": "closed",
}

_OPENING: Final = {
    "outage": "This looks serious, so it goes straight to a person.",
    "security": "This is about safety, so it goes straight to a person.",
    "hurt": "Thank you for telling us. A person reads this before anything else.",
    "billing": "Money matters.",
    "problem": "Thank you for telling us.",
    "person": "Of course.",
    "not_helped": "Sorry, that missed.",
    "complaint": "You are right to tell us.",
    "feedback": "Thank you for writing.",
    "unknown": "Thank you for writing.",
    "attachment": "Thank you, we have what you sent.",
    "reopened": "Open again, and more urgent.",
    "failed": "Something failed on our side while reading this, so a person reads it instead.",
}
_WITH_TIME: Final = {
    "outage": "You hear from one here by {by}. Your case is {case}.",
    "security": "You hear from one here by {by}. Your case is {case}. Never send passwords or card numbers.",
    "hurt": "You hear from one here by {by}. If you are in danger now, call your emergency number. Case {case}.",
    "billing": "A person checks this and writes by {by}. Case {case}. Never send card numbers.",
    "person": "A person writes here by {by}{place}. Case {case}.",
    "not_helped": "A person takes over, sees all of this, and writes by {by}. Case {case}.",
    "reopened": "A person who can see all of it writes by {by}. Case {case}.",
    "": "A person answers by {by}. Case {case}.",
}
_WITHOUT_TIME: Final = {
    "outage": "It is among the first in line. Your case is {case}; the answer comes here.",
    "security": "It is among the first in line. Your case is {case}. Never send passwords or card numbers.",
    "hurt": "The answer comes here. If you are in danger now, call your emergency number. Case {case}.",
    "billing": "A person checks this and writes here. Case {case}. Never send card numbers.",
    "person": "A person writes here{place}. Case {case}.",
    "not_helped": "A person takes over, sees all of this, and writes here. Case {case}.",
    "reopened": "A person who can see all of it writes here. Case {case}.",
    "": "A person answers here. Case {case}.",
}
_FOREIGN: Final = {
    "de": ("Ein Mensch liest das und antwortet hier. Fall {case}.", "bis {by}"),
    "fr": ("Une personne lit ce message et répond ici. Dossier {case}.", "avant {by}"),
    "es": ("Una persona lo leerá y responderá aquí. Caso {case}.", "antes de {by}"),
    "it": ("Una persona leggerà questo messaggio e risponderà qui. Caso {case}.", "entro {by}"),
    "pt": ("Uma pessoa vai ler isto e responder aqui. Caso {case}.", "até {by}"),
    "nl": ("Een mens leest dit en antwoordt hier. Zaak {case}.", "vóór {by}"),
    "pl": ("Człowiek to przeczyta i odpowie tutaj. Sprawa {case}.", "do {by}"),
    "sv": ("En människa läser detta och svarar här. Ärende {case}.", "senast {by}"),
    "tr": ("Bunu bir insan okuyacak ve burada yanıtlayacak. Kayıt {case}.", "en geç {by}"),
    "ru": ("Это прочитает человек и ответит здесь. Обращение {case}.", "до {by}"),
    "uk": ("Це прочитає людина і відповість тут. Звернення {case}.", "до {by}"),
    "ja": ("担当者が読み、こちらでお返事します。受付番号 {case}。", "{by} まで"),
    "zh": ("工作人员会阅读并在这里回复。编号 {case}。", "{by} 之前"),
}

# Where others than the customer read: nothing of a case, no number, no time, no name of the matter.
PUBLIC_ACKNOWLEDGEMENT: Final = "A person takes this over and answers here."
PUBLIC_TAKEOVER: Final = "{agent} here. I have read this, and answer here."
PUBLIC_GIVEN: Final = "{agent} answers here from now on."
PUBLIC_RESOLVED: Final = "That is all from us here. Anything else? Write here."
PUBLIC_RETURNED: Final = "{bot} answers here again. A person is one tap away."

_FILE_REFUSED: Final = "Your message arrived; {file} did not: {reason}. We take {types} up to {max}."
_FILE_ALONE_REFUSED: Final = "{file} did not arrive: {reason}. We take {types} up to {max}."
_FILE_LARGE: Final = "Your message arrived; {file} did not: it is over {max}. Send a smaller one, or a link."
_FILE_ALONE_LARGE: Final = "{file} is over {max}. Send a smaller one, or a link."
_FILE_TYPES: Final = "pictures, PDF, text, office documents, zip, mail, sound and video"
_FILE_REASONS: Final = {
    "program": "it is a program",
    "active": "it is a page that a browser could run",
    "empty": "there is nothing in it",
    "away": "it could not be fetched from where it was sent",
}


def refused_file(name: str, reason: str, *, at_most: int, alone: bool = False) -> str:
    """Why a file was not kept; `at_most` in bytes, `alone` if nothing came with it that could arrive."""
    largest = f"{at_most // 1_000_000} MB"
    if reason == "large":
        words = _FILE_ALONE_LARGE if alone else _FILE_LARGE
        return words.format(file=name, max=largest)
    because = _FILE_REASONS.get(reason, "we do not take its type")
    words = _FILE_ALONE_REFUSED if alone else _FILE_REFUSED
    return words.format(file=name, reason=because, types=_FILE_TYPES, max=largest)


def hours(said: str, zone: ZoneInfo, now: datetime) -> str:
    """Opening hours as an operator writes them, for people: `Mon–Fri 09:00–18:00 CET`."""
    if said.strip().lower() in ("always", "24/7"):
        return "Round the clock"
    parts = [" ".join(part.split()).title().replace("-", "–") for part in said.split(",") if part.strip()]
    return f"{', '.join(parts)} {now.astimezone(zone).tzname()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Who speaks, and in which zone times are said."""

    company: str
    bot: str
    zone: ZoneInfo

    def time(self, at: datetime, now: datetime) -> str:
        """`14:40 UTC` today, `Monday 14:40 UTC` within a week, else with the date."""
        local, today = at.astimezone(self.zone), now.astimezone(self.zone)
        clock = f"{local:%H:%M} {local.tzname()}"
        days = (local.date() - today.date()).days
        if days == 0:
            return clock
        return f"{local:%A} {clock}" if 0 < days < 7 else f"{local:%A}, {local.day} {local:%B}, {clock}"


def acknowledgement(
    kind: str,
    *,
    case: str,
    by: str | None,
    place: int | None = None,
    workaround: str | None = None,
    language: str | None = None,
    back: str | None = None,
) -> str:
    """What a customer hears when a person takes over. `back`: when we open again, if we are closed."""
    words = _WITH_TIME if by else _WITHOUT_TIME
    number = f"; you are number {place}" if place else ""
    sentence = words.get(kind, words[""]).format(by=by, case=case, place=number)
    parts = [_OPENING.get(kind, _OPENING["unknown"]), sentence]
    if back and not by:
        parts.append(f"We are back {back}.")
    if workaround:
        parts.append(workaround)
    text = " ".join(parts)
    foreign = _FOREIGN.get(language or "")
    if foreign is None:
        return text
    theirs = foreign[0].format(case=case) + (f" ({foreign[1].format(by=by)})" if by else "")
    return f"{theirs}\n\n{text}"


def public_acknowledgement(language: str | None = None) -> str:
    """The same for every matter, the grave ones above all: who reads along learns nothing from it."""
    foreign = _FOREIGN.get(language or "")
    if foreign is None:
        return PUBLIC_ACKNOWLEDGEMENT
    before = foreign[0].partition("{case}")[0]  # the case stands in a sentence of its own, the last
    theirs = before[: max(before.rfind("."), before.rfind("\u3002")) + 1]
    return f"{theirs}\n\n{PUBLIC_ACKNOWLEDGEMENT}"


def takeover(agent: str, case: str, *, themselves: bool, public: bool) -> str:
    """Who answers from here on. `themselves`: they took it, and have read it; else somebody gave it to them."""
    if public:
        return (PUBLIC_TAKEOVER if themselves else PUBLIC_GIVEN).format(agent=agent)
    return (TAKEOVER if themselves else GIVEN).format(agent=agent, case=case)


def returned(agent: str, bot: str, *, public: bool) -> str:
    return PUBLIC_RETURNED.format(bot=bot) if public else RETURNED.format(agent=agent, bot=bot)


def workaround(title: str, link: str | None) -> str:
    """A likely help for a problem, offered beside the person, never instead."""
    where = f'"{title}": {link}' if link else f'"{title}"'
    return f"Until then this may help: {where}"


def at_risk(*, old: str, new: str | None, supervisor: str | None) -> str:
    knows = f" {supervisor} knows." if supervisor else ""
    again = f"New time: {new}." if new else "You keep your place in line."
    return f"We said {old} and will not make it; we are sorry. {again}{knows}"


def resolved(outcome: str | None, agent: str, *, public: bool = False) -> str:
    """`outcome` is what the agent said of it; without one nothing is claimed."""
    if public:
        return PUBLIC_RESOLVED
    done = f"Solved: {outcome}." if outcome else f"{agent} has closed this case."
    return f"{done} Anything else? Write here and it opens again."


def source(title: str, link: str | None) -> str:
    """Where an answer comes from."""
    return f'From "{title}": {link}' if link else f'From "{title}".'


# --- one person on several channels ------------------------------------------------------------------

_ELSEWHERE: Final = {"web": "in our web chat", "email": "by mail"}
_CODE: Final = (
    "Write this code to us where you also write, alone in a message: {code}. It works once, for ten minutes. "
    "Show it to nobody: whoever writes it is taken for you."
)
_CODE_OFFERED: Final = "{agent} would like to see all that you wrote to us in one place. {rest}"
CODE_NOT_HERE: Final = "Others can read this, so no code is shown here. Write to us directly, and say /link there."
CODES_TOO_OFTEN: Final = "You have had enough codes for now. Say /link again later."
CODE_SEEN: Final = (
    "Others can read this, so that code counts no more. Say /link for a new one, and write it to us directly."
)
CODE_WRONG: Final = (
    "This code is not valid, or its time is over. For a new one say /link in your other conversation with us."
)
CODE_TRIES: Final = "Too many codes were wrong. Try again later, with a new one."
CODE_HERE: Final = "This code works in your other conversation with us: write it there."
CODE_FULL: Final = "You write to us from as many addresses as we can keep together; this one stays by itself."
LINKED: Final = "Linked: we know now that you write to us {where}, too."
LINKED_ALREADY: Final = "We know already that you write to us {where}, too."


def elsewhere(channel: str) -> str:
    """Where somebody writes, named by nothing but the platform: `on Telegram`."""
    return _ELSEWHERE.get(channel, f"on {channel[:1].upper()}{channel[1:]}")


def code(spelt: str, *, agent: str | None) -> str:
    """The message that shows a code; `agent`: who asks for it, None: the customer did."""
    words = _CODE.format(code=spelt)
    return words if agent is None else _CODE_OFFERED.format(agent=agent, rest=words)


# --- by mail -----------------------------------------------------------------------------------------
# None of it holds a word of the customer's: the address is claimed, and may be a stranger's.


def mail_author(agents: Sequence[str], company: str) -> str:
    """Whose name stands above a letter: `Mia at Acme`; the company's alone where several have written."""
    return f"{agents[0]} at {company}" if len(set(agents)) == 1 else company


def mail_subject(company: str, case: str) -> str:
    return f"{company}: an answer to you ({case})"


def mail_text(replies: Sequence[tuple[str, str]], *, company: str, case: str, link: str | None) -> str:
    """A letter: what people have written (name and words, in order), and where the answer to it goes."""
    agents = list(dict.fromkeys(name for name, _ in replies))
    who = agents[0] if len(agents) == 1 else f"{', '.join(agents[:-1])} and {agents[-1]}"
    have = "has" if len(agents) == 1 else "have"
    words = "\n\n".join(body if len(agents) == 1 else f"{name}:\n{body}" for name, body in replies)
    where = f": {link}" if link else "."
    return (
        f"{who} at {company} {have} answered you in the chat. Your case is {case}.\n\n"
        f"{words}\n\n"
        f"Answer in the chat where you wrote to us{where}\n"
        "A reply to this mail does not get there.\n\n"
        "-- \n"
        f"You get this because your address was given in a chat with {company}, and the answer was not read there. "
        "If that was not you, ignore this mail.\n"
    )


def with_files(words: str, files: int) -> str:
    """Words in a mail whose files stayed in the chat."""
    if not files:
        return words
    return f"{words}\n\n({'A file came' if files == 1 else f'{files} files came'} with this: in the chat.)"


def instead_of_buttons(buttons: Sequence[Mapping[str, str]]) -> str:
    """What stands below a message where nothing can be tapped."""
    return _BY_WORDS.format(labels=" / ".join(button["label"] for button in buttons))
