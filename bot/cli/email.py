"""`warmline email`: what the desk makes of a mail. Needs no running desk, no settings, no home."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from bot.cli.terminal import safe, say, table

app = typer.Typer(no_args_is_help=True)
# Legal inside JSON, but line ends to many programs that cut our output into lines.
_LINE_ENDS: Final = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}


@app.callback()
def email() -> None:
    """Mails, as the desk reads them."""


@app.command()
def parse(
    files: Annotated[list[str], typer.Argument(help="Files with one mail each; - is standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a mail, a line each.")] = False,
) -> None:
    """Read mails in the child process that the desk reads them in. Exit code 0 whatever they are."""
    asyncio.run(_parse(files, as_json=as_json))


async def _parse(files: list[str], *, as_json: bool) -> None:
    from channels.mail import limits
    from channels.mail.reading import MailReader, unread

    async with MailReader() as reader:
        for name in files:
            try:
                data = _bytes(name, limits.MESSAGE_BYTES + 1)
                fields = (await reader.read(data)).fields
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a name of a file"
                fields = unread(f"{safe(name)[:200]} cannot be read: {reason}.")
            if as_json:
                say(json.dumps(fields, ensure_ascii=False).translate(_LINE_ENDS))
            else:
                _show(name, fields)


def _bytes(name: str, most: int) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read(most)
    with Path(name).open("rb") as opened:
        return opened.read(most)


def _show(name: str, fields: dict[str, Any]) -> None:
    """For a person: a line for each thing that is there, then the reply."""
    sender = fields["from"]
    rows = [
        ("file", name),
        ("error", fields["error"]),
        ("from", f"{sender['name']} <{sender['address']}>".strip()),
        ("to", ", ".join(each["address"] for each in fields["to"])),
        ("cc", ", ".join(each["address"] for each in fields["cc"])),
        ("subject", fields["subject"]),
        ("date", fields["date"]),
        ("automatic", fields["auto"]),
        ("bounce", _bounce(fields["bounce"])),
        *(
            ("file inside", f"{each['name']} ({each['type']}, {each['size']:,} bytes)")
            for each in fields["attachments"]
        ),
    ]
    table(("", ""), [(label, str(value)) for label, value in rows if value])
    say()
    say(safe(fields["reply"]))
    left = len(fields["text"].split("\n")) - len(fields["reply"].split("\n"))
    if left > 0:
        say(f"(and {left} more lines that are quoted or a signature)")
    say()


def _bounce(bounce: dict[str, str | None] | None) -> str:
    if bounce is None:
        return ""
    whose, why = bounce["recipient"] or "somebody", bounce["status"] or "no status"
    return f"{whose} ({why}), of {bounce['message_id'] or 'no known mail'}"
