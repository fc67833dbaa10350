"""Who may do what: the one place where rights are decided."""

from __future__ import annotations

from typing import Final, Literal

from store.agents import Agent

Role = Literal["colleague", "agent", "supervisor", "admin"]
ROLES: Final[tuple[Role, ...]] = ("colleague", "agent", "supervisor", "admin")
Act = Literal["read", "note", "answer", "assign", "label", "link", "repair", "administer"]

_LEAST: Final[dict[Act, Role]] = {
    "read": "colleague",
    "note": "colleague",  # customer service is everybody's job: all may see and help
    "answer": "agent",
    "assign": "agent",  # to oneself or to a colleague who may answer; from somebody else: supervisor
    "label": "agent",
    "link": "agent",
    "repair": "supervisor",
    "administer": "admin",
}
_NAMES: Final[dict[Act, str]] = {
    "read": "read cases",
    "note": "write notes",
    "answer": "answer customers",
    "assign": "assign cases",
    "label": "label messages",
    "link": "link or part identities",
    "repair": "send stuck messages again",
    "administer": "administer the desk",
}


class Forbidden(Exception):
    """A right is missing; the text says which role has it."""


def allow(agent: Agent, act: Act) -> None:
    """Pass, or refuse.

    Raises:
        Forbidden: their role does not include this.
    """
    if rank(agent.role) < rank(_LEAST[act]):
        raise Forbidden(f"You are {agent.role} here; to {_NAMES[act]} one must be {_LEAST[act]}. Ask an admin.")


def rank(role: str) -> int:
    """Roles in order: each may do all that the one before may. An unknown role may nothing."""
    return ROLES.index(role) if role in ROLES else -1
