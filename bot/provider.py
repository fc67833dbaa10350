"""The identity provider, over HTTP: what it says of itself, its keys, and a code exchanged for who somebody is."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import httpx

from bot.addresses import is_safe
from bot.idtoken import Claims, Expected, checked, kid_of

TIMEOUT: Final = 10.0
KNOWN_FOR: Final = 3600.0
"""Seconds that discovery and keys are used without asking again."""
KEYS_AGAIN: Final = 30.0
"""Seconds between two looks for a key that we do not know: providers change keys, and strangers make names up."""
_AT_MOST: Final = 1_000_000


class ProviderAway(Exception):
    """It cannot be reached, or says what it must not; the text is for the log."""


class ProviderRefused(Exception):
    """It does not take the code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who we are to the provider."""

    issuer: str
    client_id: str
    client_secret: str | None
    name: str
    """What the button says."""
    back: str
    """Our address to which browsers come back."""


@dataclass(frozen=True, slots=True)
class _Known:
    says: Mapping[str, Any]
    until: float


class Provider:
    """Keeps what it has been told for a while. `close` it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._http = httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False)
        self._discovered: _Known | None = None
        self._keys: list[Mapping[str, Any]] = []
        self._keys_at = -1e9

    async def close(self) -> None:
        await self._http.aclose()

    async def address(self, *, state: str, nonce: str, verifier: str) -> str:
        """Where a browser goes to sign in: authorization code with PKCE (RFC 7636).

        Raises:
            ProviderAway: it does not say where.
        """
        endpoint = str((await self._says())["authorization_endpoint"])
        digest = hashlib.sha256(verifier.encode()).digest()
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self.client.client_id,
                "redirect_uri": self.client.back,
                "scope": "openid email profile",
                "state": state,
                "nonce": nonce,
                "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
                "code_challenge_method": "S256",
            }
        )
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{query}"

    async def who(self, *, code: str, verifier: str, nonce: str) -> Claims:
        """Who came back with this code.

        Raises:
            ProviderAway: it cannot be reached.
            ProviderRefused: it does not take the code.
            TokenFault: what it says cannot be believed.
        """
        token = await self._exchanged(code, verifier)
        expected = Expected(issuer=self.client.issuer, client_id=self.client.client_id, nonce=nonce)
        keys = await self._keys_for(kid_of(token))
        return checked(token, keys, expected, datetime.now(UTC))

    async def _exchanged(self, code: str, verifier: str) -> str:
        says = await self._says()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.client.back,
            "code_verifier": verifier,
            "client_id": self.client.client_id,
        }
        headers = {"Accept": "application/json"}
        secret = self.client.client_secret
        if secret is not None:
            ways = says.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
            if "client_secret_basic" in ways:  # RFC 6749, 2.3.1: each half encoded as in a form
                pair = f"{quote(self.client.client_id, safe='')}:{quote(secret, safe='')}"
                headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
            else:
                form["client_secret"] = secret
        try:
            response = await self._http.post(str(says["token_endpoint"]), data=form, headers=headers)
        except httpx.HTTPError as error:
            raise ProviderAway(type(error).__name__) from None
        if response.status_code >= 500:
            raise ProviderAway(f"status {response.status_code}")
        token = _object(response).get("id_token") if response.is_success else None
        if not isinstance(token, str):
            raise ProviderRefused(f"status {response.status_code}")
        return token

    async def _says(self) -> Mapping[str, Any]:
        """OpenID Connect Discovery 1.0, 4."""
        if self._discovered is not None and time.monotonic() < self._discovered.until:
            return self._discovered.says
        says = await self._get(f"{self.client.issuer.rstrip('/')}/.well-known/openid-configuration")
        if says.get("issuer") != self.client.issuer:
            raise ProviderAway("it calls itself otherwise than oidc_issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not is_safe(str(says.get(name, ""))):
                raise ProviderAway(f"{name} is no https address")
        self._discovered = _Known(says, time.monotonic() + KNOWN_FOR)
        return says

    async def _keys_for(self, kid: str | None) -> list[Mapping[str, Any]]:
        age = time.monotonic() - self._keys_at
        known = bool(self._keys) if kid is None else any(key.get("kid") == kid for key in self._keys)
        if age > KNOWN_FOR or (not known and age > KEYS_AGAIN):
            found = (await self._get(str((await self._says())["jwks_uri"]))).get("keys")
            self._keys = [key for key in found if isinstance(key, dict)] if isinstance(found, list) else []
            self._keys_at = time.monotonic()
        return self._keys

    async def _get(self, url: str) -> Mapping[str, Any]:
        try:
            response = await self._http.get(url, headers={"Accept": "application/json"})
        except httpx.HTTPError as error:
            raise ProviderAway(type(error).__name__) from None
        if response.status_code != 200:
            raise ProviderAway(f"status {response.status_code}")
        return _object(response)


def _object(response: httpx.Response) -> Mapping[str, Any]:
    try:
        found = response.json() if len(response.content) <= _AT_MOST else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ProviderAway("no JSON object")
    return found
