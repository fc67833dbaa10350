"""Files that customers send: fetched at once, for their addresses expire; in bounded memory, never opened."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from channels import filetypes
from channels.contract import Attachment, InboundMessage
from channels.discord.settings import DiscordSettings

log = logging.getLogger(__name__)

WITHIN: Final = 10.0
"""Seconds for all files of one message: the words do not wait longer."""
TOGETHER: Final = 25_000_000
"""Bytes of all files of one message."""
REFUSED: Final = "refused:"
"""In an attachment's `reference`: the file was not kept, and why."""
CHUNK: Final = 65_536


class Files:
    """Fetches from Discord's file host and nowhere else, and never shows our token there."""

    def __init__(self, settings: DiscordSettings) -> None:
        self._settings = settings
        own = _origin(settings.cdn_url)
        discords = {("https", host, 443) for host in ("cdn.discordapp.com", "media.discordapp.net")}
        self._origins = discords if own in discords else {own}
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=WITHIN), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            )

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def fetched(self, message: InboundMessage) -> InboundMessage:
        """The message with what is in its files; of one that is not kept its name and why. Never raises."""
        if not message.attachments:
            return message
        until = asyncio.get_running_loop().time() + WITHIN
        left, files = TOGETHER, []
        for file in message.attachments:
            got = await self._fetched(file, left, until)
            left -= len(got.content or b"")
            files.append(got)
        return replace(message, attachments=tuple(files))

    async def _fetched(self, file: Attachment, left: int, until: float) -> Attachment:
        most = min(self._settings.file_max_mb * 1_000_000, left)
        if file.size > most:
            return _refused(file, "large")
        try:
            async with asyncio.timeout_at(until):
                content = await self._content(file.reference, most)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            log.warning("a file of %s was not fetched: %s", self._settings.account, type(error).__name__)
            return replace(file, reference="unfetched", content=None)
        if content is None:
            return _refused(file, "large")
        found = filetypes.look(file.name, content[: filetypes.HEAD])
        if found.fault is not None:
            return _refused(file, found.fault, found.media_type)
        return replace(file, content=content, size=len(content), media_type=found.media_type, reference="")

    async def _content(self, url: str, most: int) -> bytes | None:
        """None: it is larger than that. Raises `ValueError` for an address that is not the file host's."""
        if self._session is None or _origin(url) not in self._origins:
            raise ValueError("not an address of the file host")
        proxy = self._settings.proxy or None
        async with self._session.get(url, allow_redirects=False, proxy=proxy) as answer:
            if answer.status != 200:
                raise ValueError(f"status {answer.status}")
            if (answer.content_length or 0) > most:
                return None
            found = bytearray()
            async for chunk in answer.content.iter_chunked(CHUNK):
                found += chunk
                if len(found) > most:
                    return None
            return bytes(found)


def unfetched(message: InboundMessage) -> InboundMessage:
    """Without the files' addresses: they grant access for a while, and are nobody's business."""
    if not message.attachments:
        return message
    return replace(message, attachments=tuple(replace(file, reference="unfetched") for file in message.attachments))


def _refused(file: Attachment, fault: str, media_type: str = "") -> Attachment:
    return replace(file, media_type=media_type or file.media_type, content=None, reference=f"{REFUSED}{fault}")


def _origin(url: str) -> tuple[str, str, int]:
    """Raises `ValueError` for what is no address."""
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None or parts.scheme not in ("http", "https"):
        raise ValueError("no plain address")
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)
