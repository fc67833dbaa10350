"""`warmline run`: the desk, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable

import uvicorn
from rich.console import Console

from bot.app import public_url, warmline
from bot.settings import Settings


class PortTaken(Exception):
    """Somebody listens there already; the text says what to do."""


def listening(settings: Settings) -> socket.socket:
    """The socket that requests will come in by, bound before anything costly is done.

    Raises:
        PortTaken: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise PortTaken(
            f"Cannot listen on {settings.host}:{settings.port} ({getattr(error, 'strerror', error)}). "
            "Stop what uses it, or set WARMLINE_PORT to another port and WARMLINE_HOST to an address of this machine."
        ) from error
    return listener


async def serve(settings: Settings, listener: socket.socket, console: Console, ready: Callable[[], None]) -> None:
    """Run until SIGINT or SIGTERM; then finish what is being sent and stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    port = listener.getsockname()[1]
    settings = settings.model_copy(update={"port": port})
    with console.status("Starting") as status:
        async with contextlib.AsyncExitStack() as stack:
            house = await stack.enter_async_context(warmline(settings, progress=status.update))
            config = uvicorn.Config(
                house.app, lifespan="off", access_log=False, log_config=None, timeout_graceful_shutdown=3,
                server_header=False, proxy_headers=False, http="httptools", ws="none",
            )  # fmt: skip
            server = uvicorn.Server(config)
            server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
            status.stop()
            serving = asyncio.create_task(_served(server, listener))
            while not server.started and not serving.done():
                await asyncio.sleep(0.01)
            console.print(f"Customers write to  {public_url(settings)}/api/web/messages")
            console.print(f"Agents work with    {public_url(settings)}/api/docs")
            ready()
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
            console.print("Stopping")
            for channel in house.channels.values():
                await channel.stop()  # lets open event streams end
            server.should_exit = True
            await serving
            stopped.cancel()


async def _served(server: uvicorn.Server, listener: socket.socket) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        # `serve` would take the signals for itself; ours stop the house first.
        await server._serve(sockets=[listener])
