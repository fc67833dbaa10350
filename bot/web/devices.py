"""A browser in words, so that its owner knows it again. Nothing is decided by it: anybody can say anything."""

from __future__ import annotations

import re
from typing import Final

_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Chromium", "Chromium"),
    ("Safari", "Safari"),
)
"""Sign and name; many claim to be those below them, too."""
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)
_READ: Final = 400
"""Characters that are looked at."""


def in_words(user_agent: str | None) -> str:
    """`Firefox on Linux`; what cannot be told is said to be unknown."""
    said = (user_agent or "")[:_READ]
    browser = next((name for sign, name in _BROWSERS if re.search(rf"\b{sign}[A-Za-z]*/", said)), None)
    system = next((name for sign, name in _SYSTEMS if sign in said), None)
    if browser is None and system is None:
        return "Unknown browser"
    return f"{browser or 'Unknown browser'} on {system}" if system else str(browser)
