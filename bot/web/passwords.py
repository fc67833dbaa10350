"""Passwords: argon2id, off the event loop, a few at a time."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST: Final = 10
LONGEST: Final = 200
"""Characters. What is longer is no password but an attempt to keep us busy."""
AT_ONCE: Final = 2
"""Each takes some tens of milliseconds and 46 MB."""


@cache
def _hasher() -> PasswordHasher:
    # OWASP's first choice: 46 MiB, one pass, one lane; light enough for a small machine.
    return PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1)


class Passwords:
    """Makes and checks hashes."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        async with self._turn:
            return await asyncio.to_thread(_hasher().hash, password)

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether it is the one. Without a hash to compare with (nobody has that address) it takes as long."""
        if kept is None:
            self._nobody = self._nobody or await self.hash("nobody signs in with this")
            await self._verify(self._nobody, password)
            return False
        return await self._verify(kept, password)

    async def _verify(self, kept: str, password: str) -> bool:
        async with self._turn:
            try:
                return await asyncio.to_thread(_hasher().verify, kept, password)
            except (VerificationError, InvalidHashError):
                return False


def fault(password: str, *, email: str) -> str | None:
    """What is wrong with a new password, and what to do; None: nothing."""
    if len(password) < SHORTEST:
        return f"The password has {len(password)} characters; {SHORTEST} or more are needed. Three words will do."
    if len(password) > LONGEST:
        return f"The password has over {LONGEST} characters. Take a shorter one."
    if password.casefold() in (email.casefold(), email.partition("@")[0].casefold() * 2) or len(set(password)) < 4:
        return "This password is guessed at once. Three unrelated words will do."
    return None
