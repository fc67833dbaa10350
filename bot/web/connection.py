"""A connection to a client who must get on: whoever begins a request and does not finish it is dropped."""

from __future__ import annotations

import asyncio
from typing import Any, Final, Literal

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

Part = Literal["header", "body"]

HEADER_WITHIN: Final = 20.0
"""Seconds for a whole request header, from the connection or the header's first byte on."""
BODY_WITHIN: Final = 30.0
"""Seconds without a byte of a body that is still to come."""


class Connection(HttpToolsProtocol):
    """uvicorn's, which bounds only the silence between two requests.

    It never drops a client who waits for us: neither one whose answer is still on its way (an event stream), nor one
    whom we have asked to hold back.
    """

    def __init__(
        self, *given: Any, header_within: float = HEADER_WITHIN, body_within: float = BODY_WITHIN, **named: Any
    ) -> None:
        super().__init__(*given, **named)
        self._within = {"header": header_within, "body": body_within}
        self._awaited: Part | None = "header"
        self._limited: Part | None = None
        self._limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start("header")

    def data_received(self, data: bytes) -> None:
        self._awaited = self._awaited or "header"
        super().data_received(data)
        if self._awaited is None or self.transport.is_closing():
            self._stop()
        elif self._awaited != self._limited or (self._awaited == "body" and not self.cycle.response_complete):
            self._start(self._awaited)

    def on_message_begin(self) -> None:
        self._awaited = "header"
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._awaited = "body"
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._awaited = None
        self._stop()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _start(self, awaited: Part) -> None:
        self._stop()
        self._limited = awaited
        self._limit = self.loop.call_later(self._within[awaited], self._late, awaited)

    def _stop(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = self._limited = None

    def _late(self, awaited: Part) -> None:
        answering = awaited == "header" and self.cycle is not None and not self.cycle.response_complete
        if answering or self.flow.read_paused:
            self._start(awaited)
        else:
            self.transport.abort()
