"""One process per home folder: an exclusive lock that the kernel gives back whatever way its holder dies.

SQLite and the embedded Valkey belong to one process. A second one is refused by name, at once, and told what to use
where one process is not enough.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from store.errors import HomeInUse, HomeUnusable

FILE: Final = "lock"

# A file system that has no locks at all (some network mounts) answers with one of these.
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})


class HomeLock:
    """Holds `home/lock` for as long as the block runs; makes the folder (mode 0700) if it is not there.

    The file stays behind, empty: to delete it would let two processes hold "the" lock on two different files. A child
    started by `exec` does not inherit the lock; one made by a bare `fork` shares it until it ends.

    Raises:
        HomeInUse: another process, or another lock in this one, holds the folder.
        HomeUnusable: the folder cannot be made, written or locked.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        if self._descriptor is not None:
            raise HomeInUse(_taken(self.home, os.getpid()))
        descriptor = _open(self.home)
        try:
            _lock(self.home, descriptor)
            _sign(self.home, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        try:
            os.ftruncate(descriptor, 0)
        except OSError:
            pass  # only tidiness: a stale number without a lock misleads nobody
        finally:
            os.close(descriptor)


def _open(home: Path) -> int:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(home / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HomeUnusable(_why(home, error)) from error


def _lock(home: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise HomeInUse(_taken(home, _holder(descriptor))) from None
    except OSError as error:
        raise HomeUnusable(_why(home, error)) from error


def _sign(home: Path, descriptor: int) -> None:
    try:
        length = os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        os.ftruncate(descriptor, length)
    except OSError as error:
        raise HomeUnusable(_why(home, error)) from error


def _holder(descriptor: int) -> int | None:
    """The pid in the file; None if its holder has the lock but has not signed yet."""
    try:
        return int(os.pread(descriptor, 32, 0))
    except (OSError, ValueError):
        return None


def _taken(home: Path, pid: int | None) -> str:
    return (
        f"{home} is in use by {f'process {pid}' if pid else 'another process'}, and a home folder belongs to one "
        "process. Stop that one first. To run several, give them one PostgreSQL and one Redis: set "
        "WARMLINE_DATABASE_URL=postgresql://... and WARMLINE_REDIS_URL=redis://... for each."
    )


def _why(home: Path, error: OSError) -> str:
    match error.errno:
        case errno.EEXIST | errno.ENOTDIR:
            return f"{home} is not a folder. Move that file away, or choose another home folder."
        case errno.ENOSPC | errno.EDQUOT:
            return f"No space is left on the disk of {home}. Free some, or choose a home folder on another disk."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            user = os.geteuid()
            return (
                f"{home} cannot be written by user {user} ({error.strerror}). "
                "Give that user the folder, or choose another home folder."
            )
        case code if code in _NO_LOCKS:
            return (
                f"The file system of {home} cannot lock files ({error.strerror}). Choose a home folder on a local disk."
            )
        case _:
            return f"{home} cannot be used as the home folder: {error.strerror}. Choose another home folder."
