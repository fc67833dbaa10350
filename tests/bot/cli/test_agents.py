"""People and tokens: before the first start, beside a running desk, and with what people mistype."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from bot.app import ADDRESS
from bot.cli.agents import Role
from bot.web.gate import ROLES
from store import sessions, settings, window
from store.agents import Agent, agent_of_token
from store.database import open_database, sqlite_url
from store.homelock import HomeLock
from tests.bot.cli.conftest import Invoke


def owner_of(home: Path, token: str) -> Agent | None:
    async def ask() -> Agent | None:
        database = open_database(sqlite_url(home))
        try:
            async with database.read() as connection:
                return await agent_of_token(connection, token)
        finally:
            await database.close()

    return asyncio.run(ask())


def test_the_roles_are_the_gates() -> None:
    assert get_args(Role) == ROLES


def test_from_nobody_to_a_revoked_token(invoke: Invoke, home: Path) -> None:
    empty = invoke("agents", "list")
    assert (empty.exit_code, empty.stdout) == (0, "")
    assert "agents add" in empty.stderr
    assert not home.exists(), "to look must make nothing"

    added = invoke("agents", "add", "Lea@Desk.Example", "--name", "  Lea   Ahn ", "--role", "supervisor", "--token")
    assert added.exit_code == 0, added.stderr
    token = added.stdout.split()[-1]
    owner = owner_of(home, token)
    assert owner is not None
    assert (owner.email, owner.name, owner.role) == ("lea@desk.example", "Lea Ahn", "supervisor")

    assert invoke("agents", "list").stdout == "lea@desk.example\tLea Ahn\tsupervisor\tyes\n"

    changed = invoke("agents", "add", "lea@desk.example", "--name", "Lea", "--role", "admin")
    assert changed.stdout == "Changed: Lea <lea@desk.example>, admin.\n"
    assert owner_of(home, token) is not None, "another role is no reason to lose a token"

    revoked = invoke("agents", "revoke", "LEA@desk.example")
    assert revoked.stdout == "1 token of lea@desk.example revoked.\n"
    assert owner_of(home, token) is None


def test_beside_a_running_desk(invoke: Invoke, home: Path) -> None:
    invoke("agents", "add", "lea@desk.example", "--name", "Lea")
    with HomeLock(home):
        added = invoke("agents", "add", "ben@desk.example", "--name", "Ben", "--token")
        assert added.exit_code == 0, added.stderr
        assert owner_of(home, added.stdout.split()[-1]) is not None
        assert len(invoke("agents", "list").stdout.splitlines()) == 2


def test_a_desk_of_another_version_is_not_migrated_under(
    invoke: Invoke, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.cli.storage.PATIENCE", 0.2)
    with HomeLock(home):
        result = invoke("agents", "add", "ben@desk.example", "--name", "Ben")
    assert result.exit_code == 1
    assert "another version" in result.stderr
    assert "agent" not in tables(home)


def tables(home: Path) -> set[str]:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(home / "warmline.db")) as file:
        return {row[0] for row in file.execute("SELECT name FROM sqlite_master")}


def test_who_is_not_there_cannot_be_revoked(invoke: Invoke, home: Path) -> None:
    assert invoke("agents", "revoke", "lea@desk.example").exit_code == 1
    invoke("agents", "add", "lea@desk.example", "--name", "Lea")
    result = invoke("agents", "revoke", "lae@desk.example")
    assert result.exit_code == 1
    assert "Did you mean lea@desk.example?" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["lea", "--name", "Lea"],
        ["lea@", "--name", "Lea"],
        ["@desk", "--name", "Lea"],
        ["lea\x1b[2J@desk.example", "--name", "Lea"],
        ["lea@desk.example", "--name", " "],
        ["lea@desk.example", "--name", "L" * 81],
        ["lea@desk.example", "--name", "Le\udcffa"],
        ["lea@desk.example", "--name", "Lea", "--role", "king"],
    ],
)
def test_what_is_mistyped_is_2_and_adds_nobody(invoke: Invoke, home: Path, words: list[str]) -> None:
    assert invoke("agents", "add", *words).exit_code == 2
    assert not home.exists()


def test_a_link_leads_to_the_desk_that_runs(invoke: Invoke, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = invoke("agents", "invite")
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/desk/welcome/[\w-]{32}\n", before.stdout)
    assert "once, within 24 hours" in before.stderr

    async def started() -> None:
        database = open_database(sqlite_url(home))
        try:
            async with database.write("test") as connection:
                await settings.write(connection, ADDRESS, "http://127.0.0.1:8345", datetime.now(UTC))
        finally:
            await database.close()

    asyncio.run(started())
    assert invoke("agents", "invite").stdout.startswith("http://127.0.0.1:8345/desk/welcome/")
    monkeypatch.setenv("WARMLINE_PUBLIC_URL", "https://help.acme.example")
    assert invoke("agents", "invite").stdout.startswith("https://help.acme.example/desk/welcome/")


def test_who_is_invited_keeps_their_role_unless_another_is_named(invoke: Invoke, home: Path) -> None:
    invoke("agents", "add", "lea@desk.example", "--name", "Lea", "--role", "supervisor")
    links = {
        role: invoke("agents", "invite", "lea@desk.example", *more).stdout.strip().rsplit("/", 1)[1]
        for role, more in (("supervisor", ()), ("admin", ("--role", "admin")))
    }

    async def meant(secret: str) -> sessions.Invite | None:
        database = open_database(sqlite_url(home))
        try:
            async with database.read() as connection:
                return await sessions.read_invite(connection, secret, datetime.now(UTC))
        finally:
            await database.close()

    assert asyncio.run(meant(links["supervisor"])) is None, "the newer link ends the older one"
    found = asyncio.run(meant(links["admin"]))
    assert found is not None
    assert (found.email, found.name, found.role) == ("lea@desk.example", "Lea", "admin")
    assert invoke("agents", "invite", "nonsense").exit_code == 2


def test_a_code_for_the_desks_channel(invoke: Invoke, home: Path) -> None:
    assert invoke("agents", "slack-code", "lea@desk.example").exit_code != 0
    assert not home.exists()
    invoke("agents", "add", "lea@desk.example", "--name", "Lea")
    shown = invoke("agents", "slack-code", "LEA@desk.example")
    assert shown.exit_code == 0, shown.stderr

    async def use() -> int | None:
        database = open_database(sqlite_url(home))
        try:
            async with database.write("test") as connection:
                return await window.use_code(connection, shown.stdout.strip(), datetime.now(UTC))
        finally:
            await database.close()

    assert asyncio.run(use()) == 1
    assert asyncio.run(use()) is None
    assert "Did you mean lea@desk.example?" in invoke("agents", "slack-code", "le@desk.example").stderr
