"""`warmline agents`: the people of the desk and their tokens. A running desk is not in the way, nor is none needed."""

from __future__ import annotations

import asyncio
import difflib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bot.cli.terminal import Refused, command_settings, say, table, tell

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.settings import Settings
    from store.agents import Agent

app = typer.Typer(no_args_is_help=True)

Role = Literal["colleague", "agent", "supervisor", "admin"]
"""As `bot.web.gate.Role`, which is not imported: `--help` would wait for the database's library."""

_Email = Annotated[str, typer.Argument(metavar="EMAIL", help="Their address; it names them.")]


@app.command()
def add(
    email: _Email,
    name: Annotated[str, typer.Option(help="What customers and colleagues call them.")],
    role: Annotated[Role, typer.Option(help="What they may do; each may all that the one before may.")] = "agent",
    token: Annotated[bool, typer.Option("--token", help="Print a new token for the API, as the last word.")] = False,
) -> None:
    """Add somebody, or change the name and role of who is there."""
    email, name = _checked_email(email), _checked_name(name)
    known, issued = asyncio.run(_add(command_settings(), email, name, role, token))
    say(f"{'Changed' if known else 'Added'}: {name} <{email}>, {role}.")
    if issued is not None:
        say(f"Keep this token; it is shown only now: {issued}")


@app.command()
def invite(
    email: Annotated[
        str | None, typer.Argument(metavar="[EMAIL]", help="Whom it is for; left out: whoever opens it first.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What customers and colleagues call them.")] = None,
    role: Annotated[
        Role | None,
        typer.Option(help="What they may do; left out: as they are, an agent if new, an admin without EMAIL."),
    ] = None,
) -> None:
    """Print a one-time link with which somebody joins the desk, or chooses a new password."""
    settings = command_settings()
    link = asyncio.run(
        _invite(
            settings,
            _checked_email(email) if email is not None else None,
            _checked_name(name) if name is not None else None,
            role,
        )
    )
    tell("It lets one person in, once, within 24 hours. Open it in the browser of that person.")
    say(link)


@app.command("list")
def list_() -> None:
    """Show everybody."""
    found = asyncio.run(_list(command_settings()))
    if not found:
        tell("Nobody yet. Add somebody with: warmline agents add EMAIL --name NAME --role admin --token")
        return
    table(
        ["Email", "Name", "Role", "Active"],
        [[agent.email, agent.name, agent.role, "yes" if agent.active else "no"] for agent in found],
    )


@app.command()
def revoke(email: _Email) -> None:
    """Make all tokens of somebody invalid, at once."""
    ended = asyncio.run(_revoke(command_settings(), email.strip().lower()))
    say(f"{ended} token{'' if ended == 1 else 's'} of {email.strip().lower()} revoked.")


@app.command("slack-code")
def slack_code(email: _Email) -> None:
    """Print a code that somebody writes into the desk's channel in Slack: who writes it is them there."""
    code = asyncio.run(_slack_code(command_settings(), email.strip().lower()))
    tell("Have them write it into the desk's channel within ten minutes. It works once; one made before is over.")
    say(code)


async def _add(settings: Settings, email: str, name: str, role: Role, token: bool) -> tuple[bool, str | None]:
    """(whether they were there already, their new token if one was asked for)."""
    from bot.cli.storage import storage
    from store import agents

    async with storage(settings) as database, database.write("agents") as connection:
        now = datetime.now(UTC)
        known = await agents.find_agent(connection, email)
        agent = await agents.add_agent(connection, email=email, name=name, role=role, now=now)
        issued = await agents.issue_token(connection, agent.id, now) if token else None
        await agents.record(
            connection,
            action="agent changed" if known else "agent added",
            subject=email,
            now=now,
            agent_id=None,
            data={"name": name, "role": role, "token": token, "by": "command line"},
        )
    return known is not None, issued


async def _invite(settings: Settings, email: str | None, name: str | None, role: Role | None) -> str:
    from bot.cli.storage import storage
    from bot.settings import public_url
    from store import agents, sessions
    from store import settings as kept

    async with storage(settings) as database, database.write("invite") as connection:
        now = datetime.now(UTC)
        known = await agents.find_agent(connection, email) if email is not None else None
        meant = role or (known.role if known else "admin" if email is None else "agent")
        secret = await sessions.make_invite(
            connection,
            email=email,
            name=name or (known.name if known else ""),
            role=meant,
            made_by=None,
            now=now,
        )
        await agents.record(
            connection,
            action="invited",
            subject=email or "whoever comes",
            now=now,
            agent_id=None,
            data={"role": meant, "by": "command line"},
        )
        # The desk may have been started with another port than this command.
        base = settings.public_url or await kept.read(connection, "desk.address") or public_url(settings)
    return f"{base}/desk/welcome/{secret}"


async def _list(settings: Settings) -> list[Agent]:
    from bot.cli.storage import is_there, storage
    from store import agents

    if not is_there(settings):
        return []
    async with storage(settings) as database, database.read() as connection:
        return await agents.list_agents(connection)


async def _known(connection: AsyncConnection, email: str) -> Agent:
    from store import agents

    agent = await agents.find_agent(connection, email)
    if agent is None:
        raise _unknown(email, [each.email for each in await agents.list_agents(connection)])
    return agent


async def _revoke(settings: Settings, email: str) -> int:
    from bot.cli.storage import is_there, storage
    from store import agents

    if not is_there(settings):
        raise _unknown(email, [])
    async with storage(settings) as database, database.write("agents") as connection:
        agent, now = await _known(connection, email), datetime.now(UTC)
        ended = await agents.revoke_tokens(connection, agent.id, now)
        await agents.record(
            connection,
            action="tokens revoked",
            subject=email,
            now=now,
            agent_id=None,
            data={"tokens": ended, "by": "command line"},
        )
    return ended


async def _slack_code(settings: Settings, email: str) -> str:
    from bot.cli.storage import is_there, storage
    from store import agents, window

    if not is_there(settings):
        raise _unknown(email, [])
    async with storage(settings) as database, database.write("agents") as connection:
        agent, now = await _known(connection, email), datetime.now(UTC)
        code = await window.make_code(connection, agent.id, now)
        await agents.record(
            connection, action="code for window", subject=email, now=now, agent_id=None, data={"by": "command line"}
        )
    return code


def _unknown(email: str, known: list[str]) -> Refused:
    near = difflib.get_close_matches(email, known, n=1)
    meant = f" Did you mean {near[0]}?" if near else " See: warmline agents list"
    return Refused(f"There is nobody with the address {email}.{meant}")


def _checked_email(value: str) -> str:
    value = value.strip().lower()
    name, _, domain = value.rpartition("@")
    if not name or not domain or len(value) > 320 or not value.isprintable() or " " in value:
        raise typer.BadParameter("Write an address like lea@example.com.", param_hint="EMAIL")
    return value


def _checked_name(value: str) -> str:
    value = " ".join(value.split())
    if not value or len(value) > 80 or not value.isprintable():
        raise typer.BadParameter("Write a name of 1 to 80 ordinary characters.", param_hint="--name")
    return value
