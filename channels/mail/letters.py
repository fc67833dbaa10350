"""What one line of a mail is: a letter, an introduction, a header of an older mail. `quotes.py` has the letters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from channels.mail.htmltext import Line
from channels.mail.quotewords import (
    ABOVE,
    BEGINS,
    FORWARDED,
    HEADER,
    LABEL_OF,
    MOBILE,
    ORIGINAL,
    WRITTEN,
    WRITTEN_AT_END,
)

WIDTH: Final = 400
"""Characters of a line that are looked at; nothing we look for is longer."""
_MARKED: Final = {"quote": "q", "intro": "b", "cut": "c", "signature": "s"}
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_QUOTED: Final = re.compile(r"\s*(?:>|\|\s|&gt;)")
_RULER: Final = re.compile(r"([-_=*~#─—–])(?:\s?\1){2,}\Z")
_DASHES: Final = re.compile(r"(?:--|—|––|__)\s*\Z")
_TIME: Final = re.compile(r"(?<!\d)\d{1,2}\s?[:.h時时시]\s?\d{2}(?!\d)|\d\s?(?:am|pm|a\.m|p\.m|uhr)\b", re.IGNORECASE)
_DATE: Final = re.compile(
    r"(?<!\d)(?:\d{4}[-/.年]\s?\d{1,2}[-/.月]\s?\d{1,2}|\d{1,2}[-/.]\s?\d{1,2}[-/.]\s?\d{2,4}|"
    r"\d{1,2}(?:st|nd|rd|th|er|º|\.)?,?\s(?:de\s)?[^\W\d]{3,12}\.?,?\s(?:de\s)?\d{4}|[^\W\d]{3,12}\.?\s\d{1,2}(?:st|nd|rd|th)?,?\s\d{4}|"
    r"\d{4}\s?년|\d{4}\.\s?[^\W\d]{3,12}\s\d{1,2}|(?:19|20)\d\d)(?!\d)",
)
ADDRESS: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_DISCLAIMS: Final = re.compile(
    r"\W{0,3}(?:(?:legal |e-?mail )?disclaimer\W{0,3}\Z|confidentiality (?:notice|note|statement)\b|haftungsausschluss\W{0,3}\Z|"
    r"(?:the (?:information|contents?) (?:contained )?(?:in|of) |the information transmitted |)th(?:is|e)(?: transmitted)? (?:e-?mail|message|communication|transmission)\b.{0,120}"
    r"(?:confidential|intended (?:solely|only)|privileged|scanned (?:for|by))|the information (?:contained )?(?:in|transmitted).{0,80}(?:confidential|intended (?:solely|only))|"
    r"diese (?:e-?mail|nachricht) (?:\S+ ){0,6}(?:vertraulich|ausschließlich)|ce (?:message|courriel|mail) .{0,80}(?:confidentiel|exclusif)|"
    r"este (?:mensaje|correo|e-?mail) .{0,80}confidencial|questo (?:messaggio|e-?mail) .{0,80}riservat|dit (?:bericht|e-?mail\S*) .{0,80}vertrouwelijk|"
    r"please consider the environment before|think before you print)",
    re.IGNORECASE,
)
_WEEKDAY: Final = re.compile(
    r"\W{0,2}(?:mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|lun|mar|mer|jeu|ven|sam|dim|пн|вт|ср|чт|пт|сб|вс|нд)[^\W\d]{0,7}[.,]?\s",
    re.IGNORECASE,
)


def normal(text: str) -> str:
    """What a line says to our patterns: no invisible letters, one kind of blank, no marks of emphasis around it."""
    text = text[:WIDTH]
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text)).replace("\xa0", " ").replace("\u3000", " ")
        text = text.replace("\u2019", "'").replace("\u202f", " ")
    if "*" in text:
        text = re.sub(r"\*([^*]*)\*", r"\1", text) if not _RULER.match(text.strip()) else text
    return text.replace("\t", " ")


def quick(text: str) -> str:
    if text[:1] == ">":
        return "q"
    return "t" if text.strip() else "e"


def letter_of(plain: str, line: Line) -> str:
    if not line.text:
        return "e"
    if line.mark:
        return _MARKED[line.mark] if line.text.strip() else "e"
    if line.text[0] == ">":
        return "q"
    bare = plain.strip()
    if not bare:
        return "e"
    if _QUOTED.match(plain):
        return "q"
    if _DASHES.match(bare) and len(bare) < 4:
        return "d"
    if _RULER.match(bare):
        return "r"
    if len(bare) <= 120 and (ORIGINAL.match(bare) or FORWARDED.match(bare)):
        # Without dashes it may be what somebody says; headers below it decide then.
        return "c" if bare[:1] in "-_=*>" or bare.endswith((":", "-")) else "t"
    if len(bare) <= 300 and ABOVE.search(bare):
        return "c"
    if _DISCLAIMS.match(bare):
        return "d"
    if len(bare) <= 100 and MOBILE.match(bare) and not _is_sentence(bare):
        return "s"
    return "t"


def _is_sentence(text: str) -> bool:
    """`Sent from my desk, which is easier` says something; `Sent from my phone, excuse typos` does not."""
    if re.search(r"excuse|brevity|typo|autocorrect|kürze|tippfehler|fautes|brièveté|kort", text, re.IGNORECASE):
        return False
    return ", " in text or len(text.split()) > 12 or bool(re.search(r"[.?!]\s+\S|\b(?:is|are|was|and|but)\b", text))


def may_begin(text: str) -> bool:
    return bool(
        text
        and (
            BEGINS.match(text)
            or _WEEKDAY.match(text)
            or text[0].isdigit()
            or "@" in text
            or text[0] in "<\"'“„("
            or text.endswith((":", "："))
            or _DATE.search(text)
        )
    )


def dated(text: str) -> bool:
    return bool(_DATE.search(text) or _TIME.search(text))


def is_intro(text: str, *, followed: Sequence[str]) -> bool:
    ends = text.endswith((":", "：", ":>", ": >", ":]"))
    address = ADDRESS.search(text)
    has_date = dated(text)
    if ends and WRITTEN_AT_END.search(text):
        return bool(has_date or address or BEGINS.match(text)) or (len(text.split()) <= 6 and "q" in followed)
    if ends and WRITTEN.search(text):
        return bool((has_date and (address or BEGINS.match(text))) or (has_date and "q" in followed))
    if ends and has_date and address and _TIME.search(text):
        return True
    if ends and has_date and "q" in followed and BEGINS.match(text):
        return True
    # Old Gmail: a date, a name, an address, and nothing else.
    return bool(
        address and re.match(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}\b", text) and re.search(r"<[^<>]*@[^<>]*>:?\Z", text)
    )


def label_of(text: str) -> str | None:
    """Which header a line is."""
    found = HEADER.match(text[:200])
    return LABEL_OF.get(found[1].strip().lower()) if found else None
