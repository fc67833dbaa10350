"""Files that customers send and fetch: taken in bounded memory, looked at by their first bytes, never opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response

from channels import filetypes
from channels.contract import Attachment, Content
from channels.web.checks import BODY_AT_MOST, Refused

MOST: Final = 5
"""Files in one message."""
TOGETHER: Final = 25_000_000
"""Bytes of all files of one message."""
UPLOADS_AT_MOST: Final = TOGETHER + BODY_AT_MOST
"""Bytes of a request with files."""
FIELDS: Final = ("conversation", "id", "text", "name", "email", "button")
AT_ONCE: Final = 32
"""Requests with files that are read at the same time; each holds little memory and a file on disk."""
KEPT_AT_ONCE: Final = 3
"""Messages whose files are in memory at the same time, on their way to the database."""
PREFIX: Final = "refused:"
"""In an attachment's `reference`: the file was not kept, and why."""


class _Parser(MultiPartParser):
    """Starlette's, with little in memory: what is larger goes to a file that has no name."""

    spool_max_size = 64_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A request with files: its fields, and the files where they were put meanwhile."""

    fields: Mapping[str, Any]
    files: Sequence[UploadFile]


class Uploads:
    """Takes requests with files, so many at once."""

    def __init__(self, *, at_most: int) -> None:
        """`at_most`: bytes of one file; 0: no files are taken."""
        self.at_most = at_most
        self._reading = 0
        self._keeping = asyncio.Semaphore(KEPT_AT_ONCE)

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[Upload]:
        """The fields and files of a request; they are gone when the block ends.

        Raises:
            Refused: it is too long, no form, or too many are being read.
        """
        if self._reading >= AT_ONCE:
            raise Refused(503, "busy", "Many files are arriving at once. Send this again in a moment.", retry_after=3)
        declared = request.headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > UPLOADS_AT_MOST:
            raise _too_large()
        self._reading += 1
        try:
            form = await _form(request)
        finally:
            self._reading -= 1
        try:
            yield _upload(form)
        finally:
            await form.close()

    @asynccontextmanager
    async def room(self) -> AsyncIterator[None]:
        """Files may be in memory in this block."""
        async with self._keeping:
            yield

    async def attachments(self, upload: Upload) -> tuple[Attachment, ...]:
        """The files as they are kept; of one that is not its name and why. Call it in `room`."""
        return tuple([await self._attachment(file) for file in upload.files])

    async def _attachment(self, file: UploadFile) -> Attachment:
        name, size = file.filename or "file", file.size or 0
        found = filetypes.look(name, await file.read(filetypes.HEAD))
        fault = "large" if found.fault is None and size > self.at_most else found.fault
        if fault is not None:
            return Attachment(name=name, media_type=found.media_type, size=size, reference=f"{PREFIX}{fault}")
        await file.seek(0)
        return Attachment(name=name, media_type=found.media_type, size=size, content=await file.read())


def is_form(request: Request) -> bool:
    """Does the request say that it brings files?"""
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


async def _form(request: Request) -> FormData:
    parser = _Parser(
        request.headers, _counted(request), max_files=MOST, max_fields=len(FIELDS) + 4, max_part_size=BODY_AT_MOST
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        if "files" in error.message:
            raise Refused(
                413, "too_many_files", f"More than {MOST} files came at once. Send them in several messages.",
                field="file",
            ) from None  # fmt: skip
        raise Refused(400, "not_a_form", f"The form cannot be read: {error.message}") from None
    except (KeyError, ValueError):
        raise Refused(400, "not_a_form", "The form cannot be read. Send multipart/form-data in UTF-8.") from None


async def _counted(request: Request) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > UPLOADS_AT_MOST:
            raise _too_large()
        yield chunk


def _too_large() -> Refused:
    return Refused(
        413, "too_large", f"The files are over {TOGETHER // 1_000_000} MB together. Send fewer at once.", field="file"
    )


def _upload(form: FormData) -> Upload:
    fields: dict[str, Any] = {}
    for name in FIELDS:
        value = form.get(name)
        if isinstance(value, str) and (value or name == "text"):
            fields[name] = value
    files = [file for file in form.getlist("file") if isinstance(file, UploadFile) and (file.filename or file.size)]
    return Upload(fields=fields, files=files)


def served(content: Content) -> Response:
    """A file for whoever may have it: shown only if it is a picture, otherwise saved; it can do nothing either way."""
    inline = content.media_type in filetypes.INLINE
    plain = "".join(character if character.isascii() and character not in '"\\%' else "_" for character in content.name)
    return Response(
        content.data,
        media_type=content.media_type or "application/octet-stream",
        headers={
            "Content-Disposition": (
                f'{"inline" if inline else "attachment"}; filename="{plain}"; '
                f"filename*=UTF-8''{quote(content.name, safe='')}"
            ),
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "private, max-age=86400",
        },
    )
