"""Fetches what customers send: from the configured server only, in bounded memory, looked at by its first bytes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx
from telegram.error import TelegramError

from channels import filetypes
from channels.contract import Attachment
from channels.telegram.api import Api, Refused, certificates, said
from channels.telegram.content import FileRef
from channels.telegram.settings import TELEGRAM_TAKES, TelegramSettings

log = logging.getLogger(__name__)

REFUSED: Final = "refused:"
"""In an attachment's `reference`: it was not kept, and why."""
AWAY: Final = f"{REFUSED}away"
"""It could not be fetched."""
AT_ONCE: Final = 3
TRIES: Final = 3


class _Gone(Exception):
    """It cannot be fetched, now or ever."""


class Files:
    """One account's."""

    def __init__(self, settings: TelegramSettings, api: Api) -> None:
        self._settings = settings
        self._api = api
        self._at_most = settings.file_at_most
        if settings.is_public:
            self._at_most = min(self._at_most, TELEGRAM_TAKES)
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._base = f"{settings.files}/bot{settings.token}"
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(settings.timeout, connect=settings.connect_timeout),
            limits=httpx.Limits(max_connections=AT_ONCE, keepalive_expiry=2.0),
            verify=certificates(), trust_env=False, follow_redirects=False, proxy=settings.proxy or None,
        )  # fmt: skip

    async def close(self) -> None:
        await self._client.aclose()

    async def attachments(self, files: Sequence[FileRef], *, until: float) -> tuple[Attachment, ...]:
        """Each with its content, or with why there is none. Never raises for a file. `until`: of the loop's clock."""
        return tuple(await asyncio.gather(*(self._in_time(file, until) for file in files)))

    async def _in_time(self, file: FileRef, until: float) -> Attachment:
        if file.size > self._at_most:
            return _without(file, f"{REFUSED}large", file.size)
        try:
            async with asyncio.timeout_at(until), self._turn:
                return await self._attachment(file)
        except TimeoutError:
            log.warning("a file of %s was not fetched in time", self._settings.account)
        except Exception as error:  # whatever a server says or a name holds: the words go on
            log.warning("a file of %s was not fetched: %s", self._settings.account, type(error).__name__)
        return _without(file, AWAY, file.size)

    async def _attachment(self, file: FileRef) -> Attachment:
        for attempt in range(TRIES):
            try:
                return self._looked_at(file, await self._fetch(file))
            except _Gone as error:
                log.warning("a file of %s was not fetched: %s", self._settings.account, error)
                break
            except (TelegramError, httpx.HTTPError) as error:
                if isinstance(error, Refused) and error.status < 500 and error.status != 429:
                    log.warning("a file of %s was not fetched: %s", self._settings.account, said(error))
                    large = "too big" in error.description.lower()
                    return _without(file, f"{REFUSED}large" if large else AWAY, file.size)
                log.warning("a file of %s is tried again: %s", self._settings.account, type(error).__name__)
                await asyncio.sleep(self._settings.retry_base * 2**attempt)
        return _without(file, AWAY, file.size)

    def _looked_at(self, file: FileRef, data: bytes | None) -> Attachment:
        if data is None:
            return _without(file, f"{REFUSED}large", max(file.size, self._at_most + 1))
        found = filetypes.look(file.name, data[: filetypes.HEAD])
        if found.fault is not None:
            return _without(file, f"{REFUSED}{found.fault}", len(data), found.media_type)
        return Attachment(name=file.name, media_type=found.media_type, size=len(data), content=data)

    async def _fetch(self, file: FileRef) -> bytes | None:
        """None: it is larger than what we keep."""
        path = (await self._api.file(file.id)).get("file_path")
        if not isinstance(path, str) or not path:
            raise _Gone("the server names no path")
        if self._settings.local_mode:
            return await asyncio.to_thread(_on_disk, Path(self._settings.local_files), Path(path), self._at_most)
        if path.startswith("/") or ".." in path.split("/") or "\\" in path or "://" in path:
            raise _Gone("the server names a path that leads elsewhere; is local_mode missing in the settings?")
        return await self._download(f"{self._base}/{quote(path)}")

    async def _download(self, url: str) -> bytes | None:
        async with self._client.stream("GET", url) as answer:
            if answer.status_code != httpx.codes.OK:
                if answer.status_code < 500:
                    raise _Gone(f"the server answered {answer.status_code}")
                raise httpx.RemoteProtocolError(f"the server answered {answer.status_code}")
            declared = answer.headers.get("content-length", "")
            if declared.isascii() and declared.isdigit() and int(declared[:20]) > self._at_most:
                return None
            data = bytearray()
            async for chunk in answer.aiter_bytes(65_536):
                data += chunk
                if len(data) > self._at_most:
                    return None
        return bytes(data)


def _on_disk(folder: Path, path: Path, at_most: int) -> bytes | None:
    """A file of the server beside us; nothing outside of its folder."""
    try:
        found, home = path.resolve(strict=True), folder.resolve(strict=True)
        if not found.is_relative_to(home) or not found.is_file():
            raise _Gone("the server names a file outside of local_files")
        with found.open("rb") as file:
            data = file.read(at_most + 1)
    except OSError as error:
        raise _Gone(f"the file cannot be read ({type(error).__name__})") from None
    return data if len(data) <= at_most else None


def _without(file: FileRef, reference: str, size: int, media_type: str = "") -> Attachment:
    return Attachment(
        name=file.name, media_type=media_type or "application/octet-stream", size=size, reference=reference
    )
