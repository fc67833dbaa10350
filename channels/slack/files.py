"""Files that customers send: fetched with our token from Slack alone, in bounded memory, looked at, never opened."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import aiohttp

from channels import filetypes
from channels.contract import Attachment, TemporaryFailure
from channels.slack.api import Api
from channels.slack.settings import SlackSettings

log = logging.getLogger(__name__)

PREFIX: Final = "refused:"
"""In an attachment's `reference`: the file was not kept, and why."""
MOST: Final = 10
"""Files of one message whose content is fetched."""
_CHUNK: Final = 65_536


class Files:
    """Fetches what came with a message."""

    def __init__(self, api: Api, settings: SlackSettings) -> None:
        self._api = api
        self._settings = settings

    async def fetch(self, files: Sequence[Mapping[str, Any]]) -> tuple[Attachment, ...]:
        """All of them, each with its content or with why not. Never raises for a file: the words matter more."""
        tasks = [asyncio.create_task(self._one(file)) for file in files[:MOST]]
        if tasks:
            try:
                await asyncio.wait(tasks, timeout=self._settings.file_timeout)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        done = [
            task.result() if not task.cancelled() and task.exception() is None else _refused(file, "other")
            for task, file in zip(tasks, files, strict=False)
        ]
        return (*done, *(_refused(file, "other") for file in files[MOST:]))

    async def _one(self, file: Mapping[str, Any]) -> Attachment:
        url = file.get("url_private_download") or file.get("url_private")
        if not isinstance(url, str) or file.get("mode") in ("tombstone", "hidden_by_limit", "external"):
            return _refused(file, "other")
        if _size(file) > self._settings.max_attachment_bytes:
            return _refused(file, "large")
        if not self._settings.may_see_token(url):
            log.warning("a file was not fetched: it does not lie with Slack")
            return _refused(file, "other")
        try:
            content = await self._content(url, file)
        except _TooLarge:
            return _refused(file, "large")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, TemporaryFailure) as error:
            log.warning("a file was not fetched: %s %s", type(error).__name__, str(error)[:200])
            return _refused(file, "other")
        found = filetypes.look(_name(file), content[: filetypes.HEAD])
        if found.fault in ("program", "active"):
            return _refused(file, found.fault)
        media_type = found.media_type or "application/octet-stream"
        return Attachment(name=_name(file), media_type=media_type, size=len(content), content=content)

    async def _content(self, url: str, file: Mapping[str, Any]) -> bytes:
        timeout = aiohttp.ClientTimeout(total=self._settings.file_timeout, sock_connect=5.0)
        async with self._api.session.get(
            url,
            headers={"Authorization": f"Bearer {self._settings.bot_token}"},
            allow_redirects=False,  # a redirect leads to a page to sign in, or away with our token
            timeout=timeout,
            proxy=self._settings.proxy or None,
        ) as answer:
            if answer.status != 200:
                raise ValueError(f"the answer was {answer.status}")
            if answer.content_type == "text/html" and "html" not in str(file.get("mimetype", "")):
                raise ValueError("the answer was a page to sign in: the app lacks the scope files:read")
            content = bytearray()
            async for chunk in answer.content.iter_chunked(_CHUNK):
                content += chunk
                if len(content) > self._settings.max_attachment_bytes:
                    raise _TooLarge
            return bytes(content)


class _TooLarge(Exception):
    """More bytes than we take."""


def unfetched(files: Sequence[Mapping[str, Any]]) -> tuple[Attachment, ...]:
    """Their names alone, where nothing can be fetched."""
    return tuple(_refused(file, "other") for file in files)


def _refused(file: Mapping[str, Any], reason: str) -> Attachment:
    return Attachment(name=_name(file), size=_size(file), reference=f"{PREFIX}{reason}")


def _name(file: Mapping[str, Any]) -> str:
    name = file.get("name") or file.get("title")
    return name[:1000] if isinstance(name, str) and name else "file"


def _size(file: Mapping[str, Any]) -> int:
    size = file.get("size")
    return size if isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**53 else 0
