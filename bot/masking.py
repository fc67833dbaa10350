"""Hides what must not be kept or logged: card numbers, IBANs, passwords, keys and tokens.

What is hidden is replaced by its kind in brackets, so a reader knows what stood there. E-mail addresses stay: support
cannot work without them. Linear in the length of the text, and masking twice changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from itertools import accumulate
from typing import Any, Final

LONGEST_LOGGED: Final = 2000
_DEEPEST: Final = 8
_SHORTEST: Final = 13
_LONGEST: Final = 19
"""Digits of a card number."""

# Long runs of digits in groups, as on a card; whether they are one is for `_card` to say.
_DIGITS: Final = re.compile(r"(?<!\w)\d(?:[ -]?\d){12,}+(?!\w)")
_IBAN: Final = re.compile(r"(?<!\w)[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?!\w)")
# Shapes that the issuers document; none occurs in prose.
_KEYS: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{8,128}|sk_[A-Za-z0-9_]{12,128}|sk-[A-Za-z0-9_-]{16,200}"
    r"|whsec_[A-Za-z0-9+/=]{16,128}|gh[pousr]_[A-Za-z0-9]{16,255}|github_pat_[A-Za-z0-9_]{20,255}|glpat-[A-Za-z0-9_-]{16,64}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{8,255}|xapp-[A-Za-z0-9-]{10,255}|(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}"
    r"|AIza[A-Za-z0-9_-]{30,64}|ya29\.[A-Za-z0-9_-]{20,512}|SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,128}"
    r"|npm_[A-Za-z0-9]{30,64}|pypi-[A-Za-z0-9_-]{32,512}|hf_[A-Za-z0-9]{20,64}|\d{8,10}:AA[A-Za-z0-9_-]{30,40}"
    r"|[MN][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,45}"
    r")(?![A-Za-z0-9])"
)
_JWT: Final = re.compile(r"(?<![\w.-])eyJ[A-Za-z0-9_-]{5,8192}\.[A-Za-z0-9_-]{2,8192}(?:\.[A-Za-z0-9_-]{0,8192})?")
_PEM: Final = re.compile(r"-----BEGIN ([A-Z ]{0,30}PRIVATE KEY)-----(?:(?!-----)[\s\S]){0,20000}(?:-----END \1-----)?")
_BEARER: Final = re.compile(
    r"(?i)(?<!\w)(bearer|basic|authorization:\s{0,3}token)\s{1,3}(?!\[)([A-Za-z0-9+/_.~=-]{12,4096})"
)
_URL_LOGIN: Final = re.compile(r"(?i)(?<=://)([^\s:/@]{1,100}):(?!\[)([^\s:/@]{1,200})@")
# "password is X", "pw: X", "pass = X": the next word is the secret. "the password is wrong" tells no secret.
_PASSWORD: Final = re.compile(
    r"(?i)(?<![\w])((?:(?:my|the|our|new|old|current|wifi|login|user|admin|root)[ _])?"
    r"(?:password|passwd|passwort|passphrase|passcode|kennwort|contraseña|senha|pwd|pw|pass|pin(?:[ _]?code)?|cvv2?|cvc"
    r"|secret|api[ _-]?key|access[ _-]?key|client[ _-]?secret|auth[ _-]?token|token))"
    r"(?:[ \t]{0,3}[\"']?(?:[:=]|=>|->)[ \t]{0,3}|[ \t]{1,3}(?:is|ist|es|was|to)[ \t]{0,2}[:=]?[ \t]{1,3})"
    r"([\"'`]?)(?!\[)([^\s\"'`]{1,256})"
)
_NOT_SECRET: Final = frozenset(
    [
        "wrong",
        "incorrect",
        "invalid",
        "not",
        "correct",
        "right",
        "expired",
        "the",
        "a",
        "an",
        "my",
        "no",
        "lost",
        "gone",
        "forgotten",
        "too",
        "weak",
        "short",
        "long",
        "being",
        "reset",
        "required",
        "empty",
        "still",
        "blocked",
        "changed",
        "missing",
        "rejected",
        "refused",
        "unknown",
        "none",
        "null",
        "true",
        "false",
        "broken",
        "that",
        "always",
        "never",
        "now",
        "also",
        "saying",
        "login",
        "log",
        "get",
        "enter",
        "access",
        "be",
        "work",
        "working",
        "it",
        "this",
        "sent",
        "case",
        "please",
    ]
)


def mask(text: str) -> str:
    """The text without secrets. Never raises; `mask(mask(t)) == mask(t)`."""
    if not text:
        return text
    if "-----BEGIN" in text:
        text = _PEM.sub("[private key]", text)
    if "://" in text:
        text = _URL_LOGIN.sub(r"\1:[password]@", text)
    text = _JWT.sub("[token]", text)
    text = _BEARER.sub(r"\1 [token]", text)
    text = _KEYS.sub("[key]", text)
    text = _PASSWORD.sub(_password, text)
    text = _hide_ibans(text)
    return _DIGITS.sub(_card, text)


def mask_event(logger: Any, name: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: masks every text in the event, however nested, and cuts what is too long for a log."""
    for key, value in list(event_dict.items()):
        event_dict[key] = _trace(value) if key == "exception" else _masked(value, _DEEPEST)
    return event_dict


def _trace(value: Any) -> Any:
    """A traceback says last what has failed: of a long one the end is kept, and the first line."""
    if not isinstance(value, str) or len(value) <= LONGEST_LOGGED:
        return _masked(value, _DEEPEST)
    first, _, _ = value.partition("\n")
    return f"{mask(first[:200])}\n…{mask(value[-LONGEST_LOGGED * 2 :])}"


def _masked(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _cut(mask(value[: LONGEST_LOGGED * 4]), len(value))
    if isinstance(value, bytes):
        return _masked(value.decode("utf-8", "replace"), depth)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if depth == 0:
        return "[too deep]"
    if isinstance(value, Mapping):
        return {_masked(key, depth - 1): _masked(item, depth - 1) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_masked(item, depth - 1) for item in value))
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(_masked(item, depth - 1) for item in value)
    return value


def _cut(text: str, whole: int) -> str:
    if len(text) <= LONGEST_LOGGED and whole <= LONGEST_LOGGED * 4:
        return text
    return f"{text[:LONGEST_LOGGED]}… [{whole} characters]"


def _password(match: re.Match[str]) -> str:
    secret = match[3]
    if secret.casefold().strip(".,;!?)") in _NOT_SECRET:
        return match[0]
    before = match[0][: match.start(3) - match.start()]
    return f"{before}[secret]"


def _hide_ibans(text: str) -> str:
    kept: list[str] = []
    written = looked = 0
    while match := _IBAN.search(text, looked):
        length = _iban_length(match[0])
        if length:
            kept += text[written : match.start()], "[iban]"
            written = match.start() + length
        looked = match.start() + (length or 1)
    return "".join(kept) + text[written:]


def _iban_length(text: str) -> int:
    """How much of the text is an IBAN by ISO 13616's check digits; 0: none. Words after it may have been taken in."""
    if not text[:4].isascii():
        return 0
    country = int("".join(str(int(char, 36)) for char in text[:4]))  # six digits, which count after all others
    length = rest = 0
    taken = 4
    for end, char in enumerate(text[4:], 5):
        if not char.isalnum():
            continue
        value = int(char, 36)
        rest = (rest * (10 if value < 10 else 100) + value) % 97
        taken += 1
        if taken >= 15 and not text[end : end + 1].isalnum() and (rest * 1_000_000 + country) % 97 == 1:
            length = end
    return length


def _card(match: re.Match[str]) -> str:
    """Each 13 to 19 digits of it, from group edge to group edge, that are a card number by ISO 7812's check digit."""
    text = match[0]
    places = [at for at, char in enumerate(text) if char.isdigit()]
    sums = _sums([int(text[at]) for at in places])
    kept: list[str] = []
    written = first = 0
    while first <= len(places) - _SHORTEST:
        length = _card_length(text, places, sums, first)
        if length:
            kept += text[written : places[first]], "[card]"
            written = places[first + length - 1] + 1
        first += length or 1
    return "".join(kept) + text[written:]


def _card_length(text: str, places: list[int], sums: tuple[list[int], list[int]], first: int) -> int:
    """How many digits the card number that begins at the digit `first` has; 0 if none does."""
    if places[first] and text[places[first] - 1].isdigit():
        return 0  # within a group
    for after in range(min(first + _LONGEST, len(places)), first + _SHORTEST - 1, -1):
        end = places[after - 1] + 1
        luhn = sums[after % 2][after] - sums[after % 2][first]
        if luhn and luhn % 10 == 0 and not text[end : end + 1].isdigit():
            return after - first
    return 0


def _sums(digits: list[int]) -> tuple[list[int], list[int]]:
    """Of the digits before each place, for Luhn: with the ones at odd places doubled, for numbers of which the last
    is at an even one (so that they end before an odd place), and the other way around.
    """
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits]
    even, odd = digits[:], doubled[:]
    even[1::2], odd[1::2] = doubled[1::2], digits[1::2]
    return list(accumulate(odd, initial=0)), list(accumulate(even, initial=0))
