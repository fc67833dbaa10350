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
    QUOTING,
    WRITTEN,
    WRITTEN_AT_END,
)

WIDTH: Final = 400
"""Characters of a line that are looked at; nothing we look for is longer."""
_MARKED: Final = {"quote": "q", "intro": "b", "cut": "c", "signature": "s"}
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_QUOTED: Final = re.compile(r"\s*(?:>|\|\s(?!.*\|)|&gt;)")
_GROUPWISE: Final = re.compile(r">>> \S.{0,300}(?:@|\d[-/.]\d).{0,100}>>>\s*\Z")
_PGP: Final = re.compile(r"-{5}BEGIN PGP SIGNED MESSAGE-{5}\Z|Hash: [A-Z\d, -]{3,40}\Z")
_OF_DATE: Final = re.compile(r"message du \d{1,2}/\d{1,2}/\d{2,4}(?:(?: à)? \d\d:\d\d)?\Z", re.IGNORECASE)
_PGP_ENDS: Final = "-----BEGIN PGP SIGNATURE-----"
_LINK: Final = re.compile(r"\[([^][]{1,60})\]\(\S{1,300}\)|\s?<?\(?https?://\S{1,300}")
_BRAND: Final = re.compile(
    r"\W{0,4}[Ss]ent (?:from|with|by|via) \[?[A-Z][\w.+-]{1,20}(?: [A-Z][\w.+-]{0,20}| for| on| by){0,5}\]?[.!]?\Z"
)
_CHECKED: Final = re.compile(
    r"<?https?://www\.avast\.com/\S*>?\Z|www\.avast\.com\Z|<#[0-9A-F-]{36}>\Z|virus-free\.|\[image: avast logo\]\Z",
    re.IGNORECASE,
)
_RULER: Final = re.compile(r"(?:([-_=*~#+─—–])(?:\s?\1){2,}|[-—–─]{3,})\Z")
_DASHES: Final = re.compile(r"(?:--|—|––|__)\s*\Z")
_TIME: Final = re.compile(
    r"(?<!\d)(?<!\d[./])\d{1,2}\s?[:.h時时시]\s?\d{2}(?!\d|[./]\d)|\d\s?(?:am|pm|a\.m|p\.m|uhr)\b", re.IGNORECASE
)
_DATE: Final = re.compile(
    r"(?<!\d)(?:\d{4}[-/.年]\s?\d{1,2}[-/.月]\s?\d{1,2}|\d{1,2}[-/.]\s?\d{1,2}[-/.]\s?\d{2,4}|"
    r"\d{1,2}(?:st|nd|rd|th|er|º|\.)?,?\s(?:de\s)?[^\W\d]{3,12}\.?,?\s(?:de\s)?\d{4}|[^\W\d]{3,12}\.?\s\d{1,2}(?:st|nd|rd|th)?,?\s\d{4}|"
    r"\d{4}\s?년|\d{4}\.\s?[^\W\d]{3,12}\s\d{1,2}|(?:19|20)\d\d)(?!\d)",
)
_ADDRESS: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_DISCLAIMS: Final = re.compile(
    r"\W{0,3}(?:(?:legal |e-?mail )?disclaimer\W{0,3}\Z|confidentiality (?:notice|note|statement)\b|haftungsausschluss\W{0,3}\Z|"
    r"(?:the (?:information|contents?) (?:contained )?(?:in|of) |the information transmitted |)th(?:is|e)(?: transmitted)? (?:e-?mail|message|communication|transmission)\b.{0,120}"
    r"(?:confidential|intended (?:solely|only)|privileged|scanned (?:for|by))|the information (?:contained )?(?:in|transmitted).{0,80}(?:confidential|intended (?:solely|only))|"
    r"diese (?:e-?mail|nachricht) (?:\S+ ){0,6}(?:vertraulich|ausschließlich)|ce (?:message|courriel|mail) .{0,80}(?:confidentiel|exclusif)|"
    r"este (?:mensaje|correo|e-?mail) .{0,80}confidencial|questo (?:messaggio|e-?mail) .{0,80}riservat|dit (?:bericht|e-?mail\S*) .{0,80}vertrouwelijk|"
    r"please consider the environment before|think before you print)",
    re.IGNORECASE,
)
_TWO_SENTENCES: Final = re.compile(r"(?:(?<=[^\W\d_]{5})|(?<=:\d\d))[.!?] +[^\W\d_a-zа-я]")
_WEEKDAY: Final = re.compile(
    r"\W{0,2}(?:mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|lun|mar|mer|jeu|ven|sam|dim|пн|вт|ср|чт|пт|сб|вс|нд)[^\W\d]{0,7}[.,]?\s",
    re.IGNORECASE,
)


def normal(text: str) -> str:
    """What a line says to our patterns: no invisible letters, one kind of blank, no marks of emphasis around it."""
    text = text[:WIDTH]
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text)).replace("\xa0", " ").replace("\u3000", " ")
        text = text.replace("\u2019", "'").replace("\u202f", " ").replace("\u2010", "-").replace("\u2011", "-")
    if "*" in text:
        text = re.sub(r"\*([^*]*)\*", r"\1", text) if not _RULER.match(text.strip()) else text
    if "&nbsp;" in text:
        text = text.replace("&nbsp;", " ")
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
        return "b" if line.text.startswith(">>> ") and _GROUPWISE.match(line.text[:WIDTH]) else "q"
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
    if (len(bare) <= 300 and ABOVE.match(bare)) or _OF_DATE.match(bare):
        return "c"
    if _DISCLAIMS.match(bare) or bare == _PGP_ENDS:
        return "d"
    return "s" if _is_mark(bare) else "t"


def _is_mark(text: str) -> bool:
    """What a program has put below an answer."""
    said = _LINK.sub(r"\1", text)
    if len(said) <= 100 and (MOBILE.match(said) or _BRAND.match(said)) and not _is_sentence(said):
        return label_of(said) is None
    return bool(_CHECKED.match(text) or _PGP.match(text))


def _is_sentence(text: str) -> bool:
    """`Sent from my desk, which is easier` says something; `Sent from my phone, excuse typos` does not."""
    if re.search(
        r"excuse|encrypted|brevity|typo|autocorrect|kürze|tippfehler|fautes|brièveté|kort", text, re.IGNORECASE
    ):
        return False
    commas = (
        r", (?:which|that|so|but|and|is|it|sorry|i|we|you|where|because|not)\b" if text[:4].lower() == "sent" else ", "
    )
    return (
        bool(re.search(commas, text, re.IGNORECASE))
        or len(text.split()) > 12
        or bool(re.search(r"[.?!]\s+\S|\b(?:is|are|was|and|but)\b", text))
    )


def may_begin(text: str) -> bool:
    return bool(
        text
        and (
            BEGINS.match(text)
            or QUOTING.match(text)
            or _WEEKDAY.match(text)
            or text[0].isdigit()
            or "@" in text
            or text[0] in "<\"'“„("
            or text.endswith((":", "："))
            or _DATE.search(text)
        )
    )


def has_address(text: str) -> bool:
    return "@" in text and _ADDRESS.search(text) is not None


def dated(text: str) -> bool:
    return bool(_DATE.search(text) or _TIME.search(text))


def timed(text: str) -> bool:
    return _TIME.search(text) is not None


def has_day(text: str) -> bool:
    """A date, not only a time."""
    return _DATE.search(text) is not None


def is_intro(text: str, *, followed: Sequence[str]) -> bool:
    """`followed`: the letters of the lines below."""
    if _TWO_SENTENCES.search(text):
        return False
    ends = text.endswith((":", "：", ":>", ": >", ":]"))
    address = has_address(text)
    has_date = dated(text)
    quoted = next((letter for letter in followed if letter != "e"), "") == "q"
    if ends and (QUOTING.match(text) or WRITTEN_AT_END.search(text)):
        if address or (has_date and timed(text)):
            return True
        if quoted:
            return bool(has_date or BEGINS.match(text)) or len(text.split()) <= 6
        return has_date and bool(BEGINS.match(text)) and _names_who(text)
    if ends and has_date and WRITTEN.search(text):
        return bool(address or quoted or BEGINS.match(text) or (has_day(text) and timed(text) and _names_who(text)))
    if ends and has_date and address and timed(text) and text[0] != "[":
        return True
    if ends and has_date and quoted and (BEGINS.match(text) or (has_day(text) and timed(text) and _is_name(text))):
        return True
    # Old Gmail: a date, a name, an address, and nothing else.
    return bool(
        address and re.match(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}\b", text) and re.search(r"<[^<>]*@[^<>]*>:?\Z", text)
    )


def _is_name(text: str) -> bool:
    """`Ada Loewe (02.03.2026 10:00):`, a name and no other word?"""
    said = re.findall(r"[^\W\d_]{2,}", text)
    return 1 <= len(said) <= 5 and all(word[0].isupper() for word in said)


def _names_who(text: str) -> bool:
    """`On 2 March 2026, Ada wrote:` is a program's; `On 2 March 2026 your people wrote:` is somebody's own sentence."""
    found = list(WRITTEN.finditer(text))
    if not found:
        return False
    before, after = text[: found[-1].start()].split()[-1:], text[found[-1].end() :].split()[:1]
    return any(word[:1].isalpha() and not word[:1].islower() and len(word) > 1 for word in (*before, *after))


def label_of(text: str) -> str | None:
    """Which header a line is."""
    found = HEADER.match(text[:200])
    return LABEL_OF.get(found[1].strip().lower()) if found else None
