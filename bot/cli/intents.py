"""`warmline intents`: how well what customers write is understood. Needs no running desk, and is in no one's way."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from bot.cli.corrections import corrections
from bot.cli.terminal import WRONG_USAGE, Refused, bars, command_settings, safe, say, table, tell

if TYPE_CHECKING:
    from bot.settings import Settings
    from intents.labelled import Labelled
    from intents.tiers import Tier

app = typer.Typer(no_args_is_help=True)
app.command("corrections")(corrections)

MOST_CONFUSED: Final = 10
"""Pairs that are shown at a terminal; the JSON and the report have all."""
_VECTORS: Final = "evaluation.sqlite"
"""Beside what the desk has learnt, and not among it: a set for evaluation is much larger than a catalogue."""

_Train = Annotated[
    list[str] | None, typer.Option("--train", metavar="FILE", help="Learn from these messages; may be repeated.")
]
_Test = Annotated[list[str] | None, typer.Option("--test", metavar="FILE", help="Measure on these; may be repeated.")]
_Tiers = Annotated[
    list[str] | None,
    typer.Option(
        "--tiers", metavar="FILE", help="Measure the desk's own model on these (text, tier); may be repeated."
    ),
]
_Oos = Annotated[str | None, typer.Option("--oos-label", metavar="LABEL", help="The label of messages out of scope.")]
_Report = Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Write a page with pictures (HTML).")]
_Json = Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object and nothing else.")]


@app.callback()
def intents() -> None:
    """How well what customers write is understood."""


@app.command()
def evaluate(
    train: _Train = None,
    test: _Test = None,
    oos_label: _Oos = None,
    tiers: _Tiers = None,
    as_json: _Json = False,
    report: _Report = None,
) -> None:
    """Measure on labelled messages: a fresh head (--train, --test), or the desk's own model (--tiers).

    FILE is CSV with a header, JSON Lines, or JSON of CLINC's shape; - is standard input. Columns: text (or sentence,
    utterance), and label (or category, intent) or tier.
    """
    _refuse_wrong_usage(train or [], test or [], tiers or [], oos_label, report)
    settings = command_settings()
    figures = _of_tiers(tiers, settings) if tiers else _of_labels(train or [], test or [], oos_label, settings)
    if report is not None:
        _write(report, figures)
    if as_json:
        say(json.dumps(figures, ensure_ascii=False))
    elif figures["kind"] == "tiers":
        _show_tiers(figures)
    else:
        _show_labels(figures)


def _refuse_wrong_usage(
    train: list[str], test: list[str], tiers: list[str], oos_label: str | None, report: Path | None
) -> None:
    fault = ""
    if tiers and (train or test or oos_label):
        fault = "--tiers measures the desk's own model, and --train, --test, --oos-label a fresh one. Run them apart."
    elif not tiers and not (train and test):
        fault = "Give --train FILE and --test FILE, or --tiers FILE."
    elif oos_label is not None and not oos_label.strip():
        fault = "--oos-label is empty. Name the label, for instance --oos-label oos."
    elif [*train, *test, *tiers].count("-") > 1:
        fault = "Standard input (-) can be read once. Give files for the rest."
    elif report is not None and report.is_dir():
        fault = f"--report: {report} is a folder. Name a file in it."
    elif report is not None and not report.absolute().parent.is_dir():
        fault = f"--report: the folder {report.absolute().parent} is not there. Make it first."
    if fault:
        raise Refused(fault, code=WRONG_USAGE)


# --- measuring ---------------------------------------------------------------------------------------


def _of_labels(train: list[str], test: list[str], oos_label: str | None, settings: Settings) -> dict[str, Any]:
    from bot.report.figures import of_trial
    from intents.labelled import read_labelled
    from intents.trial import run
    from models.encoder import load_encoder
    from models.vectors import VectorCache

    strange = oos_label is not None
    to_learn = read_labelled(train, parts=("train",))
    to_test = read_labelled(test, parts=("test", "oos_test") if strange else ("test",))
    _tell_left_out(to_learn, to_test)
    encoder = load_encoder(settings.home, settings.encoder, progress=tell)
    with bars(sys.stderr) as show:
        trial = run(
            to_learn,
            to_test,
            VectorCache(settings.home / "intents" / _VECTORS, encoder),
            encoder_identity=encoder.identity,
            show=show,
            oos_label=oos_label.strip() if oos_label is not None else None,
            threads=settings.encoder_threads,
        )
    if trial.out_of_scope and (left_out := trial.out_of_scope.train_left_out):
        tell(f"{_many(left_out, 'row')} of --train labelled {safe(oos_label or '')!r}: nothing was learnt from them.")
    if trial.absent:
        labels = ", ".join(f"{label} ({count})" for label, count in list(trial.absent.items())[:8])
        more = f" and {len(trial.absent) - 8} more" if len(trial.absent) > 8 else ""
        tell(safe(f"Labels of --test that --train lacks, each message a mistake: {labels}{more}."))
    if trial.repeated:
        tell(f"{_many(trial.repeated, 'message')} of --test also in --train: the figures flatter.")
    return of_trial(trial)


def _of_tiers(files: list[str], settings: Settings) -> dict[str, Any]:
    from bot.report.figures import of_tiers
    from intents.classifier import Classifier
    from intents.evaluation import Judged, group_of
    from intents.labelled import TIER_KEYS, read_labelled
    from models.encoder import load_encoder

    read = read_labelled(files, parts=("test",), label_keys=TIER_KEYS)
    _need_tiers(read)
    _tell_left_out(read)
    encoder = load_encoder(settings.home, settings.encoder, progress=tell)
    classifier = Classifier.load_or_train(settings.home, encoder, progress=tell)
    began = time.perf_counter()
    with bars(sys.stderr) as show, ThreadPoolExecutor(settings.encoder_threads) as pool:
        judged = []
        for row, verdict in zip(read.rows, pool.map(classifier.verdict, read.texts), strict=True):
            tier = cast("Tier", row.label)
            judged.append(Judged(tier=tier, group=group_of(tier, row.note), verdict=verdict))
            show("judging", len(judged), len(read.rows))
    took = time.perf_counter() - began
    return of_tiers(judged, read, encoder=encoder.identity, classifier=classifier.identity, seconds=took)


def _need_tiers(read: Labelled) -> None:
    from intents.errors import LabelledError
    from intents.tiers import TIERS

    for row in read.rows:
        if row.label not in TIERS:
            raise LabelledError(
                f"{row.file}, line {row.line}: {safe(row.label[:40])!r} is no tier. "
                f"Write one of {', '.join(TIERS[:-1])} or {TIERS[-1]}."
            )


def _tell_left_out(*read: Labelled) -> None:
    empty, unlabelled = sum(one.empty for one in read), sum(one.unlabelled for one in read)
    if empty:
        tell(f"{_many(empty, 'row')} left out for want of a text.")
    if unlabelled:
        tell(f"{_many(unlabelled, 'row')} left out for want of a label.")


def _write(report: Path, figures: dict[str, Any]) -> None:
    from bot.report.page import page
    from models.artefacts import write_whole

    try:
        write_whole(report, page(figures).encode())
    except OSError as error:
        raise Refused(f"The report {report} cannot be written: {error.strerror or error}.") from error
    tell(f"The report: {report}")


# --- showing -----------------------------------------------------------------------------------------


def _show_labels(figures: dict[str, Any]) -> None:
    _show_classes(figures, "Label")
    _show_confused(figures)
    counts = figures["counts"]
    say()
    say(f"Trained on {counts['train']:,} messages of {counts['classes']} labels, tested on {counts['test']:,}.")
    _show_summary(figures)
    if (oos := figures["oos"]) is not None:
        shares = ", ".join(f"{at['recall']:.1%} at {at['share']:.0%}" for at in oos["at"])
        say(f"Of {oos['messages']:,} messages out of scope found: {shares} of the known ones rejected.")
    took = figures["seconds"]
    say(
        f"Seconds: {took['encode']:.1f} to encode ({counts['encoded']:,} new texts), {took['train']:.1f} to train, "
        f"{took['predict']:.1f} to predict."
    )


def _show_tiers(figures: dict[str, Any]) -> None:
    _show_classes(figures, "Tier")
    _show_confused(figures)
    say()
    table(
        ["Group", "Messages", "Automatable", "Share", "At most (95 %)"],
        [
            [name, str(one["messages"]), str(one["automatable"]), f"{one['share']:.1%}", f"{one['at_most']:.1%}"]
            for name, one in figures["groups"].items()
        ],
    )
    say()
    say(f"The desk's own model on {figures['counts']['test']:,} messages.")
    _show_summary(figures)
    grave, howto = figures["grave"], figures["howto"]
    if howto["messages"]:
        say(
            f"A machine would act on {howto['automatable']} of {howto['messages']} how-to questions "
            f"({howto['share']:.1%})."
        )
    if grave["messages"]:
        say(
            f"It would act on {grave['automatable']} of {grave['messages']} grave messages "
            f"(with 95 % confidence at most {grave['at_most']:.1%} of such messages)."
        )


def _show_summary(figures: dict[str, Any]) -> None:
    ece = figures["reliability"]["ece"]
    say(
        f"Accuracy {figures['accuracy']:.2%}, macro-F1 {figures['macro_f1']:.2%}, expected calibration error {ece:.1%}."
    )


def _show_classes(figures: dict[str, Any], name: str) -> None:
    ordered = sorted(figures["classes"].items(), key=lambda item: (item[1]["f1"], item[0]))
    table(
        [name, "Precision", "Recall", "F1", "Messages"],
        [
            [label, *(f"{one[key]:.3f}" for key in ("precision", "recall", "f1")), str(one["support"])]
            for label, one in ordered
        ],
    )


def _show_confused(figures: dict[str, Any]) -> None:
    confused = figures["confusion"][:MOST_CONFUSED]
    if confused:
        say()
        table(
            ["Was", "Taken for", "Times", "For instance"],
            [[one["true"], one["predicted"], str(one["count"]), one["examples"][0][:80]] for one in confused],
        )


def _many(count: int, what: str) -> str:
    return f"1 {what} is" if count == 1 else f"{count:,} {what}s are"
