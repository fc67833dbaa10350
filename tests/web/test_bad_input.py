"""What nobody should send: a clear 4xx that says what to do, nothing stored, nothing leaked, the same everywhere."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.house import AgentClient, Customer, Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

ID = "4d3c1e6a-0000-4000-8000-00000000beef"
TABLES = ("message", "conversation", "customer", "case", "case_event", "idempotency", "quarantine", "label", "due")


def body(**changes: Any) -> bytes:
    return json.dumps({"conversation": None, "id": ID, "text": "hello", **changes}).encode()


def without(field: str) -> bytes:
    return json.dumps({key: value for key, value in json.loads(body()).items() if key != field}).encode()


WEB: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 400, "not_json"),
    "spaces": (b"   ", 400, "not_json"),
    "not JSON": (b"{'id': 1}", 400, "not_json"),
    "cut": (body()[:-5], 400, "not_json"),
    "two values": (body() + body(), 400, "not_json"),
    "an array": (b"[]", 422, "not_an_object"),
    "a string": (b'"hello"', 422, "not_an_object"),
    "a number": (b"1", 422, "not_an_object"),
    "null": (b"null", 422, "not_an_object"),
    "deep": (b"[" * 100_000, 400, "not_json"),
    "deep and closed": (b'{"id":' + b"[" * 50_000 + b"]" * 50_000 + b"}", 400, "not_json"),
    "a number of 10,000 digits": (b'{"id": ' + b"9" * 10_000 + b"}", 400, "not_json"),
    "invalid UTF-8": (b'{"id":"' + ID.encode() + b'","text":"\xff\xfe"}', 400, "not_utf8"),
    "UTF-16": (body().decode().encode("utf-16"), 400, "not_utf8"),
    "a byte order mark": (b"\xef\xbb\xbf" + body(), 400, "not_json"),
    "overlong UTF-8": (body(text="@").replace(b"@", b"\xc0\x80"), 400, "not_utf8"),
    "a surrogate in UTF-8": (body(text="@").replace(b"@", b"\xed\xa0\x80"), 400, "not_utf8"),
    "a megabyte": (body(text="x" * 1_000_000), 413, "too_large"),
    "300 kB": (body(text="x" * 300_000), 413, "too_large"),
    "a long text": (body(text="x" * 10_001), 413, "too_long"),
    "no id": (without("id"), 422, "wrong_type"),
    "no text": (without("text"), 422, "wrong_type"),
    "an empty text": (body(text=""), 422, "empty"),
    "a blank text": (body(text=" \t\r\n\u00a0\u2003 "), 422, "empty"),
    "NUL": (body(text="a\0b"), 422, "control_character"),
    "a control": (body(text="a\x1b[31mb"), 422, "control_character"),
    "DEL": (body(text="a\x7fb"), 422, "control_character"),
    "C1": (body(text="a\x9bb"), 422, "control_character"),
    "a lone high surrogate": (body(text="@").replace(b"@", b"\\ud800"), 422, "control_character"),
    "a lone low surrogate": (body(text="@").replace(b"@", b"\\udc00"), 422, "control_character"),
    "surrogates reversed": (body(text="@").replace(b"@", b"\\udc00\\ud800"), 422, "control_character"),
    "NUL in the name": (body(name="a\0b"), 422, "control_character"),
    "a surrogate in the name": (body(name="@").replace(b"@", b"\\ud800"), 422, "control_character"),
    "a surrogate in the address": (body(email="@@x.y").replace(b"@@", b"\\ud800@"), 422, "control_character"),
    "a surrogate in the id": (body(id="@").replace(b"@", b"\\ud800"), 422, "wrong_type"),
    "a surrogate in the token": (body(conversation="@").replace(b"@", b"\\ud800"), 404, "no_such_conversation"),
    "a long name": (body(name="x" * 201), 422, "too_long"),
    "a long address": (body(email="x" * 320 + "@x.y"), 422, "too_long"),
    "no address": (body(email="ana"), 422, "no_address"),
    "an address with a line break": (body(email="ana@x.y\nBcc: eve@x.y"), 422, "no_address"),
    "id is no UUID": (body(id="42"), 422, "wrong_type"),
    "id is empty": (body(id=""), 422, "wrong_type"),
    "id is long": (body(id="4" * 100_000), 422, "wrong_type"),
    "an unknown token": (body(conversation="x" * 43), 404, "no_such_conversation"),
    "an empty token": (body(conversation=""), 404, "no_such_conversation"),
    "a long token": (body(conversation="x" * 100_000), 404, "no_such_conversation"),
    "a token of another alphabet": (body(conversation="ü" * 43), 404, "no_such_conversation"),
    **{
        f"{field} is {json.dumps(value)}": (body(**{field: value}), 422, "wrong_type")
        for field in ("conversation", "id", "text", "name", "email", "button")
        for value in (1, 1.5, True, [], ["a"], {}, {"a": 1})
    },
    "numbers without end": (body(text="@").replace(b'"@"', b"1e999"), 422, "wrong_type"),
    "not a number": (body(text="@").replace(b'"@"', b"NaN"), 422, "wrong_type"),
}


async def counts(at: Desk) -> dict[str, int]:
    each = ", ".join(f'(SELECT count(*) FROM "{name}")' for name in TABLES)
    return dict(zip(TABLES, (await at.sql(f"SELECT {each}"))[0], strict=True))


def clear(response: httpx.Response) -> dict[str, Any]:
    """The one shape of every refusal: a word for programs, a sentence for people, and nothing of our inside."""
    assert 400 <= response.status_code < 500, (response.status_code, response.text)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    error: dict[str, Any] = response.json()["error"]
    assert error["code"]
    assert len(error["message"]) > 10
    for inside in ("Traceback", "sqlalchemy", "asyncpg", "sqlite", "SELECT", 'File "', "pydantic", "0x"):
        assert inside not in response.text
    for theirs in ("Input should", "should have", "Field required", "Value error", "JSON decode", "Extra inputs"):
        assert theirs not in response.text, "the validator's own words"
    return error


@pytest.mark.parametrize("what", WEB)
async def test_a_customer_sends(at: Desk, what: str) -> None:
    content, status, code = WEB[what]
    before = await counts(at)
    response = await at.http.post("/api/web/messages", content=content, headers={"content-type": "application/json"})
    assert (response.status_code, clear(response)["code"]) == (status, code)
    assert await counts(at) == before


HTML = """<script>alert(1)</script><img src=x onerror=alert(1)>&amp;<svg/onload=alert(1)> '"--; DROP TABLE message;"""
FINE = {
    "HTML": HTML,
    "%s and {} and \\": "%s {0} {text} \\ \\n %(a)s :name $1 ?",
    "a new emoji": "\U0001fae8\U0001fac6 and \U0001f469\u200d\U0001f680",
    "private use": "\uf8ff and \U000f0000",
    "not characters": "\ufffe \uffff \U0010ffff",
    "right to left": "\u202egnp.exe \u2066x\u2069",
    "separators": "a\u2028b\u2029c",
    "combining marks": "e" + "\u0301" * 5000,
    "the longest": "x" * 10_000,
    "the longest, escaped": "\U0001f600" * 10_000,
}


@pytest.mark.parametrize("what", FINE)
async def test_a_customer_may_write(at: Desk, what: str) -> None:
    ana = at.customer()
    assert (await ana.write(FINE[what], name="<b>Ana</b> \U0001fae8")).status_code == 202
    assert (await ana.read())[0]["text"] == FINE[what]
    await ana.hears("acknowledgement")
    rows = await at.sql("SELECT body FROM message WHERE external_id = :id", id=ana.sent[0])
    assert rows[0][0] == FINE[what]


async def test_line_ends_become_ours(at: Desk) -> None:
    ana = at.customer()
    await ana.write("one\r\ntwo\rthree\vfour\ffive\x85six\tseven")
    assert (await ana.read())[0]["text"] == "one\ntwo\nthree\nfour\nfive\nsix\tseven"
    assert (await ana.write("one\ntwo\nthree\nfour\nfive\nsix\tseven", id=ana.sent[0])).status_code == 202


async def test_a_name_is_one_line(at: Desk) -> None:
    ana, lea = at.customer(), await at.agent()
    await ana.write("it is broken", name="Ana\nBcc: eve@evil.example\t x")
    conversation = await at.conversation(ana)
    await ana.hears("acknowledgement")
    found = (await lea.get("cases", q="Ana Bcc"))["cases"]
    assert [(row["conversation"], row["customer"]) for row in found] == [(conversation, "Ana Bcc: eve@evil.example x")]


async def test_duplicate_and_unknown_fields(at: Desk) -> None:
    """As JSON has it: the last one of a name counts; what we do not know we do not mind."""
    id_ = str(uuid.uuid4())
    content = f'{{"id": "{id_}", "text": "first", "text": "second", "role": "admin", "direction": "out"}}'
    response = await at.http.post("/api/web/messages", content=content)
    assert response.status_code == 202
    assert [
        tuple(row) for row in await at.sql("SELECT body, direction FROM message WHERE external_id = :id", id=id_)
    ] == [("second", "in")]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "GET"])
async def test_methods_that_are_not_there(at: Desk, method: str) -> None:
    response = await at.http.request(method, "/api/web/messages")
    assert response.status_code == 405
    assert "POST" in response.headers["allow"]
    clear(response)


@pytest.mark.parametrize(
    "path",
    [
        "/api/web/conversations/../../api/v1/cases",
        "/api/web/conversations/%2e%2e/messages",
        "/api/web/conversations/%00/messages",
        "/api/web/conversations/%ff%fe/messages",
        "/api/web/conversations/" + "A" * 43 + "/messages",
        "/api/web/conversations/" + "A" * 5000 + "/messages",
        "/api/web/conversations//messages",
        "/help/../../../etc/passwd",
        "/help/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/help/%00",
        "/help/" + "x" * 5000,
        "/static/../bot/app.py",
        "/.git/config",
        "/nothing",
        "/api/v1/nothing",
    ],
)
async def test_addresses_that_lead_nowhere(at: Desk, path: str) -> None:
    response = await at.http.get(path)
    assert response.status_code == 404
    if not path.startswith("/help/"):  # pages are for people
        clear(response)


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "1e3", "99999999999", "\u0661", " ", "1 OR 1=1", "0x10", "+1"])
async def test_after_is_a_number(at: Desk, after: str) -> None:
    ana = at.customer()
    await ana.write("thanks")
    for what in ("messages", "events"):
        response = await at.http.get(f"/api/web/conversations/{ana.token}/{what}", params={"after": after})
        assert response.status_code == 422
        clear(response)


# --- the agents' API -------------------------------------------------------------------------


class People:
    """One of each role, and a case that Lea holds."""

    lea: AgentClient
    tom: AgentClient
    max: AgentClient
    sue: AgentClient
    held: str
    waiting: str
    ana: Customer
    conversation: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def people(at: Desk) -> People:
    found = People()
    found.lea, found.tom = await at.agent("Lea"), await at.agent("Tom")
    found.max, found.sue = await at.agent("Max", "colleague"), await at.agent("Sue", "supervisor")
    found.ana = at.customer()
    await found.ana.write("everything is down", name="Zoe Abel")
    await found.ana.hears("acknowledgement")
    ben = at.customer()
    await ben.write("it is broken", name="Zoe Berg")
    await ben.hears("acknowledgement")
    found.conversation = await at.conversation(found.ana)
    found.held = (await found.lea.get("cases", q="Zoe Abel"))["cases"][0]["number"]
    found.waiting = (await found.lea.get("cases", q="zoe b"))["cases"][0]["number"]
    await found.lea.done(f"cases/{found.held}/claim")
    return found


def _cursor(inside: str) -> str:
    return base64.urlsafe_b64encode(inside.encode()).decode().rstrip("=")


AGENTS: dict[str, tuple[str, str, Any, int]] = {
    "an empty reply": ("POST", "cases/{held}/reply", {"text": ""}, 422),
    "a blank reply": ("POST", "cases/{held}/reply", {"text": " \n\t"}, 422),
    "no text": ("POST", "cases/{held}/reply", {}, 422),
    "no body": ("POST", "cases/{held}/reply", None, 422),
    "an array": ("POST", "cases/{held}/reply", [], 422),
    "a string": ("POST", "cases/{held}/reply", b'"x"', 422),
    "not JSON": ("POST", "cases/{held}/reply", b"{", 400),
    "invalid UTF-8": ("POST", "cases/{held}/reply", b'{"text": "\xff"}', 400),
    "deep": ("POST", "cases/{held}/reply", b"[" * 100_000, 400),
    "many digits": ("POST", "cases/{held}/reply", b'{"text": ' + b"9" * 10_000 + b"}", 400),
    "NUL": ("POST", "cases/{held}/reply", {"text": "a\0b"}, 422),
    "an escape": ("POST", "cases/{held}/reply", {"text": "a\x1bb"}, 422),
    "a lone surrogate": ("POST", "cases/{held}/reply", b'{"text": "a\\ud800b"}', 422),
    "a surrogate as a field's name": ("POST", "cases/{held}/reply", b'{"text": "a", "\\ud800": 1}', 422),
    "NUL as a field's name": ("POST", "cases/{held}/reply", b'{"text": "a", "\\u0000": 1}', 422),
    "too long": ("POST", "cases/{held}/reply", {"text": "x" * 20_001}, 422),
    "a megabyte": ("POST", "cases/{held}/reply", {"text": "x" * 1_000_001}, 413),
    "a field of others": ("POST", "cases/{held}/reply", {"text": "x", "author": "Eve"}, 422),
    "text is a number": ("POST", "cases/{held}/reply", {"text": 1}, 422),
    "text is a list": ("POST", "cases/{held}/reply", {"text": ["x"]}, 422),
    "after_seq is true": ("POST", "cases/{held}/reply", {"text": "x", "after_seq": True}, 422),
    "after_seq is a word": ("POST", "cases/{held}/reply", {"text": "x", "after_seq": "x"}, 422),
    "after_seq is negative": ("POST", "cases/{held}/reply", {"text": "x", "after_seq": -1}, 422),
    "after_seq is huge": ("POST", "cases/{held}/reply", {"text": "x", "after_seq": 10**30}, 422),
    "after_seq is over 32 bits": ("POST", "cases/{held}/reply", {"text": "x", "after_seq": 2**31}, 422),
    "after_seq is without end": ("POST", "cases/{held}/reply", b'{"text": "x", "after_seq": 1e999}', 422),
    "NUL in a note": ("POST", "cases/{held}/note", {"text": "a\0b"}, 422),
    "an unknown outcome": ("POST", "cases/{held}/resolve", {"outcome": "forgotten"}, 422),
    "snooze to no time": ("POST", "cases/{held}/snooze", {"until": "tomorrow"}, 422),
    "snooze without a zone": ("POST", "cases/{held}/snooze", {"until": "2030-01-01T00:00:00"}, 422),
    "snooze to the past": ("POST", "cases/{held}/snooze", {"until": "2020-01-01T00:00:00Z"}, 409),
    "snooze past the last year": ("POST", "cases/{held}/snooze", {"until": "9999-12-31T23:59:59-14:00"}, 422),
    "snooze before the first": ("POST", "cases/{held}/snooze", {"until": "0001-01-01T00:00:00+14:00"}, 422),
    "snooze to a number": ("POST", "cases/{held}/snooze", {"until": 1e20}, 422),
    "snooze past the promise": ("POST", "cases/{held}/snooze", {"until": "2099-01-01T00:00:00Z"}, 409),
    "an unknown tier": ("POST", "cases/{held}/correct", {"tier": "fire"}, 422),
    "NUL in the intent": ("POST", "cases/{held}/correct", {"tier": "billing", "intent": "a\0b"}, 422),
    "a surrogate in the intent": ("POST", "cases/{held}/correct", b'{"tier": "billing", "intent": "\\ud800"}', 422),
    "a long intent": ("POST", "cases/{held}/correct", {"tier": "billing", "intent": "x" * 61}, 422),
    "assign to nobody we know": ("POST", "cases/{held}/assign", {"to": "nobody@desk.example"}, 404),
    "assign to NUL": ("POST", "cases/{held}/assign", {"to": "a\0b"}, 404),
    "assign to a novel": ("POST", "cases/{held}/assign", {"to": "x" * 100_000}, 422),
    "assign to one who may not answer": ("POST", "cases/{held}/assign", {"to": "max@desk.example"}, 404),
    "a case that is not": ("POST", "cases/W-999999/claim", None, 404),
    "a case of many digits": ("POST", "cases/W-" + "9" * 40 + "/claim", None, 404),
    "a case that is a word": ("GET", "cases/next", None, 404),
    "a case below the first": ("GET", "cases/W-0", None, 404),
    "a case of NUL": ("GET", "cases/%00", None, 404),
    "a case of bad bytes": ("GET", "cases/%ff%fe", None, 404),
    "a case of other digits": ("GET", "cases/W-\u0661\u0660\u0660\u0661", None, 404),
    "a case's address climbs": ("GET", "cases/..%2f..%2fme", None, 404),
    "markup for a number": ("GET", "cases/%3Cscript%3E", None, 404),
    "a cursor of ours it is not": ("GET", "cases?cursor=garbage", None, 400),
    "a cursor of NUL": ("GET", "cases?cursor=%00", None, 400),
    "a cursor of letters": ("GET", "cases?cursor=%C3%BC", None, 400),
    **{
        f"a cursor of {inside}": ("GET", f"cases?cursor={_cursor(inside)}", None, 400)
        for inside in (
            "[false, true, 1.0, 1e40]",
            "[false, true, 1.0, 1000000000000000000000000000000]",
            "[false, true, 1.0, -1]",
            "[false, true, Infinity, 1]",
            "[false, true, NaN, 1]",
            "[false, true, 1e300, 1]",
            "[false, true, null, 1]",
            "[[], {}, [], []]",
            "[1]",
            "{}",
            "7",
        )
    },
    **{
        f"a cursor of undelivered of {inside}": ("GET", f"undelivered?cursor={_cursor(inside)}", None, 400)
        for inside in ("[1]", "[-1, 0]", "[0, 9223372036854775808]", "[NaN, 1]", '["1", 1]', "[null, 1]", "7", "{}")
    },
    "a cursor of cases for what is undelivered": ("GET", f"undelivered?cursor={_cursor('[0, 1, 1.0, 1]')}", None, 400),
    "a long cursor": ("GET", "cases?cursor=" + "A" * 301, None, 422),
    "an unknown status": ("GET", "cases?status=lost", None, 422),
    "an unknown tier in the list": ("GET", "cases?tier=%27%20OR%201=1", None, 422),
    "a limit of nothing": ("GET", "cases?limit=0", None, 422),
    "a limit of all": ("GET", "cases?limit=100000", None, 422),
    "a limit of less than nothing": ("GET", "cases?limit=-1", None, 422),
    "a long search": ("GET", "cases?q=" + "x" * 201, None, 422),
    "a conversation that is not": ("GET", "conversations/99999999/messages", None, 404),
    "a conversation of a word": ("GET", "conversations/x/messages", None, 422),
    "a conversation of a huge number": ("GET", "conversations/1" + "0" * 40 + "/messages", None, 422),
    "a conversation of 2**53": ("GET", f"conversations/{2**53}/messages", None, 404),
    "a negative conversation": ("GET", "conversations/-1/messages", None, 422),
    "after is huge": ("GET", "conversations/{conversation}/messages?after=1" + "0" * 40, None, 422),
    "after is over 32 bits": ("GET", "conversations/{conversation}/messages?after=2147483648", None, 422),
    "after is negative": ("GET", "conversations/{conversation}/messages?after=-1", None, 422),
    "take over nothing": ("POST", "conversations/99999999/takeover", None, 404),
    "send nothing again": ("POST", "undelivered/99999999/send-again", None, 404),
    "send a huge number again": ("POST", "undelivered/1" + "0" * 40 + "/send-again", None, 422),
    "run nothing again": ("POST", "dues/99999999/run-again", None, 404),
    "retry nothing": ("POST", "quarantine/99999999/retry", None, 404),
    "delete a case": ("DELETE", "cases/{held}", None, 405),
    "put a case": ("PUT", "cases/{held}", {"tier": "feedback"}, 405),
    "read a claim": ("GET", "cases/{held}/claim", None, 405),
}


@pytest.mark.parametrize("what", AGENTS)
async def test_an_agent_sends(at: Desk, people: People, what: str) -> None:
    method, path, sent, status = AGENTS[what]
    path = path.replace("{held}", people.held).replace("{conversation}", str(people.conversation))
    content = sent if isinstance(sent, bytes) else None if sent is None else json.dumps(sent).encode()
    before = await counts(at)
    headers = {
        "Authorization": f"Bearer {people.sue.token if 'dues' in path or 'quarantine' in path else people.lea.token}"
    }
    response = await at.http.request(
        method, f"/api/v1/{path}", content=content, headers={**headers, "content-type": "application/json"}
    )
    assert response.status_code == status, response.text
    clear(response)
    assert await counts(at) == before


@pytest.mark.parametrize(
    "q", ["\0", "%", "_", "\\", "'", "\U0001f600", "\U0010ffff", "\ufffe", "W-1001\0", " ", "*", "%00"]
)
async def test_a_search_takes_any_words(people: People, q: str) -> None:
    found = (await people.lea.get("cases", q=q))["cases"]
    assert q == " " or not any(row["customer"].startswith("Zoe") for row in found)


@pytest.mark.parametrize(("key", "status"), [("", 422), ("k" * 201, 422), ("ok-\u00e9", 200), ("k" * 200, 200)])
async def test_idempotency_keys(at: Desk, people: People, key: str, status: int) -> None:
    headers = {"Authorization": f"Bearer {people.lea.token}", "Idempotency-Key": key.encode("latin-1")}
    for _ in range(2):
        response = await at.http.post(f"/api/v1/cases/{people.held}/claim", headers=headers)
        assert response.status_code == status, response.text


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer wl_wrong",
        "Bearer \xe9\xff",
        "wl_x",
        "Bearer " + "x" * 5000,
        "Bearer ' OR 1=1",
    ],
)
async def test_nobody_enters_without_a_token(at: Desk, people: People, authorization: str) -> None:
    headers = {"Authorization": authorization.encode("latin-1")} if authorization else {}
    for method, path in (
        ("GET", "cases"),
        ("GET", f"cases/{people.held}"),
        ("POST", f"cases/{people.held}/claim"),
        ("GET", "stats"),
    ):
        response = await at.http.request(method, f"/api/v1/{path}", headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        clear(response)


async def test_a_token_that_was_taken_back(at: Desk, people: People) -> None:
    eve = await at.agent("Eve")
    assert (await eve.get("me"))["name"] == "Eve"
    await at.sql("UPDATE api_token SET revoked_at = 1 WHERE agent_id = (SELECT id FROM agent WHERE name = 'Eve')")
    assert (await at.http.get("/api/v1/me", headers=eve._headers())).status_code == 401
    ida = await at.agent("Ida")
    await at.sql("UPDATE agent SET active = false WHERE name = 'Ida'")
    assert (await at.http.get("/api/v1/me", headers=ida._headers())).status_code == 401
    assert (await people.lea.post(f"cases/{people.waiting}/assign", {"to": "ida@desk.example"})).status_code == 404


async def test_who_may_do_what(at: Desk, people: People) -> None:
    held, max_, tom, sue = people.held, people.max, people.tom, people.sue
    before = await counts(at)
    assert (await max_.case(held))["number"] == held
    for path, sent in (
        (f"cases/{held}/reply", {"text": "hi"}),
        (f"cases/{people.waiting}/claim", None),
        (f"cases/{held}/resolve", None),
        (f"cases/{held}/assign", {"to": None}),
        (f"cases/{held}/correct", {"tier": "billing"}),
        (f"conversations/{people.conversation}/takeover", None),
        ("cases/next", None),
        ("undelivered/1/send-again", None),
    ):
        response = await max_.post(path, sent)
        assert response.status_code == 403, path
        assert "must be agent" in clear(response)["message"]
    for path, sent, status in (
        (f"cases/{held}/claim", None, 409),
        (f"cases/{held}/reply", {"text": "hi"}, 409),
        (f"cases/{held}/release", None, 409),
        (f"cases/{held}/return", None, 409),
        (f"cases/{held}/resolve", None, 409),
        (f"cases/{held}/snooze", {"until": "2099-01-01T00:00:00Z"}, 409),
        (f"cases/{held}/assign", {"to": "tom@desk.example"}, 403),
        (f"cases/{held}/assign", {"to": None}, 403),
        (f"conversations/{people.conversation}/takeover", None, 409),
        (f"cases/{people.waiting}/reply", {"text": "hi"}, 409),
        ("dues/1/run-again", None, 403),
        ("quarantine/1/retry", None, 403),
    ):
        response = await tom.post(path, sent)
        assert response.status_code == status, (path, response.text)
        error = clear(response)
        if (status == 409 and held in path) or "takeover" in path:
            assert error["holder"] == "Lea"
    assert await counts(at) == before
    assert (await sue.done(f"cases/{held}/assign", {"to": "tom@desk.example"}))["assignee"] == "Tom"
    assert (await sue.done(f"cases/{held}/assign", {"to": "lea@desk.example"}))["assignee"] == "Lea"


async def test_a_token_of_the_web_opens_nothing_else(at: Desk, people: People) -> None:
    headers = {"Authorization": f"Bearer {people.ana.token}"}
    assert (await at.http.get("/api/v1/cases", headers=headers)).status_code == 401
    response = await at.http.get(f"/api/web/conversations/{people.lea.token}/messages")
    assert response.status_code == 404
