"""Slack's web API: the SDK's client with one try for each request, and what its answers mean.

The SDK would send a message again when a connection is cut, and report success for two copies; so it retries nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from channels.contract import ChannelError, PermanentFailure, TemporaryFailure, UnknownOutcome
from channels.slack.settings import SlackSettings

quiet = logging.getLogger("channels.slack.sdk")
"""For the SDK, which would log tokens and whole messages when asked for more; what matters we say ourselves."""
quiet.setLevel(logging.CRITICAL)

NOT_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)
"""No byte of the request reached Slack."""

_TOKEN: Final = (TemporaryFailure, "Slack does not accept our bot token; set a new bot_token")
_PLACE: Final = (PermanentFailure, "Slack does not let us write there any more; reach the customer another way")
_LATER: Final = (TemporaryFailure, "Slack takes no more messages for now")
_LOST: Final = (UnknownOutcome, "Slack failed while it had our message")
_SCOPE: Final = (PermanentFailure, "the Slack app lacks a permission; run `warmline check`, then send this again")

_CODES: Final[tuple[tuple[str, tuple[type[ChannelError], str]], ...]] = (
    ("ratelimited rate_limited message_limit_exceeded http_429", _LATER),
    ("invalid_auth not_authed token_revoked token_expired account_inactive two_factor_setup_required http_401", _TOKEN),
    ("org_login_required team_access_not_granted enterprise_is_restricted", _TOKEN),
    ("missing_scope no_permission not_allowed_token_type ekm_access_denied", _SCOPE),
    ("channel_not_found is_archived not_in_channel user_disabled cannot_dm_bot thread_not_found", _PLACE),
    ("restricted_action restricted_action_read_only_channel restricted_action_thread_only_channel", _PLACE),
    ("restricted_action_non_threadable_channel restricted_action_thread_locked messages_tab_disabled", _PLACE),
    ("cannot_reply_to_message team_not_found access_denied", _PLACE),
    ("internal_error fatal_error service_unavailable request_timeout http_408", _LOST),
)
REFUSALS: Mapping[str, tuple[type[ChannelError], str]] = MappingProxyType(
    {code: meaning for codes, meaning in _CODES for code in codes.split()}
)
"""By Slack's code, or by its HTTP status where it gave none."""
TOKEN_CODES: Final = frozenset(code for code, meaning in REFUSALS.items() if meaning is _TOKEN)
UNREADABLE: Final = frozenset(
    {"channel_not_found", "not_in_channel", "is_archived", "missing_scope", "thread_not_found", "no_permission",
     "method_not_supported_for_channel_type", "invalid_channel", "access_denied", "unknown_method", "not_implemented",
     "http_404", "http_405", "http_501"}
)  # fmt: skip
"""What a place says that we may not read: another try is no use."""
NO_SUCH_ROUTE: Final = frozenset({"http_404", "http_405", "http_501"})
MISSING: Final = NO_SUCH_ROUTE | {"unknown_method", "not_implemented"}
"""What a server says that has not all of Slack's methods."""
ASKED_BY_GET: Mapping[str, str] = MappingProxyType(
    {
        "conversations_history": "conversations.history",
        "conversations_info": "conversations.info",
        "conversations_list": "conversations.list",
        "conversations_replies": "conversations.replies",
        "users_conversations": "users.conversations",
        "users_info": "users.info",
    }
)
"""Those of our methods for which the SDK uses GET, by its names."""
WAIT_AT_MOST: Final = 300.0


class Refused(ChannelError):
    """Slack said no. `code` is its word for it; `error` what that means for a send."""

    def __init__(self, code: str, error: ChannelError) -> None:
        super().__init__(str(error))
        self.code = code
        self.error = error

    @property
    def retry_after(self) -> float | None:
        return self.error.retry_after if isinstance(self.error, TemporaryFailure) else None


class Api:
    """The web API of one workspace."""

    def __init__(self, settings: SlackSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None
        self.doubt = asyncio.Event()
        """A request has met with no Slack; who looks after the link clears it."""
        self.client = AsyncWebClient(
            token=settings.bot_token, base_url=settings.base, timeout=30, logger=quiet, retry_handlers=[]
        )
        self.client.proxy = settings.proxy or None  # the environment's is none of ours
        self._by_post: set[str] = set()
        """Methods that are asked for by POST: Slack takes either, not every other server does."""

    @property
    def is_open(self) -> bool:
        return self._session is not None

    async def open(self) -> None:
        """Connections are kept for the next request; nothing is asked yet."""
        timeout = aiohttp.ClientTimeout(
            total=self._settings.timeout, sock_connect=min(5.0, self._settings.timeout), connect=None
        )
        self._session = self.client.session = aiohttp.ClientSession(timeout=timeout)

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """Raises `TemporaryFailure` outside of its life."""
        if self._session is None or self._session.closed:
            raise TemporaryFailure("the Slack channel is not running; start it")
        return self._session

    async def call(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        """Ask once, by the name of the SDK's method: `call("chat_postMessage", channel=…)`.

        Raises `Refused` for a no of Slack's, `TemporaryFailure` if nothing left, `UnknownOutcome` for all else.
        """
        data, _ = await self.ask(method, **arguments)
        return data

    async def ask(self, method: str, **arguments: Any) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        """The same with the headers of the answer, their names in lower case."""
        try:
            return await self._ask(method, arguments)
        except Refused as refused:
            if method not in ASKED_BY_GET or method in self._by_post or refused.code not in NO_SUCH_ROUTE:
                raise
            answer = await self._ask(method, arguments, by_post=True)
            self._by_post.add(method)
            return answer

    async def _ask(
        self, method: str, arguments: Mapping[str, Any], *, by_post: bool = False
    ) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        _ = self.session  # the SDK would open one of its own
        try:
            if by_post or method in self._by_post:
                given = {
                    name: str(value).lower() if value in (True, False) else value for name, value in arguments.items()
                }
                answer = await self.client.api_call(ASKED_BY_GET[method], data=given)
            else:
                answer = await getattr(self.client, method)(**arguments)
            data, headers = answer.data, answer.headers
        except SlackApiError as error:
            raise _refused(error) from None
        except NOT_SENT as error:
            self.doubt.set()
            reason = f"Slack cannot be reached: {type(error).__name__} {_told(error)}"
            raise TemporaryFailure(reason, everywhere=True) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.doubt.set()
            raise UnknownOutcome(f"no answer came back from Slack: {type(error).__name__} {_told(error)}") from error
        except (SlackClientError, AttributeError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise UnknownOutcome(f"Slack's answer makes no sense: {type(error).__name__}") from error
        if not isinstance(data, dict):
            raise UnknownOutcome("Slack's answer makes no sense: it is no object")
        return data, {str(name).lower(): str(value) for name, value in (headers or {}).items()}


def _refused(error: SlackApiError) -> ChannelError:
    response = error.response
    status = getattr(response, "status_code", None) or getattr(response, "status", None) or 0
    data = getattr(response, "data", None)
    code = data.get("error") if isinstance(data, dict) else None
    headers = {str(name).lower(): str(value) for name, value in (getattr(response, "headers", None) or {}).items()}
    if not isinstance(code, str) or not code:
        code = f"http_{status}"
    code = code[:100]
    kind, sentence = REFUSALS.get(code) or _by_status(status, code)
    if status == 429:
        kind, sentence = _LATER
    needed = data.get("needed") if isinstance(data, dict) else None
    reason = f"{sentence} ({code}{f', needs {needed}' if isinstance(needed, str) else ''})"
    if code in TOKEN_CODES:
        return Refused(code, TemporaryFailure(reason, everywhere=True))
    if kind is TemporaryFailure:
        return Refused(code, TemporaryFailure(reason, retry_after=_retry_after(headers)))
    return Refused(code, kind(reason))


def _by_status(status: int, code: str) -> tuple[type[ChannelError], str]:
    if status >= 500:
        return UnknownOutcome, "Slack failed"
    if status == 200 and code == "http_200":
        return UnknownOutcome, "Slack's answer makes no sense"
    return PermanentFailure, "Slack refused the message"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        seconds = float(headers["retry-after"])
    except (KeyError, ValueError):
        return 1.0
    return seconds if 0 <= seconds <= 86_400 else None


def _told(error: BaseException) -> str:
    return str(error)[:200]


async def patient(api: Api, method: str, **arguments: Any) -> Mapping[str, Any]:
    """Ask, and where Slack says to wait, wait and ask again; `WAIT_AT_MOST` seconds together."""
    waited = 0.0
    while True:
        try:
            return await api.call(method, **arguments)
        except Refused as refused:
            pause = refused.retry_after
            if pause is None or (waited := waited + pause) > WAIT_AT_MOST:
                raise
        await asyncio.sleep(pause + 0.05)
