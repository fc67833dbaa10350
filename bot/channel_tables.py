"""The tables `[channels.NAME]`: what stands in `warmline.toml`, what the environment adds, and what lies in files.

Every option may come from the environment, `WARMLINE_CHANNELS__NAME__OPTION`, which wins; and from a file,
`OPTION_file = "/run/secrets/x"`, which the adapter gets as OPTION. So no adapter has an option that ends in `_file`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

PREFIX: Final = "WARMLINE_CHANNELS__"
FILE: Final = "_file"
HIDDEN: Final = "…"
_SECRET: Final = re.compile(r"(^|_)(tokens?|secrets?|passwords?|passphrase|keys?)$")
_NUMBER: Final = re.compile(r"-?\d{1,9}(\.\d{1,9})?")
"""As limits and times are written; the long numbers that platforms give to things are names, and stay text."""

Table = dict[str, Any]


def tables_of(
    given: Mapping[str, Mapping[str, Any]], environment: Mapping[str, str], faults: list[str]
) -> dict[str, Table]:
    """All tables as adapters get them. What is wrong is added to `faults`, by name and never by value."""
    tables: dict[str, Table] = {name: dict(table) for name, table in given.items()}
    said = {(name, option): f"{option} of [channels.{name}]" for name, table in tables.items() for option in table}
    for variable in sorted(environment):
        if variable.startswith(PREFIX):
            _add(variable, environment[variable], tables, said, faults)
    return {name: _whole(name, table, said, faults) for name, table in tables.items()}


def _add(
    variable: str, value: str, tables: dict[str, Table], said: dict[tuple[str, str], str], faults: list[str]
) -> None:
    """One variable of the environment."""
    called, _, option = variable.removeprefix(PREFIX).partition("__")
    if not called or not option:
        faults.append(f"{variable}: write {PREFIX}NAME__OPTION, in capitals.")
        return
    meant = [name for name in tables if re.sub(r"\W", "_", name).upper() == called.upper()]
    if len(meant) > 1:
        tables_named = " and ".join(f"[channels.{name}]" for name in meant)
        faults.append(f"{variable} may mean {tables_named}. Name them so that they differ in more than signs.")
        return
    name = meant[0] if meant else called.lower()
    table = tables.setdefault(name, {})
    option = next((known for known in table if known.upper() == option.upper()), option.lower())
    table[option] = value if is_secret(option) or option.endswith(FILE) else _value(value)
    said[name, option] = variable


def _value(text: str) -> Any:
    """Text of the environment as the table would hold it: true, false, short numbers, JSON lists and tables, text."""
    if text in ("true", "false") or text[:1] in ("[", "{") or _NUMBER.fullmatch(text):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _whole(name: str, table: Table, said: Mapping[tuple[str, str], str], faults: list[str]) -> Table:
    """The table with what its files hold."""
    whole: Table = {}
    for option, value in table.items():
        where = said[name, option]
        if not option.endswith(FILE):
            if is_secret(option) and isinstance(value, str) and not value.strip():
                faults.append(f"{where} is empty.")
            whole[option] = value
            continue
        meant = option.removesuffix(FILE)
        if meant in table:
            faults.append(f"{where}: {said[name, meant]} is set, too. Leave one of them out.")
        elif (held := _held(where, value, faults)) is not None:
            whole[meant] = held
    return whole


def _held(where: str, path: Any, faults: list[str]) -> str | None:
    """What a file holds, without white space around it."""
    if not isinstance(path, str) or not path.strip():
        faults.append(f"{where} names no file.")
        return None
    try:
        held = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        faults.append(f"{where}: {path} cannot be read ({error.strerror}).")
    except ValueError:
        faults.append(f"{where}: {path} holds no text (UTF-8).")
    else:
        if held:
            return held
        faults.append(f"{where}: {path} is empty.")
    return None


def is_secret(option: str) -> bool:
    """Is this the name of something that nobody may read?"""
    return _SECRET.search(option.lower()) is not None


def without_secrets(text: str, table: Mapping[str, Any]) -> str:
    """What an adapter says, should it say what it must not."""
    for option, value in table.items():
        if is_secret(option) and isinstance(value, str) and len(value) >= 4:
            text = text.replace(value, HIDDEN)
    return text


def hider(tables: Iterable[Mapping[str, Any]]) -> Callable[[str], str]:
    """Takes the secrets of all these tables out of whatever an adapter says."""
    given = list(tables)

    def hidden(text: str) -> str:
        for table in given:
            text = without_secrets(text, table)
        return text

    return hidden
