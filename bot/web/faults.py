"""What is wrong with a request's fields, in our words: which field, what it must be, what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

_A_TIME: Final = "must be a time with its zone, like 2030-01-31T09:00:00Z."
_A_NUMBER: Final = "must be a whole number."
_AN_OBJECT: Final = "must be a JSON object; send it with Content-Type: application/json, as /api/docs shows it."
_SAYS: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {
    "missing": lambda _: "is missing. Add it as /api/docs shows it.",
    "extra_forbidden": lambda _: "is not known here. Leave it out, or see /api/docs for how it is spelt.",
    "string_type": lambda _: "must be text in quotes.",
    "string_unicode": lambda _: "holds half a character. Remove it.",
    "string_too_short": lambda bounds: f"must have {bounds['min_length']} or more characters.",
    "string_too_long": lambda bounds: f"must have at most {bounds['max_length']} characters. Shorten it.",
    "int_type": lambda _: _A_NUMBER,
    "int_parsing": lambda _: _A_NUMBER,
    "int_parsing_size": lambda _: "is too large a number. Send a smaller one.",
    "int_from_float": lambda _: _A_NUMBER,
    "finite_number": lambda _: _A_NUMBER,
    "greater_than_equal": lambda bounds: f"must be {bounds['ge']} or more.",
    "less_than_equal": lambda bounds: f"must be {bounds['le']} or less.",
    "literal_error": lambda bounds: f"must be one of {_listed(bounds['expected'])}.",
    "datetime_type": lambda _: _A_TIME,
    "datetime_parsing": lambda _: _A_TIME,
    "datetime_object_invalid": lambda _: _A_TIME,
    "datetime_from_date_parsing": lambda _: _A_TIME,
    "timezone_aware": lambda _: _A_TIME,
    "model_type": lambda _: _AN_OBJECT,
    "model_attributes_type": lambda _: _AN_OBJECT,
    "value_error": lambda bounds: f"{bounds['error']}.",
}
"""By the validator's name for a fault; the rules of our own models raise `value_error`, in our words already."""
_OTHERWISE: Final = "is not what /api/docs shows there. Correct it."
_NAME_AT_MOST: Final = 60


def faults(errors: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Of the validator's errors: `field`, and a whole sentence as `message`."""
    return [{"field": _name(error), "message": f"{_subject(error)} {_what(error)}"} for error in errors]


def breaks_at(errors: Iterable[Mapping[str, Any]]) -> int | None:
    """The character, from 1, at which the body stops being JSON; None if that is not what is wrong."""
    return next((int(error["loc"][-1]) + 1 for error in errors if error["type"] == "json_invalid"), None)


def _listed(expected: str) -> str:
    """`'a', 'b' or 'c'` as `a, b, c`."""
    return ", ".join(re.findall(r"'([^']*)'", expected))


def _name(error: Mapping[str, Any]) -> str:
    where, *path = error["loc"]
    return ".".join(map(str, path))[:_NAME_AT_MOST] or str(where)


def _subject(error: Mapping[str, Any]) -> str:
    where, *path = error["loc"]
    if not path:
        return "The body"
    name = f'"{_name(error)}"'
    return {"header": f"The header {name}", "query": f"{name} in the address", "path": f"{name} in the address"}.get(
        where, name
    )


def _what(error: Mapping[str, Any]) -> str:
    say = _SAYS.get(error["type"])
    return say(error.get("ctx", {})) if say else _OTHERWISE
