"""What a test says to a loopback Slack in its own process, and how to run that."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from tests.platforms.standalone import process

HERE = Path(__file__).resolve().parent


class SlackControl:
    """A client of `/control/…`: write, press, edit, knobs, push, faults, outage, forget, state."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.AsyncClient(base_url=url, timeout=10, trust_env=False)

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    async def close(self) -> None:
        await self._client.aclose()

    async def call(self, what: str, **data: Any) -> dict[str, Any]:
        answer = await self._client.post(f"/control/{what}", content=json.dumps(data).encode("ascii"))
        if answer.is_error:
            raise ValueError(f"{what}: {answer.status_code} {answer.text}")
        found: dict[str, Any] = answer.json()
        return found


@contextlib.asynccontextmanager
async def slack_process(ledger: Path, *, seed: int = 0) -> AsyncIterator[SlackControl]:
    """A Slack that outlives any desk, for as long as the block."""
    async with process("slack", ledger, seed=seed) as url:
        control = SlackControl(url)
        try:
            yield control
        finally:
            await control.close()
