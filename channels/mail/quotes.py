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
from channels.mail.letters import ADDRESS, WIDTH, dated, is_intro, label_of, letter_of, may_begin, normal, quick
from channels.mail.quotewords import BEGINS, ORIGINAL

LOOKED_AT: Final = 8_000
"""Lines that are held against every pattern; of those below only quoted, empty and other ones are told apart."""
INTRO_LINES: Final = 5
TAIL: Final = 6
"""Lines of text after the last quote that are a signature rather than an answer."""
_ENDS: Final = ":：>]"
_NAMED: Final = re.compile(r"[-–—]\s?[^\W\d_a-z][^\W\d_]{1,20}(?:\s[^\W\d_]{1,20}\.?){0,3}\Z")
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
        self._plain = [normal(text) if text and text[0] != ">" else "" for text in self._lines[:LOOKED_AT]]
        self._letters = [letter_of(plain, line) for plain, line in zip(self._plain, lines, strict=False)]
        # So many lines nobody wrote: what is plain to see of the others is enough.
        self._plain += [""] * (len(lines) - len(self._plain))
        self._letters += [quick(line) for line in self._lines[LOOKED_AT:]]
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
            if text[-1] in _ENDS and is_intro(text, followed=self._letters[at + 1 : at + 4]):
                return 0 if self._begins_later(index + 1, at) else count
        return 0

    def _begins_later(self, index: int, end: int) -> bool:
        """Is what lies between enough? Then the lines above it are the answer's."""
        return any(
            (BEGINS.match(self._plain[at]) or self._plain[at].strip()[:1].isdigit())
            and is_intro(" ".join(each.strip() for each in self._plain[at : end + 1]), followed=())
            for at in range(index, end + 1)
        )

    def _find_headers(self) -> None:
        """`From: … Sent: … To: … Subject: …`, in any order, with lines that go on."""
        index, size = 0, len(self._lines)
        self._labels = [
            label_of(plain) if letter in "tc" else None
            for plain, letter in zip(self._plain, self._letters, strict=True)
        ]
        self._evident = [
            kind is not None and bool(ADDRESS.search(plain) or (kind == "date" and dated(plain)))
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
