"""Wires the house together: the only place that does. What a part needs comes in here as an argument."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog
from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp

from bot import metrics, presences
from bot.assigner import Assigner
from bot.chance import chance
from bot.channel_tables import hider
from bot.clock import Clock
from bot.courier import Courier
from bot.gatekeeper import Gatekeeper, rule_of
from bot.host import Front, House
from bot.intake import Intake
from bot.library import Shelf
from bot.live import Live
from bot.mailing import Mailing
from bot.router import Router
from bot.settings import Settings, public_url, read_secret
from bot.typist import Typist
from bot.understanding import Reader
from bot.watch import Watch
from bot.web import front as front_page
from bot.web import gate as rights
from bot.web import pages
from bot.web.api import Office
from bot.web.assets import own_assets
from bot.web.desk import routes as desk_pages
from bot.web.desk.frame import Frame
from bot.web.gate import ROLES, answers
from bot.web.page import Pages
from bot.web.server import application
from bot.web.signin import SignIn
from bot.window.attendant import Attendant
from channels.contract import (
    Backfills,
    Capabilities,
    Channel,
    InboundMessage,
    OpensWindow,
    Rereads,
    RereadsInHouse,
    Returned,
    ServesRoutes,
    Window,
    WritesFirst,
)
from handoff.desk import Desk
from handoff.holding import Refusal
from handoff.letters import Postman
from handoff.linking import Linking
from handoff.notifier import Notifier
from handoff.offering import Offering
from handoff.opening import Footing, Rules
from handoff.proof import Codes
from handoff.status import read_status
from handoff.unread import Letterhead
from intents.catalogue import normal
from intents.classifier import Classifier
from intents.promise import Terms
from models.encoder import Encoder, load_encoder
from models.vectors import VectorCache
from store import agents, leases, quarantine, sessions, standings
from store import settings as kept
from store.bus import Bus
from store.database import Database, is_in, open_database, sqlite_url
from store.homelock import HomeLock
from store.migrate import migrate
from store.valkey import EmbeddedValkey
from store.window import Pane
from store.words import case_number

if TYPE_CHECKING:
    from bot.provider import Provider

Progress = Callable[[str], None]

ADDRESS: Final = "desk.address"
"""Of the kept settings: where the desk that runs was last reached."""
FOOTING_FOR: Final = 1.0
MEASURED_FOR: Final = 300.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mind:
    """The costly, unchanging part: the encoder and what was trained on it."""

    encoder: Encoder
    classifier: Classifier
    vectors: VectorCache


@dataclass(frozen=True, slots=True, kw_only=True)
class Warmline:
    """A running desk."""

    settings: Settings
    database: Database
    bus: Bus
    desk: Desk
    house: House
    router: Router
    courier: Courier
    clock: Clock
    shelf: Shelf
    gate: Gatekeeper
    channels: dict[tuple[str, str], Channel]
    app: ASGIApp
    api: FastAPI
    pages: Pages
    frame: Frame
    watch: Watch

    async def note_address(self, base: str) -> None:
        """Keep where this desk is reached: a command beside it makes links that lead here, whatever its own port."""
        async with self.database.write("address") as connection:
            await kept.write(connection, ADDRESS, base, datetime.now(UTC))

    async def first_link(self) -> str | None:
        """The last part of a new link for the first admin; None: there is one who can sign in."""
        async with self.database.write("first-link") as connection:
            if await agents.has_admin(connection):
                return None
            now = datetime.now(UTC)
            return await sessions.make_invite(connection, email=None, name="", role="admin", made_by=None, now=now)


def load_mind(settings: Settings, progress: Progress = lambda _: None) -> Mind:
    """Fetch, build and train what is missing. Blocking: seconds the first time, a fraction later."""
    encoder = load_encoder(settings.home, settings.encoder, precision=settings.encoder_precision, progress=progress)
    classifier = Classifier.load_or_train(settings.home, encoder, progress=progress)
    return Mind(encoder=encoder, classifier=classifier, vectors=VectorCache(settings.home / "vectors.db", encoder))


def database_url(settings: Settings) -> str:
    """The address in use: the one that was set, or the file in the home folder."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return sqlite_url(settings.home)


class _Duty:
    """On what footing times may be named now; asked of the bus and the database, not for every message."""

    def __init__(self, bus: Bus, desk: Callable[[], Desk]) -> None:
        self._bus = bus
        self._desk = desk
        self._footing = Footing()
        self._asked = -1e9
        self._measured_at = -1e9

    async def __call__(self) -> Footing:
        now = time.monotonic()
        if now - self._asked < FOOTING_FOR:
            return self._footing
        self._asked = now
        on_duty = sum(who.startswith("agent:") for who in await self._bus.who_is_present())
        if now - self._measured_at > MEASURED_FOR:
            self._measured_at = now
            self._footing = await self._desk().footing(on_duty)
        else:
            self._footing = Footing(on_duty=on_duty, measured=self._footing.measured)
        return self._footing


@asynccontextmanager
async def warmline(
    settings: Settings,
    mind: Mind | None = None,
    progress: Progress = lambda _: None,
    shelf_of: type[Shelf] = Shelf,
) -> AsyncIterator[Warmline]:
    """A desk that runs until the block ends: storage, bus, channels, router, courier, clock.

    Raises:
        StoreError, ModelError, ChannelError, SettingsError: what is in the way, and what to do.
        ExceptionGroup: a part of the house failed while it ran.
    """
    async with AsyncExitStack() as stack:
        alone = database_url(settings).startswith("sqlite")
        if alone or settings.redis_url is None:
            # Our own Valkey ends what it finds on its socket: it must know that this is an orphan.
            stack.enter_context(HomeLock(settings.home))
        secret = read_secret(settings)
        database = open_database(database_url(settings))
        stack.push_async_callback(database.close)
        progress("Opening the database")
        await migrate(database)
        if is_in(settings.home, database):
            # The lock says that nobody else is at it: a desk that was killed need not be waited for.
            async with database.write("lease.void") as connection:
                await leases.void_all(connection)
                await standings.alone(connection, datetime.now(UTC))
        redis_url = (
            settings.redis_url.get_secret_value()
            if settings.redis_url is not None
            else await stack.enter_async_context(EmbeddedValkey(settings.home))
        )
        gaps: list[Callable[[], None]] = []

        def gap() -> None:
            for look in gaps:
                look()

        bus = await Bus.connect(redis_url, on_gap=gap)
        stack.push_async_callback(bus.close)
        if mind is None:
            mind = await asyncio.to_thread(load_mind, settings, progress)
        progress("Reading the knowledge base")
        # The demo company answers nobody who writes on a channel of one's own.
        shelf = shelf_of(database=database, encoder=mind.encoder, vectors=mind.vectors, demo=not settings.channels)
        await shelf.open()

        live = Live(bus)
        gate = await _gatekeeper(settings, mind, shelf, database, bus, live)
        channels = presences.make_all(settings, secret)
        capabilities = _capabilities(channels)
        postman = _postman(settings, secret)
        rules = Rules(
            targets=settings.targets,
            hours=settings.business_hours,
            voice=settings.voice,
            notify=settings.webhook_url is not None,
            mail_after=timedelta(minutes=settings.mail_after) if postman is not None else None,
        )
        holder = f"{socket.gethostname()[:20]}-{os.getpid()}"
        process = f"{holder}-{secrets.token_hex(2)}"
        codes = Codes(secret)
        linking = Linking(codes=codes, bot=settings.voice.bot, pull=lambda name: capabilities(name).pull)

        async def published(conversations: Collection[int], cases: Collection[int]) -> None:
            watch.touched(conversations)
            await live.publish(conversations, cases)

        def find(name: str, account: str) -> Channel | None:
            return channels.get((name, account))

        courier = Courier(database=database, bus=bus, find=find, holder=holder, published=published)

        async def read_again(item: int) -> str | None:
            return await _reread(item, database, channels, house)

        watch = Watch(
            database=database, channels=channels, rates=courier.rates, process=process,
            changed=lambda: live.signal("channels", conversation=0), reread=read_again,
            hide=hider(settings.channels.values()),
        )  # fmt: skip
        typist = Typist(database=database, bus=bus, live=live, find=find)

        async def acted(conversation: int, case: int) -> None:
            await bus.hint("courier", [conversation])
            courier.wake()
            watch.touched([conversation])
            await live.publish([conversation], [case])

        async def refused(reply: Refusal) -> None:
            await live.signal("hold", conversation=0, about=reply.conversation, case=case_number(reply.case_id),
                              agent=reply.agent_id, words=reply.words)  # fmt: skip

        desk = Desk(
            database=database, rules=rules, pull=lambda name: capabilities(name).pull, linking=linking, published=acted,
            here=live.is_heard, letters=lambda name: capabilities(name).letters, corrected=gate.corrected,
            takes=lambda name: capabilities(name).max_attachment_bytes if capabilities(name).attachments else 0,
            may_answer=lambda agent: rights.may(agent, "answer"), refused=refused,
        )  # fmt: skip
        duty = _Duty(bus, lambda: desk)
        reader = Reader(
            classifier=mind.classifier,
            library=lambda: shelf.library,
            threads=settings.encoder_threads,
            threshold=lambda: gate.threshold,
            rule=lambda: gate.rule,
        )
        stack.callback(reader.close)
        intake = Intake(database=database, bus=bus, chosen=chance(secret, settings.label_share), marks=codes.marks,
                        changed=lambda conversations: live.publish(conversations, []))  # fmt: skip
        front = Front(
            voice=settings.voice,
            hours=settings.business_hours,
            hours_said=settings.hours,
            status=lambda: _status(database),
            file_at_most=settings.web_file_max_mb * 1_000_000,
            mail_after=rules.mail_after,
        )
        house = House(intake=intake, database=database, live=live, bus=bus, front=front, holder=process)
        base = public_url(settings)
        router = Router(
            database=database,
            bus=bus,
            reader=reader,
            rules=rules,
            capabilities=capabilities,
            footing=duty,
            published=published,
            link=lambda slug, anchor: f"{base}/help/{slug}" + (f"#{anchor}" if anchor else ""),
            linking=linking,
            quiet=settings.quiet_seconds,
            quiet_at_most=settings.quiet_at_most,
            typing=lambda there: typist.show(there.id, there.channel, there.account),
        )
        notifier: Notifier | None = None
        if settings.webhook_url is not None:
            from bot.webhook import Webhook  # its HTTP client takes a while to load

            notifier = Webhook(settings.webhook_url.get_secret_value())
            stack.push_async_callback(notifier.close)
        clock = Clock(
            database=database,
            rules=rules,
            footing=duty,
            pull=lambda name: capabilities(name).pull,
            notifier=notifier,
            desk_url=f"{base}/desk",
            published=published,
            holding=desk.holding,
            mailing=Mailing(
                database=database,
                postman=postman,
                head=Letterhead(
                    company=settings.company,
                    sender=(settings.sender and settings.sender.name) or settings.company,
                    link=settings.public_url,
                ),
                published=published,
            ),
        )
        gaps += [router.sweep_soon, courier.wake]
        assigner = Assigner(
            database=database, bus=bus, live=live, rules=rules, roles=[role for role in ROLES if answers(role)],
            holder=process, published=published,
        )  # fmt: skip
        offering = Offering(database=database, acts=desk.acts, hands=desk.hands, changed=assigner.look_soon)
        office = Office(
            desk=desk,
            database=database,
            bus=bus,
            live=live,
            wake_courier=courier.wake,
            requeue=read_again,
            base=base,
            is_demo=lambda: shelf.is_demo,
            words=shelf.words,
            nearest=reader.nearest,
            gate=gate,
            watch=watch,
            passwords=settings.passwords,
            intents=mind.classifier.catalogue.by_id,
            assigner=assigner,
            offering=offering,
            write_first={key: channel for key, channel in channels.items() if isinstance(channel, WritesFirst)},
        )
        routes = [
            route for channel in channels.values() if isinstance(channel, ServesRoutes) for route in channel.routes()
        ]
        assets = own_assets()
        shown = Pages(assets, {"company": settings.company, "bot_name": settings.voice.bot})
        signin = SignIn(
            database=database, bus=bus, live=live, pages=shown, secure=base.startswith("https://"),
            leaving=desk.leaving, by_password=settings.passwords,
            single=settings.oidc_name if settings.oidc_issuer else None,
        )  # fmt: skip
        single: list[Route] = []
        if (provider := _provider(settings, base)) is not None:
            from bot.web.oidc import SingleSignOn

            stack.push_async_callback(provider.close)
            single = SingleSignOn(
                database=database, signin=signin, provider=provider, secure=base.startswith("https://")
            ).routes()
        frame = Frame(
            database=database, bus=bus, live=live, pages=shown, desk=desk, office=office, company=settings.company,
            zone=settings.business_hours.zone, channels=sorted({name for name, _ in channels}),
        )  # fmt: skip
        api, app = application(
            office=office,
            routes=[
                *routes,
                assets.route(),
                *front_page.routes(
                    pages=shown,
                    assets=assets,
                    about=house.about,
                    is_demo=lambda: shelf.is_demo,
                    articles=shelf.pages,
                    mail=settings.sender.address if settings.sender is not None else None,
                ),
                *signin.routes(),
                *single,
                *desk_pages.routes(frame),
                *pages.routes(
                    ready=lambda: {"database": router.healthy, "bus": bus.alive, "router": not router.stuck},
                    links=watch.states,
                    measure=lambda: metrics.measure(database, gate, watch.accounts),
                    page=shelf.page,
                    pages=shelf.pages,
                    company=settings.company,
                ),
            ],
            trusted_proxies=settings.trusted_proxies,
            pages=shown,
        )
        attendants = [
            Attendant(
                pane=Pane(channel=name, account=account, place=window.place), window=window, database=database,
                desk=desk, live=live, bus=bus, alone=house.alone, base=base, voice=settings.voice,
            )
            for (name, account), window in _windows(channels)
        ]  # fmt: skip
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(part(), name=name)
                for name, part in (
                    ("intake", intake.run),
                    ("live", live.run),
                    ("router", router.run),
                    ("courier", courier.run),
                    ("typist", typist.run),
                    ("clock", clock.run),
                    ("assigner", assigner.run),
                    ("library", shelf.run),
                    ("gate", partial(gate.run, reader)),
                )
            ]
            running += [tasks.create_task(attendant.run(), name="window") for attendant in attendants]
            try:
                for channel in channels.values():
                    await channel.start(house)
                    if isinstance(channel, Backfills):
                        running.append(tasks.create_task(_backfill(channel, house)))
                running.append(tasks.create_task(watch.run(), name="watch"))
                yield Warmline(
                    settings=settings, database=database, bus=bus, desk=desk, house=house, router=router,
                    courier=courier, clock=clock, shelf=shelf, gate=gate, channels=channels, app=app, api=api,
                    pages=shown, frame=frame, watch=watch,
                )  # fmt: skip
            finally:
                frame.stop()
                await courier.drain()
                for channel in channels.values():
                    await channel.stop()
                for task in running:
                    task.cancel()
                await watch.goodbye()


async def _gatekeeper(
    settings: Settings, mind: Mind, shelf: Shelf, database: Database, bus: Bus, live: Live
) -> Gatekeeper:
    """The gate as it was left, before the first message is read."""
    terms = Terms(alpha=settings.grave_share, confidence=settings.grave_confidence)
    taught = {normal(text) for text, _ in mind.classifier.catalogue.examples}
    gate = Gatekeeper(
        database=database,
        bus=bus,
        terms=terms,
        rule=rule_of(mind.classifier.identity, terms, lambda: shelf.library),
        learnt=lambda text: normal(text) in taught,
        changed=lambda: live.signal("gate", conversation=0),
        notify=settings.webhook_url is not None,
    )
    await gate.open()
    return gate


def _provider(settings: Settings, base: str) -> Provider | None:
    """With whom people of the desk sign in, if not with us alone."""
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    from bot.provider import Client, Provider  # only who has one pays for an HTTP client at the start

    secret = settings.oidc_client_secret
    return Provider(
        Client(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=secret.get_secret_value() if secret is not None else None,
            name=settings.oidc_name,
            back=f"{base}/desk/oidc/back",
        )
    )


def _postman(settings: Settings, secret: bytes) -> Postman | None:
    """Who carries mail; None: nobody has said which server takes it."""
    if settings.mail_server is None or settings.sender is None:
        return None
    from bot.mail import SmtpPostman  # its library costs a start, and not every desk sends mail

    return SmtpPostman(settings.mail_server, settings.sender, secret=secret)


async def _status(database: Database) -> dict[str, str]:
    """What is said of the whole service now."""
    async with database.read() as connection:
        status = await read_status(connection)
    return {"state": status.state, "text": status.text}


async def _backfill(channel: Channel, house: House) -> None:
    """What was missed while we were away."""
    assert isinstance(channel, Backfills)  # noqa: S101 - chosen by the caller
    try:
        missed = await channel.backfill(house)
    except Exception:
        log.exception("backfill failed; the channel goes on with what comes now", channel=channel.name)
    else:
        if missed:
            log.info("caught up", channel=channel.name, messages=missed)


def _windows(channels: dict[tuple[str, str], Channel]) -> list[tuple[tuple[str, str], Window]]:
    """Places of the team's chats in which the desk is to stand."""
    found = ((key, channel.window()) for key, channel in channels.items() if isinstance(channel, OpensWindow))
    return [(key, window) for key, window in found if window is not None]


def _capabilities(channels: dict[tuple[str, str], Channel]) -> Callable[[str], Capabilities]:
    by_name = {name: channel.capabilities for (name, _), channel in channels.items()}
    nothing = Capabilities()

    def of(name: str) -> Capabilities:
        return by_name.get(name, nothing)

    return of


async def _reread(item: int, database: Database, channels: dict[tuple[str, str], Channel], house: House) -> str | None:
    """Let a channel decode a quarantined payload again; why it could not, or None."""
    async with database.read() as connection:
        kept = await quarantine.read(connection, item)
    if kept is None:
        return "It is not in quarantine any more."
    channel = channels.get((kept.channel, kept.account))
    why: str | None = None
    if channel is None:
        why = f"This desk has no channel {kept.channel} with the account {kept.account}."
    elif not isinstance(channel, (Rereads, RereadsInHouse)):
        why = f"The channel {kept.channel} cannot read anything again."
    else:
        try:
            messages: Sequence[InboundMessage | Returned]
            if isinstance(channel, RereadsInHouse):
                messages = await channel.reread_in(house, kept.external_id, kept.raw)
            else:
                # It may take seconds, and the other customers go on.
                messages = await asyncio.to_thread(channel.reread, kept.external_id, kept.raw)
        except ValueError as error:
            log.info("still unreadable", item=item, error=str(error))
            why = str(error)
        else:
            await house.deliver(list(messages))
    async with database.write("quarantine") as connection:
        await quarantine.tried(connection, item, datetime.now(UTC), released=why is None, reason=why)
    return why
