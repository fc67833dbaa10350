"""Signing in with another house's word (OpenID Connect): out to the provider, and back with a code.

Nobody gets an account this way: who comes back must be one of the desk already, by a verified address the first time
and by the provider's own name for them ever after.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import UTC, datetime
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.idtoken import Claims, TokenFault
from bot.provider import Provider, ProviderAway, ProviderRefused
from bot.web.signin import SignIn, wanted
from store import agents, signon
from store.agents import Agent
from store.database import Database
from store.signon import TRY_LASTS, Try

TRY: Final = "warmline_oidc"
"""The cookie that holds the state: who comes back must be the browser that went out."""
OUT_A_MINUTE: Final = 30
"""Tries that are begun from one line; coming back is counted as signing in is."""
_PATH: Final = "/desk/oidc"

log = structlog.get_logger(__name__)


class SingleSignOn:
    """Two routes under /desk that need nobody signed in."""

    def __init__(self, *, database: Database, signin: SignIn, provider: Provider, secure: bool) -> None:
        self._database = database
        self._signin = signin
        self._provider = provider
        self._secure = secure

    def routes(self) -> list[Route]:
        return [
            Route(_PATH, self._out, methods=["GET"]),
            Route(f"{_PATH}/back", self._back, methods=["GET"]),
        ]

    async def _out(self, request: Request) -> Response:
        if (wait := await self._signin.wait(request, "oidc", limit=OUT_A_MINUTE)) > 0:
            return self._signin.shown(request, status=429, fault=_too_many(wait))
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        try:
            address = await self._provider.address(state=state, nonce=nonce, verifier=verifier)
        except ProviderAway as error:
            return self._away(request, error)
        what = Try(nonce=nonce, verifier=verifier, next=wanted(request.query_params.get("next")))
        async with self._database.write("oidc.out") as connection:
            await signon.begin(connection, state, what, datetime.now(UTC))
        response = RedirectResponse(address, 303, headers={"Referrer-Policy": "no-referrer"})
        response.set_cookie(
            TRY, state, max_age=int(TRY_LASTS.total_seconds()), path=_PATH, secure=self._secure, httponly=True,
            samesite="lax",
        )  # fmt: skip
        return response

    async def _back(self, request: Request) -> Response:
        response = await self._answer(request)
        response.delete_cookie(TRY, path=_PATH, secure=self._secure, httponly=True, samesite="lax")
        return response

    async def _answer(self, request: Request) -> Response:
        if (wait := await self._signin.wait(request)) > 0:
            return self._signin.shown(request, status=429, fault=_too_many(wait))
        query = request.query_params
        what = await self._try(request)
        if what is None:
            return await self._refused(request, "state", "This sign-in was begun elsewhere, or is over. Begin again.")
        if query.get("iss") not in (None, self._provider.client.issuer):  # RFC 9207: an answer of another provider
            return await self._refused(request, "iss", _NOT_BELIEVED)
        code = query.get("code")
        if not code or len(code) > 4000:
            return await self._refused(request, "no code", f"{self._name} did not let you in. Try again, or ask there.")
        try:
            claims = await self._provider.who(code=code, verifier=what.verifier, nonce=what.nonce)
        except ProviderAway as error:
            return self._away(request, error)
        except ProviderRefused:
            return await self._refused(request, "code", f"{self._name} does not know this sign-in. Begin again.")
        except TokenFault as error:
            return await self._refused(request, f"token: {error}", _NOT_BELIEVED)
        agent = await self._agent(claims)
        if agent is None or not agent.active:
            return await self._refused(
                request, "locked out" if agent else "unknown person", _NOT_KNOWN,
                email=agent.email if agent else claims.email or "",
            )  # fmt: skip
        return await self._signin.let_in(request, agent, what.next, how="oidc")

    async def _try(self, request: Request) -> Try | None:
        """The try of this browser, used up by looking; None: it is another's, over, or never was."""
        state, kept = request.query_params.get("state", ""), request.cookies.get(TRY, "")
        if not state or len(state) > 100 or not hmac.compare_digest(state.encode(), kept.encode()):
            return None
        async with self._database.write("oidc.back") as connection:
            return await signon.take(connection, state, datetime.now(UTC))

    async def _agent(self, claims: Claims) -> Agent | None:
        """Who of the desk that is; bound to the provider's name for them the first time."""
        issuer, now = self._provider.client.issuer, datetime.now(UTC)
        async with self._database.write("oidc.bind") as connection:
            known = await signon.bound(connection, issuer, claims.subject)
            if known is not None:
                return known
            meant = await agents.find_agent(connection, claims.email) if claims.email else None
            if meant is None or not meant.active:
                return meant
            if not await signon.bind(connection, meant.id, issuer, claims.subject, now):
                return None  # the address is theirs now, but another was bound with it before
            await agents.record(
                connection, action="sign-on bound", subject=meant.email, now=now, agent_id=meant.id,
                data={"issuer": issuer},
            )  # fmt: skip
            return meant

    @property
    def _name(self) -> str:
        return self._provider.client.name

    def _away(self, request: Request, error: ProviderAway) -> Response:
        log.warning("identity provider away", why=str(error))
        fault = f"{self._name} cannot be reached now. Try again in a moment."
        return self._signin.shown(request, status=502, fault=fault)

    async def _refused(self, request: Request, why: str, fault: str, *, email: str = "") -> Response:
        await self._signin.note_refused(request, email, f"single sign-on: {why}")
        return self._signin.shown(request, status=401, fault=fault)


_NOT_BELIEVED: Final = "The answer could not be believed. Begin again; tell an admin if it happens twice."
_NOT_KNOWN: Final = "You are not one of this desk by a verified address. Ask an admin for a link."


def _too_many(wait: float) -> str:
    return f"Too many tries. Wait {int(wait) + 1} seconds, then sign in again."
