"""What many ask of the database at one moment, read in one look.

At each news every desk asks who it is, what it holds, and what has become of its rows. Fifty such questions cost fifty
turns of a thread and some hundred statements; together they are one turn and three. Nobody waits for company: the
first who asks has it read at once, and what is asked while a look is under way goes with the next. Each answer was
read after it was asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from store.threads import Work

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Find = Callable[[AsyncConnection, Sequence[K]], Awaitable[Mapping[K, V]]]
"""Reads for several keys at once; what is not there is left out. It may await nothing but its connection."""
AT_ONCE: Final = 64
"""Keys in one look: a statement's length is bounded, and nobody waits for more than that."""


class Together(Generic[K, V]):
    """One kind of question.

    look: `Database.look`. find: reads the answers to several.
    """

    def __init__(self, look: Callable[[Work[Any]], Awaitable[Any]], find: Find[K, V]) -> None:
        self._look = look
        self._find = find
        self._asked: dict[K, asyncio.Future[V | None]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """The answer to one of them; None: there is nothing.

        Raises:
            what the look raises, to all whom it was for; who asks next has a look of their own.
        """
        answer = self._asked.get(key)
        if answer is None:
            answer = self._asked[key] = asyncio.get_running_loop().create_future()
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look_for_all(), name="looking together")
        return await asyncio.shield(answer)  # who goes away takes nothing from the others

    async def _look_for_all(self) -> None:
        while self._asked:
            asked = {key: self._asked.pop(key) for key in list(islice(self._asked, AT_ONCE))}
            try:
                found = await self._read(list(asked))
            except Exception as error:
                for answer in asked.values():
                    answer.set_exception(error)
                    answer.exception()  # if nobody waits for it any more, it is nobody's
            except BaseException:
                for answer in asked.values():
                    answer.cancel()
                raise
            else:
                for key, answer in asked.items():
                    answer.set_result(found.get(key))

    async def _read(self, keys: Sequence[K]) -> Mapping[K, V]:
        found: Mapping[K, V] = await self._look(lambda connection: self._find(connection, keys))
        return found
