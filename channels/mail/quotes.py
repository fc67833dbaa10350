"""A reply without what it replies to: quotes, the older mail below, signatures.

Each line becomes a letter, and rules over the letters decide; the idea is Discourse's. Every step reads each line a fixed
number of times, so that the cost is linear whatever the lines say.

    e empty   t text   q quoted   b "On Monday Ada wrote:"   h a header of a mail below   c all below is an older mail
    d "-- "   s "Sent from my phone", or what a program calls a signature   r a ruler
"""

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
LOOKED_AT: Final = 8_000
"""Lines that are held against every pattern; of those below only quoted, empty and other ones are told apart."""
INTRO_LINES: Final = 5
TAIL: Final = 6
"""Lines of text after the last quote that are a signature rather than an answer."""
_ENDS: Final = ":：>]"
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
_ADDRESS: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_NAMED: Final = re.compile(r"[-–—]\s?[^\W\d_a-z][^\W\d_]{1,20}(?:\s[^\W\d_]{1,20}\.?){0,3}\Z")
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
_GREETING: Final = re.compile(r"[^,!.?:]{1,40}[,!:]?\Z")


def stripped(text: str) -> str:
    """The reply in a plain text; the text itself where there would be nothing left."""
    return reply_of([Line(line) for line in text.replace("\r\n", "\n").split("\n")])


def reply_of(lines: Sequence[Line]) -> str:
    """The reply in lines of which a program may have said what they are. Never empty where there is text."""
    reply = _joined(_Reply(lines).kept())
    return reply or _joined([line.text for line in lines])


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).strip("\n ")


class _Reply:
    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = [line.text for line in lines]
        self._plain = [_normal(text) if text and text[0] != ">" else "" for text in self._lines[:LOOKED_AT]]
        self._letters = [_letter(plain, line) for plain, line in zip(self._plain, lines, strict=False)]
        # So many lines nobody wrote: what is plain to see of the others is enough.
        self._plain += [""] * (len(lines) - len(self._plain))
        self._letters += [_quick(line) for line in self._lines[LOOKED_AT:]]
        self._labels: list[str | None] = []
        self._evident: list[bool] = []

    def kept(self) -> list[str]:
        """The lines of the reply."""
        self._find_intros()
        self._find_headers()
        self._cut_older_mail()
        self._cut_signature()
        self._remove("s")
        self._cut_unquoted()
        if not self._from_the_end():
            self._cut_last_quote()
        self._trim("eqbrhs")
        self._remove("b")
        self._trim("er")
        self._cut_name()
        return self._lines

    # --- what lines are -----------------------------------------------------------------------

    def _find_intros(self) -> None:
        """`On Monday, Ada <ada@example.com>` … `wrote:`, on one line or on five."""
        index, size = 0, len(self._lines)
        while index < size:
            count = self._intro_at(index) if self._letters[index] == "t" else 0
            for at in range(index, index + count):
                self._letters[at] = "b"
            index += count or 1

    def _intro_at(self, index: int) -> int:
        """How many lines an introduction takes that begins here; 0: none does."""
        first = self._plain[index].strip()
        if not _may_begin(first):
            return 0
        text = ""
        for count in range(1, INTRO_LINES + 1):
            at = index + count - 1
            if at >= len(self._lines) or self._letters[at] not in "t":
                return 0
            text = f"{text} {self._plain[at].strip()}".strip()
            if len(text) > WIDTH:
                return 0
            if text[-1] in _ENDS and _is_intro(text, followed=self._letters[at + 1 : at + 4]):
                return 0 if self._begins_later(index + 1, at) else count
        return 0

    def _begins_later(self, index: int, end: int) -> bool:
        """Is what lies between enough? Then the lines above it are the answer's."""
        return any(
            (BEGINS.match(self._plain[at]) or self._plain[at].strip()[:1].isdigit())
            and _is_intro(" ".join(each.strip() for each in self._plain[at : end + 1]), followed=())
            for at in range(index, end + 1)
        )

    def _find_headers(self) -> None:
        """`From: … Sent: … To: … Subject: …`, in any order, with lines that go on."""
        index, size = 0, len(self._lines)
        self._labels = [
            _label(plain) if letter in "tc" else None for plain, letter in zip(self._plain, self._letters, strict=True)
        ]
        self._evident = [
            kind is not None and bool(_ADDRESS.search(plain) or (kind == "date" and _dated(plain)))
            for kind, plain in zip(self._labels, self._plain, strict=True)
        ]
        while index < size:
            kind = self._labels[index]
            if kind is None:
                index += 1
                continue
            end = self._headers_from(index)
            if end:
                self._letters[index] = "c"
                self._letters[index + 1 : end] = ["h"] * (end - index - 1)
            index = end or index + 1

    def _headers_from(self, index: int) -> int:
        """Where a block of headers ends that begins here; 0: it is none."""
        kinds: set[str] = set()
        last, at, plain = index, index, 0
        evidence = False
        while at < len(self._lines) and at - index < 40:
            kind, text = self._labels[at], self._plain[at]
            if kind is not None:
                kinds.add(kind)
                evidence = evidence or self._evident[at]
                last, plain = at, 0
            elif self._letters[at] not in "et" or plain >= (2 if text.strip() else 1):
                break
            else:
                plain += 1
            at += 1
        if "from" in kinds and len(kinds & {"date", "to", "subject"}) >= 2 and (evidence or "subject" in kinds):
            return last + 1
        if {"date", "to", "subject"} <= kinds and evidence:
            return last + 1
        return 0

    # --- what is left out ---------------------------------------------------------------------

    def _cut_older_mail(self) -> None:
        """Where all below is an older mail and there is text above: only what is above."""
        text = False
        for index, letter in enumerate(self._letters):
            if letter == "t":
                text = True
            elif letter == "c":
                if not text:
                    self._keep_all()
                else:
                    self._keep(index)
                    self._trim("er")
                    if self._plain and ORIGINAL.match(self._plain[-1].strip()) and self._letters.count("t") > 1:
                        self._keep(len(self._lines) - 1)
                return

    def _keep_all(self) -> None:
        """A mail that was passed on without a word: all of it is what was said."""
        self._letters = ["t" if letter != "e" else "e" for letter in self._letters]

    def _cut_signature(self) -> None:
        text = 0
        for index, letter in enumerate(self._letters):
            if letter in "tq":
                text += 1
            elif text and (letter == "d" or (letter == "r" and self._ends_at_ruler(index))):
                self._keep(index)
                return

    def _ends_at_ruler(self, index: int) -> bool:
        """A ruler ends the reply if an older mail comes below it, or very little, or what ends like a signature."""
        below = self._letters[index + 1 :]
        following = next((letter for letter in below if letter != "e"), "")
        return following in ("", "q", "b", "h", "c", "s") or "".join(below).count("t") <= TAIL

    def _cut_unquoted(self) -> None:
        """`Ada wrote:` above an older mail that nothing marks as quoted."""
        text = False
        for index, letter in enumerate(self._letters):
            if letter == "t":
                text = True
            elif letter == "b" and text and "q" not in self._letters[index:]:
                self._keep(index)
                return

    def _from_the_end(self) -> bool:
        """First the quote, then the answer: only the answer. True if that was so."""
        first = next((index for index, letter in enumerate(self._letters) if letter not in "er"), None)
        if first is None or self._letters[first] != "b":
            return False
        tail = next((at for at in range(len(self._letters) - 1, -1, -1) if self._letters[at] in "qbh"), first)
        while tail + 1 < len(self._letters) and self._letters[tail] in "qbh" and self._letters[tail + 1] in "qbh":
            tail += 1
        if "t" in self._letters[first:tail] or "t" not in self._letters[tail:]:
            return False
        self._lines, self._letters = self._lines[tail + 1 :], self._letters[tail + 1 :]
        self._plain = self._plain[tail + 1 :]
        return True

    def _cut_last_quote(self) -> None:
        """Text, `Ada wrote:`, a quote, and at most a few lines that are nobody's answer: only the text."""
        last = max((index for index, letter in enumerate(self._letters) if letter == "b"), default=-1)
        if last < 0 or "t" not in self._letters[:last]:
            return
        below = "".join(self._letters[last + 1 :])
        rest = below.lstrip("ebqhr")
        if "q" in rest or "b" in rest:
            return
        if rest.count("t") <= TAIL and not self._only_greeting(last):
            while last > 0 and self._letters[last - 1] in "beq":
                last -= 1
            self._keep(last)

    def _only_greeting(self, before: int) -> bool:
        said = [
            plain.strip() for plain, letter in zip(self._plain[:before], self._letters, strict=False) if letter == "t"
        ]
        return (
            len(said) == 1
            and len(said[0].split()) <= 3
            and said[0].endswith((",", ":"))
            and bool(_GREETING.match(said[0]))
        )

    def _cut_name(self) -> None:
        """`-Ada` alone at the end, below an empty line."""
        if len(self._lines) > 2 and self._letters[-2] == "e" and _NAMED.match(self._plain[-1].strip()):
            self._keep(len(self._lines) - 1)
            self._trim("er")

    def _keep(self, end: int) -> None:
        self._lines, self._plain, self._letters = self._lines[:end], self._plain[:end], self._letters[:end]

    def _trim(self, letters: str) -> None:
        """Take these from the end, as long as text is left."""
        if "t" not in self._letters:
            return
        end = len(self._letters)
        while end and self._letters[end - 1] in letters:
            end -= 1
        self._keep(end)

    def _remove(self, letter: str) -> None:
        if letter not in self._letters:
            return
        left = [index for index, each in enumerate(self._letters) if each != letter]
        if not any(self._letters[index] == "t" for index in left):
            return
        self._lines = [self._lines[index] for index in left]
        self._plain = [self._plain[index] for index in left]
        self._letters = [self._letters[index] for index in left]


def _normal(text: str) -> str:
    """What a line says to our patterns: no invisible letters, one kind of blank, no marks of emphasis around it."""
    text = text[:WIDTH]
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text)).replace("\xa0", " ").replace("\u3000", " ")
        text = text.replace("\u2019", "'").replace("\u202f", " ")
    if "*" in text:
        text = re.sub(r"\*([^*]*)\*", r"\1", text) if not _RULER.match(text.strip()) else text
    return text.replace("\t", " ")


def _quick(text: str) -> str:
    if text[:1] == ">":
        return "q"
    return "t" if text.strip() else "e"


def _letter(plain: str, line: Line) -> str:
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


def _may_begin(text: str) -> bool:
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


def _dated(text: str) -> bool:
    return bool(_DATE.search(text) or _TIME.search(text))


def _is_intro(text: str, *, followed: Sequence[str]) -> bool:
    ends = text.endswith((":", "：", ":>", ": >", ":]"))
    address = _ADDRESS.search(text)
    dated = _dated(text)
    if ends and WRITTEN_AT_END.search(text):
        return bool(dated or address or BEGINS.match(text)) or (len(text.split()) <= 6 and "q" in followed)
    if ends and WRITTEN.search(text):
        return bool((dated and (address or BEGINS.match(text))) or (dated and "q" in followed))
    if ends and dated and address and _TIME.search(text):
        return True
    if ends and dated and "q" in followed and BEGINS.match(text):
        return True
    # Old Gmail: a date, a name, an address, and nothing else.
    return bool(
        address and re.match(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}\b", text) and re.search(r"<[^<>]*@[^<>]*>:?\Z", text)
    )


def _label(text: str) -> str | None:
    """Which header a line is."""
    found = HEADER.match(text[:200])
    return LABEL_OF.get(found[1].strip().lower()) if found else None
