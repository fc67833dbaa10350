"""Articles in and out: all or none, all faults at once, and what would be answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.homelock import HomeLock
from tests.bot.cli.conftest import Invoke, trained_home

SPARE = "# Spare keys\n\n## Order a spare key\n\nPress **Order** on the page of your door.\n"
DOORS = "# Doors\n\n## Open a door\n\nHold the tag to the lock.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "spare-keys.md").write_text(SPARE)
    (folder / "doors.md").write_text(DOORS)
    return folder


def test_before_the_first_start_the_demo_is_listed_and_nothing_made(invoke: Invoke, home: Path) -> None:
    listed = invoke("knowledge", "list")
    assert listed.exit_code == 0
    assert all(line.endswith("\tdemo") for line in listed.stdout.splitlines())
    assert "knowledge import" in listed.stderr
    assert not home.exists()


def test_import_again_and_remove(invoke: Invoke, folder: Path, home: Path) -> None:
    first = invoke("knowledge", "import", str(folder))
    assert first.stdout == "2 articles: 2 new, 0 changed, 0 unchanged.\n"
    assert "demo's articles do not answer any more" in first.stderr

    (folder / "doors.md").write_text(DOORS + "\nThen push.\n")
    (folder / "windows.md").write_text("# Windows\n\nTurn the handle.\n")
    with HomeLock(home):  # a desk is running
        second = invoke("knowledge", "import", str(folder / "spare-keys.md"), str(folder))
    assert second.stdout == "3 articles: 1 new, 1 changed, 1 unchanged.\n"
    assert second.stderr == ""

    assert [line.split("\t")[0] for line in invoke("knowledge", "list").stdout.splitlines()] == [
        "doors",
        "spare-keys",
        "windows",
    ]
    assert "Did you mean doors?" in invoke("knowledge", "remove", "door").stderr
    for slug in ("doors", "windows"):
        assert invoke("knowledge", "remove", slug).exit_code == 0
    last = invoke("knowledge", "remove", "spare-keys")
    assert "demo's articles answer again" in last.stderr
    assert "\tdemo" in invoke("knowledge", "list").stdout


def test_all_faults_at_once_and_nothing_imported(invoke: Invoke, folder: Path, home: Path, tmp_path: Path) -> None:
    (folder / "untitled.md").write_text("no title\n")
    (folder / "latin.md").write_bytes(b"# T\xe4\n")
    other = tmp_path / "other"
    other.mkdir()
    (other / "doors.md").write_text(DOORS)
    (other / "notes.txt").write_text(DOORS)
    paths = [folder / "doors.md", folder, other, other / "notes.txt", tmp_path / "nowhere", tmp_path / "none.md"]
    result = invoke("knowledge", "import", *map(str, paths))
    assert result.exit_code == 1
    assert result.stdout == ""
    told = result.stderr.splitlines()
    for source in ("untitled.md:1", "latin.md:1", "other/doors.md:1", "notes.txt:1", "nowhere:1", "none.md:1"):
        assert any(source in line for line in told), f"{source} is missing in {told}"
    assert not home.exists()


def test_the_demos_own_cannot_be_removed(invoke: Invoke, home: Path) -> None:
    invoke("agents", "add", "lea@desk.example", "--name", "Lea")
    assert "no own article" in invoke("knowledge", "remove", "dns-records").stderr


def test_search_shows_scores_and_the_ruling(invoke: Invoke, folder: Path, home: Path) -> None:
    trained_home(home)
    (folder / "spare-keys.md").write_text(
        SPARE.replace(
            "## Order a spare key\n", "## Order a spare key\n<!-- questions:\n- How do I order a spare key?\n-->\n"
        )
    )
    assert invoke("knowledge", "import", str(folder)).exit_code == 0
    found = invoke("knowledge", "search", "How do I order a spare key?")
    assert found.exit_code == 0, found.stderr
    lines = found.stdout.splitlines()
    assert lines[0].split("\t")[3] == "spare-keys#order-a-spare-key"
    assert 0.0 <= float(lines[0].split("\t")[0]) <= 1.0
    assert lines[-1].startswith("Would be answered with 'Order a spare key' of 'Spare keys'")
    strange = invoke("knowledge", "search", "Who won the match yesterday?").stdout.splitlines()
    assert strange[-1].startswith("Would not be answered: the best score is")
    assert invoke("knowledge", "search", "  ").exit_code == 2
