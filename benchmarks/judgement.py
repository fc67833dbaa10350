"""How well messages are understood, how much of each tier a machine would act on, and what it costs. Prints JSON.

    python benchmarks/judgement.py [--home var] [--quick]

Reads the public data of ../shared/data; without it only times are measured. hint3, nlu_corpora, banking77 and clinc150
are transfer: nothing was learnt from them, and their labels only approximate our tiers.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402 -- after the path
from numpy.typing import NDArray  # noqa: E402

from intents.classifier import Classifier  # noqa: E402
from intents.evaluation import Judged, measure  # noqa: E402
from models.encoder import load_encoder  # noqa: E402
from tests.intents.datasets import DATA, Message, real_dev, transfer  # noqa: E402

SETS = ("hint3", "nlu_corpora", "banking77", "clinc150")
AT_MOST = 1500


class _Free:
    """An encoder that costs nothing, to see what the rest costs."""

    def __init__(self, vector: NDArray[np.float32], identity: str) -> None:
        self.identity = identity
        self.runs = 0
        self._vector = vector

    def encode(self, text: str) -> NDArray[np.float32]:
        return self.encode_some([text])[0]

    def encode_some(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.runs += len(texts)
        return np.broadcast_to(self._vector, (len(texts), len(self._vector)))


def quality(classifier: Classifier, messages: list[Message], *, curve: bool) -> dict[str, Any]:
    judged: list[Judged] = [
        Judged(tier=message.tier, group=message.group, verdict=classifier.verdict(message.text))  # type: ignore[arg-type]
        for message in messages
    ]
    found = measure(judged)
    figures: dict[str, Any] = {
        "messages": found.messages,
        "macro_f1": round(found.macro_f1, 3),
        "f1": {tier: round(value, 3) for tier, value in found.f1.items()},
        "automatable": {group: f"{found.automatable[group]}/{count}" for group, count in found.groups.items()},
    }
    if curve:
        figures["automatable_at_threshold"] = {
            str(threshold): dict(measure(judged, threshold=threshold).automatable)
            for threshold in (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
        }
    return figures


def costs(classifier: Classifier, encoder: Any, texts: list[str]) -> dict[str, float]:
    """Milliseconds of CPU a message: of the whole verdict, and of all but the encoder."""
    free = _Free(encoder.encode("hello"), encoder.identity)
    bare = classifier.with_encoder(free)
    for text in texts:
        bare.verdict(text)
    free.runs = 0
    started = time.process_time()
    for text in texts:
        bare.verdict(text)
    beyond = time.process_time() - started
    some = texts[:200]
    started = time.process_time()
    for text in some:
        classifier.verdict(text)
    whole = time.process_time() - started
    return {
        "ms_per_message": round(whole / len(some) * 1e3, 3),
        "ms_per_message_without_encoding": round(beyond / len(texts) * 1e3, 3),
        "encodings_per_message": round(free.runs / len(texts), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=ROOT / "var")
    parser.add_argument("--quick", action="store_true", help="real_dev only")
    options = parser.parse_args()
    encoder = load_encoder(options.home)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        Classifier.load_or_train(Path(folder), encoder)
        trained = time.perf_counter() - started
        started = time.perf_counter()
        classifier = Classifier.load_or_train(Path(folder), encoder)
        loaded = time.perf_counter() - started
    report: dict[str, Any] = {
        "identity": classifier.identity,
        "utterances": len(classifier.catalogue.examples),
        "train_s": round(trained, 2),
        "load_s": round(loaded, 3),
        "costs": costs(classifier, encoder, [text for text, _ in classifier.catalogue.examples]),
    }
    if (DATA / "real_dev.jsonl").exists():
        messages = real_dev()
        report["costs_real_dev"] = costs(classifier, encoder, [message.text for message in messages])
        report["real_dev"] = quality(classifier, messages, curve=True)
    for name in () if options.quick else SETS:
        if (DATA / name).exists():
            messages = transfer(name)
            if len(messages) > AT_MOST:
                messages = random.Random(1).sample(messages, AT_MOST)
            report[name] = quality(classifier, messages, curve=False)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
