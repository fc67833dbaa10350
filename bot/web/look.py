"""How our own pages look: one style sheet, inside each page and allowed by its hash, so that nothing is fetched."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
_STYLE: Final = "".join((_HERE / name).read_text(encoding="utf-8") for name in ("static/tokens.css", "page.css"))
POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
"""The Content-Security-Policy of every such page."""
POLICY_WITH_CHAT: Final = f"{POLICY}; script-src 'self'; connect-src 'self'; img-src 'self' blob:"
"""And of those that customers may write from."""
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title><style>{style}</style>{script}</head>
<body{width}><header class="bar">{brand}</header>
<main>
{body}
</main></body></html>
"""


def framed(
    body: str, *, title: str, brand: str, home: str | None = None, wide: bool = False, chat: bool = False
) -> str:
    """A whole page around `body`, which is HTML; `title` and `brand` are text, `home` is where the brand leads."""
    name = f"<i></i>{escape(brand)}"
    return _PAGE.format(
        title=escape(title),
        style=_STYLE,
        script='<script async src="/widget.js"></script>' if chat else "",
        width=' class="wide"' if wide else "",
        brand=f'<a class="brand" href="{escape(home)}">{name}</a>' if home else f'<span class="brand">{name}</span>',
        body=body,
    )
