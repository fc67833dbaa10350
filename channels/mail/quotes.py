"""A reply without what it replies to: quotes, the older mail below, signatures.

Each line becomes a letter, and rules over the letters decide; the idea is Discourse's. Every step reads each line a fixed
number of times, so that the cost is linear whatever the lines say.

    e empty   t text   q quoted   b "On Monday Ada wrote:"   h a header of a mail below   c all below is an older mail
    d "-- "   s "Sent from my phone", or what a program calls a signature   r a ruler
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from channels.mail.htmltext import Line
from channels.mail.letters import (
    WIDTH,
    has_address,
    has_day,
    is_intro,
    label_of,
    letter_of,
    may_begin,
    normal,
    quick,
    timed,
)
from channels.mail.quotewords import ANSWERS_BELOW, BEGINS, FORWARDED, HEADER, LABEL_OF, ORIGINAL

LOOKED_AT: Final = 8_000
"""Lines that are held against every pattern; of those below only quoted, empty and other ones are told apart."""
INTRO_LINES: Final = 5
TAIL: Final = 6
"""Lines of text after the last quote that are a signature rather than an answer."""
_ENDS: Final = ":：>]"
_NAMED: Final = re.compile(r"[-–—]\s?[^\W\d_a-z][^\W\d_]{1,20}(?:\s[^\W\d_]{1,20}\.?){0,3}\Z")
_NAMED_QUOTE: Final = re.compile(r"\s*([^\W\d_]{1,12}>)(?:\s|\Z)")
_TITLE: Final = re.compile(r"[-_=*~]{3,}\s?[^\W\d_][\w '’-]{2,40}[-_=*~]{3,}\Z")
_SENTENCE: Final = re.compile(r"(?:\S+\s+){4,}\S*[.!?…。！？]\Z|[。！？]\Z")
_FOOTER: Final = re.compile(
    r"unsubscribe|repl(?:y|ies) to this|you (?:are receiv|receiv|are subscrib)|virus|antivirus|confidential",
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


def _are_headers(kinds: set[str], sure: set[str]) -> bool:
    """`sure`: which of them name an address or an hour. A form that somebody filled in does not."""
    if "from" in kinds and len(kinds & {"date", "to", "subject"}) >= 2:
        return bool(sure) or "subject" in kinds
    if {"date", "to", "subject"} <= kinds:
        return bool(sure)
    return {"from", "date"} <= kinds and len(sure & {"from", "date", "announced"}) >= 2


def _is_title(text: str) -> bool:
    """`---- Old mail ----`, in any language, just above its headers."""
    return bool(ORIGINAL.match(text) or _TITLE.match(text))


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).strip("\n ")


class _Reply:
    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = [line.text for line in lines]
        self._plain = [normal(text) if text and text[0] != ">" else "" for text in self._lines[:LOOKED_AT]]
        self._letters = [letter_of(plain, line) for plain, line in zip(self._plain, lines, strict=False)]
        # So many lines nobody wrote: what is plain to see of the others is enough.
        self._plain += [""] * (len(lines) - len(self._plain))
        self._letters += [quick(line) for line in self._lines[LOOKED_AT:]]
        self._labels: list[str | None] = []
        self._evident: list[bool] = []

    def kept(self) -> list[str]:
        """The lines of the reply."""
        self._mend_wraps()
        self._find_intros()
        self._find_quoted_intro()
        self._find_named_quotes()
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

    def _mend_wraps(self) -> None:
        """A quoted line that was too long, and whose rest has lost its mark: the rest is quoted, too."""
        for index in range(1, min(len(self._letters), LOOKED_AT) - 1):
            if self._letters[index - 1] + self._letters[index] + self._letters[index + 1] != "qtq":
                continue
            above, rest = self._lines[index - 1].rstrip(), self._lines[index]
            if (
                60 <= len(above) <= WIDTH
                and above[-1] not in ".!?:;…"
                and rest[:1].islower()
                and len(rest) < len(above)
            ):
                self._letters[index] = "q"

    def _find_quoted_intro(self) -> None:
        """A mail that begins with a quote whose first line is an introduction or a header: quoted with the rest."""
        first = next((at for at, letter in enumerate(self._letters[:LOOKED_AT]) if letter != "e"), -1)
        if first < 0 or self._letters[first] != "q" or self._lines[first][:1] != ">":
            return
        text = ""
        for line in self._lines[first : first + INTRO_LINES]:
            bare = normal(line).strip(" >")
            text = f"{text} {bare}".strip()
            if ORIGINAL.match(text) or label_of(text) in ("from", "date") or is_intro(text, followed=()):
                self._letters[first] = "b"
                return

    def _find_named_quotes(self) -> None:
        """`Ada> what she said`, below `Ada writes:`: some programs put a name before each quoted line."""
        for index, letter in enumerate(self._letters[:LOOKED_AT]):
            if letter == "b" or self._lines[index].startswith('>>>>> "'):
                following = next((at for at in range(index + 1, len(self._letters)) if self._letters[at] != "e"), -1)
                named = _NAMED_QUOTE.match(self._lines[following]) if following >= 0 else None
                if named is not None and self._letters[following] == "t":
                    self._letters[index] = "b"
                    for at, line in enumerate(self._lines):
                        if self._letters[at] == "t" and line[:WIDTH].lstrip().startswith(named[1]):
                            self._letters[at] = "q"
                    return

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
        if not may_begin(first):
            return 0
        text = ""
        for count in range(1, INTRO_LINES + 1):
            at = index + count - 1
            if at >= len(self._lines) or self._letters[at] not in "t":
                return 0
            text = f"{text} {self._plain[at].strip()}".strip()
            if len(text) > WIDTH:
                return 0
            if text[-1] in _ENDS and is_intro(text, followed=self._letters[at + 1 : at + 6]):
                return 0 if self._begins_later(index, at) else count
        return 0

    def _begins_later(self, index: int, end: int) -> bool:
        """Is it all there without its first lines? Then those are the answer's."""
        address, day = False, False
        for at in range(index + 1, end + 1):
            # An address or a day that the later lines lack belongs to the introduction.
            plain = self._plain[at - 1]
            address, day = address or has_address(plain), day or has_day(plain)
            text = " ".join(each.strip() for each in self._plain[at : end + 1])
            if (address and not has_address(text)) or (day and not has_day(text)):
                return False
            if (BEGINS.match(text) or text[:1].isdigit()) and is_intro(text, followed=()):
                return True
        return False

    def _find_headers(self) -> None:
        """`From: … Sent: … To: … Subject: …`, in any order, with lines that go on."""
        index, size = 0, len(self._lines)
        self._labels = [
            label_of(plain) if letter in "tc" else None
            for plain, letter in zip(self._plain, self._letters, strict=True)
        ]
        self._evident = [
            kind is not None and (has_address(plain) or (kind == "date" and timed(plain)))
            for kind, plain in zip(self._labels, self._plain, strict=True)
        ]
        while index < size:
            end = 0 if self._labels[index] is None else self._headers_from(index)
            if not end and self._is_lotus(index):
                end = index + 1
            if end:
                self._letters[index] = "c"
                self._letters[index + 1 : end] = ["h"] * (end - index - 1)
            index = end or index + 1

    def _headers_from(self, index: int) -> int:
        """Where a block of headers ends that begins here; 0: it is none."""
        kinds: set[str] = set()
        last, at, plain = index, index, 0
        sure = {kind for kind in ("announced",) if self._is_announced(index)}
        while at < len(self._lines) and at - index < 40:
            kind, text = self._labels[at], self._plain[at]
            if kind is not None:
                kinds.add(kind)
                if self._evident[at]:
                    sure.add(kind)
                last, plain = at, 0
            elif self._letters[at] not in "et" or plain >= (2 if text.strip() else 1):
                break
            else:
                plain += 1
            at += 1
        certain = "subject" in kinds or ("from" in sure and {"date", "to"} <= kinds)
        return last + 1 if _are_headers(kinds, sure) and (certain or not self._is_form(index, last)) else 0

    def _is_form(self, index: int, last: int) -> bool:
        """Does a label that no mail has stand just above or below? Then somebody has filled in a form."""
        around = [at for at in (index - 1, last + 1) if 0 <= at < len(self._lines) and self._letters[at] == "t"]
        return any(self._labels[at] is None and HEADER.match(self._plain[at]) for at in around)

    def _is_lotus(self, index: int) -> bool:
        """Lotus Notes: who, below it when, below it a label without a colon."""
        if self._letters[index : index + 2] != ["t", "t"] or not has_address(self._plain[index]):
            return False
        when = self._plain[index + 1].strip()
        if len(when) > 40 or not has_day(when) or not timed(when):
            return False
        below = next((plain.strip() for plain in self._plain[index + 2 : index + 5] if plain.strip()), "")
        return below.lower() in LABEL_OF

    def _is_announced(self, index: int) -> bool:
        """Is the line above a ruler, or does it say that an older mail follows?"""
        above = next((at for at in range(index - 1, max(index - 4, -1), -1) if self._letters[at] != "e"), -1)
        return above >= 0 and (self._letters[above] in "rc" or bool(ORIGINAL.match(self._plain[above].strip())))

    # --- what is left out ---------------------------------------------------------------------

    def _cut_older_mail(self) -> None:
        """Where all below is an older mail and there is text above: only what is above."""
        first = next((index for index, letter in enumerate(self._letters) if letter in "tc"), -1)
        index, end = -1, 0
        for index in [at for at, letter in enumerate(self._letters) if letter == "c"]:
            if index < end:
                continue
            end = self._quoted_from(index, alone=first == index)
            if not end:
                break
            # The older mail is marked as quoted: its headers are but an introduction.
            self._letters[index:end] = ["b" if letter in "ch" else letter for letter in self._letters[index:end]]
        if end or index < 0:
            return
        greeted = self._only_greeting(index) and not FORWARDED.match(self._plain[index].strip())
        if first == index or greeted or self._answers_below(index):
            self._keep_all()
            return
        self._keep(index)
        self._trim("er")
        if self._plain and self._letters.count("t") > 1 and _is_title(self._plain[-1].strip()):
            self._keep(len(self._lines) - 1)

    def _quoted_from(self, index: int, *, alone: bool) -> int:
        """Where the quoted lines of an older mail begin whose headers begin here; 0: they are not quoted."""
        if not alone and not ORIGINAL.match(self._plain[index].strip()):
            return 0
        end = next((at for at in range(index, len(self._letters)) if self._letters[at] not in "chbe"), -1)
        return end if end > 0 and self._letters[end] == "q" else 0

    def _answers_below(self, before: int) -> bool:
        """Does the text above say that the answers stand in the older mail?"""
        said = " ".join(
            plain for plain, letter in zip(self._plain[:before], self._letters, strict=False) if letter == "t"
        )
        return len(said) <= WIDTH and ANSWERS_BELOW.search(said) is not None

    def _keep_all(self) -> None:
        """A mail that was passed on without a word: all of it is what was said."""
        self._letters = ["t" if letter != "e" else "e" for letter in self._letters]

    def _cut_signature(self) -> None:
        text, below = 0, self._letters.count("t")
        for index, letter in enumerate(self._letters):
            below -= letter == "t"
            if letter in "tq":
                text += 1
            elif text and (letter == "d" or (letter == "r" and self._ends_at_ruler(index, below))):
                self._keep(index)
                return

    def _ends_at_ruler(self, index: int, below: int) -> bool:
        """A ruler, not one under a title, ends the reply if an older mail comes below it, or very little, or what ends like a signature.

        `below`: how many lines of text."""
        size = len(self._letters)
        following = next((at for at in range(index + 1, size) if self._letters[at] != "e"), size)
        if following == size or self._letters[following] in "qbhcs":
            return True
        if index and self._letters[index - 1] == "t" and self._is_under_title(index):
            return False
        return below <= TAIL and not self._goes_on_below(index, following)

    def _is_under_title(self, index: int) -> bool:
        title, ruler = self._plain[index - 1].strip(), self._plain[index].strip()
        return ruler[0] in "=-~" and len(ruler) > 3 and abs(len(title) - len(ruler)) <= 1

    def _goes_on_below(self, index: int, following: int) -> bool:
        """A ruler between two paragraphs, as in Markdown: empty lines around it, and sentences below."""
        if following == index + 1 or index == 0 or self._letters[index - 1] != "e":
            return False
        below = [
            plain.strip()
            for plain, letter in zip(self._plain[following:], self._letters[following:], strict=True)
            if letter == "t"
        ]
        return any(_SENTENCE.search(line) for line in below) and not any(_FOOTER.search(line) for line in below)

    def _cut_unquoted(self) -> None:
        """`Ada wrote:` above an older mail that nothing marks as quoted."""
        text = False
        last = max((index for index, letter in enumerate(self._letters) if letter == "q"), default=-1)
        for index, letter in enumerate(self._letters):
            if letter == "t":
                text = True
            elif letter == "b" and text and index > last:
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
        """`-Ada` alone at the end, or `- Ada` below an empty line."""
        if len(self._lines) < 2 or not _NAMED.match(last := self._plain[-1].strip()):
            return
        above = next((plain.strip() for plain in reversed(self._plain[:-1]) if plain.strip()), "")
        # Others make lists with dashes.
        if above.endswith((":", "：")) or above[:1] == last[0] or (self._letters[-2] != "e" and last[1] == " "):
            return
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
