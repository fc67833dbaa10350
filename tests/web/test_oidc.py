"""Signing in with an identity provider's word: what is believed, and all that is not."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from bot.idtoken import Expected, TokenFault, checked
from bot.settings import SettingsError, load_settings
from bot.web.oidc import TRY
from bot.web.signin import TRIES_A_MINUTE
from bot.web.who import COOKIE
from tests.databases import DIALECTS
from tests.house import Desk, database_for, desk
from tests.platforms.identity_provider import IdentityProvider, encoded, identity_provider, key, token
from tests.web.browsers import PASSWORD, browser, lines, person, sign_in, signed_in

Both = tuple[Desk, IdentityProvider]


@asynccontextmanager
async def house(tmp_path: Path, provider: dict[str, Any] | None = None, **changes: Any) -> AsyncIterator[Both]:
    async with (
        identity_provider(**(provider or {})) as idp,
        desk(
            tmp_path, oidc_issuer=idp.issuer, oidc_client_id="warmline", oidc_name="Harbour ID",
            oidc_client_secret=SecretStr("a secret of the client"), public_url="http://desk.test", **changes,
        ) as at,
    ):  # fmt: skip
        await person(at, "Ada")
        yield at, idp


async def out(http: httpx.AsyncClient, next_: str = "/desk") -> str:
    """To the provider, and what it sends the browser back to."""
    leaving = await http.get("/desk/oidc", params={"next": next_})
    assert leaving.status_code == 303, leaving.text
    async with httpx.AsyncClient() as elsewhere:
        sent = await elsewhere.get(leaving.headers["location"])
    assert sent.status_code == 302, sent.text
    return str(sent.headers["location"])


async def round_(http: httpx.AsyncClient) -> httpx.Response:
    """The whole way; another website's page leads back, as in a browser."""
    return await http.get(await out(http), headers={"Sec-Fetch-Site": "cross-site"})


async def is_in(http: httpx.AsyncClient) -> bool:
    return (await http.get("/api/v1/me")).status_code == 200


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_person_of_the_desk_comes_in_and_is_bound(tmp_path: Path, dialect: str) -> None:
    async with house(tmp_path, **await database_for(dialect)) as (at, idp), browser(at) as http:
        page = (await http.get("/desk/sign-in?next=/desk/team")).text
        assert 'href="/desk/oidc?next=/desk/team"' in page
        assert "Sign in with Harbour ID" in page
        assert 'name="password"' in page
        back = await out(http, "/desk/team")
        cookie = next(each for each in http.cookies.jar if each.name == TRY)
        assert cookie.path == "/desk/oidc"
        done = await http.get(back, headers={"Sec-Fetch-Site": "cross-site"})
        assert (done.status_code, done.headers["location"]) == (303, "/desk/team")
        assert (await http.get("/api/v1/me")).json()["email"] == "ada@desk.example"
        assert (await http.get("/api/v1/sessions")).json()["sessions"][0]["how"] == "oidc"
        assert [action for action, _ in await lines(at)] == ["sign-on bound", "signed in"]
        idp.claims["email"] = "married@desk.example"  # the provider's own name for them decides from now on
        async with browser(at) as later:
            assert (await round_(later)).status_code == 303
            assert (await later.get("/api/v1/me")).json()["email"] == "ada@desk.example"
        assert (await at.sql("SELECT count(*) FROM oidc_try"))[0][0] == 0


@pytest.mark.parametrize(
    "lie",
    [
        {"header": {"alg": "none"}, "sign": False},
        {"header": {"alg": "none"}},
        {"header": {"alg": "HS256"}},
        {"header": {"alg": "rs256"}},
        {"header": {"crit": ["b64"]}},
        {"header": {"kid": "another"}},
        {"sign": False},
        {"claims": {"aud": "somebody else"}},
        {"claims": {"aud": []}},
        {"claims": {"aud": None}},
        {"claims": {"aud": ["warmline", "other"]}},
        {"claims": {"aud": ["warmline", "other"], "azp": "other"}},
        {"claims": {"azp": "other"}},
        {"claims": {"iss": "https://evil.example"}},
        {"claims": {"nonce": "of another sign-in"}},
        {"claims": {"nonce": None}},
        {"claims": {"exp": 1_000_000_000}},
        {"claims": {"exp": None}},
        {"claims": {"exp": "never"}},
        {"claims": {"exp": float("nan")}},
        {"claims": {"exp": float("inf")}},
        {"claims": {"exp": True}},
        {"claims": {"iat": 1_000_000_000}},
        {"claims": {"iat": 9_000_000_000}},
        {"claims": {"iat": None}},
        {"claims": {"sub": None}},
        {"claims": {"sub": ""}},
        {"claims": {"sub": 7}},
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_token_that_is_not_as_it_must_be_lets_nobody_in(
    lie: dict[str, Any], doors: Both, request: pytest.FixtureRequest
) -> None:
    at, idp = doors
    before = (dict(idp.claims), dict(idp.header), idp.sign)
    idp.claims.update(lie.get("claims", {}))
    idp.header.update(lie.get("header", {}))
    idp.sign = lie.get("sign", True)
    try:
        async with browser_of(at, request.node.name) as http:
            refused = await round_(http)
            assert refused.status_code == 401, refused.text
            assert "could not be believed" in refused.text
            assert not await is_in(http)
            assert COOKIE not in refused.headers.get("set-cookie", "")
        assert (await lines(at))[-1] == ("sign-in refused", "an unknown address")
        assert (await at.sql("SELECT count(*) FROM sign_on"))[0][0] == 0
    finally:
        idp.claims, idp.header, idp.sign = before


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def doors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Both]:
    async with house(tmp_path_factory.mktemp("home")) as both:
        yield both


def browser_of(at: Desk, name: str) -> httpx.AsyncClient:
    """From a line of its own: many are tried within a minute."""
    line = f"198.51.{sum(name.encode()) % 250}.{len(name) % 250}"
    transport = httpx.ASGITransport(at.house.app, client=(line, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://desk.test")


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
        {"email": None},
        {"email": ["ada@desk.example"]},
        {"email": "stranger@desk.example"},
    ],
)
async def test_who_is_nobody_of_the_desk_by_a_verified_address_gets_no_account(
    tmp_path: Path, claims: dict[str, Any]
) -> None:
    async with house(tmp_path) as (at, idp), browser(at) as http:
        idp.claims.update(claims)
        refused = await round_(http)
        assert refused.status_code == 401
        assert "Ask an admin for a link" in refused.text
        assert not await is_in(http)
        assert (await at.sql("SELECT count(*) FROM agent"))[0][0] == 1
        assert "stranger" not in str(await at.sql("SELECT * FROM audit"))


async def test_who_is_locked_out_stays_out_before_and_after_being_bound(tmp_path: Path) -> None:
    async with house(tmp_path) as (at, _), browser(at) as http:
        await at.sql("UPDATE agent SET active = false")
        assert (await round_(http)).status_code == 401
        assert (await at.sql("SELECT count(*) FROM sign_on"))[0][0] == 0
        await at.sql("UPDATE agent SET active = true")
        assert (await round_(http)).status_code == 303
        await at.sql("UPDATE agent SET active = false")
        assert not await is_in(http)
        assert (await round_(http)).status_code == 401
        assert (await lines(at))[-1] == ("sign-in refused", "ada@desk.example")


async def test_an_address_that_was_bound_opens_no_account_to_another_subject(tmp_path: Path) -> None:
    async with house(tmp_path) as (at, idp), browser(at) as ada, browser(at) as eve:
        assert (await round_(ada)).status_code == 303
        idp.subject = "who has the address now"
        assert (await round_(eve)).status_code == 401
        assert not await is_in(eve)


async def test_a_state_is_one_browsers_and_good_once(tmp_path: Path) -> None:
    async with house(tmp_path) as (at, _), browser(at) as ada, browser(at) as eve:
        of_eve = await out(eve)
        assert (await ada.get(of_eve)).status_code == 401, "nobody is signed in as somebody else by a link"
        of_ada = await out(ada)
        assert (await ada.get(of_eve)).status_code == 401, "also not who has a try of their own"
        assert (await ada.get(of_ada)).status_code == 401, "which is over then"
        again = await out(ada)
        state = ada.cookies[TRY]
        assert (await ada.get(again)).status_code == 303
        ada.cookies.set(TRY, state, path="/desk/oidc")
        assert (await ada.get(again)).status_code == 401, "once"
        late = await out(eve)
        await at.sql("UPDATE oidc_try SET expires_at = 1")
        assert (await eve.get(late)).status_code == 401, "and not for ever"
        for odd in ("", "?state=", "?state=%00", "?code=x", "?state=x&code=y", "?error=access_denied"):
            async with browser_of(at, odd) as http:
                assert (await http.get(f"/desk/oidc/back{odd}")).status_code == 401


async def test_a_code_is_taken_once(tmp_path: Path) -> None:
    async with house(tmp_path) as (at, _), browser(at) as ada, browser(at) as eve:
        of_ada, of_eve = await out(ada), await out(eve)
        code = parse_qs(urlsplit(of_ada).query)["code"][0]
        mine = parse_qs(urlsplit(of_eve).query)["state"][0]
        stolen = await eve.get(f"/desk/oidc/back?code={code}&state={mine}")
        assert stolen.status_code == 401, "a code is worth nothing without the verifier of its try"
        assert not await is_in(eve)
        assert (await ada.get(of_ada)).status_code == 401, "and it has been used up"


async def test_the_answer_of_another_provider_is_refused(tmp_path: Path) -> None:
    async with house(tmp_path) as (at, _), browser(at) as http:
        assert (await http.get(f"{await out(http)}&iss=https://evil.example")).status_code == 401
        assert not await is_in(http)


async def test_a_provider_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    async with house(tmp_path) as (at, idp), browser(at) as http:
        await idp.server.shut()
        away = await http.get("/desk/oidc")
        assert away.status_code == 502
        assert "Harbour ID cannot be reached now" in away.text
        assert 'name="password"' in away.text, "passwords go on"
        await idp.server.open()
        back = await out(http)
        await idp.server.shut()
        assert (await http.get(back)).status_code == 502
        assert not await is_in(http)
        await idp.server.open()
        assert (await round_(http)).status_code == 303


@pytest.mark.parametrize(
    "says",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
async def test_what_a_provider_says_of_itself_is_looked_at(tmp_path: Path, says: dict[str, str]) -> None:
    async with house(tmp_path, {"says": says}) as (at, _), browser(at) as http:
        refused = await http.get("/desk/oidc")
        assert refused.status_code == 502
        assert "evil" not in refused.text


async def test_new_keys_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.provider.KEYS_AGAIN", 0.0)
    async with house(tmp_path) as (at, idp), browser(at) as http:
        assert (await round_(http)).status_code == 303
        idp.keys, idp.header = [key("two")], {"kid": "two"}
        assert (await round_(http)).status_code == 303
        assert idp.asked.count("/keys") == 2
        assert idp.asked.count("/.well-known/openid-configuration") == 1


async def test_a_client_without_a_secret_and_one_that_posts_it(tmp_path: Path) -> None:
    post = {"says": {"token_endpoint_auth_methods_supported": ["client_secret_post"]}}
    async with house(tmp_path, post) as (at, _), browser(at) as http:
        assert (await round_(http)).status_code == 303
    async with house(tmp_path / "other", {"client_secret": None}) as (at, _), browser(at) as http:
        assert (await round_(http)).status_code == 303


async def test_coming_back_is_counted_as_signing_in_is(tmp_path: Path) -> None:
    async with house(tmp_path) as (at, _), browser(at) as http:
        for _n in range(TRIES_A_MINUTE + 5):
            await http.get("/desk/oidc/back?state=x&code=y")
        assert (await http.get("/desk/oidc/back?state=x&code=y")).status_code == 429
        await person(at, "Ada", password=PASSWORD)
        assert (await sign_in(http, "ada@desk.example")).status_code == 429, "one line, one count"


async def test_without_passwords_there_is_one_way_in_and_links(tmp_path: Path) -> None:
    async with house(tmp_path, passwords=False) as (at, _), browser(at) as http:
        await person(at, "Ada", "admin", PASSWORD)
        page = (await http.get("/desk/sign-in")).text
        assert 'name="password"' not in page
        refused = await sign_in(http, "ada@desk.example")
        assert refused.status_code == 403
        assert "Sign in with Harbour ID" in refused.text
        assert (await round_(http)).status_code == 303
        assert "password-form" not in (await http.get("/desk/me")).text
        change = {"old": PASSWORD, "new": "four other words now"}
        assert (await http.put("/api/v1/me/password", json=change)).status_code == 409
        body = {"email": "mia@desk.example", "name": "Mia", "role": "agent"}
        link = (await http.post("/api/v1/agents/invites", json=body)).json()["link"]
        async with browser(at) as mia:
            joined = await mia.post(link[link.index("/desk/") :], data={"name": "Mia", "password": PASSWORD})
            assert joined.status_code == 303


async def test_without_a_provider_there_is_no_such_door(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, browser(at) as http, signed_in(at, "Root", "admin"):
        assert (await http.get("/desk/oidc")).status_code == 404
        assert (await http.get("/desk/oidc/back")).status_code == 404
        assert "/desk/oidc" not in (await http.get("/desk/sign-in")).text


# --- the token alone ---------------------------------------------------------------------------

HERE = Expected(issuer="https://id.example", client_id="warmline", nonce="n")


def right(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"iss": HERE.issuer, "aud": "warmline", "nonce": "n", "sub": "s", "iat": now, "exp": now + 60, **more}


def test_a_right_token_is_read() -> None:
    found = checked(token(right(email="A@B.example", email_verified=True)), [key()], HERE, datetime.now(UTC))
    assert (found.subject, found.email) == ("s", "a@b.example")
    both = right(aud=["warmline", "other"], azp="warmline")
    assert checked(token(both), [key("x"), key()], HERE, datetime.now(UTC)).email is None


@pytest.mark.parametrize(
    "said",
    ["", "a", "a.b", "a.b.c", "....", "a.b.c.d", "é.é.é", f"{encoded(b'[]')}.{encoded(b'{}')}.x", "x" * 30_000,
     f"{encoded(b'{' * 5000)}.{encoded(b'{}')}.x"],
)  # fmt: skip
def test_what_is_no_token_is_refused(said: str) -> None:
    with pytest.raises(TokenFault):
        checked(said, [key()], HERE, datetime.now(UTC))


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [{}],
        [{**key(), "kty": "oct", "k": "c2VjcmV0"}],
        [{**key(), "use": "enc"}],
        [{**key(), "alg": "RS512"}],
        [{**key(), "n": encoded(b"\x01" * 64)}],
        [{**key(), "n": "***"}],
        [{**key(), "e": encoded(b"\x01")}],
        [{**key(), "e": encoded(b"\x02")}],
        [{**key(), "e": encoded(b"\x01" * 40)}],
        [{**key(), "n": encoded(b"\xff" * 2000)}],
        [{"kty": "RSA", "kid": "one"}],
    ],
)
def test_only_a_sound_key_for_signatures_counts(keys: list[dict[str, Any]]) -> None:
    with pytest.raises(TokenFault, match="signature"):
        checked(token(right()), keys, HERE, datetime.now(UTC))


def test_every_bit_of_what_is_signed_counts() -> None:
    head, claims, signature = token(right()).split(".")
    other = encoded(json.dumps(right(sub="admin")).encode())
    changed = signature[:-2] + ("A" if signature[-2] != "A" else "B") + signature[-1]
    zeros = encoded(b"0" * 256)
    for claimed, signed in (
        (other, signature),
        (claims, changed),
        (claims, signature[:-4]),
        (claims, ""),
        (claims, zeros),
    ):
        said = f"{head}.{claimed}.{signed}"
        with pytest.raises(TokenFault):
            checked(said, [key()], HERE, datetime.now(UTC))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"oidc_issuer": "http://id.example"}, "WARMLINE_OIDC_ISSUER"),
        ({"oidc_issuer": "id.example", "oidc_client_id": "x"}, "WARMLINE_OIDC_ISSUER"),
        ({"oidc_issuer": "https://id.example"}, "go together"),
        ({"oidc_client_id": "x"}, "go together"),
        ({"passwords": False}, "nobody could sign in"),
    ],
)
def test_settings_that_let_nobody_in_are_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load_settings(**given)
