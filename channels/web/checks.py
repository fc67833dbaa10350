"""What is asked of a customer's request before anything is done with it; what is wrong is said in the answer."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

BODY_AT_MOST: Final = 256_000
"""Bytes; every allowed text fits, however it is escaped."""
SMALL: Final = 4_000
"""Bytes of a request that says one or two things."""
BUTTONS: Final = {
    "helped:yes": "Yes",
    "helped:no": "No",
    "person": "Talk to a person",
    "survey:good": "Good",
    "survey:fair": "Fair",
    "survey:poor": "Poor",
}
"""What may be tapped, with the words that are on it."""


_NOT_IN_AN_ADDRESS: Final = frozenset(',;:<>()[]"\\')
"""No mail server is given such a one: better said while the customer is there than found when they have left."""


class Refused(Exception):
    """A request that cannot be served; it says what, where, and what to do."""

    def __init__(
        self, status: int, code: str, message: str, *, field: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.field = field
        self.retry_after = retry_after

    def response(self) -> Response:
        error: dict[str, Any] = {"code": self.code, "message": str(self)}
        if self.field:
            error["field"] = self.field
        headers = {"Retry-After": str(whole(self.retry_after))} if self.retry_after is not None else {}
        return JSONResponse({"error": error}, self.status, headers=headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A checked request body."""

    conversation: str | None
    id: str
    text: str
    name: str
    email: str | None
    button: str | None


def whole(seconds: float) -> int:
    """Whole seconds after which it is surely over."""
    return max(1, math.ceil(seconds))


async def body_of(request: Request, *, at_most: int = BODY_AT_MOST) -> bytes:
    """The whole body, if it is no longer than that."""
    too_large = Refused(413, "too_large", f"The request is over {at_most // 1000} kB. Send less.")
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > at_most:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > at_most:
            raise too_large
        chunks.append(chunk)
    return b"".join(chunks)


def object_of(body: bytes, wants: str) -> dict[str, Any]:
    """The JSON object of a request; `wants` names its fields."""
    try:
        data = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Refused(400, "not_utf8", f"The request is not UTF-8 at byte {error.start}. Send UTF-8.") from None
    except (ValueError, RecursionError):
        raise Refused(400, "not_json", f"The request is not JSON. Send an object with {wants}.") from None
    if not isinstance(data, dict):
        raise Refused(422, "not_an_object", f"The request is JSON, but not an object with {wants}.")
    return data


def checked(data: Mapping[str, Any], max_length: int, *, with_files: bool = False) -> Posted:
    """A message as it is kept; with files it needs no words."""
    conversation = data.get("conversation")
    if conversation is not None and not isinstance(conversation, str):
        raise Refused(
            422, "wrong_type", '"conversation" must be the token you were given, or null.', field="conversation"
        )
    text = _text(data.get("text", "" if with_files else None), max_length, may_be_empty=with_files)
    id_, (name, email) = _uuid(data.get("id")), who(data)
    return Posted(
        conversation=conversation,
        id=id_,
        text=text,
        name=name,
        email=email,
        button=_tapped(_short(data, "button", 100), text),
    )


def who(data: Mapping[str, Any]) -> tuple[str, str | None]:
    """Name and address that a customer claims.

    Raises:
        Refused: the `name` or the `email` can be none.
    """
    return _short(data, "name", 200) or "", _email(_short(data, "email", 320))


def address_of(data: Mapping[str, Any]) -> tuple[str, str]:
    """A name, and an address that must be there."""
    name, email = who(data)
    if email is None:
        raise Refused(422, "no_address", 'Write an address like ana@example.com into "email".', field="email")
    return name, email


def sequence_of(data: Mapping[str, Any]) -> int:
    """The number of a message."""
    seq = data.get("seq")
    if isinstance(seq, bool) or not isinstance(seq, int) or not 0 <= seq < 10**9:
        raise Refused(422, "wrong_type", '"seq" must be the number of the last message that was shown.', field="seq")
    return seq


def _tapped(button: str | None, text: str) -> str | None:
    """A tap says what its label says. With other words beside it, it is a message, and is read as one."""
    same = button is not None and text.strip().casefold() in (BUTTONS.get(button, "").casefold(), button.casefold())
    return button if button in BUTTONS and same else None


def _uuid(value: object) -> str:
    if isinstance(value, str) and len(value) <= 45:
        try:
            return str(UUID(value))
        except ValueError:
            pass
    raise Refused(422, "wrong_type", '"id" must be a UUID that you make for each new message.', field="id")


def _text(value: object, max_length: int, *, may_be_empty: bool = False) -> str:
    if not isinstance(value, str):
        raise Refused(422, "wrong_type", '"text" must be the message, as a string.', field="text")
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip() and not may_be_empty:
        raise Refused(422, "empty", "The message is empty. Write something.", field="text")
    if len(text) > max_length:
        raise Refused(
            413,
            "too_long",
            f"The message has {len(text)} characters; {max_length} are taken. Send it in parts.",
            field="text",
        )
    _refuse_controls(text, "text")
    return text


def _refuse_controls(text: str, field: str) -> None:
    """What no database and no page can hold is refused, with its place; the customer still has the text."""
    if text.isascii() and text.isprintable():
        return
    for place, character in enumerate(text):
        if character in "\n\t\v\f\x85":
            continue
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise Refused(
                422, "control_character",
                f"Character {place + 1} (U+{ord(character):04X}) cannot be shown. Remove it and send again.",
                field=field,
            )  # fmt: skip


def _short(data: Mapping[str, Any], field: str, longest: int) -> str | None:
    value = data.get(field)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Refused(422, "wrong_type", f'"{field}" must be a string, or be left out.', field=field)
    if len(value) > longest:
        raise Refused(422, "too_long", f'"{field}" has over {longest} characters. Shorten it.', field=field)
    _refuse_controls(value, field)
    return value.strip() or None


def _email(value: str | None) -> str | None:
    if value is None:
        return None
    name, at, domain = value.rpartition("@")
    odd = any(character.isspace() or character in _NOT_IN_AN_ADDRESS for character in value)
    if not at or not name or "." not in domain or odd:
        raise Refused(422, "no_address", '"email" is not an address like ana@example.com.', field="email")
    return value


def number(value: str, field: str) -> int:
    if value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    raise Refused(422, "wrong_type", f'"{field}" must be the number of the last message you have.', field=field)
