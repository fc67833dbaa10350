"""One self-contained page of the figures: no script, nothing loaded from elsewhere, every text escaped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bot.report import pictures
from bot.report.pictures import Axis, Line, percents
from intents.scores import Bin

HERE: Final = Path(__file__).parent
TOKENS: Final = HERE.parent / "web" / "static" / "tokens.css"
FEW: Final = 25
"""Classes up to which their table is open from the start."""
PAIRS: Final = 12
"""Pairs of classes that are shown at once; up to MORE_PAIRS can be unfolded."""
MORE_PAIRS: Final = 100
STRANGE: Final = 0.20
"""Known messages rejected, where the curve for out of scope ends."""


def page(figures: Mapping[str, Any], *, now: datetime | None = None) -> str:
    """The HTML of what `bot.report.figures` gave."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": _percent, "breakable": _breakable}
    pairs = figures["confusion"]
    weakest = sorted(figures["classes"].items(), key=lambda item: (item[1]["f1"], item[0]))
    return environment.get_template(
        "page.html"
    ).render(
        figures=figures,
        style=Markup(TOKENS.read_text(encoding="utf-8") + (HERE / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - our own
        when=(now or datetime.now(UTC)).strftime("%-d %B %Y, %H:%M UTC"),
        pairs=pairs[:PAIRS],
        more_pairs=pairs[PAIRS:MORE_PAIRS],
        other_pairs=max(0, len(pairs) - MORE_PAIRS),
        mistakes=sum(one["count"] for one in pairs),
        weakest=weakest,
        few=len(weakest) <= FEW,
        matrix=_matrix(figures),
        reliability=pictures.reliability(
            "How often it was right against how sure it was", [Bin(**one) for one in figures["reliability"]["bins"]]
        ),
        risk=_risk(figures),
        novelty=_novelty(figures["oos"]) if figures.get("oos") else None,
        gate=_gate(figures) if figures["kind"] == "tiers" else None,
    )


def _percent(share: float | None, digits: int = 1) -> str:
    return "–" if share is None else f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def _breakable(label: str) -> Markup:
    """A label that a narrow column may break after its underscores."""
    return Markup("_<wbr>").join(label.split("_"))


def _matrix(figures: Mapping[str, Any]) -> Markup:
    wrong = {(one["true"], one["predicted"]): one["count"] for one in figures["confusion"]}
    right = {
        (label, label): one["support"] - sum(count for (true, _), count in wrong.items() if true == label)
        for label, one in figures["classes"].items()
    }
    return pictures.matrix(
        "Confusion: what messages were and what they were taken for", list(figures["classes"]), wrong | right
    )


def _risk(figures: Mapping[str, Any]) -> Markup:
    points = figures["risk_coverage"]
    most = _ceiling(max((point["risk"] for point in points), default=0.0))
    return pictures.chart(
        "The share of mistakes against the share of messages that are answered",
        Axis("share answered, the surest first", percents()),
        Axis("mistakes", percents(most)),
        [Line("mistakes", [(point["coverage"], point["risk"] / most) for point in points], "bad")],
        dots=[
            (point["coverage"], point["risk"] / most, f"{point['coverage']:.0%} answered, {point['risk']:.1%} mistakes")
            for point in points
        ],
    )


def _novelty(oos: Mapping[str, Any]) -> Markup:
    return pictures.chart(
        "The share of out-of-scope messages found against the share of known ones rejected",
        Axis("known messages rejected", percents(STRANGE, 4)),
        Axis("out of scope found", percents()),
        [Line("found", [(share / STRANGE, recall) for share, recall in oos["curve"]], "good")],
        dots=[
            (at["share"] / STRANGE, at["recall"], f"{at['recall']:.1%} found at {at['share']:.0%} rejected")
            for at in oos["at"]
        ],
    )


def _gate(figures: Mapping[str, Any]) -> Markup:
    """How-to questions and grave messages that would be acted on, over the root of the threshold.

    The root spreads the small thresholds, among which the choice is made.
    """
    shown = [(at["threshold"] ** 0.5, at) for at in figures["curve"]]
    return pictures.chart(
        "How-to questions and grave messages that a machine would act on, by the gate's threshold",
        Axis("threshold of the gate", [(at**0.5, _percent(at, 0)) for at in (0.01, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)]),
        Axis("acted on", percents()),
        [
            Line("how-to questions", [(x, at["howto"]["share"] or 0.0) for x, at in shown], "good"),
            Line("grave messages", [(x, at["grave"]["share"] or 0.0) for x, at in shown], "bad"),
            Line("grave at most", [(x, at["grave"]["at_most"] or 0.0) for x, at in shown], "bound"),
        ],
        marked=(figures["threshold"] ** 0.5, f"today: {_percent(figures['threshold'], 0)}"),
    )


def _ceiling(most: float) -> float:
    """A round number above, for the end of an axis."""
    return next((end for end in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if most <= end), 1.0)
