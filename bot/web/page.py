"""Pages from templates. Jinja escapes every value; nothing but our own files may run in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jinja2
from starlette.requests import Request
from starlette.responses import Response

from bot.web import gate
from bot.web.assets import PACKED_FROM, Assets, pack, packed_response
from store import board

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "media-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of every page made here: no inline script, no inline style, nothing from elsewhere."""
TEMPLATES: Final = Path(__file__).with_name("templates")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A part of a page as it travels, made once for several who ask."""

    content: bytes
    packed: bytes | None

    @classmethod
    def of(cls, html: str) -> Ready:
        content = html.encode()
        return cls(content=content, packed=pack(content) if len(content) >= PACKED_FROM else None)


class Pages:
    """Renders the templates of `bot/web/templates`. `common` is what every one of them may name."""

    def __init__(self, assets: Assets, common: Mapping[str, Any]) -> None:
        self.environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,  # a name that is not given is a mistake, not an empty place
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.environment.filters["many"] = many
        self.environment.globals.update(asset=assets.url, may=gate.may, **common)

    def read_all(self) -> None:
        """Read every template now: a checkout that is updated under a running desk must not mix two versions."""
        for name in self.environment.list_templates():
            self.environment.get_template(name)

    def html(self, template: str, **values: Any) -> str:
        return self.environment.get_template(template).render(values)

    def made(self, request: Request, ready: Ready) -> Response:
        """As `page`, of what was made before."""
        return packed_response(
            request.headers,
            ready.content,
            ready.packed,
            media_type="text/html; charset=utf-8",
            headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-store"},
        )

    def page(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> Response:
        """A whole page, or a part of one, for this request; never kept by anybody on the way."""
        content = self.html(template, request=request, **values).encode()
        return packed_response(
            request.headers,
            content,
            pack(content) if len(content) >= PACKED_FROM else None,
            media_type="text/html; charset=utf-8",
            status=status,
            headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-store", **(headers or {})},
        )


def many(count: int) -> str:
    """As people read it; a count that was not taken to its end says so."""
    return str(count) if count <= board.CAP else f"{board.CAP}+"
