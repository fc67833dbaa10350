"""Settings: every fault at once and by name, no secret ever shown, a secret file that only we can read."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field, SecretStr
from sqlalchemy.engine import make_url

from bot.settings import (
    PREFIX,
    SECRET_NAMES,
    Settings,
    SettingsError,
    load_settings,
    read_secret,
    secrets_of,
    unknown_in_environment,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of the machine's, and none in the folder."""
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def toml(tmp_path: Path) -> Callable[[str], None]:
    def write(text: str) -> None:
        (tmp_path / "warmline.toml").write_text(text)

    return write


def faults() -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value) == "\n".join(refused.value.faults)
    return refused.value.faults


# --- where they come from --------------------------------------------------------------------------


def test_without_any_all_have_their_defaults() -> None:
    found = load_settings()
    assert found == Settings()
    assert (found.port, found.timezone, found.hours, found.database_url) == (
        8000, "UTC", "Mon-Fri 09:00-18:00", None,
    )  # fmt: skip


def test_given_beats_environment_beats_file_beats_default(
    toml: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    toml('port = 1\nhost = "file"\ncompany = "File"\n')
    monkeypatch.setenv("WARMLINE_PORT", "2")
    monkeypatch.setenv("WARMLINE_HOST", "env")
    found = load_settings(port=3)
    assert (found.port, found.host, found.company, found.timezone) == (3, "env", "File", "UTC")


def test_another_file_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.toml").write_text("port = 7\n")
    monkeypatch.setenv("WARMLINE_CONFIG", str(tmp_path / "other.toml"))
    assert load_settings().port == 7


def test_a_named_file_that_is_not_there_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_CONFIG", "nowhere.toml")
    assert faults() == ["WARMLINE_CONFIG: there is no file nowhere.toml."]


@pytest.mark.parametrize("content", [b"port = \n", b"port = 1\nport = 2\n", b"\xff\xfe", b"[channels"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "warmline.toml").write_bytes(content)
    (fault,) = faults()
    assert fault.startswith("warmline.toml cannot be read: ")


def test_a_folder_where_the_file_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "warmline.toml").mkdir()
    assert faults()[0].startswith("warmline.toml cannot be read: ")


# --- faults ----------------------------------------------------------------------------------------

BAD: dict[str, Any] = {
    "port": 70000,
    "public_url": "help.example.com",
    "database_url": "mysql://u:hunter2@h/d",
    "redis_url": "http://u:hunter2@h",
    "webhook_url": "hooks.example.com/hunter2",
    "encoder_threads": 0,
    "company": "",
    "timezone": "Mars/Olympus",
    "hours": "9 to 5",
    "sla_outage": 0,
    "sla_problem": -1,
    "web_max_length": 1,
    "web_rate_limit": -1,
    "quiet_seconds": -0.1,
    "log_level": "loud",
    "host": "",
    "encoder": "hf:",
    "trusted_proxies": "10.0.0.256",
    "allowed_origins": "shop.example.com",
    "smtp_url": "mail.example.com:hunter2",
    "mail_from": "Acme Help",
    "mail_after": 0,
}


def written(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


@pytest.mark.parametrize("where", ["environment", "file"])
def test_all_faults_are_told_at_once_each_by_both_its_names(
    where: str, toml: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "file":
        toml("".join(f"{name} = {written(value)}\n" for name, value in BAD.items()))
    else:
        for name, value in BAD.items():
            monkeypatch.setenv(f"{PREFIX}{name.upper()}", str(value))
    told = faults()
    assert len(told) == len(BAD)
    for name in BAD:
        (fault,) = [fault for fault in told if fault.startswith(f"{PREFIX}{name.upper()} ({name} in warmline.toml): ")]
        assert fault.endswith(".")
        assert not fault.endswith("..")
    assert "hunter2" not in "\n".join(told)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("hours", "Mon 9-5", "'mon 9-5' is not like 'Mon-Fri 09:00-18:00'"),
        ("timezone", "CEST", "is no time zone"),
        ("port", "eighty", "integer"),
        ("public_url", "example.com", "https://help.example.com"),
        ("database_url", "mysql://x", "postgresql://user:password@host/name"),
        ("redis_url", "localhost", "redis://host:6379/0"),
        ("log_level", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("sla_outage", "nan", "input should be"),
        ("sla_outage", "inf", "less than or equal"),
        ("encoder", "", "write auto, a folder, hf:OWNER/NAME or pypi:NAME"),
        ("encoder", "hf:all-MiniLM-L6-v2", "hf:OWNER/NAME"),
        ("encoder", "pypi:--index-url=x", "pypi:NAME"),
        ("allowed_origins", "*,https://a.example/", "'https://a.example/': a browser never says this"),
        ("allowed_origins", "https://Shop.example", "like https://shop.example.com, or * for any"),
        ("trusted_proxies", "10.0.0.1, proxy, ::1", "'proxy' is no address and no network; write them like 10.0.0.1"),
        ("trusted_proxies", "10.0.0.0/33,10.0.0", "'10.0.0.0/33', '10.0.0' are no addresses and no networks"),
    ],
)
def test_a_fault_says_what_to_write_instead(name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}{name.upper()}", value)
    (fault,) = faults()
    assert told in fault


def test_names_that_mean_nothing_are_told_with_what_was_meant(toml: Callable[[str], None]) -> None:
    toml('compny = "Acme"\nport = "x"\nxyzzy = 1\n')
    told = faults()
    assert told[0] == "compny in warmline.toml: there is no such setting; did you mean company."
    assert told[1] == "xyzzy in warmline.toml: there is no such setting."
    assert told[2].startswith("WARMLINE_PORT (port in warmline.toml): ")
    assert len(told) == 3


def test_names_in_the_environment_that_mean_nothing_are_a_hint_not_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_COMPNY", "Acme")
    monkeypatch.setenv("WARMLINE_CRASH_AT", "")
    monkeypatch.setenv("WARMLINE_PORT", "1")
    assert load_settings().port == 1
    assert unknown_in_environment() == [
        "WARMLINE_COMPNY in the environment: there is no such setting; did you mean company."
    ]


def test_settings_that_contradict_each_other_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_QUIET_SECONDS", "10")
    assert faults() == ["WARMLINE_QUIET_AT_MOST is less than WARMLINE_QUIET_SECONDS. Raise it."]


@pytest.mark.parametrize("value", ["{bad json", "[]", '"text"', "7"])
def test_channels_that_cannot_be_read_are_a_fault_of_that_name(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_CHANNELS", value)
    monkeypatch.setenv("WARMLINE_PORT", "-1")
    told = faults()
    assert any("WARMLINE_CHANNELS" in fault for fault in told)


# --- what they mean --------------------------------------------------------------------------------


def test_lists_are_written_with_commas_or_as_lists(
    toml: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARMLINE_TRUSTED_PROXIES", " 10.0.0.1, ,10.0.0.7/24,::1,")
    toml('allowed_origins = ["https://a.example", "http://[::1]:8443", "*"]\n')
    found = load_settings()
    assert found.trusted_proxies == ("10.0.0.1", "10.0.0.7/24", "::1")
    assert found.allowed_origins == ("https://a.example", "http://[::1]:8443", "*")


def test_hours_are_meant_in_the_zone(toml: Callable[[str], None]) -> None:
    toml('timezone = "Europe/Berlin"\nhours = "Mon-Sat 08:00-20:00"\ncompany = "Acme"\nbot_name = "Ada"\n')
    found = load_settings()
    assert (found.business_hours.zone.key, found.voice.zone.key) == ("Europe/Berlin", "Europe/Berlin")
    assert (found.voice.company, found.voice.bot) == ("Acme", "Ada")
    assert found.business_hours.spans is not None
    assert [len(day) for day in found.business_hours.spans] == [1, 1, 1, 1, 1, 1, 0]


def test_every_target_has_its_setting(toml: Callable[[str], None]) -> None:
    names = ("outage", "billing", "person", "problem", "howto", "unknown", "feedback")
    toml("".join(f"sla_{name} = {n}\n" for n, name in enumerate(names, 1)))
    targets = load_settings().targets
    units = [timedelta(minutes=1)] * 3 + [timedelta(hours=1)] * 4
    assert [targets.of(name) for name in names] == [n * unit for n, unit in enumerate(units, 1)]


def test_a_link_has_no_slash_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_PUBLIC_URL", "https://help.example.com/desk/")
    assert load_settings().public_url == "https://help.example.com/desk"


def test_settings_cannot_be_changed_after_the_start() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().port = 1


def test_every_setting_is_described() -> None:
    for name, about in Settings.model_fields.items():
        assert about.description, name
        assert about.description[-1] in ".]", name


# --- secrets ---------------------------------------------------------------------------------------

SECRET = "hunter2-s3cr3t"
SECRETS: dict[str, str] = {
    "database_url": f"postgresql://warmline:{SECRET}@db/warmline",
    "redis_url": f"rediss://:{SECRET}@cache:6379/0",
    "webhook_url": f"https://hooks.example.com/{SECRET}",
}


def test_secrets_are_not_shown(toml: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(f"{PREFIX}{name.upper()}", value)
    toml(f'[channels.slack]\ntoken = "{SECRET}"\n')
    found = load_settings()
    assert found.database_url is not None
    assert SECRET in found.database_url.get_secret_value()
    assert found.channels["slack"]["token"] == SECRET
    for shown in (repr(found), str(found), f"{found}", repr(found.database_url), repr([found])):
        assert SECRET not in shown


@pytest.mark.parametrize("where", ["environment", "file"])
def test_a_fault_beside_or_in_a_secret_does_not_show_it(
    where: str, toml: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = {name: value.replace("://", "//") for name, value in SECRETS.items()}
    if where == "file":
        toml("".join(f'{name} = "{value}"\n' for name, value in bad.items()) + f'[channels]\nslack = "{SECRET}"\n')
    else:
        for name, value in bad.items():
            monkeypatch.setenv(f"{PREFIX}{name.upper()}", value)
        monkeypatch.setenv("WARMLINE_CHANNELS", f'{{"slack": "{SECRET}"}}')
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert len(refused.value.faults) == 4
    shown = f"{refused.value!r} {refused.value} {refused.value.__cause__!r}"
    assert SECRET not in shown
    assert refused.value.__suppress_context__


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(name=st.sampled_from(sorted(Settings.model_fields)), value=st.text(
    alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=12))  # fmt: skip
def test_any_value_is_taken_or_refused_by_name(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv(f"{PREFIX}{name.upper()}", value)
        try:
            load_settings()
        except SettingsError as refused:
            assert f"{PREFIX}{name.upper()}" in str(refused)  # noqa: PT017 - most values are taken


# --- secrets in files ------------------------------------------------------------------------------


@pytest.fixture
def in_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str | bytes], Path]:
    """Puts a secret into a file and the file's name into the environment."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / f"{name}.txt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        monkeypatch.setenv(f"{PREFIX}{name.upper()}_FILE", str(path))
        return path

    return write


InFile = Callable[[str, str | bytes], Path]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_every_secret_may_lie_in_a_file(end: str, in_file: InFile) -> None:
    for name, value in SECRETS.items():
        in_file(name, value + end)
    found = load_settings()
    assert {name: getattr(found, name).get_secret_value() for name in SECRETS} == SECRETS
    assert SECRET not in repr(found)
    assert unknown_in_environment() == []


def test_only_the_end_of_the_line_is_taken_off(in_file: InFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_DATABASE_URL", "postgresql://u@h/d")
    in_file("database_password", " a b\t \n")
    assert password_of(load_settings()) == " a b\t "


def test_only_secrets_are_read_from_files(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(SECRETS) < set(SECRET_NAMES)
    assert not {f"{name}_file" for name in SECRET_NAMES} & set(Settings.model_fields)
    monkeypatch.setenv("WARMLINE_HOST_FILE", "/etc/hostname")
    monkeypatch.setenv("WARMLINE_REDIS_URL_FIEL", "/etc/hostname")
    assert load_settings().host == "127.0.0.1"
    assert [told.partition(" ")[0] for told in unknown_in_environment()] == [
        "WARMLINE_HOST_FILE", "WARMLINE_REDIS_URL_FIEL",
    ]  # fmt: skip
    assert unknown_in_environment()[1].endswith("; did you mean redis_url_file.")


def test_a_secret_that_is_added_later_is_recognised() -> None:
    class Later(Settings):
        mail_password: SecretStr | None = Field(None, description="Later.")
        token: SecretStr = Field(SecretStr(""), description="Later.")
        tokens: dict[str, SecretStr] = Field(default_factory=dict, description="Not one value.")

    assert set(secrets_of(Later)) - {*SECRET_NAMES} == {"mail_password", "token"}


def test_what_is_wrong_with_files_is_told_at_once_with_all_else(
    in_file: InFile, tmp_path: Path, toml: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    toml("compny = 1\n")
    monkeypatch.setenv("WARMLINE_PORT", "-1")
    nowhere, empty = tmp_path / "nowhere", in_file("redis_url", "\n")
    monkeypatch.setenv("WARMLINE_DATABASE_URL_FILE", str(nowhere))
    torn = in_file("webhook_url", b"https://\xff" + SECRET.encode())
    told = faults()
    assert told[:4] == [
        "compny in warmline.toml: there is no such setting; did you mean company.",
        f"WARMLINE_DATABASE_URL_FILE: {nowhere} cannot be read (No such file or directory).",
        f"WARMLINE_REDIS_URL_FILE: {empty} is empty.",
        f"WARMLINE_WEBHOOK_URL_FILE: {torn} holds no text (UTF-8).",
    ]
    assert told[4].startswith("WARMLINE_PORT (port in warmline.toml): ")
    assert len(told) == 5


@pytest.mark.parametrize(
    ("named", "told"), [("", "WARMLINE_REDIS_URL_FILE names no file."), ("/", "/ cannot be read (Is a directory)")]
)
def test_a_name_that_is_no_files_is_a_fault(named: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_REDIS_URL_FILE", named)
    (fault,) = faults()
    assert told in fault


@pytest.mark.parametrize("value", ["redis://h", ""])
def test_a_secret_that_is_given_twice_is_a_fault(value: str, in_file: InFile, monkeypatch: pytest.MonkeyPatch) -> None:
    in_file("redis_url", "redis://h")
    monkeypatch.setenv("WARMLINE_REDIS_URL", value)
    assert faults()[0] == "WARMLINE_REDIS_URL_FILE: WARMLINE_REDIS_URL is set, too. Leave one of them out."


def test_a_file_that_the_environment_names_beats_warmline_toml(in_file: InFile, toml: Callable[[str], None]) -> None:
    toml('redis_url = "redis://toml"\n')
    in_file("redis_url", "redis://file\n")
    found = load_settings().redis_url
    assert found is not None
    assert found.get_secret_value() == "redis://file"


def test_a_fault_in_what_a_file_holds_names_the_file_and_does_not_show_it(in_file: InFile) -> None:
    in_file("redis_url", f"http://{SECRET}")
    (fault,) = faults()
    assert fault.startswith("WARMLINE_REDIS_URL (what WARMLINE_REDIS_URL_FILE names): write redis://host:6379/0")
    assert SECRET not in fault


# --- the password of the database, alone -----------------------------------------------------------


def password_of(found: Settings) -> str | None:
    """What the driver will be told."""
    assert found.database_url is not None
    password = make_url(found.database_url.get_secret_value()).password
    return None if password is None else str(password)


@given(password=st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), min_size=1))
def test_any_password_reaches_the_driver_as_it_is(password: str) -> None:
    found = load_settings(database_url="postgresql://warm%40line@[::1]:5433/d?ssl=require", database_password=password)
    assert found.database_url is not None
    url = make_url(found.database_url.get_secret_value())
    assert (url.username, url.password, url.host, url.port, url.database, dict(url.query)) == (
        "warm@line", password, "::1", 5433, "d", {"ssl": "require"},
    )  # fmt: skip


@pytest.mark.parametrize(
    "url",
    [None, "sqlite:///x.db", "postgresql://h/d", "postgresql://u:pw@h/d", "postgresql://u:@h/d", "postgresql://:@h/d"],
)
def test_a_password_needs_an_address_that_has_a_user_and_no_password(url: str | None) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(database_url=url, database_password=SECRET)
    (fault,) = refused.value.faults
    assert fault.startswith("WARMLINE_DATABASE_PASSWORD goes with a WARMLINE_DATABASE_URL that names a user")
    assert SECRET not in fault


def test_a_password_is_not_shown() -> None:
    found = load_settings(database_url="postgresql://u@h/d", database_password=SECRET)
    assert password_of(found) == SECRET
    assert SECRET not in f"{found!r} {found}"


def test_of_an_address_that_could_not_be_read_nothing_more_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_DATABASE_URL_FILE", "nowhere")
    monkeypatch.setenv("WARMLINE_DATABASE_PASSWORD", SECRET)
    assert faults() == ["WARMLINE_DATABASE_URL_FILE: nowhere cannot be read (No such file or directory)."]


# --- the secret that signs -------------------------------------------------------------------------


def test_a_secret_is_made_once_and_only_we_can_read_it(tmp_path: Path) -> None:
    found = Settings(home=tmp_path / "home")
    mask = os.umask(0)
    try:
        secret = read_secret(found)
    finally:
        os.umask(mask)
    assert len(secret) == 64
    assert read_secret(found) == secret
    path = tmp_path / "home" / "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secret"]
    assert read_secret(Settings(home=tmp_path / "other")) != secret


@pytest.mark.parametrize(
    ("content", "enough"), [("x" * 32, True), ("x" * 31, False), ("x" * 31 + "\n \n", False), ("", False)]
)
def test_a_secret_that_is_too_short_is_refused_without_showing_it(tmp_path: Path, content: str, enough: bool) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    found = Settings(home=tmp_path, secret_file=path)
    if enough:
        assert read_secret(found) == content.encode()
        return
    with pytest.raises(SettingsError, match=rf"WARMLINE_SECRET_FILE: {path} holds \d+ bytes; at least 32") as refused:
        read_secret(found)
    assert "xxx" not in str(refused.value)


def test_a_named_secret_file_is_never_made(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(SettingsError, match=rf"{path} cannot be read \(No such file"):
        read_secret(Settings(home=tmp_path, secret_file=path))
    assert not path.exists()


RACE = """
import sys, time
from pathlib import Path
from bot.settings import Settings, read_secret
while time.time() < float(sys.argv[2]):
    pass
print(read_secret(Settings(home=Path(sys.argv[1]))).decode())
"""


def test_processes_that_start_at_once_agree_on_the_secret(tmp_path: Path) -> None:
    start = str(time.time() + 2.5)
    command = [sys.executable, "-c", RACE, str(tmp_path / "home"), start]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    told = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert {process.returncode for process in processes} == {0}
    assert len(told) == 1
    assert len(told.pop()) == 64
    assert [entry.name for entry in (tmp_path / "home").iterdir()] == ["secret"]


# --- mail ------------------------------------------------------------------------------------------


def test_mail_needs_to_be_from_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_SMTP_URL", "smtp://desk:hunter2@mail.example.com")
    (fault,) = faults()
    assert fault.startswith("WARMLINE_SMTP_URL needs WARMLINE_MAIL_FROM")
    monkeypatch.setenv("WARMLINE_MAIL_FROM", "Acme Help <help@acme.example>")
    found = load_settings()
    assert found.sender is not None
    assert (found.sender.address, found.sender.name) == ("help@acme.example", "Acme Help")
    assert found.mail_server is not None
    assert (found.mail_server.host, found.mail_server.port, found.mail_server.password) == (
        "mail.example.com", 587, "hunter2",
    )  # fmt: skip
    assert "hunter2" not in repr(found)


def test_no_mail_without_a_server() -> None:
    assert load_settings().mail_server is None
    assert load_settings().sender is None
