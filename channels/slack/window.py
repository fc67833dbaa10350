"""A channel of the team's as the desk's window: what people do there, who they are, and the posts.

Nothing of it is a customer's: the channel's events are told apart before anything else reads them.
Sources: https://docs.slack.dev/reference/methods/chat.postEphemeral,
https://docs.slack.dev/reference/interaction-payloads/shortcuts-interaction-payload
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from channels.contract import (
    PermanentFailure,
    TemporaryFailure,
    UnknownOutcome,
    WindowButton,
    WindowDeed,
    WindowEvent,
    WindowPerson,
    WindowPost,
    WindowRoom,
)
from channels.slack import inbound, render
from channels.slack import text as slack_text
from channels.slack.api import TOKEN_CODES, Api, Refused
from channels.slack.inbound import NAME, Ignored, Us, is_ts
from channels.slack.people import People
from channels.slack.settings import SlackSettings

SEND: Final = "send_to_the_customer"
"""The message shortcut's callback id in the app's manifest."""
EVENT_TYPE: Final = "warmline_window"
"""In a post's metadata: it is the desk's, and its payload has the key."""
PAGE: Final = 100
PAGES_AT_MOST: Final = 8
MARGIN: Final = timedelta(hours=1)
"""That our clock and Slack's may differ, generously, when a post is looked for."""
FIRST_AT_MOST: Final = 2000
_PLACE_GONE: Final = frozenset(
    {"channel_not_found", "not_in_channel", "is_archived", "restricted_action", "missing_scope", "no_permission"}
)
"""Refusals that are not this post's: the whole channel takes nothing."""
_NOBODY: Final = frozenset({"user_not_found", "user_not_visible", "users_not_found"})


class SlackWindow:
    """Implements `channels.contract.Window`, and reads what happens in its channel."""

    def __init__(self, api: Api, settings: SlackSettings) -> None:
        self._api = api
        self._settings = settings
        self._people = People(api, trust_email=settings.trust_profile_email)
        self._first: OrderedDict[str, str] = OrderedDict()
        self.place = settings.desk_channel
        self.urgent_only = settings.desk_cards == "urgent"
        self.per_second = 1.0
        self.team = ""
        """Our workspace, once Slack has said so."""
        self.troubles: tuple[str, ...] = ()
        """What is wrong with the channel, as it was last seen."""

    # --- what people do --------------------------------------------------------------------------

    def is_here(self, body: Mapping[str, Any]) -> bool:
        """Did this happen in the desk's channel?"""
        event = body.get("event")
        if isinstance(event, dict):
            return event.get("channel") == self.place
        channel, container = body.get("channel"), body.get("container")
        places = [
            channel.get("id") if isinstance(channel, dict) else channel,
            container.get("channel_id") if isinstance(container, dict) else None,
        ]
        return self.place in places

    async def read(self, body: Mapping[str, Any], us: Us) -> list[WindowEvent]:
        """What somebody of the team has done. Raises `Ignored` for what is nothing of theirs, and for what has no
        shape: nobody acts on that."""
        try:
            match body.get("type"):
                case "block_actions":
                    return self._presses(body)
                case "message_action":
                    return [await self._chosen(body)]
                case "shortcut":
                    raise Ignored(f"shortcut {body.get('callback_id')}"[:80])
                case _:
                    return [await self._words(body, us)]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Ignored(f"desk channel: unreadable {type(error).__name__}") from error

    async def _words(self, body: Mapping[str, Any], us: Us) -> WindowEvent:
        event = inbound.message_event(body)
        subtype = event.get("subtype")
        if subtype == "message_changed":
            inner, kind = event["message"], "edited"
            before = event.get("previous_message")
            if inner.get("subtype") == "tombstone":
                kind = "deleted"
            elif isinstance(before, dict) and before.get("text") == inner.get("text"):
                raise Ignored("desk channel: without other words")
        elif subtype == "message_deleted":
            inner, kind = {**event["previous_message"], "ts": event["deleted_ts"]}, "deleted"
        else:
            inner, kind = event, "said"
        person = inner.get("user")
        if inner.get("bot_id") or inner.get("subtype") == "bot_message" or not person or person == us.user:
            raise Ignored("desk channel: a machine's words")
        ts = _stamp(inner["ts"])
        if kind == "said":
            ts = self._first_of(ts, inner.get("client_msg_id"))
        edited = inner.get("edited")
        at = edited.get("ts") if isinstance(edited, dict) else event.get("event_ts")
        name = ts if kind == "said" else f"{kind}-{ts}-{at}"
        return await self._event(kind, name, person, inner, ts)  # type: ignore[arg-type]

    def _first_of(self, ts: str, client_id: Any) -> str:
        """Slack has been seen to bring one message under two time stamps: it counts under the first."""
        if not isinstance(client_id, str) or not client_id:
            return ts
        first = self._first.setdefault(client_id[:100], ts)
        while len(self._first) > FIRST_AT_MOST:
            self._first.popitem(last=False)
        return first

    async def _event(
        self, kind: WindowDeed, name: str, person: str, message: Mapping[str, Any], ts: str, **more: Any
    ) -> WindowEvent:
        thread, files = message.get("thread_ts"), message.get("files")
        return WindowEvent(
            channel=NAME, account=self._settings.account, place=self.place, external_id=name[:200], kind=kind,
            person=_name(person), thread=thread if is_ts(thread) and thread != ts else None, post=ts,
            text=await self._plain(message), files=len(files) if isinstance(files, list) else 0, **more,
        )  # fmt: skip

    async def _plain(self, message: Mapping[str, Any]) -> str:
        raw = message.get("text")
        raw = raw if isinstance(raw, str) else ""
        if not raw.strip():
            raw = slack_text.of_blocks(message)
        people = await self._people.look(slack_text.mentioned(raw), Us())
        return slack_text.plain(raw, {user: person.name for user, person in people.items()})

    def _presses(self, body: Mapping[str, Any]) -> list[WindowEvent]:
        container, message = body.get("container"), body.get("message")
        container = container if isinstance(container, dict) else {}
        message = message if isinstance(message, dict) else {}
        person = inbound.presser(body)
        thread = message.get("thread_ts") or container.get("thread_ts")
        found = []
        for action in body["actions"]:
            button = action.get("value") or action.get("action_id")
            if action.get("type", "button") != "button" or not isinstance(button, str) or button == "open":
                continue
            moment = action.get("action_ts") or body.get("trigger_id") or container.get("message_ts")
            found.append(
                WindowEvent(
                    channel=NAME, account=self._settings.account, place=self.place, kind="pressed",
                    external_id=f"{moment}-{person}-{button}"[:200], person=person, button=button[:200],
                    thread=thread if is_ts(thread) else None,
                    post=container.get("message_ts") if is_ts(container.get("message_ts")) else None,
                )
            )  # fmt: skip
        if not found:
            raise Ignored("desk channel: a button that opens a page")
        return found

    async def _chosen(self, body: Mapping[str, Any]) -> WindowEvent:
        if body.get("callback_id") != SEND:
            raise Ignored(f"desk channel: shortcut {body.get('callback_id')}"[:80])
        message = body["message"]
        ts = _stamp(message["ts"])
        author = "" if message.get("bot_id") else message.get("user") or ""
        person = inbound.presser(body)
        return await self._event("chosen", f"{body['action_ts']}-{person}-{ts}", person, message, ts, author=author)

    # --- posts -----------------------------------------------------------------------------------

    async def post(self, post: WindowPost) -> str:
        answer = await self._ask("chat_postMessage", **self._said(post))
        ts = answer.get("ts")
        if not is_ts(ts):
            raise UnknownOutcome("Slack's answer makes no sense: it names no message")
        return str(ts)

    async def change(self, name: str, post: WindowPost) -> None:
        said = self._said(post)
        said.pop("thread_ts", None)
        for alone in ("mrkdwn", "unfurl_links", "unfurl_media", "link_names"):
            said.pop(alone)
        await self._ask("chat_update", ts=name, **said)

    async def whisper(self, person: str, post: WindowPost) -> None:
        said = self._said(post)
        for alone in ("metadata", "unfurl_links", "unfurl_media", "mrkdwn"):
            said.pop(alone)
        await self._ask("chat_postEphemeral", user=person, **said)

    def _said(self, post: WindowPost) -> dict[str, Any]:
        thread = {"thread_ts": post.thread} if post.thread else {}
        return {
            "channel": self.place,
            "text": render.mrkdwn(post.text)[: render.LIMIT],
            "blocks": [*render.blocks(post.text), *_actions(post.buttons)],
            "mrkdwn": True,
            "parse": "none",
            "link_names": False,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": EVENT_TYPE, "event_payload": {"key": post.key}},
            **thread,
        }

    async def find(self, post: WindowPost) -> str | None:
        cursor = ""
        oldest = {"oldest": f"{(post.since - MARGIN).timestamp():.6f}"} if post.since is not None else {}
        method = "conversations_replies" if post.thread else "conversations_history"
        where = {"ts": post.thread} if post.thread else {}
        for _ in range(PAGES_AT_MOST):
            more = {"cursor": cursor} if cursor else {}
            try:
                page = await self._ask(
                    method, channel=self.place, include_all_metadata=True, limit=PAGE, **where, **oldest, **more
                )
            except PermanentFailure as error:
                raise UnknownOutcome(f"Slack cannot say whether it arrived: {error}") from error
            messages = page.get("messages")
            if not isinstance(messages, list):
                raise UnknownOutcome("Slack's history makes no sense; whether it arrived is not known")
            for found in messages:
                if (ts := _is_it(found, post.key)) is not None:
                    return ts
            meta = page.get("response_metadata")
            cursor = (meta.get("next_cursor") if isinstance(meta, dict) else "") or ""
            if not cursor and not page.get("has_more"):
                return None
            if not cursor:
                break
        raise UnknownOutcome("there is more history than we look at; whether it arrived is not known")

    async def _ask(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        """Raises what a send raises; where the whole channel takes nothing, that is waited for."""
        try:
            return await self._api.call(method, **arguments)
        except Refused as refused:
            if refused.code in _PLACE_GONE:
                self.troubles = (self._gone(refused.code),)
                raise TemporaryFailure(self.troubles[0], retry_after=60.0) from None
            raise refused.error from None

    # --- who reads there -------------------------------------------------------------------------

    async def room(self) -> WindowRoom:
        try:
            answer = await self._api.call("conversations_info", channel=self.place)
        except Refused as refused:
            if refused.retry_after is not None or refused.code in TOKEN_CODES:
                raise refused.error from None
            self.troubles = (self._gone(refused.code),)
            return WindowRoom(closed=False, troubles=self.troubles)
        found = answer.get("channel")
        found = found if isinstance(found, dict) else {}
        shared = bool(found.get("is_ext_shared") or found.get("is_pending_ext_shared") or found.get("pending_shared"))
        private = found.get("is_private") is True
        self.troubles = tuple(self._wrong(found, private=private, shared=shared))
        return WindowRoom(closed=private and not shared, troubles=self.troubles)

    def _wrong(self, found: Mapping[str, Any], *, private: bool, shared: bool) -> Sequence[str]:
        named = f"#{found['name']}" if isinstance(found.get("name"), str) and found["name"] else self.place
        if found.get("is_archived"):
            return [f"The desk's channel {named} is archived, so no cases are posted: set another desk_channel"]
        if found.get("is_member") is False:
            return [f"The app is not in the desk's channel {named}, so no cases are posted: /invite it there"]
        if shared:
            return [
                f"The desk's channel {named} is shared with another company: cases are posted there without names and"
                " words. Use a private channel of your own"
            ]
        if not private:
            return [
                f"The desk's channel {named} is open to the whole workspace: cases are posted there without names and"
                " words. Make it private"
            ]
        return []

    def _gone(self, code: str) -> str:
        return (
            f"The desk's channel {self.place} takes no posts ({code}): /invite the app there, or set another"
            " desk_channel"
        )

    async def person(self, person: str) -> WindowPerson:
        try:
            answer = await self._api.call("users_info", user=person)
        except Refused as refused:
            if refused.code in _NOBODY:
                return WindowPerson(guest=True)
            raise refused.error from None
        found = answer.get("user")
        found = found if isinstance(found, dict) else {}
        known = (await self._people.look([person], Us())).get(person)
        guest = any(
            found.get(mark) is True
            for mark in ("is_restricted", "is_ultra_restricted", "is_stranger", "deleted", "is_bot", "is_app_user")
        ) or not self._of_our_team(found)
        return WindowPerson(
            name=known.name if known else "", email=known.email if known and not guest else None, guest=guest
        )

    def _of_our_team(self, found: Mapping[str, Any]) -> bool:
        return not self.team or found.get("team_id", self.team) == self.team


def _stamp(value: Any) -> str:
    if not is_ts(value):
        raise ValueError("no time stamp")
    return str(value)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > inbound.WORD_AT_MOST or not value.isascii():
        raise ValueError("a name is none of Slack's")
    return value


def _actions(buttons: Sequence[WindowButton]) -> list[dict[str, Any]]:
    return [{"type": "actions", "elements": [_button(each) for each in buttons]}] if buttons else []


def _button(button: WindowButton) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "button",
        "action_id": button.id,
        "value": button.id,
        "text": {"type": "plain_text", "text": button.label[: render.LABEL_AT_MOST], "emoji": False},
    }
    if button.url is not None:
        made["url"] = button.url
    if button.main:
        made["style"] = "primary"
    return made


def _is_it(found: Any, key: str) -> str | None:
    metadata = found.get("metadata") if isinstance(found, dict) else None
    if not isinstance(metadata, dict) or metadata.get("event_type") != EVENT_TYPE:
        return None
    payload, ts = metadata.get("event_payload"), found.get("ts")
    return str(ts) if isinstance(payload, dict) and payload.get("key") == key and is_ts(ts) else None
