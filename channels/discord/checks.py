"""What an operator should mend, each with the place in Discord where it is done."""

from __future__ import annotations

from typing import Any, Final

from channels.contract import ChannelError, PermanentFailure
from channels.discord.rest import Rest
from channels.discord.settings import NAME, DiscordSettings

PORTAL: Final = "developer portal, your application"
CONTENT: Final = (1 << 18) | (1 << 19)
"""Of an application's flags: the intent MESSAGE CONTENT, for many servers or for fewer than a hundred."""
ADMINISTRATOR: Final = 1 << 3
PERMISSIONS: Final = {
    1 << 10: "View Channels",
    1 << 11: "Send Messages",
    1 << 16: "Read Message History",
    1 << 38: "Send Messages in Threads",
    1 << 15: "Attach Files",
}
INVITED_WITH: Final = sum(PERMISSIONS) | (1 << 14)
"""The permissions integer of the invite link: the above, and Embed Links."""


async def faults(settings: DiscordSettings, rest: Rest, trouble: str | None) -> list[str]:
    """One sentence each; empty: all is well. trouble: what the running channel suffers from."""
    where = f"channel {NAME} of {settings.account}"
    try:
        me = await rest.get("/users/@me")
    except ChannelError as error:
        if rest.unauthorised:
            return [
                f"Discord does not accept the token: make a new one ({PORTAL}, Bot, Reset Token) "
                f"and set token of {where}."
            ]
        return [f"Discord does not answer as it should at {settings.api_url}: check api_url of {where} ({error})."]
    if not isinstance(me, dict) or not me.get("id"):
        return [f"What answers at {settings.api_url} is not Discord: check api_url of {where}."]
    wrong = [f"{trouble}."] if trouble else []
    try:
        wrong += await _application(rest)
        wrong += await _servers(settings, rest)
    except ChannelError as error:
        wrong.append(f"Not everything could be looked at: {error}.")
    return wrong


async def _application(rest: Rest) -> list[str]:
    told = await rest.get("/applications/@me")
    wrong = []
    if not int(told.get("flags") or 0) & CONTENT:
        wrong.append(
            "In servers the bot is shown only what mentions it: switch on MESSAGE CONTENT INTENT "
            f"({PORTAL}, Bot, Privileged Gateway Intents)."
        )
    if told.get("interactions_endpoint_url"):
        wrong.append(
            "Presses on buttons go to another address: empty Interactions Endpoint URL "
            f"({PORTAL}, General Information)."
        )
    return wrong


async def _servers(settings: DiscordSettings, rest: Rest) -> list[str]:
    """Servers that we should be in, and what the bot may not do in those where it is."""
    guilds: list[Any] = await rest.get("/users/@me/guilds", limit=200)
    there = {str(guild["id"]) for guild in guilds}
    wrong = [
        f"The bot is not in server {guild}: invite it ({PORTAL}, Installation), or take it out of guilds."
        for guild in sorted(settings.guilds - there)
    ]
    for guild in guilds:
        if settings.guilds and str(guild["id"]) not in settings.guilds:
            continue
        if lacking := _lacking(guild.get("permissions")):
            wrong.append(
                f"In server {str(guild.get('name'))[:60]!r} the bot lacks {', '.join(lacking)}: grant it "
                "(Server Settings, Roles, the bot's role, Permissions)."
            )
    for place in sorted(settings.places):
        if place in there:
            continue
        try:
            await rest.get(f"/channels/{place}")
        except PermanentFailure:
            wrong.append(
                f"The bot cannot see place {place}: let it (the channel's settings, Permissions, View Channel), "
                "or take it out of places."
            )
    return wrong


def _lacking(permissions: object) -> list[str]:
    try:
        held = int(str(permissions))
    except ValueError:
        return []  # not told
    if held & ADMINISTRATOR:
        return []
    return [name for bit, name in PERMISSIONS.items() if not held & bit]
