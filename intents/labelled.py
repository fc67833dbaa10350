"""Reads labelled messages: CSV with a header, JSON Lines, JSON of CLINC's shape, or a pair of `.seq.in` and `.label`.

What a file holds is told by its content, not by its name. The first fault is one sentence that names the file, the line
and what to do.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from intents.errors import LabelledError

TEXT_KEYS: Final = ("text", "sentence", "utterance")
LABEL_KEYS: Final = ("label", "category", "intent")
TIER_KEYS: Final = ("tier",)
OUT_OF_SCOPE: Final = "oos_"
"""How the parts of CLINC's JSON begin that are about nothing known."""
_DELIMITERS: Final = (",", "\t", ";")
_LONGEST_FIELD: Final = 10_000_000  # characters; a CSV whose quotation mark never closes is one field


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A message that a person has labelled. `line` counts from 1; of a JSON file it is the entry."""

    text: str
    label: str
    note: str = ""
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """What was read, in the order of the files."""

    rows: tuple[Row, ...]
    empty: int = 0
    """Rows left out because they have no text."""
    unlabelled: int = 0
    """Rows left out because they have a text and no label."""

    @property
    def texts(self) -> list[str]:
        return [row.text for row in self.rows]

    @property
    def labels(self) -> list[str]:
        return [row.label for row in self.rows]

    def where(self, wanted: Callable[[Row], bool]) -> Labelled:
        """The same with only some of the rows."""
        return replace(self, rows=tuple(row for row in self.rows if wanted(row)))


class _Raw(NamedTuple):
    """A row before it is looked at; `line` says where it began."""

    line: int
    text: str
    label: str
    note: str = ""


def read_labelled(
    names: Sequence[str], *, parts: Sequence[str] = ("train",), label_keys: Sequence[str] = LABEL_KEYS
) -> Labelled:
    """The rows of all files, one after the other. Raises `LabelledError` at the first fault.

    names: paths, or "-" for standard input. Of a JSON file with parts ("train", "val", "oos_test"), `parts` are taken,
    those that are there; "data.json:val" takes that part, "data.json:val+oos_val" two.
    """
    found = [_read(name, parts, label_keys) for name in names]
    rows = tuple(row for one in found for row in one.rows)
    if not rows:
        left_out = sum(one.empty + one.unlabelled for one in found)
        without = f" with both a text and a label ({left_out} without)" if left_out else ""
        raise LabelledError(f"{', '.join(names)}: there is no row{without}. Give a file with at least one.")
    return Labelled(rows=rows, empty=sum(f.empty for f in found), unlabelled=sum(f.unlabelled for f in found))


def _read(name: str, parts: Sequence[str], label_keys: Sequence[str]) -> Labelled:
    path, asked = _parted(name)
    content = _decoded(path, _bytes(path))
    shown = "standard input" if path == "-" else path
    if path.endswith(".seq.in"):
        raw = _pair(path, content)
    elif content.lstrip()[:1] in ("{", "["):
        raw = _json(shown, content, asked or tuple(parts), label_keys, strict=bool(asked))
    else:
        raw = _csv(shown, content, label_keys)
    rows, empty, unlabelled = [], 0, 0
    for one in raw:
        text, label = one.text.strip(), one.label.strip()
        if not text:
            empty += 1
        elif not label:
            unlabelled += 1
        else:
            rows.append(Row(text=text, label=label, note=one.note, file=shown, line=one.line))
    return Labelled(rows=tuple(rows), empty=empty, unlabelled=unlabelled)


def _parted(name: str) -> tuple[str, tuple[str, ...]]:
    """("data.json", ("val",)) of "data.json:val"; a file that is really called so comes first."""
    path, colon, parts = name.rpartition(":")
    if not colon or not parts or Path(name).exists() or not Path(path).is_file():
        return name, ()
    return path, tuple(parts.split("+"))


def _bytes(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read()
    if path.endswith(".label") and Path(path.removesuffix(".label") + ".seq.in").is_file():
        raise LabelledError(f"{path} holds the labels alone. Give {path.removesuffix('.label')}.seq.in instead.")
    try:
        return Path(path).read_bytes()
    except IsADirectoryError as error:
        raise LabelledError(f"{path} is a folder. Give a file in it.") from error
    except FileNotFoundError as error:
        raise LabelledError(f"{path} is not there. Check the name.") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise LabelledError(f"{path} cannot be read: {why}.") from error


def _decoded(path: str, content: bytes) -> str:
    shown = "standard input" if path == "-" else path
    if not content.strip():
        raise LabelledError(f"{shown} is empty. Give a file with a header and rows.")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:4096]:
        raise LabelledError(f"{shown} is not UTF-8 (it looks like UTF-16, or like no text). Save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise LabelledError(
            f"{shown}, line {line}: byte 0x{content[error.start]:02X} is not UTF-8. Save the file as UTF-8."
        ) from error


# --- CSV ---------------------------------------------------------------------------------------------


class _Columns(NamedTuple):
    """Where in a row what stands."""

    width: int
    text: int
    label: int
    note: int | None


def _csv(shown: str, content: str, label_keys: Sequence[str]) -> Iterator[_Raw]:
    delimiter = _delimiter(content, label_keys)
    lines = _csv_rows(shown, content, delimiter)
    first, header = next((line, fields) for line, fields in lines if fields)
    columns = _columns(shown, first, header, label_keys)
    for line, fields in lines:
        if not fields:
            continue  # a blank line is no row
        if not any(field.strip() for field in fields):
            yield _Raw(line, "", "")
        elif len(fields) > columns.width:
            raise LabelledError(
                f"{shown}, line {line}: has {len(fields)} fields, and the header names {columns.width}. "
                'Put a text that contains a comma in quotation marks ("…").'.replace("a comma", _named(delimiter))
            )
        elif len(fields) <= max(columns.text, columns.label):
            raise LabelledError(
                f"{shown}, line {line}: has {len(fields)} field{'s' * (len(fields) != 1)}, and the header names "
                f"{columns.width}. Add what is missing, or take the line out."
            )
        else:
            note = fields[columns.note] if columns.note is not None and columns.note < len(fields) else ""
            yield _Raw(line, fields[columns.text], fields[columns.label], note)


def _delimiter(content: str, label_keys: Sequence[str]) -> str:
    """The one that makes a header of the first line; a comma where none does."""
    first = content.lstrip().partition("\n")[0].casefold()
    for delimiter in _DELIMITERS:
        names = {name.strip().strip('"') for name in first.split(delimiter)}
        if names.intersection(TEXT_KEYS) and names.intersection(label_keys):
            return delimiter
    return ","


def _named(delimiter: str) -> str:
    return {",": "a comma", "\t": "a tab", ";": "a semicolon"}[delimiter]


def _csv_rows(shown: str, content: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(line where it begins, fields) of every row; of a blank line, no fields."""
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise LabelledError(
                f"{shown}, line {begins}: is no CSV ({error}). A quotation mark within quotation marks is written "
                'twice (""), and each that opens is closed.'
            ) from error
        yield begins, fields


def _columns(shown: str, line: int, header: Sequence[str], label_keys: Sequence[str]) -> _Columns:
    names = [name.strip().casefold() for name in header]
    text = next((names.index(key) for key in TEXT_KEYS if key in names), None)
    label = next((names.index(key) for key in label_keys if key in names), None)
    if text is None or label is None:
        listed = ", ".join(repr(name.strip()[:40]) for name in header[:6]) or "nothing"
        raise LabelledError(
            f"{shown}, line {line}: the header names {listed}, and one column must be called {_either(TEXT_KEYS)} and "
            f"one {_either(label_keys)}. Add a header, or rename the columns."
        )
    return _Columns(len(names), text, label, names.index("note") if "note" in names else None)


def _either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


# --- JSON --------------------------------------------------------------------------------------------


def _json(shown: str, content: str, parts: Sequence[str], label_keys: Sequence[str], *, strict: bool) -> Iterator[_Raw]:
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        return _json_lines(shown, content, label_keys)
    if isinstance(whole, list):
        return _entries(shown, whole, label_keys)
    if not any(isinstance(value, list) for value in whole.values()):
        return _json_lines(shown, content, label_keys)
    return _parts(shown, whole, parts, label_keys, strict=strict)


def _parts(
    shown: str, whole: Mapping[str, Any], parts: Sequence[str], label_keys: Sequence[str], *, strict: bool
) -> Iterator[_Raw]:
    there = [name for name, value in whole.items() if isinstance(value, list)]
    taken = [name for name in parts if name in there]
    absent = [name for name in parts if name not in there]
    if not taken or (strict and absent):
        raise LabelledError(
            f"{shown} has no part {(absent or list(parts))[0]!r}; it has {', '.join(there)}. "
            f"Name one after a colon: {shown}:{there[0]}."
        )
    for name in taken:
        yield from _entries(f"{shown}, {name}", whole[name], label_keys)


def _entries(shown: str, entries: Sequence[Any], label_keys: Sequence[str]) -> Iterator[_Raw]:
    for number, entry in enumerate(entries, 1):
        where = f"{shown}, entry {number}"
        if isinstance(entry, dict):
            yield _object(where, number, entry, label_keys)
        elif isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, str) for part in entry):
            yield _Raw(number, entry[0], entry[1])
        else:
            raise LabelledError(f'{where}: is neither ["text", "label"] nor an object with both. Put it right.')


def _json_lines(shown: str, content: str, label_keys: Sequence[str]) -> Iterator[_Raw]:
    for number, line in enumerate(content.split("\n"), 1):
        where = f"{shown}, line {number}"
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise LabelledError(f"{where}: is no JSON ({error}). Write one object a line.") from error
        if not isinstance(entry, dict):
            raise LabelledError(f"{where}: is no JSON object. Write one object with a text and a label a line.")
        yield _object(where, number, entry, label_keys)


def _object(where: str, line: int, entry: Mapping[str, Any], label_keys: Sequence[str]) -> _Raw:
    text, label = _value(where, entry, TEXT_KEYS), _value(where, entry, label_keys)
    note = entry.get("note")
    return _Raw(line, text, label, note if isinstance(note, str) else "")


def _value(where: str, entry: Mapping[str, Any], keys: Sequence[str]) -> str:
    key = next((key for key in keys if key in entry), None)
    if key is None:
        listed = ", ".join(repr(str(name)[:40]) for name in list(entry)[:6]) or "nothing"
        raise LabelledError(f"{where}: has {listed}, and no {_either(keys)}. Add it.")
    value = entry[key]
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # labels are numbers in some sets
    if not isinstance(value, str):
        raise LabelledError(f"{where}: {key!r} is not text. Write it in quotation marks.")
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # JSON can say half a character


# --- pairs -------------------------------------------------------------------------------------------


def _pair(path: str, content: str) -> Iterator[_Raw]:
    beside = path.removesuffix(".seq.in") + ".label"
    if not Path(beside).is_file():
        raise LabelledError(f"{path}: its labels, {beside}, are not there. Put that file beside it.")
    labels = _decoded(beside, _bytes_of(beside)).splitlines()
    texts = content.split("\n")
    texts = texts[:-1] if texts[-1] == "" else texts
    if len(labels) != len(texts):
        raise LabelledError(
            f"{path} has {len(texts)} lines and {beside} {len(labels)}. Give files that belong together."
        )
    yield from (_Raw(line, text, label) for line, (text, label) in enumerate(zip(texts, labels, strict=True), 1))


def _bytes_of(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise LabelledError(f"{path} cannot be read: {error.strerror or error}.") from error
