"""The command line: `warmline`, one file for each group of commands.

What is heavy is imported inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from bot.cli import agents, audit, channels, chat, check, classify, email, garbage, gate, intents, knowledge, run
from bot.cli.refusals import Sentences
from bot.cli.terminal import say

app = typer.Typer(cls=Sentences, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        say(f"warmline {version('warmline')}")
        raise typer.Exit


@app.callback()
def warmline(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A support desk where a machine answers only what is safe to answer, and a person gets everything else."""


app.command()(run.run)
app.command()(check.check)
app.command()(classify.classify)
app.command()(chat.chat)
app.command()(gate.gate)
app.command()(audit.audit)
app.add_typer(agents.app, name="agents", help="The people of the desk and their tokens.")
app.add_typer(channels.app, name="channels", help="How links to platforms stand, what is stuck, a test message.")
app.add_typer(email.app, name="email", help="Mails, as the desk reads them.")
app.add_typer(intents.app, name="intents", help="How well what customers write is understood.")
app.add_typer(knowledge.app, name="knowledge", help="The help articles that answers are made of.")


def main() -> None:
    """The entry point."""
    garbage.loading()
    app()
