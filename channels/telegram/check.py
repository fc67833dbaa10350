"""What is wrong with one bot's settings or rights, and where that is mended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from telegram.error import TelegramError

from channels.telegram.api import Api, Me, Refused, failure, refused
from channels.telegram.polling import origin_of
from channels.telegram.settings import TelegramSettings

MANY: Final = 100
"""Updates that wait, from which on it is worth a word."""


async def check(settings: TelegramSettings, api: Api) -> list[str]:
    """One sentence for each fault; none: everything is as it should be."""
    try:
        me, webhook = await api.me(), await api.webhook()
    except Refused as error:
        return [refused(error, settings)]
    except TelegramError as error:
        return [
            f"Nothing answers as it should at the api_url of channel telegram, account {settings.account}: "
            f"{failure(error)}"
        ]
    return [*_of_groups(settings, me), *_of_the_way(settings, webhook)]


def _of_groups(settings: TelegramSettings, me: Me) -> list[str]:
    wrong = []
    hears = sorted(chat for chat, listen in settings.places.items() if listen != "mentions")
    if not me.reads_all and (settings.listen != "mentions" or hears):
        wrong.append(
            f"@{me.username} does not see what is said in groups without its name, but "
            f"{'listen' if settings.listen != 'mentions' else 'places'} of channel telegram asks for it: turn privacy "
            "mode off in BotFather (/mybots > the bot > Bot Settings > Group Privacy > Turn off), then remove the bot "
            "from its groups and add it again, or make it an admin there."
        )
    if not me.joins_groups and settings.places:
        wrong.append(
            f"@{me.username} may not be added to groups, but places of channel telegram names some: allow it in "
            "BotFather (/mybots > the bot > Bot Settings > Allow Groups)."
        )
    return wrong


def _of_the_way(settings: TelegramSettings, webhook: Mapping[str, Any]) -> list[str]:
    url, wrong = str(webhook.get("url") or ""), []
    foreign = bool(url) and not url.endswith(settings.path)
    if foreign and settings.mode == "polling":
        wrong.append(
            f"Telegram pushes this bot's updates to {origin_of(url)}, so the desk cannot ask for them: remove that "
            "webhook (deleteWebhook, without drop_pending_updates), or use a bot of its own for the desk."
        )
    elif foreign:
        wrong.append(
            f"Telegram pushes this bot's updates to {origin_of(url)}: the desk takes the webhook over when it starts. "
            "If another program needs it, use a bot of its own for the desk."
        )
    said, waiting = webhook.get("last_error_message"), webhook.get("pending_update_count")
    if url == settings.webhook and settings.mode == "webhook" and isinstance(said, str) and said:
        wrong.append(
            f"Telegram could not reach {origin_of(url)} last time ({said[:200]}): check public_url and the proxy."
        )
    if isinstance(waiting, int) and waiting >= MANY:
        wrong.append(
            f"{waiting} updates wait at Telegram, which keeps them for 24 hours: see that the desk runs and is reached."
        )
    return wrong
