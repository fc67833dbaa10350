"""A small HTTP/1.1 server that can be as rude as a platform on a bad day.

Frameworks protect a client from what we need to test: a connection reset after the work was done, an answer that
never comes, a door that is closed for a while. So the loopback platforms stand on plain asyncio streams.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

log = logging.getLogger(__name__)

HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, read to its end. `gone` is set when the client hangs up; the work goes on without it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def json(self) -> Any:
        return json.loads(self.body or b"{}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
        """As JSON in ASCII, so that lone surrogates survive the way as they do on real platforms."""
        return cls(
            status=status,
            body=json.dumps(data).encode("ascii"),
            headers={"content-type": "application/json", **(headers or {})},
        )


class Cut(Exception):
    """Raised by a handler: end the connection without an answer. `reset`: with a TCP reset, else a plain close."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__("reset" if reset else "close")
        self.reset = reset


Handler = Callable[[Request], Awaitable[Reply]]


class PlainServer:
    """Serves one handler on 127.0.0.1. `shut` and `open` again on the same port: the platform was away."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_open(self) -> bool:
        return self._server is not None

    async def open(self, port: int | None = None) -> None:
        """Listen; on the port of last time if none is named, on any free one at first."""
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port if port is None else port, limit=HEAD_LIMIT, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Refuse new connections and break the open ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._converse(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.transport.abort())  # a task cancelled before it began closes nothing

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                writer.write(_encode(await self._answer(request, reader)))
                await writer.drain()
        except Cut as cut:
            if cut.reset:
                _reset_on_close(writer)
            writer.transport.abort()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            writer.close()
            with contextlib.suppress(Exception):
                await writer.wait_closed()

    async def _answer(self, request: Request, reader: asyncio.StreamReader) -> Reply:
        """Call the handler; meanwhile notice a client that hangs up."""
        watch = asyncio.create_task(_watch(reader, request.gone))
        try:
            return await self._handler(request)
        except Cut:
            raise
        except Exception as error:
            log.exception("the loopback platform itself failed at %s %s", request.method, request.path)
            return Reply.of({"error": f"{type(error).__name__}: {error}"}, 500)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)


async def _watch(reader: asyncio.StreamReader, gone: asyncio.Event) -> None:
    with contextlib.suppress(ConnectionError):
        await reader.read(1)  # nobody pipelines here: the next thing to read is the end
    gone.set()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """The next request, or None when the client is done or talks nonsense."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines if x)}
        length = int(headers.get("content-length", "0"))
        if length > BODY_LIMIT:
            return None
        body = await reader.readexactly(length)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
        return None
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Request(method=method, path=unquote(parts.path), query=query, headers=headers, body=body)


def _encode(reply: Reply) -> bytes:
    head = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    head += [f"{name}: {value}" for name, value in reply.headers.items()]
    head.append(f"content-length: {len(reply.body)}")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + reply.body


def _reset_on_close(writer: asyncio.StreamWriter) -> None:
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
