"""`warmline classify`: what the machine thinks of messages, one JSON object a line. Needs no running desk.

A filter: it may be fed for hours, so it answers each line as soon as it can, in the order of the lines.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final

import typer

from bot.cli import garbage
from bot.cli.terminal import FAILED, INTERRUPTED, Refused, command_settings, tell

if TYPE_CHECKING:
    from intents.verdict import Verdict

AHEAD: Final = 64
"""Lines that are read and not yet answered: enough to keep the threads busy, few enough for lines of a megabyte."""
BROKEN_PIPE: Final = 141
"""As other filters end whose reader has had enough."""
# Legal inside JSON, but line ends to many programs that cut our output into lines.
_LINE_ENDS: Final = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}


def classify(
    file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, readable=True, allow_dash=True, help="Read this instead of stdin."),
    ] = None,
) -> None:
    """Classify lines: plain text, or JSON objects with "text". Prints one JSON object a line, in order."""
    settings = command_settings()
    from intents.classifier import Classifier
    from models.encoder import load_encoder

    encoder = load_encoder(settings.home, settings.encoder, precision=settings.encoder_precision, progress=tell)
    classifier = Classifier.load_or_train(settings.home, encoder, progress=tell)
    garbage.working()
    try:
        with _source(file) as lines:
            failed = answer_lines(lines, sys.stdout.buffer, classifier.verdict, threads=settings.encoder_threads)
    except BrokenPipeError:
        # What is left in the buffer has nowhere to go; without this the interpreter complains as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(BROKEN_PIPE) from None
    except KeyboardInterrupt:
        # Every answer is flushed; a thread that still writes into a full pipe must not keep us here.
        os._exit(INTERRUPTED)
    if failed:
        raise Refused(f"The machine failed on {failed} of these lines; they say so.", code=FAILED)


@contextmanager
def _source(file: Path | None) -> Iterator[BinaryIO]:
    if file is not None and str(file) != "-":
        try:
            opened = file.open("rb")
        except OSError as error:
            raise Refused(f"{file} cannot be read: {error.strerror}.") from error
        with opened:
            yield opened
        return
    if sys.stdin.isatty():
        tell("Write messages, one a line. Ctrl-D ends.")
    yield sys.stdin.buffer


def answer_lines(lines: Iterable[bytes], out: BinaryIO, judge: Callable[[str], Verdict], *, threads: int) -> int:
    """Write an object for each line, in their order, each as soon as it and those before it are ready.

    Returns on how many lines `judge` failed. Raises BrokenPipeError when nobody reads any more.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="classify")
    waiting: Queue[Future[tuple[bytes, bool]] | None] = Queue(AHEAD)
    writer = _Writer(waiting, out)
    writer.start()
    try:
        for number, line in enumerate(lines):
            if writer.broken:
                break
            waiting.put(pool.submit(_answer, _text(line, first=number == 0), judge))
        waiting.put(None)
        writer.join()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if writer.broken is not None:
        raise writer.broken
    return writer.failed


class _Writer(threading.Thread):
    """Writes answers in order. A thread of its own, because reading the next line may take for ever."""

    def __init__(self, waiting: Queue[Future[tuple[bytes, bool]] | None], out: BinaryIO) -> None:
        super().__init__(name="classify writer", daemon=True)
        self._waiting = waiting
        self._out = out
        self.broken: OSError | None = None
        self.failed = 0

    def run(self) -> None:
        while (answer := self._waiting.get()) is not None:
            if self.broken is not None:
                continue  # only so that the reader of lines never waits for room
            line, failed = answer.result()
            self.failed += failed
            try:
                self._out.write(line)
                self._out.flush()
            except OSError as error:
                self.broken = error


def _text(line: bytes, *, first: bool) -> str:
    """The message in a line: what its JSON object says, else the line itself."""
    text = line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")
    if first:
        text = text.removeprefix("\ufeff")
    if text.lstrip().startswith("{"):
        try:
            given = json.loads(text)
        except (ValueError, RecursionError):
            return text
        if isinstance(given, dict) and isinstance(given.get("text"), str):
            # JSON can say half a character; nothing else can.
            return str(given["text"]).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _answer(text: str, judge: Callable[[str], Verdict]) -> tuple[bytes, bool]:
    """(the line for a text, whether the machine failed on it)."""
    if not text.strip():
        return _line(_nothing(text, "There are no words in it.")), False
    try:
        found = _object(judge(text))
    except Exception as error:
        # One bad line must not end a run of a million, and the lines that come out must match those that went in.
        tell(f"The machine failed on {text[:80]!r}: {type(error).__name__}: {error}")
        return _line(_nothing(text, "The machine failed on this text.")), True
    return _line({**found, "text": text}), False


def _object(verdict: Verdict) -> dict[str, Any]:
    return {
        "text": verdict.text,
        "tier": verdict.tier,
        "intent": verdict.intent,
        "confidence": round(float(verdict.confidence), 6),
        "tiers": {tier: round(float(probability), 6) for tier, probability in verdict.tiers.items()},
        "automatable": bool(verdict.automatable),
        "reason": verdict.reason,
    }


def _nothing(text: str, reason: str) -> dict[str, Any]:
    from intents.tiers import TIERS

    return {
        "text": text,
        "tier": "unknown",
        "intent": "none",
        "confidence": 1.0,
        "tiers": {tier: float(tier == "unknown") for tier in TIERS},
        "automatable": False,
        "reason": reason,
    }


def _line(found: dict[str, Any]) -> bytes:
    # A reason may quote words and cut them anywhere; `replace` keeps half a character out of the output.
    return (json.dumps(found, ensure_ascii=False).translate(_LINE_ENDS) + "\n").encode("utf-8", "replace")
