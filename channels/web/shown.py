"""What customers' programs and pages are told, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from channels.contract import About, Line, Standing
from channels.filetypes import ACCEPT
from channels.web.files import MOST, TOGETHER


def line_shown(line: Line) -> dict[str, Any]:
    """A message. `files`, `button` and `rich` stand in it only where there are any."""
    shown: dict[str, Any] = {
        "seq": line.seq,
        "id": line.external_id if line.author == "customer" and line.external_id else f"s{line.seq}",
        "from": line.author,
        "author": line.author_name,
        "text": line.text,
        "kind": line.kind,
        "buttons": [{"id": button.id, "label": button.label} for button in line.buttons],
        "at": line.at.isoformat(),
    }
    if line.files:
        shown["files"] = [
            {"id": file.id, "name": file.name, "type": file.media_type, "size": file.size}
            | ({"refused": file.refused} if file.refused is not None else {})
            for file in line.files
        ]
    if line.button is not None:
        shown["button"] = line.button
    if line.rich is not None:
        shown["rich"] = line.rich.to_json()
    return shown


def standing_shown(standing: Standing, status: Mapping[str, str] | None) -> dict[str, Any]:
    """How a conversation stands."""
    return {
        "case": standing.case,
        "owner": standing.owner,
        "agent": standing.agent,
        "waiting": standing.waiting,
        "place": standing.place,
        "by": standing.by.isoformat() if standing.by is not None else None,
        "email": standing.email,
        "ask_email": standing.ask_email,
        "resolved": standing.resolved,
        "seen": standing.seen,
        "status": dict(status) if status is not None else None,
    }


def about_shown(about: About, *, max_length: int, max_bytes: int) -> dict[str, Any]:
    """Who we are and what may be sent."""
    return {
        "company": about.company,
        "bot": about.bot,
        "hours": about.hours,
        "open": about.open,
        "opens_at": about.opens_at.isoformat() if about.opens_at is not None else None,
        "opens": about.opens,
        "status": dict(about.status) if about.status is not None else None,
        "mail": about.mail,
        "max_length": max_length,
        "files": {"most": MOST, "each": max_bytes, "together": TOGETHER, "accept": ACCEPT} if max_bytes else None,
    }
