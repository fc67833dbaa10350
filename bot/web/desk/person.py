"""A customer on all channels, as the card tells it: each identity with its proof, and what they wrote elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bot.web.desk.transcript import CHANNELS, plain_name

SHOWN: Final = 5
"""Of other conversations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One identity."""

    channel: str
    name: str
    """`Telegram “ana”`, without what turns the direction of letters."""
    proof: str
    link: int | None = None
    undone: str = ""
    """What happens if the link is undone."""


def known(identities: Sequence[Mapping[str, Any]], first_name: str, said: Callable[[datetime], str]) -> list[Known]:
    """The one that writes here first. `said` tells a moment."""
    called = {one["id"]: _called(one) for one in identities}
    found = []
    for one in identities:
        link = one["link"]
        if link is None:
            found.append(Known(channel=one["channel"], name=called[one["id"]], proof=_here(one)))
            continue
        leaving = [called[id_] for id_ in link["leaves"] if id_ in called]
        found.append(
            Known(
                channel=one["channel"], name=called[one["id"]], proof=_proof(link, said), link=link["id"],
                undone=_undone(leaving, first_name),
            )
        )  # fmt: skip
    return found


def with_the_bot_alone(conversations: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The newest that have no case; those that have one stand among the cases."""
    return [one for one in conversations if one["case"] is None][:SHOWN]


def _called(identity: Mapping[str, Any]) -> str:
    channel = CHANNELS.get(identity["channel"], str(identity["channel"]).capitalize())
    name = plain_name(identity["name"] or "")
    return f"{channel} “{name}”" if name else channel


def _here(identity: Mapping[str, Any]) -> str:
    if not identity["verified"]:
        return "writes here; not verified"
    return f"writes here; {CHANNELS.get(identity['channel'], identity['channel'])} vouches for the address"


def _proof(link: Mapping[str, Any], said: Callable[[datetime], str]) -> str:
    if link["how"] == "hand":
        by = link["asked_by"] or "somebody"
        return f"linked by hand, not proven: {by}, {said(link['at'])}: \u201c{plain_name(link['why'] or '')}\u201d"
    if link["how"] == "profile":
        return f"the same address, for which both platforms vouch, {said(link['at'])}"
    asked = f" that {link['asked_by']} asked for" if link["asked_by"] else ""
    return f"proved by a code{asked}, {said(link['at'])}"


def _undone(leaving: Sequence[str], first_name: str) -> str:
    who = leaving[0] if len(leaving) == 1 else f"{', '.join(leaving[:-1])} and {leaving[-1]}"
    stands = "stands" if len(leaving) == 1 else "stand"
    return (
        f"{who} then {stands} apart from {first_name} again, with all that was written there. Customers are not told; "
        "a new code can link them again."
    )
