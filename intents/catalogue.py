"""What the desk understands: intents with their tier and the utterances they are learnt from.

Files are TOML, one per tier or per intent; what they say can also be put together from a database
(`check` takes intents from anywhere). All faults are reported at once, each with its file and line or entry.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from intents.errors import CatalogueError
from intents.tiers import AUTOMATABLE, TIERS, Tier

FOLDER: Final = Path(__file__).with_name("catalogue")
LONGEST_UTTERANCE: Final = 1000
FEWEST_UTTERANCES: Final = 5
_ID = re.compile(r"[a-z][a-z0-9_]{0,63}")
_INTENT_KEYS: Final = frozenset({"id", "name", "tier", "description", "automatable", "utterances"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One thing that customers mean."""

    id: str
    name: str
    tier: Tier
    description: str = ""
    automatable: bool = False
    """A machine may act on it, the gate permitting. Only how-to and feedback can; a complaint cannot."""
    utterances: tuple[str, ...] = ()
    origin: str = ""
    """Where it came from, for messages: a file name, or whatever the editor calls it."""


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Checked intents. Make it with `load_catalogue` or `check`."""

    intents: tuple[Intent, ...]

    @cached_property
    def by_id(self) -> Mapping[str, Intent]:
        return {intent.id: intent for intent in self.intents}

    @cached_property
    def examples(self) -> tuple[tuple[str, str], ...]:
        """(utterance, intent id) in catalogue order."""
        return tuple((text, intent.id) for intent in self.intents for text in intent.utterances)

    @cached_property
    def identity(self) -> str:
        """Changes with whatever changes a verdict: names and descriptions do not."""
        digest = hashlib.sha256()
        for intent in self.intents:
            for part in (intent.id, intent.tier, str(intent.automatable), *intent.utterances):
                digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
            digest.update(b"\1")
        return digest.hexdigest()[:16]


def load_catalogue(folder: Path = FOLDER) -> Catalogue:
    """Read and check every `*.toml` of the folder. Raises `CatalogueError` with all faults."""
    faults: list[str] = []
    intents: list[Intent] = []
    files = sorted(folder.glob("*.toml"))
    if not files:
        faults.append(f"{folder}: no *.toml file there; an intent needs at least one")
    for file in files:
        intents.extend(_read(file, faults))
    return check(intents, faults)


def check(intents: Iterable[Intent], faults: Sequence[str] = ()) -> Catalogue:
    """The catalogue of these intents, or `CatalogueError` with `faults` and all that is wrong among them."""
    kept = tuple(sorted(intents, key=lambda intent: (TIERS.index(intent.tier), intent.id)))
    found = [*faults, *_twice_named(kept), *_empty(kept), *_duplicates(kept)]
    if not found and len({intent.tier for intent in kept}) < 2:
        found.append("the catalogue: at least two tiers are needed to tell anything apart")
    if found:
        raise CatalogueError(found)
    return Catalogue(intents=kept)


def normal(text: str) -> str:
    """The form under which two utterances count as the same: case, spaces and end marks do not matter."""
    return " ".join(text.casefold().split()).strip(" .!?")


def _read(file: Path, faults: list[str]) -> list[Intent]:
    try:
        source = file.read_text(encoding="utf-8")
        table = tomllib.loads(source)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        faults.append(f"{file.name}: cannot be read as TOML: {error}")
        return []
    entries = table.pop("intent", [])
    shared_tier = table.pop("tier", None)
    faults.extend(f"{file.name}: unknown key {key!r}; known are 'tier' and [[intent]]" for key in table)
    if not isinstance(entries, list) or not entries:
        faults.append(f"{file.name}: has no [[intent]]")
        return []
    made = (_intent(file.name, number, entry, shared_tier, source, faults) for number, entry in enumerate(entries, 1))
    return [intent for intent in made if intent is not None]


def _intent(file: str, number: int, entry: Any, shared_tier: Any, source: str, faults: list[str]) -> Intent | None:
    if not isinstance(entry, dict):
        faults.append(f"{file}, intent {number}: must be a table")
        return None
    where = f"{file}, intent {number} ({entry.get('id', 'no id')})"
    before = len(faults)
    faults.extend(f"{where}: unknown key {key!r}" for key in sorted(entry.keys() - _INTENT_KEYS))
    if not isinstance(entry.get("id"), str) or not _ID.fullmatch(entry["id"]):
        faults.append(f"{where}: 'id' must be small letters, digits and underscores, at most 64")
    tier = entry.get("tier", shared_tier)
    if tier not in TIERS:
        faults.append(f"{where}: tier {tier!r} is none of {', '.join(TIERS)}")
    for key in ("name", "description"):
        if not isinstance(entry.get(key, ""), str):
            faults.append(f"{where}: {key!r} must be text")
    automatable = entry.get("automatable", False)
    if not isinstance(automatable, bool):
        faults.append(f"{where}: 'automatable' must be true or false")
    elif automatable and tier in TIERS and tier not in AUTOMATABLE:
        faults.append(f"{where}: tier {tier} is never automatable")
    utterances = _utterances(where, entry.get("utterances"), source, faults)
    if len(faults) > before:
        return None
    return Intent(
        id=entry["id"],
        name=entry.get("name") or entry["id"],
        tier=tier,
        description=entry.get("description", ""),
        automatable=automatable,
        utterances=utterances,
        origin=file,
    )


def _utterances(where: str, value: Any, source: str, faults: list[str]) -> tuple[str, ...]:
    if not isinstance(value, list):
        faults.append(f"{where}: 'utterances' must be a list of texts")
        return ()
    kept = []
    for position, text in enumerate(value, 1):
        if not isinstance(text, str):
            fault = "must be text"
        elif not text.strip():
            fault = "is empty"
        elif len(text) > LONGEST_UTTERANCE:
            fault = f"has {len(text)} characters, {LONGEST_UTTERANCE} are the most"
        else:
            kept.append(text.strip())
            continue
        faults.append(f"{where}, utterance {position}{_line(source, text)}: {fault}")
    return tuple(kept)


def _line(source: str, text: Any) -> str:
    """ ", line 12" where the text can be found in the file: tomllib itself forgets lines."""
    if not isinstance(text, str) or not text.strip():
        return ""
    at = source.find(f'"{text}"')
    return f", line {source.count(chr(10), 0, at) + 1}" if at >= 0 else ""


def _twice_named(intents: Sequence[Intent]) -> list[str]:
    first: dict[str, Intent] = {}
    faults = []
    for intent in intents:
        other = first.setdefault(intent.id, intent)
        if other is not intent:
            faults.append(f"{intent.origin}: the id {intent.id!r} is already used in {other.origin}")
    return faults


def _empty(intents: Sequence[Intent]) -> list[str]:
    return [
        f"{intent.origin}, {intent.id}: has {len(intent.utterances)} utterances, needs at least {FEWEST_UTTERANCES}"
        for intent in intents
        if len(intent.utterances) < FEWEST_UTTERANCES
    ]


def _duplicates(intents: Sequence[Intent]) -> list[str]:
    seen: dict[str, tuple[Intent, int]] = {}
    faults = []
    for intent in intents:
        for position, text in enumerate(intent.utterances, 1):
            other, at = seen.setdefault(normal(text), (intent, position))
            if (other, at) != (intent, position):
                faults.append(
                    f"{intent.origin}, {intent.id}, utterance {position}: {text!r} is also"
                    f" utterance {at} of {other.id} ({other.origin})"
                )
    return faults
