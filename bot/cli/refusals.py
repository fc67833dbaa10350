"""What goes wrong in a command becomes sentences and an exit code; only what nobody expected is a traceback."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from bot.cli.terminal import FAILED, WRONG_USAGE, Refused, tell


class Sentences(TyperGroup):
    """The outermost group of commands: every command's errors come by here."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            if type(error).__module__.startswith("typer"):  # wrong usage, which typer tells by itself
                raise
            told = [_told(each) for each in _leaves(error)]
            if None in told:
                raise
            for _, lines in filter(None, told):
                for line in lines:
                    tell(line)
            raise typer.Exit(max(code for code, _ in filter(None, told))) from None


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]


def _told(error: BaseException) -> tuple[int, list[str]] | None:
    """Exit code and sentences for an error that is meant for the operator; None for any other."""
    # Imported only when something has failed: `--help` shall not pay for it.
    from bot.articles import ArticleError
    from bot.settings import SettingsError
    from channels.contract import ChannelError
    from intents.errors import IntentsError, LabelledError
    from models.errors import ModelError
    from store.errors import StoreError

    match error:
        case Refused():
            return error.code, [str(error)]
        case SettingsError():
            return WRONG_USAGE, list(error.faults)
        case LabelledError():
            return WRONG_USAGE, [str(error)]
        case ArticleError():
            return FAILED, [str(fault) for fault in error.faults]
        case StoreError() | ModelError() | ChannelError() | IntentsError():
            return FAILED, [str(error)]
        case _:
            return None
