"""What the DNS says of a domain that sends mail, asked of a name server on loopback."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from channels.email.dns import ask, faults

GOOD = {"acme.io": ["v=spf1 include:_spf.x ~all", "other=1"], "_dmarc.acme.io": ["v=DMARC1; p=none"]}


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ({}, []),
        ({"acme.io": ["other=1"]}, ["no SPF record"]),
        ({"acme.io": ["v=spf1 -all", "v=spf1 ~all"]}, ["2 SPF records"]),
        ({"acme.io": ["v=spf1 +all"]}, ["lets everybody send"]),
        ({"_dmarc.acme.io": []}, ["no DMARC record"]),
        ({"s1._domainkey.acme.io": []}, ["no DKIM key"]),
        ({"s1._domainkey.acme.io": ["v=DKIM1; p="]}, ["was revoked"]),
        ({"s1._domainkey.acme.io": ["v=DKIM1; k=rsa; p=MIGf"]}, []),
        ({"acme.io": [], "_dmarc.acme.io": []}, ["no SPF record", "no DMARC record"]),
    ],
)
def test_what_is_wrong_is_said(records: Mapping[str, Sequence[str]], said: Sequence[str]) -> None:
    known = {**GOOD, **records}
    found = faults("acme.io", "s1", lambda name: list(known[name]) if name in known else None)
    assert len(found) == len(said)
    assert all(words in sentence for words, sentence in zip(said, found, strict=True))


def test_a_domain_below_is_under_the_policy_above() -> None:
    known = {**GOOD, "mail.acme.io": ["v=spf1 -all"], "_dmarc.mail.acme.io": []}
    assert faults("mail.acme.io", "", lambda name: list(known.get(name, []))) == []


def test_nobody_answers_or_nobody_can() -> None:
    assert faults("acme.io", "s1", lambda _: None) == []
    assert faults("desk.example", "s1", lambda _: []) == []
    assert ask("acme.io", []) is None
    assert ask("acme.io", [("127.0.0.1", 1)]) is None


class Server(asyncio.DatagramProtocol):
    """Answers every question with these texts, or with nonsense."""

    def __init__(self, texts: Sequence[bytes], *, code: int = 0, nonsense: bytes | None = None) -> None:
        self.texts, self.code, self.nonsense = texts, code, nonsense

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self.nonsense is not None:
            self.transport.sendto(self.nonsense, addr)
            return
        question = data[12 : data.index(b"\0", 12) + 5]
        answers = b""
        for text in self.texts:
            parts = b"".join(bytes([len(text[at : at + 255])]) + text[at : at + 255] for at in range(0, len(text), 255))
            answers += b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 60, len(parts)) + parts
        head = data[:2] + struct.pack(">HHHHH", 0x8180 | self.code, 1, len(self.texts), 0, 0)
        self.transport.sendto(head + question + answers, addr)


async def asked(server: Server) -> list[str] | None:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: server, local_addr=("127.0.0.1", 0)
    )
    try:
        return await asyncio.to_thread(ask, "acme.io", [transport.get_extra_info("sockname")])
    finally:
        transport.close()


async def test_records_come_over_the_wire() -> None:
    assert await asked(Server([b"v=spf1 -all", b"x" * 700])) == ["v=spf1 -all", "x" * 700]
    assert await asked(Server([])) == []
    assert await asked(Server([], code=3)) == [], "there is no such name"
    assert await asked(Server([], code=2)) is None, "the server failed"


@pytest.mark.parametrize("nonsense", [b"", b"\0", b"\xff" * 11, b"\xff" * 600, bytes(12)])
async def test_nonsense_is_no_answer(nonsense: bytes) -> None:
    assert await asked(Server([], nonsense=nonsense)) is None
