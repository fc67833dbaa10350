"""What is wrong with the app in Slack's settings: one sentence each, with the place where it is mended."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any, Final

from channels.contract import ChannelError, TemporaryFailure, UnknownOutcome
from channels.slack.api import TOKEN_CODES, Api, Refused
from channels.slack.door import WINDOW
from channels.slack.outbound import CUSTOMIZE
from channels.slack.settings import SlackSettings
from channels.slack.window import SlackWindow

Findings = Sequence[str]

APPS: Final = "https://api.slack.com/apps"
OAUTH: Final = f"{APPS}, OAuth & Permissions"
SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "chat:write": "answers cannot be sent",
        "im:history": "direct messages do not arrive",
        "im:read": "what was said to us while we were away is not found",
        "im:write": "the shortcut for a person does nothing",
        "users:read": "customers have no names",
        "files:read": "files do not arrive",
        "app_mentions:read": "mentions in channels do not arrive",
        "channels:history": "answers in threads of public channels do not arrive",
        "groups:history": "answers in threads of private channels do not arrive",
        "channels:read": "what was said in public channels while we were away may not be found",
        "groups:read": "what was said in private channels while we were away may not be found",
    }
)
"""Of the bot token: without it, what."""


async def findings(api: Api, settings: SlackSettings) -> Findings:
    """Asks Slack; a sentence for each thing that is wrong. Never raises."""
    try:
        answer, headers = await api.ask("auth_test")
    except Refused as refused:
        return [token_fault(refused, settings)]
    except (TemporaryFailure, UnknownOutcome, ChannelError) as error:
        return [f"Nothing answers as it should at {settings.base}: check api_url of channel slack ({error})."]
    found = [*_identity(answer), *_scopes(headers, settings), *_clock(headers, settings)]
    if settings.mode == "socket":
        found += await _app_token(api, settings)
    if settings.desk_channel:
        found += await _desk_channel(api, settings)
    return found


def token_fault(refused: Refused, settings: SlackSettings) -> str:
    """What Slack has against our bot token, and where it is mended."""
    if refused.code in TOKEN_CODES or refused.code in ("missing_scope", "not_allowed_token_type"):
        return (
            f"Slack does not take the bot token of {settings.account} ({refused.code}): install the app again,"
            f" and set bot_token of channel slack to the Bot User OAuth Token ({OAUTH})."
        )
    return f"Slack refused to say who we are ({refused.code}): {refused}."


def _identity(answer: Mapping[str, Any]) -> list[str]:
    if answer.get("user_id") and not answer.get("bot_id"):
        return [f"The token is a person's: set bot_token of channel slack to the Bot User OAuth Token ({OAUTH})."]
    return []


def _scopes(headers: Mapping[str, str], settings: SlackSettings) -> list[str]:
    told = headers.get("x-oauth-scopes")
    if told is None:
        return []
    granted = {scope.strip() for scope in told.split(",")}
    wanted = dict(SCOPES)
    if settings.trust_profile_email:
        wanted["users:read.email"] = "nobody is known by their address, although trust_profile_email is set"
    if settings.names == "username":
        wanted[CUSTOMIZE] = "it is not shown who speaks, although names is set to username"
    return [
        f"The app lacks the scope {scope}: {without}. Add it ({OAUTH}, Bot Token Scopes), and install the app again."
        for scope, without in wanted.items()
        if scope not in granted
    ]


def _clock(headers: Mapping[str, str], settings: SlackSettings) -> list[str]:
    try:
        apart = abs(parsedate_to_datetime(headers["date"]).timestamp() - time.time())
    except (KeyError, TypeError, ValueError):
        return []
    if settings.mode == "http" and apart > WINDOW / 2:
        return [f"This machine's clock and Slack's are {apart:.0f} s apart, so signatures look old: set the clock."]
    return []


async def _desk_channel(api: Api, settings: SlackSettings) -> list[str]:
    try:
        return [f"{trouble}." for trouble in (await SlackWindow(api, settings).room()).troubles]
    except ChannelError as error:
        return [f"Slack could not be asked for the desk's channel {settings.desk_channel}: {error}."]


async def _app_token(api: Api, settings: SlackSettings) -> list[str]:
    try:
        await api.call("apps_connections_open", app_token=settings.app_token)
    except Refused as refused:
        if refused.retry_after is not None:
            return []
        return [
            f"Slack opens no socket ({refused.code}): at {APPS} turn on Socket Mode, and under Basic Information,"
            " App-Level Tokens, make a token with the scope connections:write; set app_token of channel slack to it."
        ]
    except ChannelError as error:
        return [f"Slack could not be asked for a socket: {error}."]
    return []
