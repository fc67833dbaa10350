"""What a test says to a loopback Slack in its own process, and how to run that."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

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
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "slack.py"), "--ledger", str(ledger), "--seed", str(seed),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        if " at http" not in line:
            raise RuntimeError(f"the loopback Slack did not start (exit status {await process.wait()})")
        control = SlackControl(line.split(" at ")[1].strip())
        try:
            yield control
        finally:
            await control.close()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
