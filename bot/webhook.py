"""The notifier over HTTP: one POST of JSON for each call."""

from __future__ import annotations

from typing import Final

import httpx

from handoff.notifier import Call, GateClosed

TIMEOUT: Final = 10.0


class NotTaken(Exception):
    """Said without the address: that is a secret at many services, and this is kept and shown."""


class Webhook:
    """Posts to an address that the operator has set; it alone decides where the network ends."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False)

    async def call(self, call: Call | GateClosed) -> None:
        """Announce a case, or that the gate has closed.

        Raises:
            NotTaken: no connection, or an answer other than 2xx.
        """
        try:
            response = await self._client.post(self._url, json=call.payload())
        except httpx.HTTPError as error:
            raise NotTaken(f"The webhook cannot be reached ({type(error).__name__}).") from None
        if not response.is_success:
            raise NotTaken(f"The webhook answered {response.status_code}.")

    async def close(self) -> None:
        await self._client.aclose()
