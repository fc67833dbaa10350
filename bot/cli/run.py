"""`warmline run`: the desk, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot.cli import garbage
from bot.cli.terminal import INTERRUPTED, Refused, Steps, say, steps, tell

if TYPE_CHECKING:
    import uvicorn

    from bot.app import Warmline
    from bot.settings import Settings

FINISH_WITHIN: Final = 3
"""Seconds that requests may still take when the desk stops."""
LEAVE_WITHIN: Final = 1.0
"""Seconds that threads may still take when it has stopped; what they make, nobody waits for."""


class Interrupted(Exception):
    """Told to stop before it had started; there is nothing to finish."""


def run() -> None:
    """Start the desk. Ctrl-C stops it; a second Ctrl-C stops it at once."""
    from bot import log
    from bot.settings import load_settings, unknown_in_environment

    settings = load_settings()
    log.set_up(settings.log_level)
    for unknown in unknown_in_environment():
        tell(unknown)
    listener = listening(settings)
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(serve(settings, listener))
        except Interrupted:
            # A thread may still be fetching or learning, and nothing waits for what it makes: every file that it
            # writes is whole or absent.
            tell("Stopped before the start was complete.")
            os._exit(INTERRUPTED)
    say("Stopped.")
    if _is_kept():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _is_kept() -> bool:
    """Is there a thread that the interpreter would wait for, left alone with a text that it never comes back from?"""
    until = time.monotonic() + LEAVE_WITHIN
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread() and not thread.daemon]
    for thread in others:
        thread.join(max(0.0, until - time.monotonic()))
    return any(thread.is_alive() for thread in others)


def listening(settings: Settings) -> socket.socket:
    """The socket that requests will come in by, bound before anything costly is done.

    Raises:
        Refused: the address cannot be had.
    """
    from store.errors import HomeUnusable

    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except (OSError, OverflowError, UnicodeError) as error:
        listener.close()
        runs = None
        with contextlib.suppress(HomeUnusable):
            runs = holder(settings.home)
        raise _refused(settings, error, runs) from error
    return listener


def holder(home: Path) -> str | None:
    """The process number of the desk that runs in this home folder ("?" before it has said so); None: no desk does.

    Raises:
        HomeUnusable: the folder cannot be looked into.
    """
    from store.errors import HomeInUse
    from store.homelock import FILE, HomeLock

    if not home.exists():
        return None  # the lock would make it
    try:
        with HomeLock(home):
            return None
    except HomeInUse:
        return (home / FILE).read_text(errors="replace").strip() or "?"


def _refused(settings: Settings, error: Exception, runs: str | None = None) -> Refused:
    host, port = settings.host, settings.port
    match error:
        case OSError(errno=errno.EADDRINUSE) if runs is not None:
            return Refused(
                f"Port {port} of {host} is in use, and a desk of this home ({settings.home}) seems to run already "
                f"(process {runs}). Use that one, or stop it first. A second desk needs WARMLINE_PORT set to another "
                "port and WARMLINE_HOME to another folder."
            )
        case OSError(errno=errno.EADDRINUSE):
            return Refused(
                f"Port {port} of {host} is in use by another program. Stop that one, or set WARMLINE_PORT to another "
                "port (0 takes a free one)."
            )
        case OSError(errno=errno.EACCES):
            return Refused(
                f"This user may not listen on port {port} of {host}. Set WARMLINE_PORT to one above 1023, or give the "
                "right."
            )
    reason = getattr(error, "strerror", None) or error
    return Refused(
        f"Cannot listen on {host}: it is no address of this machine ({reason}). Set WARMLINE_HOST to 127.0.0.1 (this "
        "machine alone), 0.0.0.0 (all addresses), or one address of this machine."
    )


async def serve(settings: Settings, listener: socket.socket) -> None:
    """Run until SIGINT or SIGTERM; then finish what is being sent and stop.

    Raises:
        Interrupted: the signal came before the desk had started.
        StoreError, ModelError, ChannelError, SettingsError, Refused: what is in the way, and what to do.
    """
    settings = settings.model_copy(update={"port": listener.getsockname()[1]})
    # Threads that understand messages hold the interpreter for milliseconds; the loop, which serves all customers,
    # must not wait five (the default) each time that it wants it back.
    sys.setswitchinterval(0.0005)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(listener.close)
        with steps(sys.stdout) as progress:
            house, stopped = await _started(settings, stack, progress)
        server = _server(house)
        serving = asyncio.create_task(server._serve(sockets=[listener]), name="http")
        try:
            await _until_up(server, serving, settings)
            garbage.working()
            await _where_to_look(house, settings)
            await asyncio.to_thread(house.pages.read_all)
            await _told_to_stop(stopped, serving)
            say("Stopping. Press Ctrl-C again to stop at once.")
        finally:
            await _close(house, server, serving)


async def _started(
    settings: Settings, stack: contextlib.AsyncExitStack, progress: Steps
) -> tuple[Warmline, asyncio.Event]:
    """The running house, and the event that a signal sets. Until it runs, a signal ends the start."""
    progress("Loading the program")
    stopped = asyncio.Event()
    starting = asyncio.current_task()
    loop = asyncio.get_running_loop()

    def told() -> None:
        if stopped.is_set():
            os._exit(INTERRUPTED)  # the kernel takes the lock and the child back
        stopped.set()
        if starting is not None:
            starting.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told)
    try:
        from bot.app import warmline

        house = await stack.enter_async_context(warmline(settings, progress=progress))
        starting = None
    except asyncio.CancelledError:
        if stopped.is_set():
            raise Interrupted from None
        raise
    return house, stopped


def _server(house: Warmline) -> uvicorn.Server:
    import uvicorn

    from bot.web.connection import Connection

    return uvicorn.Server(
        uvicorn.Config(
            house.app,
            lifespan="off",
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=FINISH_WITHIN,
            server_header=False,
            proxy_headers=False,  # bot.web.shell believes the proxies that the settings name, and no other
            http=Connection,
            ws="none",
        )
    )


async def _until_up(server: uvicorn.Server, serving: asyncio.Task[None], settings: Settings) -> None:
    """Wait until requests are taken, so that what we print is true. Raises Refused where somebody was faster."""
    while not server.started and not serving.done():  # noqa: ASYNC110 - the server has no event to wait for
        await asyncio.sleep(0.01)
    if serving.done() and isinstance(error := serving.exception(), OSError):
        raise _refused(settings, error)


async def _told_to_stop(stopped: asyncio.Event, serving: asyncio.Task[None]) -> None:
    told = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait({serving, told}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
    if serving.done():
        serving.result()  # the HTTP server ended by itself: with its own error, if it has one


async def _where_to_look(house: Warmline, settings: Settings) -> None:
    """Three lines: the customer's page, the desk, and how to get into it."""
    from bot.settings import public_url

    base, me = public_url(settings), _called()
    await house.note_address(base)
    say(f"Warmline listens on {settings.host}:{settings.port}.")
    say(f"  The customer's page   {base}/")
    say(f"  The desk              {base}/desk")
    if (secret := await house.first_link()) is not None:
        say(f"  Be the first admin    {base}/desk/welcome/{secret}   (works once; a new one: {me} agents invite)")
    else:
        say(f"  Somebody new          {me} agents invite EMAIL --name NAME   (prints a one-time link)")


def _called() -> str:
    """What to type in this place to call this program: `warmline` where the shell finds it, else as it was called."""
    return "warmline" if shutil.which("warmline") or not sys.argv[0].endswith("warmline") else sys.argv[0]


async def _close(house: Warmline, server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    """Let what is being sent and open event streams end, finish requests, free the port."""
    house.frame.stop()
    await house.courier.drain()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FINISH_WITHIN):
            for channel in house.channels.values():
                await channel.stop()
    server.should_exit = True
    await asyncio.wait({serving})
