"""Serves an adapter's routes over real HTTP, as the house does, and ends at once."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any

import uvicorn
from starlette.applications import Starlette


class _QuickServer(uvicorn.Server):
    """Without uvicorn's two waits of a tenth of a second, which add up over hundreds of tests."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ended = asyncio.Event()

    async def main_loop(self) -> None:
        await self.ended.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def served(routes: Sequence[Any], port: int) -> AsyncIterator[None]:
    """These routes at http://127.0.0.1:port."""
    config = uvicorn.Config(Starlette(routes=list(routes)), port=port, lifespan="off", ws="none", log_config=None)
    server = _QuickServer(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it tells nobody when it has started
        await asyncio.sleep(0.002)
    try:
        yield
    finally:
        server.ended.set()
        await task


def free_port() -> int:
    """One that nobody listens on, for an address that must outlive a restart."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
