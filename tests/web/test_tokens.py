"""One set of colours. CSS makes us write some of it more than once: what is written again is the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "bot/web"
TOKENS = (WEB / "static/tokens.css").read_text()
PANEL = (WEB / "static/chat/panel.css").read_text()
OWN = {"--shadow"}
"""Of the panel alone: it floats over websites that are not ours."""


def blocks(css: str, selector: str) -> list[dict[str, str]]:
    """The custom properties of each rule with that selector, colours at their full length."""
    found = re.findall(re.escape(selector) + r"\s*\{([^{}]*)\}", re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL))
    return [
        {name: re.sub(r"^#(\w)(\w)(\w)$", r"#\1\1\2\2\3\3", value.strip()) for name, value in pairs}
        for block in found
        if (pairs := re.findall(r"(--[\w-]+)\s*:\s*([^;]+)", block))
    ]


LIGHT = blocks(TOKENS, ":root")[0]
(DARK,) = blocks(TOKENS, ':root[data-theme="dark"]')


def test_dark_is_dark_whoever_asks_for_it() -> None:
    assert blocks(TOKENS, ':root:not([data-theme="light"])') == [DARK]
    assert blocks(PANEL, ":host([data-theme=dark])") == blocks(PANEL, ":host(:not([data-theme=light]))")
    assert set(DARK) <= set(LIGHT)
    assert len(DARK) > 40


@pytest.mark.parametrize(("selector", "ours"), [(":host", LIGHT), (":host([data-theme=dark])", DARK)])
def test_the_chat_has_the_colours_of_the_pages(selector: str, ours: dict[str, str]) -> None:
    theirs = {name: value for name, value in blocks(PANEL, selector)[0].items() if name not in OWN}
    assert len(theirs) > 20
    assert theirs == {name: ours[name] for name in theirs}


@pytest.mark.parametrize(
    "sheet", [WEB / "page.css", *sorted((WEB / "static").glob("*.css")), *sorted((WEB / "static/desk").glob("*.css"))],
    ids=lambda path: path.name,
)  # fmt: skip
def test_what_a_sheet_names_is_a_token(sheet: Path) -> None:
    css = sheet.read_text()
    used = set(re.findall(r"var\((--[\w-]+)", css))
    own = set(re.findall(r"(--[\w-]+)\s*:", css))
    everything = {name for block in blocks(TOKENS, ":root") for name in block}
    assert used - own - everything == set()
