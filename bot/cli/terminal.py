"""How commands talk: results to standard output, everything else to standard error, never wrapped and never broken.

Rich's console cuts and wraps what goes into a pipe; a token or an address must arrive whole, so only tables and the
spinner on a real terminal are drawn with it.
"""

from __future__ import annotations

import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from bot.settings import Settings

WRONG_USAGE: Final = 2
FAILED: Final = 1
INTERRUPTED: Final = 130
_SILENCE: Final = 10.0  # seconds between two sentences about the same work


class Refused(Exception):
    """A command that cannot do what it was asked. The text says what happened, to which thing, and what to do."""

    def __init__(self, text: str, *, code: int = FAILED) -> None:
        super().__init__(text)
        self.code = code


def say(text: str = "") -> None:
    """One line of the result."""
    _print(text, sys.stdout)


def tell(text: str) -> None:
    """One line about the result or the way to it: progress, a hint, a refusal."""
    _print(text, sys.stderr)


def _print(text: str, stream: TextIO) -> None:
    # Arguments of the shell may hold bytes that are no text, and a terminal may know fewer letters than we do.
    encoding = stream.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), file=stream, flush=True)


def safe(text: str) -> str:
    """Without what a terminal would obey instead of show. Line ends and tabs stay."""
    return "".join(
        character if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs") else "\ufffd"
        for character in text
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for a person at a terminal; lines with tabs between the fields for a program."""
    shown = [[safe(field).replace("\t", " ").replace("\n", " ") for field in row] for row in rows]
    if not sys.stdout.isatty():
        for row in shown:
            say("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in shown:
        drawn.add_row(*map(Text, row))
    Console().print(drawn)


def command_settings() -> Settings:
    """The settings, for a short command: what the parts log goes to standard error, and only if it matters.

    Raises:
        SettingsError: every fault, by name.
    """
    from bot import log
    from bot.settings import load_settings

    settings = load_settings()
    log.set_up("debug" if settings.log_level == "debug" else "error")
    return settings


@contextmanager
def steps(stream: TextIO) -> Iterator[Steps]:
    """Shows what is being waited for: a line for each step, and on a terminal a spinner with the time beside it."""
    shown = Steps(stream)
    try:
        yield shown
    finally:
        shown.end()


@contextmanager
def bars(stream: TextIO) -> Iterator[Bars]:
    """Shows how far long work has come: on a terminal a bar, else a sentence at its begin and every ten seconds."""
    shown = Bars(stream)
    try:
        yield shown
    finally:
        shown.end()


class Bars:
    """Takes, from the thread that works, what is done and how far it is. Made with `bars`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._doing = ""
        self._told = 0.0
        self._live: Progress | None = None
        if stream.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._live = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(elapsed_when_finished=True),
                console=Console(file=stream),
                transient=True,
            )
            self._task = self._live.add_task("Starting", total=None)
            self._live.start()

    def __call__(self, doing: str, done: int = 0, of: int | None = None) -> None:
        """Begin, or go on with, what `doing` names: `done` parts `of` so many; of None where nobody can tell."""
        doing = doing[:1].upper() + doing[1:]
        began, self._doing = doing != self._doing, doing
        if self._live is not None:
            if began:
                self._live.reset(self._task, total=of, description=doing)
            self._live.update(self._task, completed=done, total=of)
        elif began:
            self._tell(doing)
        elif of and time.monotonic() - self._told >= _SILENCE:
            self._tell(f"{doing}: {done:,} of {of:,}")

    def end(self) -> None:
        """Take the bar away. More than once is fine."""
        if self._live is not None:
            self._live.stop()

    def _tell(self, sentence: str) -> None:
        self._told = time.monotonic()
        _print(sentence, self._stream)


class Steps:
    """Takes sentences from any thread. Made with `steps`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last = ""
        self._live: Progress | None = None
        if stream.isatty():
            from rich.console import Console
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            self._live = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                TimeElapsedColumn(),
                console=Console(file=stream),
                transient=True,
            )
            self._task = self._live.add_task("Starting")
            self._live.start()

    def __call__(self, sentence: str) -> None:
        sentence = sentence[:1].upper() + sentence[1:]
        if sentence == self._last:
            return
        self._last = sentence
        if self._live is not None:
            self._live.update(self._task, description=sentence)
            self._live.console.print(sentence, markup=False, highlight=False)
        else:
            _print(sentence, self._stream)

    def end(self) -> None:
        """Take the spinner away. More than once is fine."""
        if self._live is not None:
            self._live.stop()


if TYPE_CHECKING:
    from rich.progress import Progress
