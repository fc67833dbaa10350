"""The command line: `warmline`."""

from __future__ import annotations

import asyncio
import sys

import typer
import uvloop
from rich.console import Console

from bot import log
from bot.cli.run import PortTaken, listening, serve
from bot.settings import SettingsError, load_settings
from channels.contract import ChannelError
from models.errors import ModelError
from store.errors import StoreError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
problems = Console(stderr=True)


@app.callback()
def warmline() -> None:
    """A support desk where a machine answers only what is safe to answer, and a person gets everything else."""


@app.command()
def run() -> None:
    """Start the desk."""
    settings = load_settings()
    log.set_up(settings.log_level)
    listener = listening(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, listener, Console(), lambda: None))


def main() -> None:
    """The entry point: expected refusals are sentences, not tracebacks."""
    try:
        app()
    except SettingsError as error:
        for fault in error.faults:
            problems.print(fault, markup=False, highlight=False)
        sys.exit(2)
    except (StoreError, ModelError, ChannelError, PortTaken) as error:
        problems.print(str(error), markup=False, highlight=False)
        sys.exit(1)
