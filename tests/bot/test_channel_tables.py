"""Tables of channels: the file, the environment, files of secrets; everything that is wrong, and never a secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot import presences
from bot.channel_tables import tables_of
from bot.settings import Settings, SettingsError, load_settings, unknown_in_environment
from channels.contract import Capabilities, Channel, Host, OutboundMessage, Receipt

SECRET = "hunter2-s3cr3t"


class Pigeon:
    """A channel of tests."""

    name = "pigeon"
    capabilities = Capabilities()

    def __init__(self, settings: dict[str, Any]) -> None:
        self.account = str(settings.get("account", "main"))
        self.settings = settings

    async def start(self, host: Host) -> None: ...

    async def send(self, message: OutboundMessage) -> Receipt:
        return Receipt(external_id="1")

    async def stop(self) -> None: ...


def make(settings: dict[str, Any]) -> Channel:
    if "refuse" in settings:
        raise ValueError(f"refuse: leave it out, and {settings.get('token')} too")
    if "break" in settings:
        raise TypeError(f"no {settings['token']}")
    return Pigeon(settings)


USE = f"{__name__}:make"


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    path = tmp_path / "warmline.toml"
    path.write_text("")
    monkeypatch.setenv("WARMLINE_CONFIG", str(path))
    return lambda text: [None, path.write_text(text)][0]


def faults_of(call: Callable[[], object]) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        call()
    assert SECRET not in f"{refused.value} {refused.value!r} {refused.value.__cause__!r}"
    return refused.value.faults


def test_every_option_may_come_from_the_environment(
    toml: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    toml('[channels.slack-eu]\nuse = "slack"\nbot_token = "old"\ntimeout = 3\n[channels.lab]\nmode = "poll"\n')
    for name, value in {
        "SLACK_EU__BOT_TOKEN": SECRET, "SLACK_EU__LISTEN": '["C1", "C2"]', "SLACK_EU__TEAM": "T1",
        "TELEGRAM__TOKEN": "12345", "TELEGRAM__DROP": "false", "TELEGRAM__TIMEOUT": "2.5", "TELEGRAM__PORT": "8443",
        "TELEGRAM__CHAT": "-1001234567890", "TELEGRAM__NAME": "{no json",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"WARMLINE_CHANNELS__{name}", value)
    found = load_settings()
    assert found.channels == {
        "slack-eu": {"use": "slack", "bot_token": SECRET, "timeout": 3, "listen": ["C1", "C2"], "team": "T1"},
        "lab": {"mode": "poll"},
        "telegram": {
            "token": "12345", "drop": False, "timeout": 2.5, "port": 8443, "chat": "-1001234567890",
            "name": "{no json",
        },
    }  # fmt: skip
    assert SECRET not in f"{found!r} {found}"
    assert unknown_in_environment() == []


@pytest.mark.parametrize("where", ["table", "environment"])
def test_every_option_may_lie_in_a_file(
    where: str, toml: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = tmp_path / "token"
    held.write_text(f"\n  {SECRET}\t\r\n")
    if where == "table":
        toml(f'[channels.slack]\nbot_token_file = "{held}"\nteam_file = "{held}"\n')
    else:
        monkeypatch.setenv("WARMLINE_CHANNELS__SLACK__BOT_TOKEN_FILE", str(held))
        monkeypatch.setenv("WARMLINE_CHANNELS__SLACK__TEAM_FILE", str(held))
    found = load_settings()
    assert found.channels == {"slack": {"bot_token": SECRET, "team": SECRET}}
    assert SECRET not in repr(found)


def test_all_that_is_wrong_is_told_at_once_and_by_name(
    toml: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text(" \n")
    binary.write_bytes(b"\xff\xfe")
    toml(
        f'port = "many"\n[channels.a]\ntoken = "{SECRET}"\ntoken_file = "{empty}"\nkey_file = "{empty}"\n'
        f'secret_file = "{tmp_path}/none"\nname_file = 7\n[channels.b-c]\npassword = " "\ntoken_file = "{binary}"\n'
        "[channels.b_c]\n"
    )
    monkeypatch.setenv("WARMLINE_CHANNELS__A__APP_TOKEN", "")
    monkeypatch.setenv("WARMLINE_CHANNELS__B_C__TOKEN", SECRET)
    monkeypatch.setenv("WARMLINE_CHANNELS__A", SECRET)
    told = "\n".join(faults_of(load_settings))
    for words in (
        "WARMLINE_PORT (port in warmline.toml): ",
        "token_file of [channels.a]: token of [channels.a] is set, too. Leave one of them out.",
        f"key_file of [channels.a]: {empty} is empty.",
        f"secret_file of [channels.a]: {tmp_path}/none cannot be read (No such file or directory).",
        "name_file of [channels.a] names no file.",
        "password of [channels.b-c] is empty.",
        f"token_file of [channels.b-c]: {binary} holds no text (UTF-8).",
        "WARMLINE_CHANNELS__A__APP_TOKEN is empty.",
        "WARMLINE_CHANNELS__B_C__TOKEN may mean [channels.b-c] and [channels.b_c].",
        "WARMLINE_CHANNELS__A: write WARMLINE_CHANNELS__NAME__OPTION, in capitals.",
    ):
        assert words in told
    assert len(told.splitlines()) == 10


def test_an_option_that_is_given_in_the_table_and_as_a_file_in_the_environment(tmp_path: Path) -> None:
    faults: list[str] = []
    tables_of({"a": {"token": SECRET}}, {"WARMLINE_CHANNELS__A__TOKEN_FILE": "/x"}, faults)
    assert faults == ["WARMLINE_CHANNELS__A__TOKEN_FILE: token of [channels.a] is set, too. Leave one of them out."]


def desk(**tables: dict[str, Any]) -> Settings:
    return Settings(channels=tables)


def test_several_accounts_of_one_platform() -> None:
    made = presences.make_all(desk(one={"use": USE}, two={"use": USE, "account": "two"}), bytes(32))
    assert set(made) == {("web", "web"), ("pigeon", "main"), ("pigeon", "two")}
    assert made["pigeon", "two"].settings == {"account": "two"}  # type: ignore[attr-defined]


def test_the_same_account_twice_and_every_other_fault_is_told() -> None:
    tables = {
        "one": {"use": USE, "token": SECRET},
        "two": {"use": USE, "account": "main"},
        "three": {"use": USE, "refuse": True, "token": SECRET},
        "four": {"use": USE, "break": True, "token": SECRET},
        "slcak": {},
        "web": {"secret": bytes(32)},
    }
    faults = faults_of(lambda: presences.make_all(desk(**tables), bytes(32)))
    assert faults[0] == (
        "[channels.two] and [channels.one] are the same account 'main' of 'pigeon'. Leave one of them out, or give "
        "each an account of its own."
    )
    assert faults[1].startswith("[channels.three]: its settings are wrong: refuse: leave it out, and … too")
    assert faults[2] == "[channels.four]: TypeError: no …"
    assert faults[3].startswith("[channels.slcak]: no channel is called 'slcak'")
    assert faults[4].startswith("[channels.web] and the website's own chat are the same account 'web' of 'web'.")
    assert len(faults) == 5
