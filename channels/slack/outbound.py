"""What we say in Slack: posted once, with a key that is found again where no answer came back."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from channels.contract import ChannelError, OutboundMessage, Receipt, UnknownOutcome
from channels.richtext import Block, RichText, Span
from channels.slack import render
from channels.slack.api import Api
from channels.slack.inbound import micros
from channels.slack.settings import SlackSettings

EVENT_TYPE: Final = "warmline_message"
"""In a message's metadata: it is ours, and its payload has the key."""
CUSTOMIZE: Final = "chat:write.customize"
NAME_AT_MOST: Final = 80
PAGE: Final = 100
PAGES_AT_MOST: Final = 8
CLOCKS_APART: Final = 60.0
"""Seconds, where the same words alone must do."""
MARGIN: Final = 86_400.0
"""Seconds that our clock and Slack's may differ, generously, when a message is looked for."""
REMEMBERED: Final = 5000
SPOKEN_BY_PEOPLE: Final = frozenset({"text"})
"""Kinds that carry a person's words; all others are the machine's."""


class Outbound:
    """Posts, and looks what became of a post."""

    def __init__(self, api: Api, settings: SlackSettings) -> None:
        self._api = api
        self._settings = settings
        self._customizes = settings.names == "username"
        self._tried: OrderedDict[str, float] = OrderedDict()
        self._arrived: OrderedDict[tuple[str, str], None] = OrderedDict()
        """Messages of ours of which it is known what they are, by place and time stamp."""

    def granted(self, scopes: str | None) -> None:
        """What our token may do, as Slack says with its answers."""
        if self._settings.names == "auto" and scopes is not None:
            self._customizes = CUSTOMIZE in {scope.strip() for scope in scopes.split(",")}

    async def send(self, message: OutboundMessage) -> tuple[Receipt, Mapping[str, Any]]:
        """Post once; with the message as Slack has it, as far as it shows it. Raises a `ChannelError`."""
        self._tried.setdefault(message.key, time.time())
        answer = await self._api.call("chat_postMessage", **self._post(message))
        stored = answer.get("message")
        stored = stored if isinstance(stored, dict) else {}
        ts = answer.get("ts") or stored.get("ts")
        if not isinstance(ts, str) or not ts:
            if self._settings.is_public:
                raise UnknownOutcome("Slack's answer makes no sense: it names no message; look before it is sent again")
            ts = f"sent-{message.key}"  # a yes, from a server that stamps nothing
        return self._received(message, ts), stored

    def _received(self, message: OutboundMessage, ts: str) -> Receipt:
        self._arrived[message.address.place, ts] = None
        for each in (self._arrived, self._tried):
            while len(each) > REMEMBERED:
                each.popitem(last=False)
        return Receipt(external_id=ts, parts=(ts,))

    def _post(self, message: OutboundMessage) -> dict[str, Any]:
        text, shown = message.text, {}
        author = " ".join(message.author.split())[:NAME_AT_MOST]
        if author and self._customizes:
            shown = {"username": author}
        elif author and self._settings.names != "none" and message.kind in SPOKEN_BY_PEOPLE:
            text = _introduced(text, author)
        thread = {"thread_ts": message.address.thread} if message.address.thread else {}
        return {
            "channel": message.address.place,
            "text": render.mrkdwn(text),
            "blocks": render.blocks(text, message.buttons),
            "mrkdwn": True,
            "parse": "none",
            "link_names": False,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": EVENT_TYPE, "event_payload": {"key": message.key}},
            **thread,
            **shown,
        }

    async def find(self, message: OutboundMessage) -> Receipt | None:
        """None only if it certainly is not there: everything since we tried was looked at.

        A server that keeps no metadata has our words alone: those that we sent then and nothing else accounts for.
        Raises `UnknownOutcome` where Slack does not let us look, or there is too much to look at."""
        tried = self._tried.get(message.key)
        since = {"oldest": f"{tried - MARGIN:.6f}"} if tried is not None else {}
        cursor, alike = "", list[str]()
        for _ in range(PAGES_AT_MOST):
            page = await self._page(message, {**since, **({"cursor": cursor} if cursor else {})})
            messages = page.get("messages")
            if not isinstance(messages, list):
                raise UnknownOutcome("Slack's history makes no sense; whether it arrived is not known")
            for found in messages:
                if (ts := _is_it(found, message.key)) is not None:
                    return self._received(message, ts)
                alike += self._alike(found, message)
            meta = page.get("response_metadata")
            following = meta.get("next_cursor") if isinstance(meta, dict) else None
            if not following and not page.get("has_more"):
                return self._of_the_alike(message, alike)
            if not isinstance(following, str) or not following or following == cursor:
                break
            cursor = following
        raise UnknownOutcome("there is more history than we look at; whether it arrived is not known")

    def _alike(self, found: Any, message: OutboundMessage) -> list[str]:
        """The time stamp of a message with the same words and no key, which may be ours."""
        if not isinstance(found, dict) or _has_key(found) or not isinstance(ts := found.get("ts"), str):
            return []
        text = found.get("text")
        ours = bool(found.get("bot_id")) or found.get("user") != message.address.recipient
        same = isinstance(text, str) and text.strip() == str(self._post(message)["text"]).strip()
        return [ts] if ours and same and (message.address.place, ts) not in self._arrived else []

    def _of_the_alike(self, message: OutboundMessage, alike: list[str]) -> Receipt | None:
        tried = self._tried.get(message.key)
        since = [ts for ts in alike if tried is None or micros(ts) >= (tried - CLOCKS_APART) * 1_000_000]
        if not since:
            return None
        if tried is None:
            raise UnknownOutcome("the same words stand there, and nothing says whether it is this message")
        return self._received(message, min(since, key=micros))

    async def _page(self, message: OutboundMessage, more: Mapping[str, Any]) -> Mapping[str, Any]:
        thread = message.address.thread
        method = "conversations_replies" if thread else "conversations_history"
        where = {"ts": thread} if thread else {}
        try:
            return await self._api.call(
                method, channel=message.address.place, include_all_metadata=True, limit=PAGE, **where, **more
            )
        except ChannelError as error:
            raise UnknownOutcome(f"Slack cannot say whether it arrived: {error}") from error


def _has_key(found: Mapping[str, Any]) -> bool:
    metadata = found.get("metadata")
    return isinstance(metadata, dict) and metadata.get("event_type") == EVENT_TYPE


def _is_it(found: Any, key: str) -> str | None:
    metadata = found.get("metadata") if isinstance(found, dict) else None
    if not isinstance(metadata, dict) or metadata.get("event_type") != EVENT_TYPE:
        return None
    payload = metadata.get("event_payload")
    ts = found.get("ts")
    return ts if isinstance(payload, dict) and payload.get("key") == key and isinstance(ts, str) else None


def _introduced(text: RichText, author: str) -> RichText:
    """With the name of who speaks before their words."""
    name = Span(text=f"{author}:", bold=True)
    first = text.blocks[0]
    if first.kind != "paragraph":
        return RichText(blocks=(Block(kind="paragraph", spans=(name,)), *text.blocks))
    return RichText(blocks=(replace(first, spans=(name, Span(text=" "), *first.spans)), *text.blocks[1:]))
