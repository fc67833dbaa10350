"""What a test says to the loopback platform, and how to run that as its own process and read its ledger."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from tests.platforms.loopback_push import TLS

HERE = Path(__file__).resolve().parent


class LoopbackControl:
    """A client of `/control/...`; `account` is meant by every call."""

    def __init__(self, url: str, account: str = "main") -> None:
        self.account = account
        self._client = httpx.AsyncClient(base_url=url, timeout=10, verify=TLS, trust_env=False)

    async def __aenter__(self) -> LoopbackControl:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def write(
        self,
        text: str,
        *,
        place: str = "p1",
        author: str = "ada",
        files: Sequence[tuple[str, bytes]] = (),
        **more: Any,
    ) -> dict[str, Any]:
        """A customer writes; more: thread, name, id, addressed, public, bot, reply_to. Returns {id, update}."""
        attachments = [{"name": name, "content": base64.b64encode(content).decode()} for name, content in files]
        return await self.call(
            "messages", {"text": text, "place": place, "author": author, "attachments": attachments, **more}
        )

    async def edit(self, message: str, text: str, *, place: str = "p1") -> dict[str, Any]:
        return await self.call("edits", {"place": place, "id": message, "text": text})

    async def delete(self, message: str, *, place: str = "p1") -> dict[str, Any]:
        return await self.call("deletions", {"place": place, "id": message})

    async def press(self, button: str, message: str, *, place: str = "p1", author: str = "ada") -> dict[str, Any]:
        return await self.call("presses", {"button": button, "message": message, "place": place, "author": author})

    async def redeliver(self, update: int) -> None:
        """The same event once more, under a new update number."""
        await self.call("redeliver", {"update": update})

    async def poison(self, event: Any) -> int:
        """An update whose event is this; a string is pushed as a body that is no JSON."""
        return int((await self.call("poison", {"event": event}))["update"])

    async def faults(self, endpoint: str, *faults: str | Mapping[str, Any]) -> None:
        """Queue one fault for each of the next requests to send, sent, updates, history, files, webhook, me, typing.

        ok; cut, close, error, busy, slow, black_hole, blocked, unavailable, rubbish, each with `_before` (default)
        or `_after` the work was done; or {"fault": "busy_before", "seconds": 0.3}. No fault at all clears the queue.
        """
        await self.call("faults", {endpoint: list(faults)})

    async def knobs(self, **changes: Any) -> None:
        """Turn `Knobs`."""
        await self.call("knobs", changes)

    async def block(self, place: str, *, blocked: bool = True) -> None:
        await self.call("block", {"place": place, "blocked": blocked})

    async def outage(self, *, on: bool) -> None:
        """Reset every connection but those to `/control`."""
        await self.call("outage", {"on": on})

    async def forget(self) -> int:
        """Retention is over: what was not delivered is only in the history. Returns how many updates."""
        return int((await self.call("forget", {}))["forgotten"])

    async def state(self) -> dict[str, Any]:
        """{updates, unacknowledged, sends, typing, push, faults}"""
        return self._read(await self._client.get("/control/state", params={"account": self.account}))

    async def call(self, what: str, data: Mapping[str, Any]) -> dict[str, Any]:
        body = json.dumps({"account": self.account, **data}).encode("ascii")  # lone surrogates included
        return self._read(await self._client.post(f"/control/{what}", content=body))

    @staticmethod
    def _read(answer: httpx.Response) -> dict[str, Any]:
        if answer.is_error:
            raise ValueError(f"{answer.request.url}: {answer.status_code} {answer.text}")
        data: dict[str, Any] = answer.json()
        return data


def read_ledger(path: Path) -> list[dict[str, Any]]:
    """The lines so far. what: customer, redelivered, poison, echo (an event); confirmed, acknowledged (we said that
    we have it); accepted (a send is committed, `copy` counts those of its key), repeated, refused; fault, forgot,
    given_up."""
    with path.open(encoding="ascii") as file:
        return [json.loads(line) for line in file if line.endswith("\n")]
