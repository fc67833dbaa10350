"""Settings of Discord: every fault at once and by name, never a value; every setting in its guide."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from channels.discord.checks import INVITED_WITH
from channels.discord.settings import DiscordSettings
from channels.registry import RegistryError, load

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/channels/discord.md").read_text()


@pytest.mark.parametrize(
    ("settings", "complaints"),
    [
        ({}, ["token is missing"]),
        ({"token": "hunter2", "tokne": "x", "listen": "some"}, ["tokne is unknown", "listen is neither"]),
        ({"token": "hunter2", "api_url": "discord.com", "cdn_url": 7}, ["api_url is no addr", "cdn_url is no addr"]),
        ({"token": "hunter2", "gateway_url": "https://x"}, ["gateway_url is no address"]),
        ({"token": "hunter2", "guilds": "123"}, ["guilds is no list"]),
        ({"token": "hunter2", "guilds": ["x"], "places": {"y": "all"}}, ["guilds holds", "places names"]),
        ({"token": "hunter2", "places": {"1": "loud"}}, ["places says"]),
        ({"token": "hunter2", "places": []}, ["places is no table"]),
        ({"token": "hunter2", "timeout": -1, "file_max_mb": 26}, ["timeout is no number", "file_max_mb is no number"]),
        ({"token": "hunter2", "silence": True}, ["silence is no number"]),
        ({"token": "hunter2", "token_file": "/x"}, ["token and token_file are both set"]),
        ({"token_file": "/nowhere"}, ["token_file cannot be read"]),
        ({"token_env": "WARMLINE_TEST_NOTHING"}, ["token_env names a variable that is not set"]),
        ({"token": "two words"}, ["token is none"]),
        ({"token": "hunter2", "account": ""}, ["account is no name"]),
    ],
)  # fmt: skip
def test_each_wrong_setting_is_named_and_no_value_told(settings: dict[str, object], complaints: list[str]) -> None:
    with pytest.raises(RegistryError) as caught:
        load("discord", settings)
    for complaint in complaints:
        assert complaint in caught.value.what
    assert "hunter2" not in str(caught.value)


def test_a_token_from_a_file_and_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    assert DiscordSettings.parse({"token_file": str(tmp_path / "token")}).token == "from-a-file"
    monkeypatch.setenv("WARMLINE_TEST_TOKEN", "from-outside")
    settings = DiscordSettings.parse({"token_env": "WARMLINE_TEST_TOKEN"})
    assert settings.token == "from-outside"
    assert "from-outside" not in repr(settings)


def test_every_setting_is_in_the_guide_and_no_other() -> None:
    named = {
        name for line in re.findall(r"^\| (`.+?) \|", GUIDE, re.MULTILINE) for name in re.findall(r"`(\w+)`", line)
    }
    ours = {each.name for each in fields(DiscordSettings)} | {"token_file", "token_env"}
    assert named & ours == ours
    assert not {name for name in named if name.islower() and "_" in name} - ours


def test_a_desk_without_it_imports_nothing_of_it() -> None:
    code = "import sys, bot.app; sys.exit(bool({'discord', 'aiohttp', 'channels.discord'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_invitation_asks_for_what_is_checked() -> None:
    assert f"permissions={INVITED_WITH}" in GUIDE


@pytest.mark.parametrize("given", ["http://127.0.0.1:1", "http://127.0.0.1:1/", "http://127.0.0.1:1/api/"])
def test_an_address_without_a_version_has_ours(given: str) -> None:
    made = DiscordSettings.parse({"token": "x", "api_url": given})
    assert made.api_url == "http://127.0.0.1:1/api/v10"
    assert not made.is_public
