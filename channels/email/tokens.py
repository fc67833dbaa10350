"""OAuth2 access tokens: one that is given, or one that is fetched with a refresh token or as the client itself."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Final

from channels.email.settings import EmailSettings

RENEW_BEFORE: Final = 120.0
"""Seconds before its end a token is renewed."""
WITHIN: Final = 10.0
_ANSWER: Final = 100_000


class NoToken(Exception):
    """Why there is none, without any secret."""


class Tokens:
    """One account's. `refresh_token` may be replaced by the server; the new one lives as long as this process."""

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings
        self._token = settings.access_token or None
        self._until = float("inf") if settings.access_token and not settings.token_url else 0.0
        self._refresh = settings.refresh_token
        self._turn = asyncio.Lock()

    async def current(self) -> str | None:
        """A token that is good for now; None: a password is used. Raises `NoToken`."""
        if not self._settings.has_oauth:
            return None
        async with self._turn:
            if self._token is None or time.monotonic() > self._until - RENEW_BEFORE:
                told = await asyncio.to_thread(self._ask)
                self._token = str(told["access_token"])
                self._refresh = str(told.get("refresh_token") or self._refresh)
                self._until = time.monotonic() + float(told.get("expires_in") or 3600)
            return self._token

    def refused(self) -> None:
        """The mail server does not take it: the next one is fetched, where that can be done."""
        if self._settings.token_url:
            self._until = 0.0

    def _ask(self) -> dict[str, Any]:
        settings = self._settings
        form = {"client_id": settings.client_id, "client_secret": settings.client_secret, "scope": settings.scope}
        form |= (
            {"grant_type": "refresh_token", "refresh_token": self._refresh}
            if self._refresh
            else {"grant_type": "client_credentials"}
        )
        body = urllib.parse.urlencode({name: value for name, value in form.items() if value}).encode()
        request = urllib.request.Request(settings.token_url, data=body, method="POST")  # noqa: S310 - https, checked
        try:
            with urllib.request.urlopen(request, timeout=WITHIN) as answer:  # noqa: S310 - the same
                told = json.loads(answer.read(_ANSWER))
        except urllib.error.HTTPError as error:
            raise NoToken(f"token_url answers {error.code} ({_reason(error)})") from None
        except (OSError, ValueError) as error:
            raise NoToken(f"token_url cannot be asked ({type(error).__name__})") from None
        if not isinstance(told, dict) or not isinstance(told.get("access_token"), str):
            raise NoToken("token_url answers without an access_token")
        return told


def _reason(error: urllib.error.HTTPError) -> str:
    """The word that RFC 6749 has for it."""
    try:
        told = json.loads(error.read(_ANSWER))
        return str(told.get("error", "no reason"))[:60] if isinstance(told, dict) else "no reason"
    except (OSError, ValueError):
        return "no reason"
