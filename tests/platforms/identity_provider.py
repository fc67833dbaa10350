"""An identity provider on loopback that speaks OpenID Connect, and lies on request.

Signs with a key of its own that is worth nothing anywhere else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from tests.platforms.plain_http import PlainServer, Reply, Request

MODULUS: Final = int(
    "c1bd1be269142ceae45ec06ddab6691315ef3055846fddca3cd48918540692357b49b47ee7b1c55749861da3e5e74b8d573a"
    "63e1b9a30ddaebe43346a7b52a0328ce3b507d621ba9609bc196424cf0c41dff11d992b45c95e20b2c5ae6f4b1a1501b953f"
    "2f692f713b72b25cc53a226dfc7671f59e7ee2a4299920705526d5d65d7fdf10243bf5ae84404de727e182c00bda5eb73d76"
    "3d2af62cfcde2292b04204d59e80f313fb84cac9ed7b798d7da5cfa7a804fff13648c064c028ab3f4758e39b682dce5ef1c9"
    "036967e61fe2086bf323ac4bbdf872022e473529ae425955b4089eec28ec732f987064d11bb3eb97760568103d1adf6d8115"
    "48d990fd03d3",
    16,
)
PRIVATE: Final = int(
    "4964957aa8e9eeb6313b3fd49de53a5af395400f35739766b4b2a318e743f20176aa0e4981065446e3e07dbc082d1deef65b"
    "75591e95097ba49f37598dd0d0908fd5c89c8e532b3d780ea9407def5dca3dbed209454d3441c7770a1f899caae9fc49e6b9"
    "2001cdea2c661ff18af9a1ef5e93944a42f7b86e0e20272cc6e5465e1c17a3646627919992ed2d10e4542d94856f5d180911"
    "65ec6c16ea866cd35310aff8db2816d05cb3ec928fba55cd3c620d85fd93826fc5b58d8c0f71acdd14ab73d4c615dc2fdee0"
    "cfca06f5851b1eb7f003b0527b809bd4bebe94f1ffead1a84c10622f5b350051320610d7a7e865b27942ccd4aa492654f762"
    "3b942c73aab1",
    16,
)
EXPONENT: Final = 65537
_SHA256: Final = bytes.fromhex("3031300d060960864801650304020105000420")


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8))


def signature(signed: bytes) -> bytes:
    digest = _SHA256 + hashlib.sha256(signed).digest()
    padded = b"\x00\x01" + b"\xff" * (256 - len(digest) - 3) + b"\x00" + digest
    return pow(int.from_bytes(padded), PRIVATE, MODULUS).to_bytes(256)


def key(kid: str = "one") -> dict[str, Any]:
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": number(MODULUS), "e": number(EXPONENT)}


def token(claims: Mapping[str, Any], header: Mapping[str, Any] | None = None, *, sign: bool = True) -> str:
    head = {"alg": "RS256", "kid": "one", **(header or {})}
    signed = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims))
    return f"{signed}.{encoded(signature(signed.encode())) if sign else ''}"


@dataclass
class IdentityProvider:
    """Whoever comes to sign in is `subject` with `claims`, and is sent back with a code at once."""

    client_id: str = "warmline"
    client_secret: str | None = "a secret of the client"
    subject: str = "248289761001"
    claims: dict[str, Any] = field(
        default_factory=lambda: {"email": "ada@desk.example", "email_verified": True, "name": "Ada"}
    )
    header: dict[str, Any] = field(default_factory=dict)
    """Of the token, beside or instead of what is right."""
    sign: bool = True
    keys: list[dict[str, Any]] = field(default_factory=lambda: [key()])
    says: dict[str, Any] = field(default_factory=dict)
    """Of the discovery document, beside or instead of what is right."""
    asked: list[str] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = PlainServer(self._answer)

    @property
    def issuer(self) -> str:
        return self.server.url

    async def _answer(self, request: Request) -> Reply:
        self.asked.append(request.path)
        if request.path == "/.well-known/openid-configuration":
            return Reply.of(self._configuration())
        if request.path == "/keys":
            return Reply.of({"keys": self.keys})
        if request.path == "/authorize":
            return self._authorized(request.query)
        if request.path == "/token" and request.method == "POST":
            return self._exchanged(request)
        return Reply.of({"error": "not_found"}, 404)

    def _configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            **self.says,
        }

    def _authorized(self, query: Mapping[str, str]) -> Reply:
        right = {"response_type": "code", "client_id": self.client_id, "code_challenge_method": "S256"}
        if any(query.get(name) != value for name, value in right.items()) or "openid" not in query.get("scope", ""):
            return Reply.of({"error": "invalid_request"}, 400)
        code = secrets.token_urlsafe(16)
        self._codes[code] = dict(query)
        back = f"{query['redirect_uri']}?code={code}&state={query['state']}"
        return Reply(status=302, headers={"location": back})

    def _exchanged(self, request: Request) -> Reply:
        form = dict(parse_qsl(request.body.decode()))
        asked = self._codes.pop(form.get("code", ""), None)  # once
        challenge = encoded(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form.get("redirect_uri"):
            return Reply.of({"error": "invalid_grant"}, 400)
        if self.client_secret is not None and not self._knows_secret(request, form):
            return Reply.of({"error": "invalid_client"}, 401)
        now = int(time.time())
        claims = {
            "iss": self.issuer, "sub": self.subject, "aud": self.client_id, "exp": now + 300, "iat": now,
            "nonce": asked["nonce"],
        } | self.claims  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        said = token(claims, self.header, sign=self.sign)
        return Reply.of({"access_token": "x", "token_type": "Bearer", "id_token": said})

    def _knows_secret(self, request: Request, form: Mapping[str, str]) -> bool:
        right = base64.b64encode(f"{self.client_id}:{str(self.client_secret).replace(' ', '%20')}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {right}" or form.get("client_secret") == (
            self.client_secret
        )


@asynccontextmanager
async def identity_provider(**how: Any) -> AsyncIterator[IdentityProvider]:
    provider = IdentityProvider(**how)
    await provider.server.open()
    try:
        yield provider
    finally:
        await provider.server.shut()
