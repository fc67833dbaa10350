"""What axe finds on a page as it stands, once nothing on it moves any more."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

_SETTLED = """async () => {
  const roots = [document, ...[...document.querySelectorAll("*")].map((node) => node.shadowRoot).filter(Boolean)]
  const moving = new Set(roots.flatMap((root) => root.getAnimations()))
  const ending = [...moving].filter((one) => one.effect && one.effect.getComputedTiming().endTime !== Infinity)
  await Promise.allSettled(ending.map((one) => one.finished))
}"""


async def faults(page: Page, *impacts: str) -> list[str]:
    """One line each; of these impacts, or of any. Half shown is pale, so nothing fades while axe looks: what already
    moves ends first, and what opens by itself in the midst of it, as a chat does, is there at once."""
    await page.evaluate(_SETTLED)
    still = await page.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches")
    await page.emulate_media(reduced_motion="reduce")
    found = await Axe().run(page)
    if not still:
        await page.emulate_media(reduced_motion="null")
        await page.evaluate(_SETTLED)  # what had ended begins anew
    return [
        f"{fault['id']} ({fault['impact']}): {fault['help']} {[_node(node) for node in fault['nodes']]}"
        for fault in found.response["violations"]
        if not impacts or fault["impact"] in impacts
    ]


def _node(node: dict[str, Any]) -> str:
    """The element, and what axe measured there: colours, sizes."""
    return " ".join([node["html"][:200], *(check["message"] for check in node["any"])])


async def keeps_nobody_out(page: Page) -> None:
    """Nothing that axe calls serious or critical."""
    grave = await faults(page, "serious", "critical")
    assert not grave, "\n".join((page.url, *grave))
