"""Discord's REST door: one request, one try, and the contract's errors.

The SDK's own HTTP client sends again by itself after 429 and 5xx; whether something is sent again is the house's
decision, so requests go out here. Rate limits are obeyed as the headers of each answer tell them.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp

from channels.contract import Attachment, ChannelError, PermanentFailure, TemporaryFailure, UnknownOutcome
from channels.discord.settings import DiscordSettings

log = logging.getLogger(__name__)

AGENT: Final = "DiscordBot (https://warmline.invalid, 1)"
CONNECT_WITHIN: Final = 4.0
ANSWER_AT_MOST: Final = 8_000_000
"""Bytes of an answer."""
HOLD_AT_MOST: Final = 2.0
"""Seconds that a request waits here for its rate limit; with more the house is told when to come again."""
BUCKETS_AT_MOST: Final = 10_000

NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
"""No byte of the request left. After any other failure on the way nobody knows."""

CODES: Final[Mapping[int, str]] = {
    10003: "this channel does not exist any more; reach the customer another way",
    10008: "the message does not exist any more",
    20016: "the channel is in slow mode",
    40005: "the files are too large for Discord; send fewer or smaller ones",
    50001: "the bot has no access to this channel; let it see the channel in the server's settings",
    50006: "an empty message cannot be sent",
    50007: "the customer takes no direct messages from us; reach them another way",
    50013: "the bot may not write here; give it Send Messages in the channel's settings",
    50035: "Discord refused the message as it is",
    50083: "the thread is archived; open it again in Discord",
    160005: "the thread is locked; unlock it in Discord",
    200000: "the server's AutoMod blocked our words",
}
"""What Discord's own codes mean to an agent; all of them say that nothing was sent."""


@dataclass(slots=True)
class _Bucket:
    remaining: int
    until: float


class Rest:
    """Requests to one API as one bot."""

    def __init__(self, settings: DiscordSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._buckets: dict[str, _Bucket] = {}
        self._everything = 0.0
        """Until when nothing at all may be asked."""
        self.unauthorised = False
        """The last answer said that our token is not valid."""

    @property
    def is_open(self) -> bool:
        return self._session is not None

    def open(self) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._settings.timeout, sock_connect=CONNECT_WITHIN),
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=64, keepalive_timeout=10),
                trust_env=False,
            )

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(self, path: str, **query: str | int) -> Any:
        """Raises `ChannelError`."""
        return await self.request("GET", path, query=query)

    async def post(self, path: str, body: Any = None, *, files: Sequence[Attachment] = (), token: bool = True) -> Any:
        """Raises `ChannelError`. token: False where the path itself is the proof (interactions)."""
        return await self.request("POST", path, body=body, files=files, token=token)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Any = None,
        files: Sequence[Attachment] = (),
        token: bool = True,
    ) -> Any:
        """What the answer says, None if it is empty. Raises the contract's errors only."""
        session = self._session
        if session is None:
            raise TemporaryFailure(f"the Discord channel of {self._settings.account} is not running; start it")
        bucket = f"{method} {path}"
        await self._hold(bucket)
        url = f"{self._settings.api_url}{path}" + (f"?{urlencode(query)}" if query else "")
        options = _sent(body, files)
        if token:
            options["headers"]["Authorization"] = f"Bot {self._settings.token}"
        try:
            async with session.request(
                method, url, allow_redirects=False, proxy=self._settings.proxy or None, **options
            ) as answer:
                self._learn(bucket, answer.headers)
                raw = await answer.content.read(ANSWER_AT_MOST)
                while not answer.content.at_eof() and len(raw) < ANSWER_AT_MOST:
                    raw += await answer.content.read(ANSWER_AT_MOST - len(raw))
                return self._said(answer.status, answer.headers, raw)
        except TemporaryFailure as error:
            if error.retry_after is not None:
                self._put_off(bucket, 0, error.retry_after)
            raise
        except NOT_SENT as error:
            raise TemporaryFailure(f"Discord cannot be reached: {type(error).__name__}", everywhere=True) from error
        except (aiohttp.ClientError, OSError, TimeoutError, RuntimeError) as error:  # RuntimeError: closed meanwhile
            raise UnknownOutcome(f"no answer came back from Discord: {type(error).__name__}") from error

    def _said(self, status: int, headers: Mapping[str, str], raw: bytes) -> Any:
        self.unauthorised = status == 401
        try:
            said = json.loads(raw) if raw.strip() else None
        except (ValueError, RecursionError):
            said = raw
        if not 200 <= status < 300:
            raise self._refusal(status, headers, said)
        if said is raw:
            raise UnknownOutcome("Discord's answer makes no sense; look before it is sent again")
        return said

    def _refusal(self, status: int, headers: Mapping[str, str], said: Any) -> ChannelError:
        """The contract's error for an answer that is not 2xx."""
        told = said if isinstance(said, dict) else {}
        said_code = told.get("code")
        code: int = said_code if isinstance(said_code, int) else 0
        detail = f"({status}{f', {code}' if code else ''})"
        if status == 429:
            wait = _seconds(told.get("retry_after"), headers.get("retry-after"))
            if told.get("global") is True or headers.get("x-ratelimit-scope") == "global":
                self._everything = asyncio.get_running_loop().time() + wait
            return TemporaryFailure(f"Discord takes no more messages for now {detail}", retry_after=wait)
        if status == 401:
            # Not for good: the message waits, and goes as soon as there is a valid token.
            return TemporaryFailure(f"Discord does not accept our token; set a new one {detail}", everywhere=True)
        if status >= 500 or status == 408:
            return UnknownOutcome(f"Discord failed {detail}")
        if status == 403 and not code:
            return TemporaryFailure(f"something before Discord refused us, try later {detail}", everywhere=True)
        if code == 20016:
            return TemporaryFailure(f"{CODES[code]} {detail}", retry_after=_seconds(told.get("retry_after"), None))
        if code in CODES:
            return PermanentFailure(f"{CODES[code]} {detail}")
        if 300 <= status < 400:
            return PermanentFailure(f"Discord sent us elsewhere; check api_url {detail}")
        reason = str(told.get("message", ""))[:200]
        return PermanentFailure(f"Discord refused this{': ' if reason else ''}{reason} {detail}")

    # --- rate limits -----------------------------------------------------------------------------

    async def _hold(self, bucket: str) -> None:
        """Wait until a request may leave, or say when."""
        loop = asyncio.get_running_loop()
        known = self._buckets.get(bucket)
        until = max(self._everything, known.until if known is not None and known.remaining <= 0 else 0.0)
        wait = until - loop.time()
        if wait > HOLD_AT_MOST:
            raise TemporaryFailure("Discord takes no more messages here for now", retry_after=wait)
        if known is not None:
            known.remaining -= 1
        if wait > 0:
            await asyncio.sleep(wait)

    def _learn(self, bucket: str, headers: Mapping[str, str]) -> None:
        try:
            remaining, after = int(headers["x-ratelimit-remaining"]), float(headers["x-ratelimit-reset-after"])
        except (KeyError, ValueError):
            self._buckets.pop(bucket, None)
            return
        self._put_off(bucket, remaining, after)

    def _put_off(self, bucket: str, remaining: int, after: float) -> None:
        if len(self._buckets) >= BUCKETS_AT_MOST:
            self._buckets.clear()
        self._buckets[bucket] = _Bucket(remaining, asyncio.get_running_loop().time() + min(max(after, 0.0), 3600.0))


def _sent(body: Any, files: Sequence[Attachment]) -> dict[str, Any]:
    headers = {"User-Agent": AGENT}
    if files:
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("payload_json", json.dumps(body), content_type="application/json")
        for number, file in enumerate(files):
            form.add_field(
                f"files[{number}]",
                file.content or b"",
                filename=_plain_name(file.name),
                content_type="application/octet-stream",
            )
        return {"data": form, "headers": headers}
    if body is None:
        return {"headers": headers}
    # In ASCII, so that whatever a text holds it can be sent.
    return {"data": json.dumps(body).encode("ascii"), "headers": {**headers, "Content-Type": "application/json"}}


def _plain_name(name: str) -> str:
    """For a header: no quotes, no line breaks."""
    return "".join("_" if character in '"\\/' or not character.isprintable() else character for character in name)[:200]


def _seconds(*said: object) -> float:
    for each in said:
        try:
            seconds = float(each)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            continue
        if 0 <= seconds <= 86_400:
            return max(seconds, 0.05)
    return 5.0
