"""Our scripts, styles and pictures: read once, packed once, under addresses that change with their content.

All files share one address, `/static/<digest of them all>/`, so that modules find each other by relative names, and a
browser may keep each for ever.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.web.bundles import BUNDLES, bundle

STATIC: Final = Path(__file__).with_name("static")
_FOREVER: Final = "public, max-age=31536000, immutable"
_BRIEFLY: Final = "public, max-age=300"
PACKED_FROM: Final = 1000
"""Bytes; what is smaller travels as it is."""
_PACKED_TYPES: Final = ("text/", "application/json", "image/svg+xml")


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    content: bytes
    packed: bytes | None
    media_type: str


class Assets:
    """The files of one folder, in memory."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _file(path.name, path.read_bytes())
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        }
        for name, parts in BUNDLES.items():
            if all(part in self._files for part in parts):
                self._files[name] = _file(name, bundle(self.text, parts).encode())
        whole = hashlib.sha256()
        for name, file in self._files.items():
            whole.update(f"{name}\0{len(file.content)}\0".encode() + file.content)
        self.digest = whole.hexdigest()[:16]

    def url(self, name: str) -> str:
        """Where a file is served.

        Raises:
            KeyError: there is none of this name: a mistake in a template.
        """
        if name not in self._files:
            raise KeyError(f"there is no {name!r} in {STATIC}")
        return f"/static/{self.digest}/{name}"

    def text(self, name: str) -> str:
        """A file's text, for what is put together from it."""
        return self._files[name].content.decode()

    def route(self) -> Route:
        return Route("/static/{digest}/{name:path}", self._serve)

    async def _serve(self, request: Request) -> Response:
        file = self._files.get(request.path_params["name"])
        if file is None:
            return PlainTextResponse("There is nothing at this address.", 404)
        # A page from before an upgrade asks by the old address: it gets today's file, and does not keep it.
        current = request.path_params["digest"] == self.digest
        return packed_response(
            request.headers,
            file.content,
            file.packed,
            media_type=file.media_type,
            headers={
                "Cache-Control": _FOREVER if current else _BRIEFLY,
                "Access-Control-Allow-Origin": "*",  # modules of the chat are fetched by other websites; all is public
                "Cross-Origin-Resource-Policy": "cross-origin",
            },
        )


@functools.cache
def own_assets() -> Assets:
    """Those of this program: read and packed once, however many desks a process opens."""
    return Assets()


def packed_response(
    asked: Headers,
    content: bytes,
    packed: bytes | None,
    *,
    media_type: str,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """The content, packed if there is a packed form and the client takes it."""
    headers = {**(headers or {}), "Vary": "Accept-Encoding"}
    if packed is not None and "gzip" in asked.get("accept-encoding", ""):
        return Response(packed, status, media_type=media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(content, status, media_type=media_type, headers=headers)


def pack(content: bytes, *, level: int = 6) -> bytes | None:
    """gzip of it, where that is worth it. The same bytes each time."""
    return gzip.compress(content, level, mtime=0) if len(content) >= PACKED_FROM else None


def _file(name: str, content: bytes) -> _File:
    media_type = {".js": "text/javascript", ".svg": "image/svg+xml"}.get(Path(name).suffix)
    media_type = media_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
    packable = media_type.startswith(_PACKED_TYPES)
    if packable and media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    return _File(content=content, packed=pack(content, level=9) if packable else None, media_type=media_type)
