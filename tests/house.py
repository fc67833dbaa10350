"""A whole desk in the test's process: real database, real bus, real HTTP application, a pretended mind."""

from __future__ import annotations

import asyncio
import base64
import itertools
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, cast

import httpx
from pydantic import SecretStr
from sqlalchemy import text

from bot.app import Mind, Warmline, warmline
from bot.articles import load_articles
from bot.cli import run as running
from bot.library import DEMO, Shelf, rows_of
from bot.settings import Settings
from intents.classifier import Classifier
from models.encoder import Encoder
from models.vectors import VectorCache
from store import articles
from store.agents import add_agent, issue_token
from tests.databases import new_postgresql, new_sqlite
from tests.fakes import FakeClassifier, FakeEncoder


class NoCache:
    """Keeps nothing on disk. What is made of vectors it keeps for all desks of a run: they have the same articles."""

    _made: ClassVar[dict[tuple[str, bytes], Any]] = {}

    def __init__(self, encoder: FakeEncoder) -> None:
        self._encoder = encoder

    def vectors(self, texts: Any) -> Any:
        return self._encoder.encode_many(texts)

    def made(self, name: str, recipe: str, of: Any, make: Any) -> Any:
        key = (f"{name} {recipe}", b"".join(part.tobytes() for part in of))
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


def fake_mind() -> Mind:
    encoder = FakeEncoder()
    return Mind(
        encoder=cast(Encoder, encoder),
        classifier=cast(Classifier, FakeClassifier()),
        vectors=cast(VectorCache, NoCache(encoder)),
    )


@dataclass
class Customer:
    """Somebody who writes on the web."""

    http: httpx.AsyncClient
    token: str | None = None
    sent: list[str] = field(default_factory=list)

    async def write(self, text: str, *, id: str | None = None, **more: Any) -> httpx.Response:
        id = id or str(uuid.uuid4())
        response = await self.http.post(
            "/api/web/messages", json={"conversation": self.token, "id": id, "text": text, **more}
        )
        if response.status_code == 202:
            self.token = response.json()["conversation"]
            self.sent.append(id)
        return response

    async def read(self, after: int = 0) -> list[dict[str, Any]]:
        response = await self.http.get(f"/api/web/conversations/{self.token}/messages", params={"after": after})
        response.raise_for_status()
        return cast(list[dict[str, Any]], response.json()["messages"])

    async def hears(self, kind: str, *, within: float = 20.0) -> dict[str, Any]:
        """The newest message of that kind, waited for."""

        async def look() -> dict[str, Any] | None:
            found = [
                message for message in await self.read() if message["kind"] == kind and message["from"] != "customer"
            ]
            return found[-1] if found else None

        return await until(look, within=within)


@dataclass
class AgentClient:
    """Somebody at the desk."""

    http: httpx.AsyncClient
    token: str
    name: str

    async def get(self, path: str, **params: Any) -> Any:
        response = await self.http.get(f"/api/v1/{path}", params=params, headers=self._headers())
        response.raise_for_status()
        return response.json()

    async def post(self, path: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
        headers = self._headers() | ({"Idempotency-Key": key} if key is not None else {})
        return await self.http.post(f"/api/v1/{path}", json=body, headers=headers)

    async def done(self, path: str, body: Any = None, *, key: str | None = None) -> dict[str, Any]:
        """A post that must succeed; its answer."""
        response = await self.post(path, body, key=key)
        assert response.status_code == 200, response.text
        return cast(dict[str, Any], response.json())

    async def case(self, number: str) -> dict[str, Any]:
        return cast(dict[str, Any], await self.get(f"cases/{number}"))

    async def decided(self, conversation: int, *, within: float = 20.0) -> list[dict[str, Any]]:
        """What came in, once all of it has its end."""

        async def look() -> list[dict[str, Any]] | None:
            rows = (await self.get(f"conversations/{conversation}/messages", limit=500))["messages"]
            theirs = [row for row in rows if row["direction"] == "in"]
            return theirs if theirs and all(row["end"] for row in theirs) else None

        return cast(list[dict[str, Any]], await until(look, within=within))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass
class Desk:
    """A running desk and ways to use it."""

    house: Warmline
    http: httpx.AsyncClient

    def customer(self) -> Customer:
        return Customer(self.http)

    async def conversation(self, of: Customer) -> int:
        """The number that agents know a customer's conversation by."""
        place = base64.urlsafe_b64decode(f"{of.token}=")[:16].hex()
        found = await self.house.house.find("web", "web", place)
        assert found is not None
        return found

    async def sql(self, statement: str, **values: Any) -> list[Any]:
        """Look into the tables, or move time in them."""
        async with self.house.database.write("test") as connection:
            result = await connection.execute(text(statement), values)
            return list(result.all()) if result.returns_rows else []

    async def agent(self, name: str = "Lea", role: str = "agent") -> AgentClient:
        now = datetime.now(UTC)
        async with self.house.database.write("test") as connection:
            agent = await add_agent(connection, email=f"{name.lower()}@desk.example", name=name, role=role, now=now)
            token = await issue_token(connection, agent.id, now)
        return AgentClient(self.http, token, name)


async def until(look: Callable[[], Awaitable[Any]], *, within: float = 20.0) -> Any:
    """The first thing that `look` finds."""
    pause = 0.01
    async with asyncio.timeout(within):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(pause)
            pause = min(1.5 * pause, 0.1)  # many wait at once in some tests; looking must not be the load


class OwnArticles(Shelf):
    """A shelf on which the demo's articles are one's own, so that they answer on channels of one's own."""

    async def open(self) -> None:
        own = await asyncio.to_thread(rows_of, load_articles(DEMO), "own")
        async with self._database.write("articles") as connection:
            await articles.put(connection, own, datetime.now(UTC))
        await super().open()


@asynccontextmanager
async def desk(home: Path, *, mind: Mind | None = None, **changes: Any) -> AsyncIterator[Desk]:
    """It runs until the block ends. With channels of its own it has the demo's articles as its own."""
    if isinstance(changes.get("database_url"), str):
        changes["database_url"] = SecretStr(changes["database_url"])
    settings = Settings(**{"home": home, "quiet_seconds": 0.0, "web_rate_limit": 0, "hours": "always", **changes})
    if settings.database_url is None:
        await asyncio.to_thread(new_sqlite, home)  # bringing a new file to today's tables is tested elsewhere
    shelf = OwnArticles if settings.channels else Shelf
    async with warmline(settings, mind or fake_mind(), shelf_of=shelf) as house:
        transport = httpx.ASGITransport(house.app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://desk.test") as http:
            yield Desk(house, http)


_numbers = itertools.count()


async def database_for(dialect: str) -> dict[str, Any]:
    """Settings of a desk on an empty database of its own."""
    if dialect == "sqlite":
        return {}
    return {"database_url": await new_postgresql(f"warmline_desk_{next(_numbers)}")}


@asynccontextmanager
async def served(house: Warmline) -> AsyncIterator[str]:
    """The desk on a real port, by the server that `warmline run` uses; its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = running._server(house)
        serving = asyncio.create_task(server._serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - it tells nobody when it has started
            await asyncio.sleep(0.002)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            await running._close(house, server, serving)
