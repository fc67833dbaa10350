"""Too much from one side, and other people's websites."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import httpx
import pytest
from httpx import AsyncClient, Response

from tests.house import Customer, Desk, desk


def reach(at: Desk, address: str) -> AsyncClient:
    """Requests as they come from an address."""
    transport = httpx.ASGITransport(at.house.app, client=(address, 1))
    return AsyncClient(transport=transport, base_url="http://desk.test")


async def post(http: AsyncClient, conversation: str | None = None, **headers: str) -> Response:
    """A message; `X_Forwarded_For` is the header of that name."""
    body = {"conversation": conversation, "id": str(uuid.uuid4()), "text": "thanks"}
    sent = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return await http.post("/api/web/messages", json=body, headers=sent)


async def test_so_many_and_then_exactly_so_long(tmp_path: Path) -> None:
    """60 a minute: one a second. What Retry-After says is enough, and not a second more than that."""
    async with desk(tmp_path, web_rate_limit=60) as at:
        ana = Customer(reach(at, "10.0.0.1"))
        answers = [await ana.write("thanks") for _ in range(60)]
        assert {answer.status_code for answer in answers} == {202}
        refused = await ana.write("thanks")
        while refused.status_code == 202:  # a slow machine has earned some more meanwhile
            refused = await ana.write("thanks")
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["error"]["code"] == "too_many"
        assert "in 1 s" in refused.json()["error"]["message"]
        lines = len(await ana.read())
        await asyncio.sleep(1.0)
        assert (await ana.write("thanks")).status_code == 202
        assert len(await ana.read()) == lines + 1
        assert (await Customer(reach(at, "10.0.0.2")).write("thanks")).status_code == 202


async def test_each_conversation_and_each_address(tmp_path: Path) -> None:
    async with desk(tmp_path, web_rate_limit=5) as at:
        one = Customer(reach(at, "10.0.0.1"))
        for _ in range(5):
            assert (await one.write("thanks")).status_code == 202
        moved = await post(reach(at, "10.0.0.2"), one.token)
        assert moved.status_code == 429, "the conversation is over its limit, wherever it is written from"
        assert int(moved.headers["retry-after"]) in (11, 12)
        assert (await post(reach(at, "10.0.0.2"))).status_code == 202
        assert (await post(reach(at, "10.0.0.1"))).status_code == 429, (
            "the address is over its limit, whatever it opens"
        )
        for _ in range(7):
            await post(reach(at, "10.0.0.3"))
        assert (await post(reach(at, "10.0.0.3"))).status_code == 429
        assert (await post(reach(at, "10.0.0.1"), X_Forwarded_For="10.9.9.9")).status_code == 429, (
            "anybody may claim that"
        )
        assert (await one.http.get(f"/api/web/conversations/{one.token}/messages")).status_code == 200


@pytest.mark.parametrize(
    ("address", "same", "other"),
    [
        ("2001:db8:0:1::1", "2001:0db8:0000:0001:ffff:ffff:ffff:ffff", "2001:db8:0:2::1"),
        ("192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"),
        ("192.0.2.1", "::FFFF:C000:0201", "192.0.2.2"),
        ("fe80::1%eth0", "fe80::2%eth0", "fe80:0:0:1::1%eth0"),
    ],
)
async def test_what_counts_as_one_address(tmp_path: Path, address: str, same: str, other: str) -> None:
    """An IPv6 customer has a whole /64 to write from; IPv4 looks like IPv6 to who listens on ::."""
    async with desk(tmp_path, web_rate_limit=2) as at:
        for number in range(2):
            assert (await post(reach(at, (address, same)[number]))).status_code == 202
        assert (await post(reach(at, same))).status_code == 429
        assert (await post(reach(at, address))).status_code == 429
        assert (await post(reach(at, other))).status_code == 202


async def test_a_trusted_proxy_seen_by_who_listens_on_all_addresses(tmp_path: Path) -> None:
    async with desk(tmp_path, web_rate_limit=1, trusted_proxies="10.0.0.0/24") as at:
        proxy = reach(at, "::ffff:10.0.0.1")
        assert (await post(proxy, X_Forwarded_For="192.0.2.1")).status_code == 202
        assert (await post(proxy, X_Forwarded_For="192.0.2.1, ::ffff:10.0.0.2")).status_code == 429
        assert (await post(proxy, X_Forwarded_For="192.0.2.2")).status_code == 202


async def test_behind_proxies_that_we_trust(tmp_path: Path) -> None:
    async with desk(tmp_path, web_rate_limit=2, trusted_proxies="10.0.0.0/24,::1") as at:
        proxy = reach(at, "10.0.0.1")
        for client in ("192.0.2.1", "192.0.2.2, 10.0.0.7", "2001:db8::1"):
            for _ in range(2):
                assert (await post(proxy, X_Forwarded_For=client)).status_code == 202
            assert (await post(proxy, X_Forwarded_For=client)).status_code == 429
        # What stands before the last address that no proxy of ours has added is the client's own invention.
        assert (await post(proxy, X_Forwarded_For="198.51.100.9, 192.0.2.1")).status_code == 429
        assert (await post(proxy, X_Forwarded_For="192.0.2.99, 192.0.2.2, 10.0.0.7")).status_code == 429
        for _ in range(2):
            assert (await post(proxy, X_Forwarded_For="<script>, \xff'\t" + "x" * 5000)).status_code == 202
        stranger = reach(at, "192.0.2.50")
        for number in range(2):
            assert (await post(stranger, X_Forwarded_For=f"203.0.113.{number}")).status_code == 202
        assert (await post(stranger, X_Forwarded_For="203.0.113.9")).status_code == 429


async def test_other_websites(tmp_path: Path) -> None:
    async with desk(tmp_path, allowed_origins="https://shop.example, https://www.shop.example") as at:
        ana = at.customer()
        await ana.write("thanks")
        paths = [f"/api/web/conversations/{ana.token}/messages", "/api/web/conversations/wrong/messages"]
        for origin, allowed in (
            ("https://shop.example", True),
            ("https://www.shop.example", True),
            ("http://shop.example", False),
            ("https://shop.example.evil.example", False),
            ("https://evil.example", False),
            ("null", False),
            ("", False),
            ("*", False),
        ):
            expected = origin if allowed else None
            answers = [await at.http.get(path, headers={"Origin": origin}) for path in paths]
            answers += [await post(at.http, ana.token, Origin=origin), await post(at.http, "wrong", Origin=origin)]
            for path in ("/api/web/messages", *paths, f"/api/web/conversations/{ana.token}/events"):
                asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
                answers.append(await at.http.options(path, headers=asked))
                assert answers[-1].status_code == 204
            for answer in answers:
                assert answer.headers.get("access-control-allow-origin") == expected
                assert "access-control-allow-credentials" not in answer.headers
                assert (answer.headers.get("vary") == "Origin") == allowed
        api = await at.http.get("/api/v1/me", headers={"Origin": "https://shop.example"})
        assert "access-control-allow-origin" not in api.headers


async def test_a_message_from_a_website_that_may_not_is_refused_and_keeps_nothing(tmp_path: Path) -> None:
    """A browser sends a simple POST before it asks; only the server can refuse it."""
    async with desk(tmp_path, allowed_origins="https://shop.example", web_rate_limit=1) as at:
        for origin in ("https://evil.example", "http://shop.example", "https://shop.example.evil.example", "null", ""):
            refused = await post(at.http, Origin=origin, Sec_Fetch_Site="cross-site")
            assert refused.status_code == 403
            assert refused.json()["error"]["code"] == "origin_not_allowed"
            assert "WARMLINE_ALLOWED_ORIGINS" in refused.json()["error"]["message"]
        assert (await at.sql("SELECT count(*) FROM conversation"))[0][0] == 0
        assert (await post(at.http, Origin="https://shop.example")).status_code == 202, "nor does it count"


async def test_our_own_pages_may_always_write(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        assert (await post(at.http)).status_code == 202
        assert (await post(at.http, Origin="http://desk.test")).status_code == 202
        assert (await post(at.http, Origin="https://desk.test")).status_code == 202, "behind a proxy that speaks TLS"
        behind = {"Origin": "https://help.example", "Sec_Fetch_Site": "same-origin"}
        assert (await post(at.http, **behind)).status_code == 202, "behind a proxy that names another host"
        assert (await post(at.http, Origin="https://desk.test:8443")).status_code == 403


async def test_any_website(tmp_path: Path) -> None:
    async with desk(tmp_path, allowed_origins="*") as at:
        answer = await post(at.http, Origin="https://any.example")
        assert answer.headers["access-control-allow-origin"] == "https://any.example"
        assert "access-control-allow-origin" not in (await post(at.http)).headers
