"""`warmline intents evaluate`, from the files to the figures."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from bot.cli.terminal import bars
from tests.bot.cli.conftest import Invoke, trained_home

TRAIN = """text,label
will it rain today,weather
is it sunny outside,weather
how cold is it tomorrow,weather
play some jazz,music
"next song, please",music
turn the music louder,music
"""
TEST = """text,category
is rain coming tomorrow,weather
play a song,music
,music
my printer has no ink,oos
"""
KEYS = {
    *("kind", "encoder", "accuracy", "macro_f1", "counts", "absent", "classes", "confusion", "reliability"),
    *("risk_coverage", "oos", "seconds"),
}


@pytest.fixture
def files(home: Path, tmp_path: Path) -> tuple[str, str]:
    trained_home(home)
    (tmp_path / "train.csv").write_text(TRAIN)
    (tmp_path / "test.csv").write_text(TEST)
    return str(tmp_path / "train.csv"), str(tmp_path / "test.csv")


def test_json_is_all_that_is_printed(invoke: Invoke, files: tuple[str, str], tmp_path: Path) -> None:
    train, test = files
    report = tmp_path / "out.html"
    words = ("intents", "evaluate", "--train", train, "--test", test, "--oos-label", "oos")
    ran = invoke(*words, "--json", "--report", str(report))
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    assert set(found) == KEYS
    assert found["accuracy"] == found["macro_f1"] == 1.0
    assert found["counts"] | {"encoded": 0} == {
        **{"train": 6, "test": 2, "classes": 2},
        **{"empty": 1, "unlabelled": 0, "repeated": 0, "encoded": 0},
    }
    assert set(found["oos"]["recall_at"]) == {"0.02", "0.05", "0.10"}
    assert set(found["seconds"]) == {"encode", "train", "predict"}
    assert "1 row is left out for want of a text." in ran.stderr
    assert report.read_text().startswith("<!doctype html>")


def test_a_person_reads_tables_and_sentences(invoke: Invoke, files: tuple[str, str]) -> None:
    train, test = files
    ran = invoke("intents", "evaluate", "--train", train, "--test", test)
    assert ran.exit_code == 0, ran.output
    assert "weather\t1.000\t1.000\t1.000\t1" in ran.stdout
    assert "Trained on 6 messages of 2 labels, tested on 3." in ran.stdout
    assert "Labels of --test that --train lacks, each message a mistake: oos (1)." in ran.stderr


def test_the_desks_own_model(invoke: Invoke, home: Path, tmp_path: Path) -> None:
    trained_home(home)
    rows = [
        {"text": "How do I add a DNS record?", "tier": "howto"},
        {"text": "Our whole site is down!", "tier": "outage"},
        {"text": "Your prices are a joke", "tier": "feedback", "note": "Complaint, price"},
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    ran = invoke("intents", "evaluate", "--tiers", str(tmp_path / "rows.jsonl"), "--json")
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    assert found["kind"] == "tiers"
    assert set(found["groups"]) == {"howto", "outage", "complaint"}
    assert found["howto"]["automatable"] == 1
    assert found["grave"] | {"at_most": 1} == {"messages": 1, "automatable": 0, "share": 0.0, "at_most": 1}
    at = next(point for point in found["curve"] if point["threshold"] == found["threshold"])
    assert at["howto"]["automatable"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Give --train FILE and --test FILE, or --tiers FILE."),
        (("--train", "a.csv"), "Give --train FILE and --test FILE"),
        (("--tiers", "a.csv", "--train", "a.csv"), "Run them apart"),
        (("--train", "-", "--test", "-"), "can be read once"),
        (("--tiers", "a.csv", "--report", "."), "is a folder"),
        (("--tiers", "a.csv", "--report", "none/out.html"), "Make it first"),
        (("--train", "a.csv", "--test", "a.csv", "--oos-label", " "), "--oos-label is empty"),
        (("--tiers", "none.csv"), "none.csv is not there"),
        (("--tiers", "bad.csv"), "bad.csv, line 3: 'bug' is no tier. Write one of outage,"),
    ],
)
def test_what_is_wrong_is_one_sentence(invoke: Invoke, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "bad.csv").write_text("text,tier\na,howto\nb,bug\n")
    ran = invoke("intents", "evaluate", *words)
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert not ran.stdout
    assert len(ran.stderr.strip().splitlines()) == 1


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_long_work_is_told_in_a_pipe_and_drawn_on_a_terminal() -> None:
    pipe, terminal = io.StringIO(), _Terminal()
    for stream in (pipe, terminal):
        with bars(stream) as show:
            show("encoding", 0, 200)
            show("encoding", 100, 200)
            show("training")
    assert pipe.getvalue() == "Encoding\nTraining\n"
    assert "Training" in terminal.getvalue()
