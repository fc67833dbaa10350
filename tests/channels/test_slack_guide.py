"""The guide and the manifest say what the program does."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from channels.slack.checks import SCOPES
from channels.slack.inbound import SHORTCUT
from channels.slack.outbound import CUSTOMIZE
from channels.slack.settings import SlackSettings
from channels.slack.window import SEND

DOCS = Path(__file__).parents[2] / "docs/channels"


def _manifest() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DOCS / "slack-manifest.yaml").read_text())
    return found


def test_every_setting_is_in_the_guide_and_nothing_else() -> None:
    table = (DOCS / "slack.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*`) \|", table, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == {
        each.name for each in fields(SlackSettings)
    }


def test_the_manifest_asks_for_what_is_checked() -> None:
    granted = set(_manifest()["oauth_config"]["scopes"]["bot"])
    assert set(SCOPES) | {CUSTOMIZE, "users:read.email"} <= granted


def test_the_manifest_has_our_shortcuts_and_events() -> None:
    manifest = _manifest()
    assert {each["callback_id"] for each in manifest["features"]["shortcuts"]} == {SHORTCUT, SEND}
    assert {each["type"] for each in manifest["features"]["shortcuts"]} == {"global", "message"}
    events = set(manifest["settings"]["event_subscriptions"]["bot_events"])
    assert events == {"app_mention", "message.channels", "message.groups", "message.im", "message.mpim"}
    assert manifest["settings"]["interactivity"]["is_enabled"]


def test_a_desk_without_slack_never_imports_its_sdk() -> None:
    code = "import sys, bot.app, channels.registry; print([name for name in sys.modules if name.startswith('slack')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
