"""Is a mail from whom it says? Only the server that took it for us can tell, in its Authentication-Results (RFC 8601).

Anybody can write such a header: the topmost alone counts, and only if it bears the name of our own server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

Word = Literal["pass", "fail", "none"]
"""pass: the sender's domain vouches for this mail; fail: it disowns it; none: nobody says anything."""

_LONGEST: Final = 8000
_RESULT: Final = re.compile(r"\s*([A-Za-z0-9-]{1,40})(?:/[0-9]{1,3})?\s*=\s*([A-Za-z]{1,20})(?=\s|\Z)")
_PROPERTY: Final = re.compile(r"([A-Za-z0-9-]{1,40}\.[A-Za-z0-9-]{1,40})\s*=\s*([^\s]{1,320})")


def vouched(headers: Sequence[str], authserv_id: str, sender: str) -> Word:
    """What our server says of the domain of `sender`. `headers`: from the topmost down."""
    domain = sender.rpartition("@")[2].lower().rstrip(".")
    if not headers or not authserv_id or not domain:
        return "none"
    first, *results = list(_parts(headers[0][:_LONGEST])) or [""]
    name = first.split()
    if not name or name[0].lower() != authserv_id.lower():
        return "none"
    word: Word = "none"
    for result in results:
        match = _RESULT.match(result)
        if match is None:
            continue
        method, said = match[1].lower(), match[2].lower()
        told = {key.lower(): value.strip("<>").lower() for key, value in _PROPERTY.findall(result[match.end() :])}
        if method == "dmarc" and said in ("pass", "fail"):
            of = told.get("header.from", "").rpartition("@")[2]
            return "pass" if said == "pass" and of == domain else "fail" if said == "fail" else "none"
        if said == "pass" and _aligned(_domain_of(method, told), domain):
            word = "pass"
    return word


def _domain_of(method: str, told: Mapping[str, str]) -> str:
    """For which domain a method speaks."""
    names = {"dkim": ("header.d", "header.i"), "spf": ("smtp.mailfrom",)}.get(method, ())
    return next((told[name].rpartition("@")[2] for name in names if name in told), "")


def _aligned(one: str, other: str) -> bool:
    """The same domain, or one within the other."""
    return bool(one) and "." in one and (one == other or one.endswith(f".{other}") or other.endswith(f".{one}"))


def _parts(text: str) -> Iterator[str]:
    """What stands between semicolons, without comments; a quoted string is one word without its quotes."""
    part: list[str] = []
    depth, quoted, skip = 0, False, False
    for character in text:
        if skip:
            skip = False
            if depth == 0:
                part.append("_")
        elif character == "\\" and (quoted or depth):
            skip = True
        elif character == '"' and depth == 0:
            quoted = not quoted
        elif quoted:
            # Nothing in it may end a word: `"x; dmarc=pass"@evil.example` is a strange address and no more.
            part.append("_" if character.isspace() or character in ";=()" else character)
        elif character == "(":
            depth += 1
        elif character == ")" and depth:
            depth -= 1
        elif depth == 0 and character == ";":
            yield "".join(part)
            part = []
        elif depth == 0:
            part.append(character)
    yield "".join(part)
