"""Delivers an account's updates to a webhook, at least once: again at once after a failure, then with backoff."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import json
import random
import ssl
import time

import httpx

from tests.platforms.loopback_state import Account, Knobs, Ledger, Update

TLS = ssl.create_default_context()
"""Reading the certificates takes 20 ms: once for all clients."""
REORDER_HOLD = 0.1
"""Seconds an original waits for its edit when edits are to come first."""


class Pusher:
    """Pushes one account's log to one address, until it is stopped."""

    def __init__(
        self, account: Account, url: str, secret: str, *, knobs: Knobs, ledger: Ledger, rng: random.Random
    ) -> None:
        self._account = account
        self._url = url
        self._secret = secret
        self._knobs = knobs
        self._ledger = ledger
        self._rng = rng
        self._due: list[tuple[float, int, Update]] = []
        self._order = itertools.count()
        self._read = 0
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._work()) for _ in range(max(1, self._knobs.push_parallel))]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        async with httpx.AsyncClient(timeout=self._knobs.push_timeout, verify=TLS, trust_env=False) as client:
            while True:
                await self._push(client, await self._next())

    async def _next(self) -> Update:
        """The update that is due first; waits for one."""
        while True:
            news = self._account.news
            self._take_new()
            wait = self._due[0][0] - time.monotonic() if self._due else None
            if wait is not None and wait <= 0:
                return heapq.heappop(self._due)[2]
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), wait)

    def _take_new(self) -> None:
        for update in self._account.log[self._read :]:
            if update.acknowledged:  # before this webhook was set
                continue
            original = isinstance(update.event, dict) and update.event.get("kind") == "message"
            self._plan(update, REORDER_HOLD if original and self._knobs.reorder_edits else 0.0)
        self._read = len(self._account.log)

    def _plan(self, update: Update, delay: float) -> None:
        heapq.heappush(self._due, (time.monotonic() + delay, next(self._order), update))

    async def _push(self, client: httpx.AsyncClient, update: Update) -> None:
        again = update.acknowledged
        if not again and update.number not in self._account.pending:
            return  # forgotten meanwhile
        update.attempts += 1
        if await self._taken(client, update):
            self._account.acknowledge(update)
            if not again and self._rng.random() < self._knobs.double_rate:
                self._plan(update, self._rng.random() * 0.1)
        elif not again:
            self._retry(update)

    async def _taken(self, client: httpx.AsyncClient, update: Update) -> bool:
        headers = {
            "content-type": "application/json",
            "x-loopback-secret": self._secret,
            "x-loopback-update": str(update.number),
        }
        try:
            answer = await client.post(self._url, content=_body(update), headers=headers)
        except httpx.HTTPError:
            return False
        return answer.is_success

    def _retry(self, update: Update) -> None:
        if self._knobs.push_attempts and update.attempts >= self._knobs.push_attempts:
            self._account.pending.pop(update.number, None)
            self._ledger.note("given_up", account=self._account.name, update=update.number)
            return
        waits = update.attempts - 2
        delay = 0.0 if waits < 0 else min(self._knobs.push_backoff * 2 ** min(waits, 30), self._knobs.push_backoff_cap)
        self._plan(update, delay)


def _body(update: Update) -> bytes:
    """An event that is itself a string stands for a body that is no JSON at all."""
    if isinstance(update.event, str):
        return update.event.encode("utf-8", "surrogatepass")
    return json.dumps(update.envelope()).encode("ascii")
