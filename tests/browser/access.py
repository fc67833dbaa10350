"""What axe finds on a page as it stands, once nothing on it moves any more."""

from __future__ import annotations

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

_SETTLED = """async () => {
  const roots = [document, ...[...document.querySelectorAll("*")].map((node) => node.shadowRoot).filter(Boolean)]
  const moving = new Set(roots.flatMap((root) => root.getAnimations()))
  const ending = [...moving].filter((one) => one.effect && one.effect.getComputedTiming().endTime !== Infinity)
  await Promise.allSettled(ending.map((one) => one.finished))
}"""


async def faults(page: Page, *impacts: str) -> list[str]:
    """One line each; of these impacts, or of any. What fades in is looked at when it is there: half shown is pale."""
    await page.evaluate(_SETTLED)
    found = await Axe().run(page)
    return [
        f"{fault['id']} ({fault['impact']}): {fault['help']} {[node['html'][:200] for node in fault['nodes']]}"
        for fault in found.response["violations"]
        if not impacts or fault["impact"] in impacts
    ]


async def keeps_nobody_out(page: Page) -> None:
    """Nothing that axe calls serious or critical."""
    grave = await faults(page, "serious", "critical")
    assert not grave, "\n".join((page.url, *grave))
