"""Every page there is, found by the routes, with customers who mean harm and customers who write without a space."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page
from starlette.routing import Route

from channels.contract import Attachment, Author, InboundMessage
from store.words import case_number
from tests.browser.access import faults
from tests.browser.conftest import Place
from tests.house import desk, served, until
from tests.platforms.loopback import LoopbackPlatform

WORD = "W" * 99_000
"""As long as a word can be that is kept whole."""
HOSTILE: dict[str, str] = {
    "script": '</script></textarea></title>"\'><script>window.harmed = "script"</script>',
    "link": "javascript:window.harmed='link' [see](javascript:window.harmed='link') data:text/html,<script>1</script>",
    "picture": "<svg onload=\"window.harmed='svg'\"><img src=x onerror=\"window.harmed='img'\"></svg>",
    "style": "</style><style>*{display:none!important}</style><p style='position:fixed;inset:0;background:red'>",
    "turned": "\u202egnp.exe\u2066 is a \u202dpicture\u200f {{ 7 * 7 }} ${7*7} %s %(x)s \ufeff\u0007",
    "word": WORD,
}
FILLED: dict[str, str] = {"slug": "email-aliases", "secret": "no-such-invitation", "what": "nothing"}
"""What stands in a blank of an address, where no row of the tables gives it."""
STREAMS = {"/desk/events", "/api/web/conversations/{token}/events"}
VARIANTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("1440 light", {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"}),
    ("390 dark", {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "has_touch": True}),
)
_LOOK = """() => ({
  harmed: window.harmed ?? null,
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  widest: [...document.querySelectorAll("body *")]
    .filter((node) => node.getBoundingClientRect().right > innerWidth + 1)
    .map((node) => `${node.tagName}.${node.className} ${node.getBoundingClientRect().right}`).slice(0, 8),
  led: [...document.querySelectorAll("[href], [src], [action], [formaction]")]
    .flatMap((node) => ["href", "src", "action", "formaction"].map((name) => node.getAttribute(name)))
    .filter((to) => to && /^\\s*(javascript|data|vbscript):/i.test(to) && !/^data:image/i.test(to)),
  handlers: [...document.querySelectorAll("*")]
    .flatMap((node) => node.getAttributeNames()).filter((name) => name.startsWith("on")),
  shown: document.body.innerText.trim().length,
  h1: document.querySelectorAll("h1").length,
  lang: document.documentElement.lang,
  title: document.title.length,
})"""


@dataclass(frozen=True)
class Visited:
    """A desk at which harmful customers wait, and what stands in the blanks of its addresses."""

    place: Place
    filled: dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def visited(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Visited]:
    async with LoopbackPlatform() as platform:
        table = {"use": "tests.platforms.loopback_channel:make", "url": platform.url, "token": "secret-main"}
        folder = tmp_path_factory.mktemp("pages")
        async with desk(folder, channels={"loop": table}, label_share=1.0) as at, served(at.house) as url:
            kept = await at.house.house.deliver([_from(name, words) for name, words in HOSTILE.items()])

            async def opened() -> list[int]:
                rows = await at.sql('SELECT id FROM "case" ORDER BY id')
                return [row[0] for row in rows] if len(rows) == len(HOSTILE) else []

            first = (await until(opened))[0]
            [(file,)] = await at.sql("SELECT id FROM attachment WHERE content IS NOT NULL ORDER BY id LIMIT 1")
            [(customer,)] = await at.sql("SELECT min(id) FROM customer")
            numbers = {
                "number": case_number(first),
                "file": str(file),
                "conversation": str(kept[0].conversation),
                "customer": str(customer),
                "id": str(customer),
            }
            sam = await at.agent("Sam", "supervisor")
            for name, words in HOSTILE.items():
                body = f"{words[:1900]}\n".replace("\u0007", "") * 2  # a bell is refused here
                await sam.done("macros", {"title": words[:70], "body": body, "shortcut": name, "whose": "all"})
            yield Visited(Place(at, url, browser), FILLED | numbers)


def _from(name: str, words: str) -> InboundMessage:
    return InboundMessage(
        channel="loopback",
        account="main",
        place=f"place-{name}",
        author=Author(external_id=f"evil-{name}", name=words),
        text=f"your whole site is down\n{words}",
        subject=words,
        external_id=f"evil-{name}",
        attachments=(Attachment(name=f"{words}.txt", media_type="text/html", size=3, content=b"<b>"),),
    )


def addresses(visited: Visited) -> Iterator[str]:
    """Every address that answers GET, its blanks filled; a blank that nobody here knows fails."""
    for route in visited.place.at.house.api.routes:
        if not isinstance(route, Route) or "GET" not in (route.methods or ()) or route.path in STREAMS:
            continue
        if route.path.startswith(("/api/v1", "/api/web", "/static")):
            continue  # no pages: these answer with values
        blanks = re.findall(r"{(\w+)(?::\w+)?}", route.path)
        unknown = [blank for blank in blanks if blank not in visited.filled]
        assert not unknown, f"{route.path}: say in this file what stands for {unknown}"
        yield re.sub(r"{(\w+)(?::\w+)?}", lambda blank: visited.filled[blank[1]], route.path)


async def pages(visited: Visited, cookie: str) -> list[str]:
    found = []
    for address in dict.fromkeys(addresses(visited)):
        answer = await visited.place.at.http.get(address, headers={"Cookie": cookie})
        assert answer.status_code < 500, address
        if answer.headers.get("content-type", "").startswith("text/html") and "<html" in answer.text[:500].lower():
            found.append(address)
    return found


MORE = ("/desk?view=mine", "/desk?view=all", "/desk?view=resolved", "/desk?view=feedback", "/desk?view=snoozed",
        "/desk?tier=outage", "/desk?q=nobody-of-that-name", "/desk/cases/W-99999", "/desk/nowhere", "/api/docs",
        "/help/nothing")  # fmt: skip
"""Pages that are one route with another, and what stands where nothing is."""


@pytest.mark.parametrize(("variant", "how"), VARIANTS, ids=[name for name, _ in VARIANTS])
async def test_every_page_is_for_everybody_and_harms_nobody(
    visited: Visited, variant: str, how: dict[str, Any]
) -> None:
    page = await visited.place.sit("/desk", name="Ada Admin", role="admin", **how)
    blocked: list[str] = []
    page.on("console", lambda said: blocked.append(said.text) if "Content Security Policy" in said.text else None)
    page.on("dialog", lambda dialog: blocked.append(f"dialog: {dialog.message}"))
    cookie = "; ".join(f"{one['name']}={one['value']}" for one in await page.context.cookies())
    found = await pages(visited, cookie)
    assert {"/desk", "/desk/team", "/", "/help"} <= set(found), found
    asked = await visited.place.at.sql("SELECT id FROM sample")
    assert len(asked) == len(HOSTILE)
    labelled = [f"/desk/gate?id={id_}" for (id_,) in asked]
    wrong = [line for address in (*found, *MORE, *labelled) for line in await look(page, visited.place.url + address)]
    wrong += [f"{page.url}: {said}" for said in blocked]
    wrong += [f"script: {fault}" for fault in page.faults]  # type: ignore[attr-defined]
    assert not wrong, "\n".join(f"{variant}: {line}" for line in wrong)
    await page.context.close()


@pytest.mark.parametrize(("variant", "how"), VARIANTS, ids=[name for name, _ in VARIANTS])
@pytest.mark.parametrize("path", ["/desk/sign-in", "/desk/welcome/no-such-invitation", "/"])
async def test_pages_before_signing_in(visited: Visited, path: str, variant: str, how: dict[str, Any]) -> None:
    context = await visited.place.browser.new_context(**how)
    page = await context.new_page()
    assert await look(page, visited.place.url + path) == []
    await context.close()


async def look(page: Page, url: str) -> list[str]:
    """What is wrong with this page, a line each."""
    await page.goto(url)
    assert len(await page.title()) < 400, "a title is read aloud whole"
    seen = await page.evaluate(_LOOK)
    wrong = [f"axe: {fault}" for fault in await faults(page, "serious", "critical")]
    wrong += [f"harmed by {seen['harmed']}"] if seen["harmed"] else []
    wrong += [f"{seen['wide']} px too wide: {seen['widest']}"] if seen["wide"] > 0 else []
    wrong += [f"leads to {to[:80]}" for to in seen["led"]] + [f"handler {name}" for name in seen["handlers"]]
    wrong += ["shows nothing"] if seen["shown"] < 20 else []
    wrong += ["no h1, or several"] if seen["h1"] != 1 else []
    wrong += ["no language or title"] if not seen["lang"] or not seen["title"] else []
    return [f"{url.split('/', 3)[3]}: {line}" for line in wrong]


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_harmful_customers_case_is_shown_harmlessly(visited: Visited, name: str) -> None:
    """Their name, words, subject and file on the case, at both widths; and the case can still be worked on."""
    where = f"(SELECT id FROM conversation WHERE place = 'place-{name}')"
    [(id_,)] = await visited.place.at.sql(f'SELECT id FROM "case" WHERE conversation_id = {where}')
    for _, how in VARIANTS:
        page = await visited.place.sit(f"/desk/cases/{case_number(id_)}", name=f"Lea {name}", **how)
        assert await look(page, page.url) == []
        send = page.locator("#composer")
        box = await send.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= how["viewport"]["height"] + 1, "the composer is off the screen"
        await page.context.close()
