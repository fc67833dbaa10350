"""How mails of others are read: what raises, what is slow, what is right. Prints a table.

    python benchmarks/mail.py [--wrong]

Reads the corpora of ../shared/data/mail; one that is not there is named and left out. `--wrong` names each file that
was read otherwise than its corpus expects.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from channels.mail.htmltext import html_lines  # noqa: E402 -- after the path
from channels.mail.parser import parse  # noqa: E402
from channels.mail.quotes import reply_of, stripped  # noqa: E402

DATA = Path("/work/shared/data/mail") if Path("/work/shared/data/mail").is_dir() else ROOT.parent / "shared/data/mail"
CORPORA = (
    "cpython-email", "stalwart-mail-parser", "mailgun-flanker", "mailgun-talon", "spamscope-mail-parser",
    "zapier-email-reply-parser", "closeio-quotequail", "alfonsrv-mail-parser-reply",
)  # fmt: skip
Check = tuple[str, str, bool]
"""(what is checked, in which file, was it right)"""


def every_file(corpus: Path) -> None:
    """Every file of a corpus as a mail: most are none, and none may raise."""
    raised, times = [], []
    for path in sorted(path for path in corpus.rglob("*") if path.is_file()):
        data = path.read_bytes()
        began = time.perf_counter()
        try:
            parse(data)
        except Exception as error:
            raised.append(f"{path.name}: {error!r}")
        times.append((time.perf_counter() - began, path.name))
    slowest = max(times)
    longest = f"slowest {slowest[0] * 1000:.0f} ms ({slowest[1]})"
    print(f"{corpus.name:28} {len(times):4} files  {len(raised)} raised  {longest}")
    for line in raised:
        print("   ", line)


def stalwart(corpus: Path) -> Iterator[Check]:
    """Headers and words beside what another parser makes of the same mail."""
    for path in sorted(corpus.rglob("*.eml")):
        wanted = json.loads(path.with_suffix(".json").read_text())
        read, _ = parse(path.read_bytes())
        headers = {
            header["name"]: header["value"]
            for header in wanted["parts"][0]["headers"]
            if isinstance(header["name"], str)
        }
        if isinstance(subject := headers.get("subject"), dict) and "Text" in subject:
            yield "subject", path.name, _plain(read["subject"]) == _plain(subject["Text"])
        if (sender := _first_address(headers.get("from"))) is not None:
            yield "from", path.name, read["from"]["address"].lower() == sender.lower()
        bodies = [wanted["parts"][index]["body"] for index in wanted["text_body"]]
        words = _plain(" ".join(body["Text"] for body in bodies if "Text" in body))
        if words:
            yield "body", path.name, words[:200] in _plain(read["text"]) or _plain(read["text"])[:200] in words


def _first_address(value: Any) -> str | None:
    if not isinstance(value, dict) or "Address" not in value:
        return None
    listed = value["Address"].get("List") or [
        each for group in value["Address"].get("Group", []) for each in group["addresses"]
    ]
    return next((each["address"] for each in listed if each.get("address")), None)


def _plain(text: str) -> str:
    return "".join(text.split())


def talon(corpus: Path) -> Iterator[Check]:
    """Answers of known programs, whose replies their corpus names."""
    for path in sorted(corpus.glob("tests/fixtures/standard_replies/*.eml")):
        beside = path.with_name(f"{path.stem}_reply_text")
        wanted = beside.read_text() if beside.exists() else "Hello"
        yield "reply", path.name, _plain(parse(path.read_bytes())[0]["reply"]) == _plain(wanted)
    for path in sorted(corpus.glob("tests/fixtures/html_replies/*.html")):
        reply = reply_of(html_lines(path.read_text("utf-8", "replace")))
        yield "reply in HTML", path.name, _plain(reply) == "Hi.Iamfine.Thanks,Alex"


def never_empty(corpus: Path) -> Iterator[Check]:
    """Nothing is known of the right reply; an empty one is wrong in any case."""
    for path in sorted([*corpus.rglob("emails/*.txt"), *corpus.rglob("files/*.html")]):
        text = path.read_text("utf-8", "replace")
        reply = reply_of(html_lines(text)) if path.suffix == ".html" else stripped(text)
        yield "reply is not empty", path.name, bool(reply.strip()) or not text.strip()


def bounces(corpus: Path) -> Iterator[Check]:
    """Returned mails, and others that are none."""
    folder = corpus / "tests/fixtures/messages"
    for path in sorted(folder.glob("bounce/*.eml")):
        yield "bounce", path.name, parse(path.read_bytes())[0]["auto"] == "bounce"
    for path in sorted(folder.glob("*.eml")):
        yield "no bounce", path.name, parse(path.read_bytes())[0]["auto"] != "bounce"


EXPECTED: dict[str, Callable[[Path], Iterator[Check]]] = {
    "stalwart-mail-parser": stalwart,
    "mailgun-talon": talon,
    "mailgun-flanker": bounces,
    "zapier-email-reply-parser": never_empty,
    "closeio-quotequail": never_empty,
    "alfonsrv-mail-parser-reply": never_empty,
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--wrong", action="store_true", help="name each file that is read otherwise than expected")
    given = options.parse_args()
    there = [DATA / name for name in CORPORA if (DATA / name).is_dir()]
    for name in CORPORA:
        if DATA / name not in there:
            print(f"{name}: not there, left out")
    for corpus in there:
        every_file(corpus)
    for corpus in there:
        found: dict[str, list[Check]] = {}
        for check in EXPECTED.get(corpus.name, lambda _: iter(()))(corpus):
            found.setdefault(check[0], []).append(check)
        for name, checks in found.items():
            rights = sum(check[2] for check in checks)
            print(f"{corpus.name:28} {name:20} {rights:4} of {len(checks)}")
            if given.wrong:
                for _, path, right in checks:
                    if not right:
                        print("   ", path)
    quote = (
        "Thanks!\n\nOn Mon, 2 Mar 2026 at 10:00, Ada <ada@example.com> wrote:\n"
        + "> a line of an older mail\n" * 29_500
    )
    began = time.perf_counter()
    stripped(quote)
    print(f"{len(quote) // 1000} KB of quotes stripped in {(time.perf_counter() - began) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
