"""What the DNS says of a domain that sends mail: SPF (RFC 7208), DMARC (RFC 7489), DKIM (RFC 6376).

A resolver for TXT records alone (RFC 1035), asked of the system's name servers: no more is needed for a warning.
Where nobody answers there is nothing to say.
"""

from __future__ import annotations

import secrets
import socket
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

WITHIN: Final = 1.0
"""Seconds for one answer."""
SERVERS: Final = 2
_TXT: Final = 16
_OPT: Final = 41
_LONGEST: Final = 4096
RESERVED: Final = ("example", "test", "invalid", "localhost", "local", "internal")
"""Names that no DNS knows (RFC 2606, 6761, 6762)."""

Lookup = Callable[[str], list[str] | None]
"""The TXT records of a name; None: nobody answers."""


def faults(domain: str, selector: str, lookup: Lookup) -> list[str]:
    """What is wrong with what the DNS says of a domain that we send from, one sentence each."""
    if domain.rpartition(".")[2] in RESERVED or (own := lookup(domain)) is None:
        return []
    wrong = []
    spf = [text for text in own if text.lower().split(" ", 1)[0] == "v=spf1"]
    if not spf:
        wrong.append(f"{domain} has no SPF record: add a TXT record like 'v=spf1 include:YOUR-PROVIDER ~all'.")
    elif len(spf) > 1:
        wrong.append(f"{domain} has {len(spf)} SPF records, and receivers then use none: join them into one.")
    elif spf[0].lower().split()[-1] == "+all":
        wrong.append(f"The SPF record of {domain} lets everybody send in its name (+all): end it with ~all or -all.")
    policy = lookup(f"_dmarc.{domain}")
    if policy is not None and not any(text.lower().replace(" ", "").startswith("v=dmarc1;") for text in policy):
        above = lookup("_dmarc." + ".".join(domain.split(".")[-2:])) or []
        if not any(text.lower().startswith("v=dmarc1") for text in above):
            wrong.append(f"{domain} has no DMARC record: add a TXT record at _dmarc.{domain} like 'v=DMARC1; p=none'.")
    if selector and (keys := lookup(f"{selector}._domainkey.{domain}")) is not None:
        if not any("p=" in text.replace(" ", "") for text in keys):
            wrong.append(f"There is no DKIM key at {selector}._domainkey.{domain}: add what your mail server shows.")
        elif all(text.replace(" ", "").rstrip(";").endswith("p=") for text in keys):
            wrong.append(f"The DKIM key at {selector}._domainkey.{domain} was revoked: make a new one.")
    return wrong


def ask(name: str, servers: Sequence[tuple[str, int]] | None = None) -> list[str] | None:
    """The TXT records of a name, by the system's name servers. Blocking: seconds at most. None: nobody answers."""
    for server in (servers if servers is not None else _servers())[:SERVERS]:
        try:
            return _asked(name, server)
        except (OSError, ValueError, struct.error, IndexError):
            continue
    return None


def _servers() -> list[tuple[str, int]]:
    try:
        lines = Path("/etc/resolv.conf").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    return [(each[1].partition("%")[0], 53) for each in words if len(each) > 1 and each[0] == "nameserver"]


def _asked(name: str, server: tuple[str, int]) -> list[str]:
    number = secrets.randbits(16)
    labels = b"".join(bytes([len(label)]) + label for label in name.encode("ascii").split(b"."))
    question = labels + b"\0" + struct.pack(">HH", _TXT, 1)
    extra = b"\0" + struct.pack(">HHIH", _OPT, _LONGEST, 0, 0)
    query = struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 1) + question + extra
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.settimeout(WITHIN)
        asking.connect(server)
        asking.send(query)
        answer = asking.recv(65_535)
    if answer[2] & 0x02:  # too long for one packet
        with socket.create_connection(server, WITHIN) as asking:
            asking.sendall(struct.pack(">H", len(query)) + query)
            answer = _exactly(asking, struct.unpack(">H", _exactly(asking, 2))[0])
    return _texts(answer, number)


def _exactly(asking: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = asking.recv(size - len(data))
        if not more:
            raise ValueError("the answer ends too early")
        data += more
    return data


def _texts(answer: bytes, number: int) -> list[str]:
    """Raises for an answer that is none, or that says that the server failed."""
    known, flags, questions, answers = struct.unpack(">HHHH", answer[:8])
    if known != number or not flags & 0x8000 or flags & 0x0F not in (0, 3):
        raise ValueError("no answer to this question")
    at = 12
    for _ in range(questions):
        at = _behind_name(answer, at) + 4
    found = []
    for _ in range(answers):
        at = _behind_name(answer, at)
        kind, _, _, size = struct.unpack(">HHIH", answer[at : at + 10])
        data, at = answer[at + 10 : at + 10 + size], at + 10 + size
        if kind == _TXT:
            found.append(_joined(data).decode("utf-8", "replace"))
    return found


def _behind_name(answer: bytes, at: int) -> int:
    while (size := answer[at]) != 0:
        if size & 0xC0:
            return at + 2
        at += size + 1
    return at + 1


def _joined(data: bytes) -> bytes:
    parts, at = [], 0
    while at < len(data):
        parts.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    return b"".join(parts)
