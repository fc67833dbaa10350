"""Where an adapter is found by its name. Nothing of it, and no SDK, is imported before it is asked for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from channels.contract import Channel, ChannelError

BUILT_IN: Mapping[str, str] = MappingProxyType(
    {
        "web": "channels.web.channel:make",
        "slack": "channels.slack.channel:make",
        "discord": "channels.discord.channel:make",
        "telegram": "channels.telegram.channel:make",
        "email": "channels.email.channel:make",
        # To add a channel, add its line: "name": "module:factory". docs/ADDING_A_CHANNEL.md has the whole recipe.
    }
)


class RegistryError(ChannelError):
    """A channel that cannot be made: what is wrong, where it was said, what to do about it."""

    def __init__(self, what: str, *, where: str, remedy: str) -> None:
        super().__init__(f"{what} (in {where}). {remedy}")
        self.what = what
        self.where = where
        self.remedy = remedy


def load(name_or_path: str, settings: Mapping[str, Any]) -> Channel:
    """Make the channel of that built-in name, or of any "package.module:factory", from its settings.

    Raises `RegistryError` for a name that is unknown, a package that is missing, settings that are wrong, and for a
    factory that makes something else than a `Channel`.
    """
    path = BUILT_IN.get(name_or_path, name_or_path)
    where = f"channel {name_or_path!r}"
    module_name, colon, factory_name = path.partition(":")
    if not (module_name and colon and factory_name) or module_name.startswith("."):
        raise _unknown(name_or_path, where)
    factory = getattr(_module(module_name, where), factory_name, None)
    if not callable(factory):
        raise RegistryError(
            f"module {module_name!r} has no factory {factory_name!r}",
            where=where,
            remedy="Name a function that takes the settings and returns a channel: 'package.module:make'.",
        )
    return _made(factory, settings, where)


def _unknown(name: str, where: str) -> RegistryError:
    close = difflib.get_close_matches(name, BUILT_IN, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    known = ", ".join(sorted(BUILT_IN))
    return RegistryError(
        f"no channel is called {name!r}",
        where=where,
        remedy=f"{hint}Known names: {known}; or name your own as 'package.module:factory'.",
    )


def _module(name: str, where: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if name == missing or name.startswith(f"{missing}."):
            what, remedy = f"there is no module {name!r}", "Check the spelling, and that its package is installed here."
        else:
            what = f"module {name!r} needs the package {missing!r}, which is not installed"
            remedy = f"Install what provides {missing!r}, then start again."
        raise RegistryError(what, where=where, remedy=remedy) from error
    except Exception as error:  # whatever a foreign module raises while it is imported
        raise RegistryError(
            f"module {name!r} cannot be imported: {error}",
            where=where,
            remedy="Import it in a Python shell to see the whole error.",
        ) from error


def _made(factory: Any, settings: Mapping[str, Any], where: str) -> Channel:
    try:
        channel = factory(settings)
    except ValueError as error:
        raise RegistryError(
            f"its settings are wrong: {error}", where=where, remedy="Correct these settings, then start again."
        ) from error
    if not isinstance(channel, Channel):
        raise RegistryError(
            f"the factory made a {type(channel).__name__}, which is no channel",
            where=where,
            remedy="Return an object with everything that channels.contract.Channel names.",
        )
    return channel
