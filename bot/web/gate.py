"""Who may do what: the one place where rights are decided."""

from __future__ import annotations

from typing import Final, Literal

from store.agents import Agent

Role = Literal["colleague", "agent", "supervisor", "admin"]
ROLES: Final[tuple[Role, ...]] = ("colleague", "agent", "supervisor", "admin")
Act = Literal[
    "read", "note", "own", "answer", "assign", "label", "link", "begin", "merge", "block", "macro",
    "share", "supervise", "repair", "administer", "audit",
]  # fmt: skip

_LEAST: Final[dict[Act, Role]] = {
    "read": "colleague",
    "note": "colleague",  # customer service is everybody's job: all may see and help
    "own": "colleague",  # one's own name, password, sessions, drafts, notices
    "answer": "agent",
    "assign": "agent",  # to oneself or to a colleague who may answer; from somebody else: supervisor
    "label": "agent",
    "link": "agent",
    "begin": "agent",
    "merge": "agent",
    "block": "agent",
    "macro": "agent",  # one's own; the team's and everybody's: "share"
    "share": "supervisor",
    "supervise": "supervisor",
    "repair": "supervisor",
    "administer": "admin",
    "audit": "admin",  # supervisors are judged by it, too; what happened to a case they read in the case
}
GRAVE: Final[frozenset[Act]] = frozenset({"supervise", "repair", "administer", "audit"})
"""Who tries these without the right is on record."""
_NAMES: Final[dict[Act, str]] = {
    "read": "read cases",
    "note": "write notes",
    "answer": "answer customers",
    "assign": "assign cases",
    "label": "label messages",
    "own": "change what is one's own",
    "link": "link or part identities",
    "begin": "write to a customer first",
    "merge": "merge cases",
    "block": "block customers",
    "macro": "write macros",
    "share": "write macros for others",
    "supervise": "act on other people's cases",
    "repair": "send stuck messages again",
    "administer": "administer the desk",
    "audit": "read the audit log",
}


class Forbidden(Exception):
    """A right is missing; the text says which role has it."""

    def __init__(self, agent: Agent, act: Act) -> None:
        super().__init__(f"You are {agent.role} here; to {_NAMES[act]} one must be {_LEAST[act]}. Ask an admin.")
        self.agent = agent
        self.act = act


def allow(agent: Agent, act: Act) -> None:
    """Pass, or refuse.

    Raises:
        Forbidden: their role does not include this.
    """
    if not may(agent, act):
        raise Forbidden(agent, act)


def may(agent: Agent, act: Act) -> bool:
    """Whether their role includes this: what a page shows is decided by the same table as what is done."""
    return rank(agent.role) >= rank(_LEAST[act])


def least(act: Act) -> Role:
    """The first role that may do it."""
    return _LEAST[act]


def answers(role: str) -> bool:
    """Whether who has this role may answer customers."""
    return rank(role) >= rank(_LEAST["answer"])


def rank(role: str) -> int:
    """Roles in order: each may do all that the one before may. An unknown role may nothing."""
    return ROLES.index(role) if role in ROLES else -1
