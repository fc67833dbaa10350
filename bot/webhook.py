"""The notifier over HTTP: one POST of JSON for each call."""

from __future__ import annotations

from typing import Final

import httpx

from handoff.notifier import Call

TIMEOUT: Final = 10.0


class Webhook:
    """Posts to an address that the operator has set; it alone decides where the network ends."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False)

    async def call(self, call: Call) -> None:
        """Announce a case.

        Raises:
            httpx.HTTPError: it was not taken (no connection, or an answer other than 2xx).
        """
        response = await self._client.post(self._url, json=call.payload())
        response.raise_for_status()

    async def close(self) -> None:
        await self._client.aclose()
