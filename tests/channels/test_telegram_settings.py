"""Wrong settings are told all at once, by name, and never with a value that may be a secret."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from channels.registry import RegistryError, load
from channels.telegram.settings import TelegramSettings

GOOD = {"token": "7:hunter2"}
HOOK = {**GOOD, "mode": "webhook", "public_url": "https://help.example", "secret": "hunter2"}


@pytest.mark.parametrize(
    ("given", "complaints"),
    [
        ({}, ["token is missing"]),
        ({"token": "hunter2"}, ["token is not shaped like"]),
        ({**GOOD, "tokne": "hunter2", "mod": 1}, ["mod is unknown", "tokne is unknown"]),
        ({**GOOD, "mode": "push", "listen": "some"}, ["mode is neither", "listen is neither"]),
        ({**GOOD, "account": "a b"}, ["account has other characters"]),
        ({**GOOD, "mode": "webhook"}, ["public_url is missing", "secret is missing"]),
        ({**HOOK, "secret": "hunter2!"}, ["secret must be 1 to 256"]),
        ({**HOOK, "secret": "x" * 257}, ["secret must be 1 to 256"]),
        ({**HOOK, "public_url": "http://help.example:8080"}, ["must be https", "another port"]),
        ({**GOOD, "api_url": "ftp://x", "proxy": "nowhere"}, ["api_url is no http", "proxy is no http"]),
        ({**GOOD, "local_mode": True}, ["local_files is missing"]),
        ({**GOOD, "local_files": "/x"}, ["local_mode is not"]),
        ({**GOOD, "places": {"hunter": "all", "-5": "most"}}, ["is no chat id", "-5 listens to"]),
        ({**GOOD, "places": []}, ["places is no table"]),
        ({**GOOD, "timeout": "soon", "local_mode": "yes", "public_url": 5}, ["timeout", "local_mode", "public_url"]),
        ({**GOOD, "timeout": 0, "poll_wait": 0.5}, ["timeout must be more", "poll_wait must be from 1 to 50"]),
        ({"token_file": "/nowhere/at/all"}, ["token_file cannot be read"]),
        ({**GOOD, "token_file": "/nowhere/at/all"}, ["both given"]),
    ],
)  # fmt: skip
def test_each_wrong_setting_is_named_and_no_secret_told(given: dict[str, Any], complaints: list[str]) -> None:
    with pytest.raises(RegistryError) as caught:
        load("telegram", given)
    assert [complaint for complaint in complaints if complaint not in caught.value.what] == []
    assert "hunter2" not in str(caught.value)


def test_secrets_may_lie_in_files_and_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("7:hunter2\n")
    (tmp_path / "secret").write_text("hunter2\n")
    files = {"token_file": str(tmp_path / "token"), "secret_file": str(tmp_path / "secret")}
    made = TelegramSettings.parse({"mode": "webhook", "public_url": "https://help.example/", **files})
    assert (made.token, made.secret) == ("7:hunter2", "hunter2")
    assert made.webhook == "https://help.example/channels/telegram/main"
    assert "hunter2" not in repr(made)


def test_a_server_of_ones_own_may_be_anywhere() -> None:
    made = TelegramSettings.parse({**HOOK, "api_url": "http://bots.internal:8081", "public_url": "http://desk:8000"})
    assert made.webhook == "http://desk:8000/channels/telegram/main"


def test_what_is_listened_to_is_told_by_place() -> None:
    made = TelegramSettings.parse({**GOOD, "listen": "threads", "places": {"-5": "all"}})
    assert (made.listens("-5"), made.listens("-6")) == ("all", "threads")


def test_the_guide_names_every_setting_with_its_default() -> None:
    guide = (Path(__file__).resolve().parents[2] / "docs/channels/telegram.md").read_text()
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (.*?) \|", guide, re.MULTILINE)
    told = {
        name: default
        for names, defaults in rows
        for name, default in zip(names.split(", "), defaults.split(", "), strict=True)
    }
    assert set(told) == {f"`{field.name}`" for field in fields(TelegramSettings)}
    for field in fields(TelegramSettings):
        default = field.default
        if isinstance(default, bool):
            assert told[f"`{field.name}`"] == f"`{str(default).lower()}`"
        elif default not in ("", MISSING):
            assert told[f"`{field.name}`"] == f"`{default}`"
