"""A wire between a client and a real server, and hands to spoil it: cut, reset, a black hole, a cut in the middle."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Wire:
    """`dark`: bytes go nowhere, and nobody is told. `cut_after`: so many more bytes reach the client, then a reset."""

    to: int
    port: int = 0
    dark: bool = False
    cut_after: int | None = None
    connections: int = 0
    from_server: int = 0
    _sockets: set[asyncio.StreamWriter] = field(default_factory=set)

    def reset(self) -> None:
        """Every connection ends at once, with a RST."""
        for writer in list(self._sockets):
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            there, thither = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.transport.abort()
            return
        self._sockets |= {writer, thither}
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._carry(reader, thither, to_client=False))
                tasks.create_task(self._carry(there, writer, to_client=True))
        except* (ConnectionError, OSError):
            pass
        finally:
            self._sockets -= {writer, thither}
            writer.transport.abort()
            thither.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, to_client: bool) -> None:
        while data := await source.read(65536):
            if self.dark:
                continue
            if to_client:
                self.from_server += len(data)
                if self.cut_after is not None:
                    data, left = data[: self.cut_after], self.cut_after - len(data)
                    self.cut_after = max(0, left)
                    target.write(data)
                    await target.drain()
                    if left <= 0:
                        self.cut_after = None
                        self.reset()
                        raise ConnectionResetError
                    continue
            target.write(data)
            await target.drain()
        if not self.dark:
            raise ConnectionResetError("one side has left")
        await asyncio.Event().wait()


@asynccontextmanager
async def wire(to: int) -> AsyncIterator[Wire]:
    made = Wire(to=to)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.reset()
        await asyncio.sleep(0.02)
