"""Coming in and going out: the sign-in page, one-time links, sign-out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, Literal

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.intake import one_line
from bot.live import Live
from bot.web import devices, passwords
from bot.web.page import Pages
from bot.web.passwords import Passwords
from bot.web.who import COOKIE, agent_in_browser, is_our_page, sessions_ended
from channels.web.channel import line_of
from handoff.leaving import Given, Leaving
from store import agents, people, sessions
from store.agents import Agent
from store.bus import Bus
from store.database import Database

TRIES_A_MINUTE: Final = 10
"""From one line (an IPv4 address, or an IPv6 network)."""
TRIES_FROM_ALL: Final = 100
"""A minute, for one person's address, from everywhere. Far more than one line has: whoever tries somebody's password
from one place must not keep that somebody out."""
REFUSALS_NOTED: Final = 60
"""Failed sign-ins that are put on record in a minute; of a flood the rest is in the log alone."""
_FORM_FIELDS: Final = 8

log = structlog.get_logger(__name__)


class SignIn:
    """Routes under /desk that need nobody signed in."""

    def __init__(
        self,
        *,
        database: Database,
        bus: Bus,
        live: Live,
        pages: Pages,
        secure: bool,
        leaving: Leaving,
        by_password: bool = True,
        single: str | None = None,
    ) -> None:
        """`single`: what the identity provider is called, if there is one."""
        self._leaving = leaving
        self._by_password = by_password
        self._single = single
        self._database = database
        self._bus = bus
        self._live = live
        self._pages = pages
        self._secure = secure
        self._passwords = Passwords()

    def routes(self) -> list[Route]:
        return [
            Route("/desk/sign-in", self._form, methods=["GET"]),
            Route("/desk/sign-in", self._sign_in, methods=["POST"]),
            Route("/desk/sign-out", self._sign_out, methods=["POST"]),
            Route("/desk/welcome/{secret}", self._welcome, methods=["GET"]),
            Route("/desk/welcome/{secret}", self._join, methods=["POST"]),
        ]

    # --- with a password -------------------------------------------------------------------------

    async def _form(self, request: Request) -> Response:
        if await agent_in_browser(request, self._database) is not None:
            return _to(wanted(request.query_params.get("next")))
        async with self._database.read() as connection:
            anybody = await agents.has_admin(connection)
        return self.shown(request, anybody=anybody)

    def shown(
        self, request: Request, *, status: int = 200, email: str = "", fault: str | None = None, anybody: bool = True
    ) -> Response:
        return self._pages.page(
            request,
            "signin.html",
            status=status,
            email=email,
            fault=fault,
            next=wanted(request.query_params.get("next")),
            left=request.query_params.get("left") is not None,
            given=_count(request.query_params.get("left")),
            anybody=anybody,
            by_password=self._by_password,
            single=self._single,
        )

    async def _sign_in(self, request: Request) -> Response:
        form = await _form_of(request)
        if form is None:
            return self.shown(request, status=403, fault=_FOREIGN)
        if not self._by_password:
            return self.shown(request, status=403, fault=f"Passwords are off here. Sign in with {self._single}.")
        email, password = _text(form, "email").strip().lower()[:320], _text(form, "password")[: passwords.LONGEST + 1]
        wait = await self._wait(request, email)
        if wait > 0:
            again = f"Too many tries. Wait {int(wait) + 1} seconds, then sign in again."
            return self.shown(request, status=429, email=email, fault=again)
        async with self._database.read() as connection:
            found = await agents.password_of(connection, email)
        if not await self._passwords.matches(found[1] if found else None, password) or found is None:
            await self.note_refused(request, email, "password")
            return self.shown(request, status=401, email=email, fault="Email or password is wrong.")
        return await self.let_in(request, found[0], wanted(_text(form, "next")), how="password")

    async def note_refused(self, request: Request, email: str, why: str) -> None:
        """A failed sign-in, on record: whose account was meant, of people of the desk. Of others nothing is kept but
        that somebody tried: people write passwords, and other services' addresses, into the wrong field."""
        log.info("sign-in refused", why=why)
        if await self._bus.allow("sign-in:noted", limit=REFUSALS_NOTED, per=60.0) > 0:
            return
        now = datetime.now(UTC)
        async with self._database.write("sign-in") as connection:
            known = await agents.find_agent(connection, email) if email else None
            await agents.record(
                connection, action="sign-in refused", subject=known.email if known else "an unknown address", now=now,
                agent_id=None, data={"why": why, "line": line(request)},
            )  # fmt: skip

    async def wait(self, request: Request, what: str = "sign-in", *, limit: int = TRIES_A_MINUTE) -> float:
        """Seconds until another try from this line is looked at, whoever it is for."""
        return await self._bus.allow(f"{what}:from:{line(request)}", limit=limit, per=60.0)

    async def _wait(self, request: Request, email: str) -> float:
        """Seconds until another try is looked at. Who may not try uses up nothing of the person's."""
        return await self.wait(request) or await self._bus.allow(f"sign-in:who:{email}", limit=TRIES_FROM_ALL, per=60.0)

    async def let_in(
        self, request: Request, agent: Agent, to: str, *, how: Literal["password", "link", "oidc"]
    ) -> Response:
        """A new session, always: one that was there before somebody signed in is worth nothing after."""
        now = datetime.now(UTC)
        async with self._database.write("sign-in") as connection:
            before = await self._end_old(request, connection)
            secret = await sessions.open_session(
                connection, agent.id, now, browser=devices.in_words(request.headers.get("user-agent")),
                line=line(request), how=how,
            )  # fmt: skip
            await agents.set_away(connection, agent.id, None)
            if how != "link":  # who joins has a line already
                await agents.record(
                    connection, action="signed in", subject=agent.email, now=now, agent_id=agent.id, data={"how": how}
                )
        if before is not None:
            await sessions_ended(self._live, before)
        response = _to(to)
        response.set_cookie(
            COOKIE,
            secret,
            max_age=int(sessions.LONGEST.total_seconds()),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )
        return response

    async def _end_old(self, request: Request, connection: Any) -> int | None:
        """Whose session this browser had, if any."""
        old = request.cookies.get(COOKIE)
        return await sessions.end_session(connection, old) if old and len(old) <= 100 else None

    async def _sign_out(self, request: Request) -> Response:
        if not is_our_page(request.headers):
            return _to("/desk")  # nothing has ended, and the browser keeps its cookie
        now = datetime.now(UTC)
        given: Given = []
        async with self._database.write("sign-out") as connection:
            whose = await self._end_old(request, connection)
            agent = await agents.read_agent(connection, whose) if whose is not None else None
            if agent is not None:
                await agents.record(connection, action="signed out", subject=agent.email, now=now, agent_id=agent.id)
                given = await self._leaving.signed_out(connection, agent, now)
        if agent is not None:
            await sessions_ended(self._live, agent.id)
        await self._leaving.tell(given)
        response = _to(f"/desk/sign-in?left={len(given)}" if given else "/desk/sign-in?left")
        response.delete_cookie(COOKIE, path="/", secure=self._secure, httponly=True, samesite="lax")
        return response

    # --- with a one-time link --------------------------------------------------------------------

    async def _welcome(self, request: Request) -> Response:
        """The form behind a link. Looking uses nothing up: mail programs look at links by themselves."""
        async with self._database.read() as connection:
            invite = await sessions.read_invite(connection, request.path_params["secret"][:100], datetime.now(UTC))
            known = await agents.find_agent(connection, invite.email) if invite and invite.email else None
        return self._asked(request, invite, known)

    def _asked(
        self,
        request: Request,
        invite: sessions.Invite | None,
        known: Agent | None,
        *,
        status: int = 200,
        name: str | None = None,
        email: str = "",
        fault: str | None = None,
        field: str | None = None,
    ) -> Response:
        if invite is None:
            return self._pages.page(request, "link-over.html", status=404)
        return self._pages.page(
            request,
            "welcome.html",
            status=status,
            invite=invite,
            known=known,
            name=name if name is not None else (known.name if known else invite.name),
            email=invite.email or email,
            shortest=passwords.SHORTEST,
            fault=fault,
            field=field,
            headers={"Referrer-Policy": "no-referrer"},
        )

    async def _join(self, request: Request) -> Response:
        secret = request.path_params["secret"][:100]
        form = await _form_of(request)
        async with self._database.read() as connection:
            invite = await sessions.read_invite(connection, secret, datetime.now(UTC))
            known = await agents.find_agent(connection, invite.email) if invite and invite.email else None
        if invite is None or form is None:
            return self._asked(request, None if form is not None else invite, known, status=403, fault=_FOREIGN)
        name = one_line(_text(form, "name"))[:80]
        email = invite.email or one_line(_text(form, "email")).lower()
        password = _text(form, "password")
        field, fault = _join_fault(name, email, password)
        if fault is not None:
            return self._asked(request, invite, known, status=422, name=name, email=email, fault=fault, field=field)
        kept = await self._passwords.hash(password)
        now = datetime.now(UTC)
        async with self._database.write("join") as connection:
            first = not await agents.has_admin(connection)
            here = invite.email is None and await agents.find_agent(connection, email) is not None
            used = None if here else await sessions.use_invite(connection, secret, now)
            if used is None:
                # An open link makes a new person; it must not open the account of one who is here.
                return self._asked(
                    request, invite if here else None, None, status=422 if here else 404, name=name, email=email,
                    fault=_HERE_ALREADY, field="email",
                )  # fmt: skip
            agent = await agents.add_agent(
                connection, email=email, name=name, role=await _role(connection, known, used.role), now=now
            )
            await agents.set_password(connection, agent.id, kept)
            await sessions.end_sessions(connection, agent.id)
            if first and agent.role == "admin":
                await sessions.end_open_invites(connection)
            await agents.record(
                connection, action="joined", subject=email, now=now, agent_id=agent.id, data={"role": agent.role}
            )
        await sessions_ended(self._live, agent.id)
        return await self.let_in(request, agent, "/desk", how="link")


async def _role(connection: AsyncConnection, known: Agent | None, wanted: str) -> str:
    """What a link makes of somebody; but the only admin stays one, or nobody could mend it."""
    if known is not None and known.role == "admin" and await people.is_last_admin(connection, known.id):
        return "admin"
    return wanted


def line(request: Request) -> str:
    """From where: an IPv4 address, or an IPv6 network."""
    return line_of(request.client.host) if request.client else "unknown"


_HERE_ALREADY: Final = (
    "Somebody with this address is here already. Take another one, or ask an admin for a link that is made for it."
)
_FOREIGN: Final = "This form was sent from another website. Open the desk itself and try again."


async def _form_of(request: Request) -> FormData | None:
    """The form's fields, none of what is no form; None if another website has sent it."""
    if not is_our_page(request.headers):
        return None
    try:
        return await request.form(max_files=0, max_fields=_FORM_FIELDS)
    except (MultiPartException, KeyError, ValueError):
        return FormData()


def _text(form: FormData, field: str) -> str:
    value = form.get(field)
    return value if isinstance(value, str) else ""


def _count(said: str | None) -> int:
    """How many cases went back to the queue; 0 for what is no number of ours."""
    return int(said) if said and said.isascii() and said.isdigit() and len(said) < 4 else 0


def wanted(next_: str | None) -> str:
    """Where to go after: a page of the desk, never another website."""
    fine = next_ is not None and next_.startswith("/desk") and "//" not in next_ and "\\" not in next_
    return next_ if fine and next_ is not None and next_.isprintable() else "/desk"


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303)


def _join_fault(name: str, email: str, password: str) -> tuple[str | None, str | None]:
    """(the field, what is wrong with it and what to do)."""
    if not name:
        return "name", "Write the name that customers and colleagues will read."
    local, at, domain = email.rpartition("@")
    if not (local and at and domain) or " " in email or len(email) > 320:
        return "email", "Write an address like lea@example.com; you sign in with it."
    fault = passwords.fault(password, email=email)
    return ("password", fault) if fault else (None, None)
