"""What a style makes invisible. Only what is certain: a mail that says too much is read, one that says less is not."""

from __future__ import annotations

import re
from typing import Final

_PIECE: Final = re.compile(r"([a-z-]{1,40})\s*:\s*([^;]{0,300})")
_RULE: Final = re.compile(r"([^{}@]{1,2000})\{([^{}]{0,5000})\}")
_SELECTOR: Final = re.compile(r"[a-z]{0,10}([.#][\w-]{1,80})\Z", re.IGNORECASE)
_ZERO: Final = re.compile(r"0*(?:\.0+)?[01]?(?:\.\d+)?(?:px|pt)?\Z|0+(?:\.0+)?(?:em|rem|%|ex|vw)?\Z")
_NOTHING: Final = re.compile(r"0+(?:\.0+)?(?:px|pt|em|%)?\Z")
_RGB: Final = re.compile(r"rgba?\(\s*(\d{1,3})[,\s]+(\d{1,3})[,\s]+(\d{1,3})(?:[,\s/]+([\d.]+%?))?\s*\)")
_NAMES: Final = {"white": "ffffff", "black": "000000", "snow": "fffafa", "red": "ff0000"}


def properties(style: str) -> dict[str, str]:
    """`{"font-size": "0"}` of `font-size: 0 !important`. Later ones win."""
    text = re.sub(r"/\*.{0,1000}?\*/", "", style.lower()[:20_000])
    return {name: value.replace("!important", "").strip() for name, value in _PIECE.findall(text)}


def hides(given: dict[str, str]) -> bool:
    """Would nobody see what has this style?"""
    if given.get("display") == "none" or given.get("visibility") in ("hidden", "collapse"):
        return True
    if _ZERO.match(given.get("font-size", "x")) or given.get("mso-hide") == "all":
        return True
    if re.match(r"0(?:\.0\d*)?%?\Z", given.get("opacity", "x")):
        return True
    if given.get("overflow", "").startswith("hidden") and any(
        _NOTHING.match(given.get(side, "x")) for side in ("height", "max-height", "width", "max-width")
    ):
        return True
    return bool(re.match(r"-\d{3,}", given.get("text-indent", ""))) or (
        given.get("position") == "absolute" and bool(re.match(r"-\d{3,}", given.get("left", given.get("top", ""))))
    )


def colour(value: str) -> str | None:
    """Six hexadecimal digits; "none" for what is transparent; None for what we cannot read."""
    text = value.strip().lower()
    if text in _NAMES:
        return _NAMES[text]
    if text == "transparent":
        return "none"
    if re.match(r"#[0-9a-f]{6}\Z", text):
        return text[1:]
    if re.match(r"#[0-9a-f]{3}\Z", text):
        return "".join(digit * 2 for digit in text[1:])
    if (found := _RGB.match(text)) is not None:
        if found[4] in ("0", "0%", "0.0"):
            return "none"
        return "".join(f"{min(int(part), 255):02x}" for part in found.groups()[:3])
    return None


def hiding_names(sheet: str) -> set[str]:
    """Classes and ids (`.pre`, `#x`) that a style sheet hides on every screen."""
    found: set[str] = set()
    for selectors, body in _RULE.findall(_without_at_rules(sheet[:300_000].replace("<!--", "").replace("-->", ""))):
        if hides(properties(body)):
            for selector in selectors.split(","):
                if (simple := _SELECTOR.match(selector.strip())) is not None:
                    found.add(simple[1].lower())
    return found


def _without_at_rules(sheet: str) -> str:
    out: list[str] = []
    depth, at, begin = 0, False, 0
    for index, character in enumerate(sheet):
        if character == "@" and depth == 0:
            at = True
        elif character == ";" and depth == 0:
            at = False
            begin = index + 1
        elif character == "{":
            depth += 1
        elif character == "}":
            depth = max(depth - 1, 0)
            if depth == 0:
                if not at:
                    out.append(sheet[begin : index + 1])
                at, begin = False, index + 1
    return "".join(out)
