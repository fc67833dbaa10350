"""Requests to a Bot API server through python-telegram-bot's `Bot`, and what each way to fail means for us.

`Bot` calls methods and models answers. Below it `Line` carries one request, once: it says by the platform's own code
what was refused, and hands the raw answer on, since one update that the library cannot model must not cost the
ninety-nine beside it.
"""

from __future__ import annotations

import functools
import json
import logging
import re
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import httpx
from telegram import Bot
from telegram.error import TelegramError
from telegram.request import BaseRequest, HTTPXRequest, RequestData

from channels.contract import ChannelError, PermanentFailure, TemporaryFailure, UnknownOutcome
from channels.telegram.settings import TelegramSettings

KEPT_ALIVE: Final = 2.0
"""Seconds that an idle connection stays. One that the other end has given up meanwhile would be reset as the next
request leaves, and nobody could tell whether that arrived: so it is let go long before any server does so."""
AT_ONCE: Final = 48
"""Connections: the house's sends, and a few for files and buttons beside them."""
POOL_WAIT: Final = 1.0
"""Seconds that a request waits for one of them; it has not left when they are over."""
UPLOAD_WITHIN: Final = 60.0
NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""No byte of the request reached Telegram. After any other failure on the way nobody knows."""
LONGEST_WAIT: Final = 86_400.0


class Refused(TelegramError):
    """An answer that is a no, in the platform's own words."""

    def __init__(
        self, status: int, description: str, *, retry_after: float | None = None, moved_to: int | None = None
    ) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.retry_after = retry_after
        self.moved_to = moved_to
        """The group is a supergroup now, with this id."""


class Garbled(TelegramError):
    """An answer that makes no sense: the request arrived, what became of it is not said."""

    def __init__(self, reason: str, payload: bytes = b"") -> None:
        super().__init__(reason)
        self.payload = payload


@dataclass(slots=True)
class Heard:
    """What came back, as it came."""

    result: Any = None
    came: bool = False
    """It was a yes, with whatever result."""


_heard: ContextVar[Heard | None] = ContextVar("telegram_heard", default=None)


@contextmanager
def listening() -> Iterator[Heard]:
    """The raw result of the request that is made in this block."""
    heard = Heard()
    before = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(before)


class Line(HTTPXRequest):
    """One request, one try: no retries, no redirects, nothing of the environment."""

    def __init__(self, settings: TelegramSettings, *, at_once: int, raw: bool = False) -> None:
        """`raw`: the library is shown an empty result; what came is in `listening()` alone."""
        super().__init__(
            read_timeout=settings.timeout,
            write_timeout=settings.timeout,
            media_write_timeout=UPLOAD_WITHIN,
            connect_timeout=settings.connect_timeout,
            pool_timeout=POOL_WAIT,
            proxy=settings.proxy or None,
            httpx_kwargs={
                "limits": httpx.Limits(
                    max_connections=at_once, max_keepalive_connections=at_once, keepalive_expiry=KEPT_ALIVE
                ),
                "trust_env": False,
                "verify": certificates(),
            },
        )
        self._raw = raw

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Raises `Refused` for a no, `Garbled` for what is no answer, and what the library raises for the way."""
        status, payload = await super().do_request(
            url, method, request_data, read_timeout, write_timeout, connect_timeout, pool_timeout
        )
        result = _result(status, payload)
        if (heard := _heard.get()) is not None:
            heard.result, heard.came = result, True
        return status, b'{"ok":true,"result":[]}' if self._raw else payload


def _result(status: int, payload: bytes) -> Any:
    """What a 2xx brings. See https://core.telegram.org/bots/api#making-requests."""
    try:
        answer = json.loads(payload.decode("utf-8", "replace"), parse_int=whole_number)
    except (ValueError, RecursionError):
        answer = None
    if 200 <= status < 300:
        if isinstance(answer, dict) and answer.get("ok") is True:
            return answer.get("result")
        if isinstance(answer, dict) and answer.get("ok") is False and isinstance(answer.get("error_code"), int):
            status = answer["error_code"]
        else:
            raise Garbled(f"the answer makes no sense ({status}, {len(payload)} bytes)", payload)
    raise _refused(status, answer if isinstance(answer, dict) else {})


def whole_number(digits: str) -> int | str:
    """One number that is too long must not cost the whole answer: it stays a text, which no field takes."""
    return int(digits) if len(digits) < 30 else digits


def _refused(status: int, answer: Mapping[str, Any]) -> Refused:
    described, more = answer.get("description") or answer.get("message"), answer.get("parameters")
    more = more if isinstance(more, dict) else {}
    moved, wait = more.get("migrate_to_chat_id"), more.get("retry_after")
    return Refused(
        status,
        described[:300] if isinstance(described, str) else "",
        retry_after=float(wait) if isinstance(wait, (int, float)) and 0 <= wait <= LONGEST_WAIT else None,
        moved_to=moved if isinstance(moved, int) else None,
    )


@functools.cache
def certificates() -> ssl.SSLContext:
    """The authorities we trust; reading them takes 20 ms, once is enough."""
    return ssl.create_default_context()


# --- what a failure means for us -----------------------------------------------------------------

_FORBIDDEN: Final = (
    ("blocked by the user", "The customer has blocked the bot; reach them another way."),
    ("deactivated", "The customer's Telegram account is gone; reach them another way."),
    ("kicked", "The bot was removed from this group; ask an admin of the group to add it again."),
    ("not a member", "The bot is no member of this group any more; ask an admin of the group to add it again."),
    ("initiate conversation", "The customer has never written to the bot; a bot cannot write first."),
    ("bot can't send messages to bots", "That is a bot; Telegram lets no bot write to another."),
)
_BAD: Final = (
    ("chat not found", "Telegram knows no such chat (any more); reach the customer another way."),
    ("too long", "Telegram found the message too long; send it in several."),
    ("text is empty", "Telegram found no words in the message; write something."),
    ("topic_closed", "The topic is closed; open it again in the group, or write elsewhere."),
    ("topic_deleted", "The topic was deleted; write to the customer elsewhere."),
    ("thread not found", "The topic was deleted; write to the customer elsewhere."),
    ("not enough rights", "The bot may not write in this group; give it the right to, there."),
    ("have no rights", "The bot may not write in this group; give it the right to, there."),
    ("chat_write_forbidden", "The bot may not write in this group; give it the right to, there."),
    ("group chat was deactivated", "The group is gone; reach the customer another way."),
    ("peer_id_invalid", "Telegram knows no such chat (any more); reach the customer another way."),
    ("too big", "Telegram found the file too big; send a smaller one."),
)
_STATUS: Final[Mapping[int, tuple[type[ChannelError], str]]] = {
    401: (TemporaryFailure, "Telegram does not accept the bot's token; set a new one."),
    404: (TemporaryFailure, "Telegram does not know the bot's token, or api_url is wrong; mend that."),
    408: (UnknownOutcome, "Telegram gave up while it read the message."),
    413: (PermanentFailure, "Telegram found the message or its file too big; send a smaller one."),
    429: (TemporaryFailure, "Telegram takes no more messages for now."),
    3: (PermanentFailure, "The server sent us elsewhere; check api_url, then send this again."),
    4: (PermanentFailure, "Telegram refused the message."),
    5: (UnknownOutcome, "Telegram failed."),
}
"""By status, then by its first digit."""


def failure(error: BaseException) -> ChannelError:
    """The contract's error for whatever a request raised. Never tells an address: the token stands in it."""
    if isinstance(error, Refused):
        return _refusal(error)
    if isinstance(error, Garbled):
        return UnknownOutcome(f"Telegram's answer makes no sense; look before it is sent again ({error}).")
    cause = error.__cause__ or error
    if isinstance(cause, NOT_SENT):
        return TemporaryFailure(f"Telegram cannot be reached ({type(cause).__name__}).", everywhere=True)
    return UnknownOutcome(f"No answer came back from Telegram ({type(cause).__name__}).")


def _refusal(error: Refused) -> ChannelError:
    told = error.description.lower()
    kind, sentence = _STATUS.get(error.status) or _STATUS.get(error.status // 100) or _STATUS[5]
    for status, table in ((403, _FORBIDDEN), (400, _BAD)):
        if error.status == status:
            sentence = next((words for mark, words in table if mark in told), sentence)
    reason = f"{sentence} ({error.status}: {error.description or 'no reason given'})"
    if kind is TemporaryFailure or error.retry_after is not None:
        return TemporaryFailure(reason, retry_after=error.retry_after, everywhere=error.status in (401, 404))
    return kind(reason)


def said(error: BaseException) -> str:
    """A failure for the log: what it was, never where."""
    if isinstance(error, Refused):
        return f"{error.status} {error.description}"
    cause = error.__cause__ or error
    return f"{type(error).__name__} ({type(cause).__name__})" if isinstance(error, TelegramError) else repr(error)[:300]


def refused(error: Refused, settings: TelegramSettings) -> str:
    """A no to whatever we ask, for who can mend it."""
    if error.status in (401, 404):
        return (
            f"Telegram does not accept the token of account {settings.account}: take it from BotFather (/mybots > "
            "the bot > API Token) and set token of channel telegram; check api_url if it is not Telegram's own."
        )
    return f"Telegram cannot be asked for account {settings.account}: {failure(error)}"


def in_words(error: BaseException) -> str:
    """Why the link is down, for people: of Telegram's failures what they mean, of ours what they were."""
    return str(failure(error)) if isinstance(error, TelegramError) else said(error)


# --- the bot ---------------------------------------------------------------------------------------


def id_in(token: str) -> int:
    """The bot's id, which a token begins with; 0 where it does not."""
    number = token.partition(":")[0]
    return int(number) if number.isascii() and number.isdigit() else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Who we are there."""

    id: int
    username: str = ""
    reads_all: bool = False
    """Privacy mode is off: everything said in groups is delivered to us."""
    joins_groups: bool = True

    @property
    def shown(self) -> str:
        return f"@{self.username}" if self.username else ""


class Api:
    """One bot's requests. Make it in `start`, `close` it in `stop`."""

    def __init__(self, settings: TelegramSettings) -> None:
        for name in ("telegram", "httpx", "httpcore"):
            library = logging.getLogger(name)  # they write addresses, and the token stands in them
            library.setLevel(max(logging.WARNING, library.level))
        self._lines = (Line(settings, at_once=2, raw=True), Line(settings, at_once=AT_ONCE))
        self._settings = settings
        self.is_public = settings.is_public
        self._wait = settings.poll_wait
        self.closed = False
        self.bot = Bot(
            settings.token,
            base_url=f"{settings.api}/bot",
            base_file_url=f"{settings.files}/bot",
            get_updates_request=self._lines[0],
            request=self._lines[1],
        )

    async def close(self) -> None:
        self.closed = True
        for line in self._lines:
            await line.shutdown()

    async def me(self) -> Me:
        """What the platform says of us. Raises what requests raise."""
        raw = await self._object(self.bot.get_me)
        if not isinstance(raw.get("id"), int):
            raise Garbled("it does not say who we are")
        return Me(
            id=raw["id"],
            username=str(raw.get("username") or ""),
            reads_all=raw.get("can_read_all_group_messages") is True,
            joins_groups=raw.get("can_join_groups") is not False,
        )

    async def file(self, id_: str) -> Mapping[str, Any]:
        """Where a file lies, as the server tells it: `file_path`, under the address of files."""
        return await self._object(lambda: self.bot.get_file(id_))

    async def who(self) -> tuple[Me, bool]:
        """Who we are, and whether the platform has said so: a server of one's own may not be able to.

        Raises what requests raise."""
        try:
            return await self.me(), True
        except (Refused, Garbled) as error:
            if self.is_public or (isinstance(error, Refused) and error.status in _NO_MEANS_NO):
                raise
            return Me(id=id_in(self._settings.token)), False

    async def _object(self, method: Callable[[], Awaitable[Any]]) -> Mapping[str, Any]:
        """The raw object that a method gives: a server of one's own may leave out what the library's model wants."""
        with listening() as heard:
            try:
                await method()
            except TelegramError:
                raise
            except Exception as error:
                if not isinstance(heard.result, dict):
                    raise Garbled(type(error).__name__) from error
        if not isinstance(heard.result, dict):
            raise Garbled("it is no object")
        return heard.result

    async def updates(self, offset: int | None, *, limit: int, wait: bool, kinds: Sequence[str]) -> list[Any]:
        """The raw updates from `offset` on; everything below is given up by Telegram. None: whatever it still has."""
        if offset is not None and offset < 0:
            raise ValueError("a negative offset would throw updates away")
        with listening() as heard:
            await self.bot.get_updates(
                offset=offset, limit=limit, timeout=int(self._wait) if wait else 0, allowed_updates=kinds
            )
        if not isinstance(heard.result, list | None):
            raise Garbled("the updates are no list")
        return heard.result or []

    async def webhook(self) -> Mapping[str, Any]:
        """What Telegram knows of our webhook: url, pending_update_count, last_error_message…

        Empty where a server of one's own knows no such method."""
        try:
            return await self._object(self.bot.get_webhook_info)
        except Refused as error:
            if error.status in _NO_SUCH_METHOD or (not self.is_public and error.status not in _NO_MEANS_NO):
                return {}
            raise
        except Garbled:
            if self.is_public:
                raise
            return {}


_NO_SUCH_METHOD: Final = (404, 405, 501)
_NO_MEANS_NO: Final = (401, 403, 409, 429)
"""What is said of us, not of the method: with any other status a server of one's own may mean that it has no such."""
UPDATES: Final = ("message", "edited_message", "callback_query", "my_chat_member")
POSTS: Final = ("channel_post", "edited_channel_post")


def wanted(settings: TelegramSettings) -> list[str]:
    """What Telegram is to deliver. Said every time: what is not said keeps its last value there."""
    return [*UPDATES, *(POSTS if any(re.match("-", chat) for chat in settings.places) else ())]
