"""Our presences on platforms: from the tables of the settings to adapters, each account once."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from bot.channel_tables import without_secrets
from bot.settings import Settings, SettingsError
from channels import registry
from channels.contract import Channel, Signs
from channels.web.channel import NAME as WEB

Presences = dict[tuple[str, str], Channel]
"""Adapters by (channel, account)."""


def make_all(settings: Settings, secret: bytes) -> Presences:
    """The web, and every channel that the settings name.

    Raises:
        SettingsError: everything that is wrong with their tables.
    """
    made: Presences = {}
    tables: dict[tuple[str, str], str] = {}
    faults: list[str] = []
    for name, table in {"": web_table(settings, secret), **settings.channels}.items():
        try:
            add(made, tables, name, table)
        except SettingsError as error:
            faults += error.faults
    if faults:
        raise SettingsError(faults)
    for (name, account), channel in made.items():
        if isinstance(channel, Signs):
            channel.sign_with(hmac.digest(secret, f"warmline {name} {account}".encode(), "sha256"))
    return made


def add(made: Presences, tables: dict[tuple[str, str], str], name: str, table: Mapping[str, Any]) -> Channel:
    """Make the channel of one table, and note it in both. An empty name is the web's own.

    Raises:
        SettingsError: what is wrong with it, or which other table is the same account.
    """
    options: dict[str, Any] = dict(table)
    use = options.pop("use", name or WEB)
    try:
        channel = registry.load(str(use), options)
    except Exception as error:  # an adapter may raise anything for what it was given
        said = str(error) if isinstance(error, registry.RegistryError) else f"{type(error).__name__}: {error}"
        raise SettingsError([f"[channels.{name}]: {without_secrets(said, table)}"]) from None
    key = (channel.name, channel.account)
    if key in made:
        other = f"[channels.{tables[key]}]" if tables[key] else "the website's own chat"
        raise SettingsError(
            [
                f"[channels.{name}] and {other} are the same account {channel.account!r} of {channel.name!r}. "
                "Leave one of them out, or give each an account of its own."
            ]
        )
    made[key], tables[key] = channel, name
    return channel


def web_table(settings: Settings, secret: bytes) -> dict[str, Any]:
    """What the website's own chat is made from."""
    return {
        "secret": secret,
        "max_length": settings.web_max_length,
        "rate_limit": settings.web_rate_limit,
        "allowed_origins": settings.allowed_origins,
        "file_at_most": settings.web_file_max_mb * 1_000_000,
    }
