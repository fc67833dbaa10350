"""The Dockerfile, compose.yaml and their page, read and held against the program: no Docker is needed here."""

from __future__ import annotations

import fnmatch
import glob
import http.server
import inspect
import json
import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer
import yaml
from packaging.specifiers import SpecifierSet

from bot.cli import app
from bot.cli import run as run_command
from bot.settings import PREFIX, SECRET_NAMES, Settings, load_settings, read_secret
from bot.web import pages
from bot.web.shell import BODY_AT_MOST
from channels.web.files import UPLOADS_AT_MOST
from store import valkey

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
PAGE = (ROOT / "docs/deployment.md").read_text()
FOLDERS = ("bot", "channels", "handoff", "intents", "models", "store")
NAMES = (
    {name.upper() for name in Settings.model_fields} | {f"{name.upper()}_FILE" for name in SECRET_NAMES} | {"CONFIG"}
)


def tracked(*folders: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


# --- the Dockerfile --------------------------------------------------------------------------------


@dataclass
class Stage:
    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def of(self, *kinds: str) -> list[str]:
        return [value for kind, value in self.steps if kind in kinds]


def read_stages(text: str) -> list[Stage]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    steps = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    stages: list[Stage] = []
    for step in filter(None, map(str.strip, steps)):
        kind, value = step.split(None, 1)
        if kind == "FROM":
            base, _, name = value.partition(" AS ")
            stages.append(Stage(name or "default", base))
        else:
            stages[-1].steps.append((kind, value))
    return stages


STAGES = {stage.name: stage for stage in read_stages((ROOT / "Dockerfile").read_text())}
DESK = STAGES["desk"]


def below(stage: Stage) -> Iterator[Stage]:
    """The stage and all that it begins with, the oldest last."""
    yield stage
    if stage.base in STAGES:
        yield from below(STAGES[stage.base])


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for value in DESK.of("ENV") for pair in shlex.split(value))


def test_the_one_base_is_pinned_and_is_a_python_that_the_project_takes() -> None:
    (outside,) = {stage.base for stage in STAGES.values()} - set(STAGES)
    version, system = re.fullmatch(r"python:(\d+\.\d+\.\d+)-slim-(\w+)", outside).groups()  # type: ignore[union-attr]
    assert version in SpecifierSet(PROJECT["project"]["requires-python"])
    assert system
    library = f"python{version.rpartition('.')[0]}"
    named = re.findall(r"python\d+\.\d+", (ROOT / "Dockerfile").read_text())
    assert set(named) == {library}


def test_what_is_built_by_default_is_the_desk_and_compose_builds_a_stage_that_is_there() -> None:
    last = list(STAGES.values())[-1]
    assert (last.base, last.steps) == ("desk", [])
    assert STAGES[SERVICES["desk"]["build"]["target"]] is DESK
    assert SERVICES["desk"]["build"]["context"] == "."
    assert "desk" in [stage.name for stage in below(STAGES["with-encoder"])]


@pytest.mark.parametrize("name", ["desk", "with-encoder", "default"])
def test_nothing_is_installed_where_it_runs_and_nothing_comes_from_the_checkout(name: str) -> None:
    for stage in below(STAGES[name]):
        assert not re.search(r"\b(apt|apt-get|pip|gcc|curl|wget)\b", " ".join(stage.of("RUN"))), stage.name
        for copied in stage.of("COPY", "ADD"):
            assert re.match(r"--from=(\w+) ", copied)[1] in STAGES, copied  # type: ignore[index]


def test_an_edit_of_the_program_installs_no_package_again() -> None:
    steps = STAGES["packages"].steps
    (install,) = [n for n, (kind, value) in enumerate(steps) if kind == "RUN" and "pip install" in value]
    assert "-c constraints.txt -r requirements.txt" in steps[install][1]
    copied = [value for kind, value in steps[:install] if kind in ("COPY", "ADD")]
    assert copied == ["--from=names /requirements.txt .", "constraints.txt ."]
    assert STAGES["names"].of("COPY", "ADD") == ["pyproject.toml ."]
    assert DESK.of("COPY") == [
        "--from=packages /opt/warmline /opt/warmline",
        "--from=program /opt/program /opt/warmline",
    ]


def test_the_names_of_packages_are_those_of_the_project() -> None:
    command = STAGES["names"].of("RUN")[0].partition(" > ")[0]
    told = subprocess.run([sys.executable, *shlex.split(command)[1:]], cwd=ROOT, capture_output=True, text=True)
    assert told.stdout.splitlines() == PROJECT["project"]["dependencies"]


def test_it_runs_as_one_fixed_user_whose_home_is_the_volume() -> None:
    (user,) = DESK.of("USER")
    number, group = user.split(":")
    assert int(number) == int(group) > 0
    made = " ".join(DESK.of("RUN"))
    home = environment()["WARMLINE_HOME"]
    assert f"useradd --uid {number} --user-group" in made
    assert f"--home-dir {home} " in made
    assert f"install -d -o warmline -g warmline -m 0700 {home} " in made
    assert [*DESK.of("VOLUME"), *DESK.of("WORKDIR")] == [home, home]
    kinds = [kind for kind, _ in DESK.steps]
    assert (
        max(n for n, kind in enumerate(kinds) if kind in ("RUN", "COPY")) < kinds.index("USER") < kinds.index("VOLUME")
    )
    assert not [stage.name for stage in below(STAGES["with-encoder"]) if stage is not DESK and stage.of("USER")]


def test_the_command_is_one_of_ours_and_hears_the_signal() -> None:
    program, command = json.loads(DESK.of("CMD")[0])
    assert PROJECT["project"]["scripts"][program] == "bot.cli:main"
    assert command in typer.main.get_command(app).commands  # type: ignore[attr-defined]
    (name,) = DESK.of("STOPSIGNAL")
    assert signal.Signals[name]
    assert f"signal.{name}" in inspect.getsource(run_command)


def test_nothing_tells_tales() -> None:
    """The runtime of the encoder reports to its maker unless it is told not to before it is loaded."""
    assert environment()["ORT_DISABLE_TELEMETRY"] == "1"


def _health() -> tuple[dict[str, int], list[str]]:
    options, _, command = DESK.of("HEALTHCHECK")[0].partition("CMD ")
    units = {"s": 1, "m": 60}
    times = {name: int(n) * units[unit] for name, n, unit in re.findall(r"--([a-z-]+)=(\d+)([sm])", options)}
    return times, json.loads(command)


def health_of(port: int) -> int:
    """The health check's exit code, for a desk on this port."""
    program, *words = _health()[1]
    assert program == "python"
    there = {**os.environ, "WARMLINE_PORT": str(port)}
    return subprocess.run([sys.executable, *words], env=there, capture_output=True, timeout=20).returncode


def answered(status: int) -> tuple[int, list[str]]:
    """The same for a desk that answers like this, and what it was asked for."""
    paths: list[str] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            return health_of(server.server_port), paths
        finally:
            server.shutdown()


def test_the_health_check_asks_a_route_that_is_there_and_believes_only_200() -> None:
    routes = pages.routes(ready=dict, links=dict, measure=None, page=None, pages=None, company="")  # type: ignore[arg-type]
    code, (path,) = answered(200)
    assert code == 0
    assert path in {route.path for route in routes}
    assert answered(503) == (1, [path])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert health_of(port) != 0


def test_the_health_check_gives_up_before_it_is_given_up_and_the_first_start_has_minutes() -> None:
    times, command = _health()
    assert int(re.search(r"timeout=(\d+)", command[-1])[1]) < times["timeout"] < times["interval"]  # type: ignore[index]
    assert times["start-period"] >= 300


# --- what is in the image --------------------------------------------------------------------------


def kept_by_globs(root: Path) -> set[str]:
    """The data files that a wheel takes along; setuptools' globs are those of `glob`."""
    found: set[str] = set()
    for package, patterns in PROJECT["tool"]["setuptools"]["package-data"].items():
        for pattern in patterns:
            names = glob.glob(pattern, root_dir=root / package, recursive=True)
            found |= {f"{package}/{name}" for name in names if (root / package / name).is_file()}
    return found


def test_every_file_of_the_program_is_in_the_wheel() -> None:
    assert PROJECT["tool"]["setuptools"]["packages"]["find"]["include"] == [f"{folder}*" for folder in FOLDERS]
    data = {name for name in tracked(*FOLDERS) if not name.endswith(".py") and (ROOT / name).exists()}
    assert len(data) > 40
    assert data - kept_by_globs(ROOT) == set()


def test_static_files_and_templates_of_any_depth_are_in_the_wheel_and_bytecode_is_not(tmp_path: Path) -> None:
    wanted = {"bot/web/a.css", "bot/web/static/a.woff2", "bot/web/static/icons/b/c.svg", "bot/web/templates/a/b.html"}
    unwanted = {"bot/web/__pycache__/api.cpython-311.pyc", "bot/settings.toml"}
    for name in wanted | unwanted:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert kept_by_globs(tmp_path) == wanted


def test_the_build_compares_the_wheel_with_all_our_folders() -> None:
    (build,) = STAGES["program"].of("RUN")
    (listed,) = re.findall(
        r"for folder in ([\w ]+); do diff -r \"/build/\$folder\" \"\$folder\" \|\| exit 1; done", build
    )
    assert tuple(listed.split()) == FOLDERS
    ours = {name.split("/")[0] for name in tracked() if name.endswith(".py") and "/" in name}
    assert ours - {"tests", "benchmarks", "docs"} == set(FOLDERS)


def is_ignored(path: str) -> bool:
    """As Docker reads .dockerignore: the last pattern that fits a path or a folder above it decides."""
    parts = path.split("/")
    candidates = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        keeps, pattern = pattern.startswith("!"), pattern.lstrip("!")
        if any(_fits(candidate, pattern) for candidate in candidates):
            ignored = not keeps
    return ignored


def _fits(path: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return any(_fits("/".join(path.split("/")[n:]), pattern[3:]) for n in range(path.count("/") + 1))
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


@pytest.mark.parametrize(
    "path",
    [
        ".git/config", ".venv/bin/python", "var/warmline.db", "secrets/database_password", "warmline.env", ".env",
        "warmline.toml", "compose.override.yaml", "tests/test_deployment.py", "warmline.dump", "backup.db",
        "build/lib/bot/app.py", "bot/__pycache__/app.cpython-311.pyc", "bot/web/desk/__pycache__/a.pyc",
    ],
)  # fmt: skip
def test_what_is_no_part_of_the_program_stays_out(path: str) -> None:
    assert is_ignored(path)


def test_all_that_the_program_is_made_of_comes_in() -> None:
    needed = [*tracked(*FOLDERS), "pyproject.toml", "constraints.txt", PROJECT["project"]["readme"]]
    assert not [path for path in [*needed, *PROJECT["project"]["license-files"]] if is_ignored(path)]


# --- compose.yaml ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_shut_in(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["restart"] == "unless-stopped"
    assert service["logging"]["options"].keys() >= {"max-size", "max-file"}
    assert re.fullmatch(r"\d+m", service["mem_limit"])
    assert not service.keys() & {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices", "userns_mode"}
    assert service.get("user", "10001") not in ("root", "0")
    assert ("build" in service) != ("user" in service), "an image of others says who it runs as; ours says so itself"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_looked_after_and_pinned(name: str) -> None:
    service = SERVICES[name]
    if "build" in service:
        assert DESK.of("HEALTHCHECK")
        assert service["depends_on"] == {other: {"condition": "service_healthy"} for other in SERVICES if other != name}
    else:
        assert re.fullmatch(r"[\w/]+:\d+\.\d+(\.\d+)?-alpine", service["image"])
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["healthcheck"].keys() >= {"interval", "timeout", "start_period"}


def test_only_the_desk_is_reached_and_only_from_this_machine() -> None:
    assert [name for name, service in SERVICES.items() if service.get("ports")] == ["desk"]
    (port,) = SERVICES["desk"]["ports"]
    inside = DESK.of("EXPOSE")[0]
    assert port == f"127.0.0.1:8000:{inside}"
    assert SERVICES["desk"]["environment"]["WARMLINE_PORT"] == environment()["WARMLINE_PORT"] == inside
    assert environment()["WARMLINE_HOST"] == "0.0.0.0"  # noqa: S104 - the container's own
    assert COMPOSE["networks"]["back"] == {"internal": True}
    assert {name: service["networks"] for name, service in SERVICES.items()} == {
        "desk": ["front", "back"], "postgres": ["back"], "valkey": ["back"],
    }  # fmt: skip


def test_what_is_written_has_a_place() -> None:
    assert SERVICES["desk"]["volumes"] == [f"home:{environment()['WARMLINE_HOME']}"]
    assert SERVICES["postgres"]["volumes"] == ["postgres:/var/lib/postgresql/data"]
    assert "volumes" not in SERVICES["valkey"]
    assert COMPOSE["volumes"].keys() == {"home", "postgres"}
    assert {name: {entry.split(":")[0] for entry in service["tmpfs"]} for name, service in SERVICES.items()} == {
        "desk": {"/tmp"}, "postgres": {"/tmp", "/var/run/postgresql"}, "valkey": {"/data"},  # noqa: S108
    }  # fmt: skip


def test_no_secret_stands_in_a_file_and_each_is_granted_where_it_is_read() -> None:
    declared = COMPOSE["secrets"]
    assert declared == {name: {"file": f"secrets/{name}"} for name in declared}
    granted: set[str] = set()
    for name, service in SERVICES.items():
        read = set()
        for variable, value in service.get("environment", {}).items():
            assert urlsplit(str(value)).password is None, variable
            if variable.endswith("_FILE"):
                read.add(value.removeprefix("/run/secrets/"))
            else:
                assert not re.search("PASSWORD|SECRET|TOKEN", variable), variable
        assert read == set(service.get("secrets", [])), name
        granted |= read
    assert granted == set(declared)


def test_the_environment_is_one_that_the_desk_starts_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for name in COMPOSE["secrets"]:
        (tmp_path / name).write_text(f"{name}-0123456789abcdef0123456789abcdef\n")
    for name, value in {**environment(), **SERVICES["desk"]["environment"]}.items():
        if name.startswith(PREFIX):
            monkeypatch.setenv(name, value.replace("/run/secrets", str(tmp_path)))
    found = load_settings()
    assert found.database_url is not None
    assert found.redis_url is not None
    database, bus = urlsplit(found.database_url.get_secret_value()), urlsplit(found.redis_url.get_secret_value())
    postgres = SERVICES["postgres"]["environment"]
    assert (database.hostname, bus.hostname, bus.port) == ("postgres", "valkey", 6379)
    assert (database.username, database.path) == (postgres["POSTGRES_USER"], f"/{postgres['POSTGRES_DB']}")
    assert database.password == (tmp_path / "database_password").read_text().strip()
    assert postgres["POSTGRES_PASSWORD_FILE"] == SERVICES["desk"]["environment"]["WARMLINE_DATABASE_PASSWORD_FILE"]
    assert read_secret(found) == (tmp_path / "signing_secret").read_bytes().strip()


def test_the_database_is_asked_over_tcp_for_the_database_that_is_used() -> None:
    postgres = SERVICES["postgres"]["environment"]
    assert SERVICES["postgres"]["healthcheck"]["test"][1:] == [
        "pg_isready", "--host=127.0.0.1",
        f"--username={postgres['POSTGRES_USER']}", f"--dbname={postgres['POSTGRES_DB']}",
    ]  # fmt: skip
    assert "--locale-provider=builtin --locale=C.UTF-8" in postgres["POSTGRES_INITDB_ARGS"]


def test_valkey_keeps_nothing_and_forgets_as_our_own_does() -> None:
    program, *words = SERVICES["valkey"]["command"]
    assert program == "valkey-server"
    assert all(isinstance(word, str) for word in words), "YAML makes false of a bare no"
    given = dict(zip(words[::2], words[1::2], strict=True))
    ours = valkey._SETTINGS
    for name in ("save", "appendonly", "maxmemory", "maxmemory-policy"):
        assert given[f"--{name}"] == ours[name]
    assert (given["--save"], given["--appendonly"]) == ("", "no")
    assert int(SERVICES["valkey"]["mem_limit"][:-1]) >= 2 * int(given["--maxmemory"][:-2])


# --- the page --------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["Dockerfile", "compose.yaml", "docs/deployment.md"])
def test_every_setting_that_is_named_is_one(file: str) -> None:
    named = set(re.findall(rf"\b{PREFIX}([A-Z_]+)", (ROOT / file).read_text()))
    assert named
    assert named <= NAMES


def test_every_command_that_is_named_is_one() -> None:
    named = re.findall(r"(?:exec(?: -\w+)* (?:desk|warmline)) warmline ([a-z]+)(?: ([a-z]+))?", PAGE)
    assert len(named) >= 3
    for words in named:
        command: Any = typer.main.get_command(app)
        for word in filter(None, words):
            command = command.commands[word]


def _making() -> str:
    (line,) = [line for line in "\n".join(blocks("sh")).splitlines() if "mkdir" in line]
    return line


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_one_line_makes_the_secrets_and_changes_none_that_is_there(shell: str, tmp_path: Path) -> None:
    def make() -> dict[str, str]:
        subprocess.run([shell, "-c", _making()], cwd=tmp_path, check=True, capture_output=True)
        return {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}

    made = make()
    assert {f"secrets/{name}" for name in made} == {secret["file"] for secret in COMPOSE["secrets"].values()}
    assert all(re.fullmatch(r"[0-9a-f]{64}\n", content) for content in made.values())
    assert len(set(made.values())) == len(made)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o444}
    (tmp_path / "secrets/signing_secret").unlink()
    again = make()
    assert again["database_password"] == made["database_password"]
    assert again["signing_secret"] != made["signing_secret"]


def test_what_is_the_operators_is_not_committed() -> None:
    (optional,) = SERVICES["desk"]["env_file"]
    assert optional["required"] is False
    named = ["secrets/x", optional["path"], "compose.override.yaml"]
    assert all(Path(name).name in PAGE or "secrets/" in name for name in named)
    ignored = subprocess.run(["git", "check-ignore", *named], cwd=ROOT, capture_output=True, text=True)
    assert ignored.stdout.split() == named


def test_the_override_that_is_shown_fits() -> None:
    (text,) = blocks("yaml")
    shown = yaml.safe_load(text)
    (desk,) = shown["services"].values()
    assert desk["build"]["target"] in STAGES
    assert shown["services"].keys() <= SERVICES.keys()
    assert {value.removeprefix("/run/secrets/") for value in desk["environment"].values()} == set(desk["secrets"])
    assert shown["secrets"] == {name: {"file": f"secrets/{name}"} for name in desk["secrets"]}
    assert not shown["secrets"].keys() & COMPOSE["secrets"].keys()


def test_the_proxy_to_trust_is_the_gateway_and_the_way_in_is_the_port() -> None:
    (pool,) = COMPOSE["networks"]["front"]["ipam"]["config"]
    assert ip_address(pool["gateway"]) in ip_network(pool["subnet"])
    assert ip_network(pool["subnet"]).is_private
    assert re.findall(r"WARMLINE_TRUSTED_PROXIES=(\S+)", PAGE) == [pool["gateway"]]
    published = SERVICES["desk"]["ports"][0].rpartition(":")[0]
    assert set(re.findall(r"(?:reverse_proxy|proxy_pass) (?:http://)?([\d.:]+)", PAGE)) == {published}
    (most,) = re.findall(r"client_max_body_size (\d+)m;", PAGE)
    assert int(most) * 2**20 >= UPLOADS_AT_MOST + BODY_AT_MOST


def test_the_database_is_dumped_and_restored_by_its_names() -> None:
    postgres = SERVICES["postgres"]["environment"]
    user, name = postgres["POSTGRES_USER"], postgres["POSTGRES_DB"]
    dumped, restored = re.findall(r"docker compose exec -T postgres (.*?) [<>]", PAGE)
    assert dumped == f"pg_dump -U {user} -Fc {name}"
    assert restored.startswith(f"pg_restore -U {user} -d {name} --clean --if-exists")


@pytest.mark.parametrize(("folder", "where"), [("var", "var/warmline.db"), (".", "warmline.db")])
def test_the_copy_of_a_sqlite_database_is_whole_also_while_it_is_written(
    folder: str, where: str, tmp_path: Path
) -> None:
    (code,) = re.findall(rf'python -c "(.*?connect\(\'{re.escape(where)}\'\).*?)"', PAGE)
    (tmp_path / folder).mkdir(exist_ok=True)
    with sqlite3.connect(tmp_path / where, isolation_level=None) as desk:
        desk.execute("PRAGMA journal_mode = WAL")
        desk.execute("PRAGMA wal_autocheckpoint = 0")
        desk.execute("CREATE TABLE message (id INTEGER)")
        desk.execute("INSERT INTO message VALUES (1), (2)")
        desk.execute("BEGIN IMMEDIATE")
        desk.execute("INSERT INTO message VALUES (3)")  # not committed
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
        desk.execute("COMMIT")
    desk.close()
    with sqlite3.connect(tmp_path / "backup.db") as copy:
        assert copy.execute("SELECT count(*) FROM message").fetchone() == (2,)
    copy.close()
