"""Random requests over every path that the API describes: whatever comes, no 5xx, and refusals in one shape."""

from __future__ import annotations

import json
import random
import string
import time
import uuid
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.house import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECONDS = 2.5
texts = st.text(max_size=40) | st.sampled_from(
    [
        "",
        "0",
        "-1",
        "null",
        "W-1001",
        "W-1002",
        "me",
        "none",
        "\0",
        "\ud800",
        "%00",
        "../..",
        "9" * 40,
        "1e999",
        "\U0010ffff",
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from([2**31, 2**63, -(2**63), 10**30]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def fitting(schema: dict[str, Any], schemas: dict[str, Any], rng: random.Random) -> Any:
    """Something that the schema allows, or nearly."""
    if "$ref" in schema:
        return fitting(schemas[schema["$ref"].rpartition("/")[2]], schemas, rng)
    if options := schema.get("anyOf"):
        return fitting(rng.choice(options), schemas, rng)
    if "properties" in schema:
        return {name: fitting(field, schemas, rng) for name, field in schema["properties"].items()}
    if "enum" in schema:
        return rng.choice(schema["enum"])
    if schema.get("format") == "date-time":
        return rng.choice(
            ["2030-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "1970-01-01"]
        )
    match schema.get("type"):
        case "integer":
            return rng.choice([0, 1, 2, 3, 2**31 - 1, 2**31, 2**53, 2**63, -1])
        case "string":
            return rng.choice(
                ["hello", "lea@desk.example", "\u202e<b>", "\U0001fae8" * 9, "x" * rng.choice((1, 60, 61, 2000))]
            )
        case _:
            return None


def drawn(strategy: st.SearchStrategy[Any], rng: random.Random) -> Any:
    """One example of a strategy. Hypothesis' own runner is synchronous; here the desk runs in this very loop."""
    return examples[id(strategy)][rng.randrange(len(examples[id(strategy)]))]


examples: dict[int, list[Any]] = {}


@pytest.fixture(scope="module", autouse=True)
def _examples() -> None:
    for strategy in (texts, values):
        found: list[Any] = []
        _gather(strategy, found)
        examples[id(strategy)] = found


def _gather(strategy: st.SearchStrategy[Any], found: list[Any]) -> None:
    @seed(7)
    @settings(max_examples=150, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategy)
    def gather(value: Any) -> None:
        found.append(value)

    gather()


async def test_whatever_comes(at: Desk) -> None:
    rng = random.Random(11)
    lea = await at.agent("Lea", "supervisor")
    for text in ("your whole site is down", "it is broken", "I love it, great", "florp"):
        ana = at.customer()
        await ana.write(text)
        await lea.decided(await at.conversation(ana))
    document = (await at.http.get("/api/openapi.json")).json()
    schemas = document["components"]["schemas"]
    operations = [(path, method, op) for path, methods in document["paths"].items() for method, op in methods.items()]
    statuses: dict[int, int] = {}
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        path, method, operation = rng.choice(operations)
        request = _request(path, operation, schemas, rng)
        headers = lea._headers() | ({"content-type": "application/json"} if rng.random() < 0.9 else {})
        if rng.random() < 0.3:
            headers["Idempotency-Key"] = rng.choice(["k", str(uuid.uuid4()), "x" * 201, "\x7f"])
        address, content = request
        response = await at.http.request(method, address, content=content, headers=headers)
        _check(response, (method, address, content))
        statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
        body = drawn(values, rng)
        content = rng.randbytes(rng.randrange(60)) if rng.random() < 0.2 else json.dumps(body).encode()
        if isinstance(body, dict) and rng.random() < 0.8:
            named = {
                "id": str(uuid.uuid4()),
                "text": drawn(texts, rng),
                rng.choice(["name", "email", "button"]): drawn(values, rng),
            }
            content = json.dumps({**body, **named}).encode()
        _check(await at.http.post("/api/web/messages", content=content), content)
    assert {200, 404, 409, 422} <= set(statuses), statuses
    rows = await at.sql("SELECT count(*) FROM message WHERE direction = 'in' AND \"end\" IS NULL")
    assert rows[0][0] < 100


def _request(
    path: str, operation: dict[str, Any], schemas: dict[str, Any], rng: random.Random
) -> tuple[str, bytes | None]:
    query = []
    for parameter in operation.get("parameters", []):
        odd = rng.random() < 0.4
        value = drawn(texts, rng) if odd else fitting(parameter["schema"], schemas, rng)
        if parameter["in"] == "path":
            if not odd and parameter["schema"].get("type") == "string":
                value = f"W-{rng.randrange(1000, 1007)}"
            path = path.replace("{" + parameter["name"] + "}", quote(str(value).encode("utf-8", "replace"), safe=""))
        elif parameter["in"] == "query" and value is not None and rng.random() < 0.5:
            query.append(f"{parameter['name']}={quote(str(value).encode('utf-8', 'replace'), safe='')}")
    content = None
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if schema is not None:
        body = fitting(schema, schemas, rng)
        if rng.random() < 0.3 and isinstance(body, dict):
            body[rng.choice([*body, drawn(texts, rng)])] = drawn(values, rng)
        content = json.dumps(drawn(values, rng) if rng.random() < 0.1 else body).encode()
        if rng.random() < 0.05:
            content = content[: rng.randrange(len(content) + 1)]
    return path + ("?" + "&".join(query) if query else ""), content


def _check(response: Any, sent: object) -> None:
    assert response.status_code < 500, (sent, response.text)
    if response.status_code >= 400:
        error = response.json()["error"]
        assert error["code"], sent
        assert error["message"], sent
        assert set(error["code"]) <= set(string.ascii_lowercase + string.digits + "_")
