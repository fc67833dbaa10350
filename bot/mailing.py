"""Takes what nobody has read to the post: one due row at a time, the send outside of any transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime

import structlog

from handoff import unread
from handoff.letters import Never, NotNow, Postman, Unclear
from handoff.unread import Held, Letterhead
from store import faults
from store.database import Database
from store.dues import Due

log = structlog.get_logger(__name__)


class Mailing:
    """Runs due rows of kind `unread`. Without a postman it says so where an agent sees it."""

    def __init__(
        self,
        *,
        database: Database,
        postman: Postman | None,
        head: Letterhead,
        published: Callable[[Collection[int], Collection[int]], Awaitable[None]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._postman = postman
        self._head = head
        self._published = published
        self._now = now

    async def run(self, due: Due) -> None:
        """Hold the row, send, say how it ended. Dying in between means sending the same letter again."""
        async with self._database.write("mail.hold") as connection:
            found = await unread.begin(connection, due, self._now(), postman=self._postman, head=self._head)
        if isinstance(found, int):
            await self._published({due.subject}, {found})
        if not isinstance(found, Held) or self._postman is None:
            return
        faults.reach("mail.before-send")
        failure: NotNow | Never | Unclear | None = None
        try:
            await self._postman.send(found.letter)
        except (NotNow, Never, Unclear) as error:
            failure = error
        faults.reach("mail.after-send")
        async with self._database.write("mail.settle") as connection:
            now = self._now()
            match failure:
                case None:
                    await unread.sent(connection, found, now)
                case Never():
                    await unread.never(connection, found, now, f"refused: {failure}")
                case _:
                    unclear = isinstance(failure, Unclear)
                    await unread.failed(connection, found, now, str(failure), unclear=unclear)
        if failure is None:
            log.info("unread answers went by mail", conversation=due.subject, messages=len(found.plan.ids))
        else:
            log.warning("a mail was not taken", conversation=due.subject, ended=type(failure).__name__)
        await self._published({due.subject}, {found.case_id})
