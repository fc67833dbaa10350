"""The figures as JSON. The keys are documented in docs/evaluating.md and stay what they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from intents.evaluation import Judged, curve, measure
from intents.gate import STRICT_THRESHOLD
from intents.labelled import Labelled
from intents.scores import Reliability, Scores, greatest_share, reliability, risk_coverage, score
from intents.tiers import GRAVE
from intents.trial import OutOfScope, Trial

Figures = dict[str, Any]


def of_trial(trial: Trial) -> Figures:
    """A fresh head's figures."""
    return {
        "kind": "intents",
        "encoder": trial.encoder,
        "accuracy": _rounded(trial.scores.accuracy),
        "macro_f1": _rounded(trial.scores.macro_f1),
        "counts": {
            "train": len(trial.train.rows) - (trial.out_of_scope.train_left_out if trial.out_of_scope else 0),
            "test": len(trial.rows),
            "classes": len({row.label for row in trial.train.rows} - {_oos_label(trial)}),
            "empty": trial.train.empty + trial.test.empty,
            "unlabelled": trial.train.unlabelled + trial.test.unlabelled,
            "repeated": trial.repeated,
            "encoded": trial.encoded,
        },
        "absent": dict(trial.absent),
        "classes": _classes(trial.scores),
        "confusion": _confusion(trial.scores, [row.text for row in trial.rows]),
        "reliability": _reliability(trial.reliability),
        "risk_coverage": [_all_rounded(asdict(point)) for point in trial.risk_coverage],
        "oos": _out_of_scope(trial.out_of_scope, len(trial.rows)) if trial.out_of_scope else None,
        "seconds": {name: round(took, 3) for name, took in asdict(trial.seconds).items()},
    }


def of_tiers(judged: Sequence[Judged], read: Labelled, *, encoder: str, classifier: str, seconds: float) -> Figures:
    """The shipped model's figures on messages whose tier a person named."""
    found = measure(judged)
    true, predicted = [one.tier for one in judged], [one.verdict.tier for one in judged]
    scores = score(true, predicted)
    right = np.array([one.tier == one.verdict.tier for one in judged])
    confidence = np.array([one.verdict.confidence for one in judged])
    of_howto, of_grave = sum(tier == "howto" for tier in true), sum(tier in GRAVE for tier in true)
    acted = [one.tier for one in found.acted_on]
    return {
        "kind": "tiers",
        "encoder": encoder,
        "classifier": classifier,
        "accuracy": _rounded(scores.accuracy),
        "macro_f1": _rounded(found.macro_f1),
        "counts": {"test": len(judged), "empty": read.empty, "unlabelled": read.unlabelled},
        "threshold": STRICT_THRESHOLD,
        "howto": _share(sum(tier == "howto" for tier in acted), of_howto),
        "grave": _share(sum(tier in GRAVE for tier in acted), of_grave),
        "grave_texts": [
            {"tier": one.tier, "text": one.verdict.text, "taken_for": one.verdict.tier}
            for one in found.acted_on
            if one.tier in GRAVE
        ],
        "groups": {name: _share(found.automatable[name], count) for name, count in found.groups.items()},
        "curve": [
            {
                "threshold": at.threshold,
                "acted_on": at.acted_on,
                "howto": _share(at.howto, of_howto),
                "grave": _share(at.grave, of_grave),
            }
            for at in curve(judged)
        ],
        "classes": _classes(scores),
        "confusion": _confusion(scores, [one.verdict.text for one in judged]),
        "reliability": _reliability(reliability(confidence, right)),
        "risk_coverage": [_all_rounded(asdict(point)) for point in risk_coverage(confidence, right)],
        "seconds": {"predict": round(seconds, 3)},
    }


def _oos_label(trial: Trial) -> str | None:
    return trial.out_of_scope.label if trial.out_of_scope else None


def _share(automatable: int, messages: int) -> Figures:
    """at_most: with 95 % confidence the true share is no greater."""
    return {
        "messages": messages,
        "automatable": automatable,
        "share": _rounded(automatable / messages) if messages else None,
        "at_most": _rounded(greatest_share(automatable, messages)) if messages else None,
    }


def _classes(scores: Scores) -> dict[str, Figures]:
    return {label: _all_rounded(asdict(one)) for label, one in scores.classes.items()}


def _confusion(scores: Scores, texts: Sequence[str]) -> list[Figures]:
    """The errors alone: what is right follows from each class's recall and support."""
    return [
        {
            "true": one.true,
            "predicted": one.predicted,
            "count": one.count,
            "examples": [texts[row] for row in one.examples],
        }
        for one in scores.confused
    ]


def _reliability(found: Reliability) -> Figures:
    return {"ece": _rounded(found.ece), "bins": [_all_rounded(asdict(one)) for one in found.bins]}


def _out_of_scope(found: OutOfScope, known: int) -> Figures:
    return {
        "label": found.label,
        "messages": found.messages,
        "train_left_out": found.train_left_out,
        "auroc": _rounded(found.auroc),
        "recall_at": {f"{one.share:.2f}": _rounded(one.recall) for one in found.at},
        "at": [_all_rounded({**asdict(one), "known_share": one.known / known}) for one in found.at],
        "preset": [_all_rounded({**asdict(one), "known_share": one.known / known}) for one in found.preset],
        "curve": [[_rounded(share), _rounded(recall)] for share, recall in found.curve],
    }


def _all_rounded(values: Figures) -> Figures:
    return {name: _rounded(value) if isinstance(value, float) else value for name, value in values.items()}


def _rounded(value: float) -> float:
    return round(float(value), 6)
