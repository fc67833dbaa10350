"""A desk that dies as it asks somebody: the case waits, the offer stands or runs out, and everybody can go on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.web.who import COOKIE
from store import offers
from store.agents import add_agent
from store.sessions import open_session
from tests.chaos.victim import Victim, free_port
from tests.house import desk, until

OURS = {"Sec-Fetch-Site": "same-origin"}


async def prepared(home: Path) -> str:
    """A case waits, Lea is signed in, and work is given out; her cookie."""
    async with desk(home) as at:
        ana = at.customer()
        await ana.write("the whole site is down")
        await ana.hears("acknowledgement")
        now = datetime.now(UTC)
        async with at.house.database.write("test") as connection:
            lea = await add_agent(connection, email="lea@desk.example", name="Lea", role="agent", now=now)
            await offers.set_terms(connection, {"mode": "push", "claim_within": 600, "capacity": 5}, now)
            return await open_session(connection, lea.id, now)


@pytest.mark.timeout(120)
async def test_an_offer_outlives_who_made_it(tmp_path: Path) -> None:
    home, port = tmp_path / "home", free_port()
    secret = await prepared(home)
    victim = Victim("offers", {"WARMLINE_HOME": str(home), "WARMLINE_PORT": str(port)}, tmp_path)
    headers = {"Cookie": f"{COOKIE}={secret}", **OURS}
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as http:

            async def offered() -> dict[str, Any] | None:
                found: dict[str, Any] | None = (await http.get("/api/v1/offers")).json()["offer"]
                return found

            assert await victim.start("assigner.before-tell:1")
            await http.post("/desk/here")
            assert await victim.dies(within=20), victim.tail()
            victim.settle("assigner.before-tell")
            assert await victim.start()
            await http.post("/desk/here")
            offer = await until(offered)
            assert offer["case"] == "W-1001"
            taken = await http.post(f"/api/v1/offers/{offer['id']}/take")
            assert taken.json() == {"number": "W-1001", "status": "open", "assignee": "Lea"}
    finally:
        await victim.close()
