"""Vectors kept on disk between trainings: a text that did not change is not encoded again.

So is what is computed from many of them: `made` keeps a matrix for as long as all that it was made of is the same.
"""

import hashlib
import io
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.encoder import Encoder

_AT_A_TIME = 256  # texts between two writes: what an interrupted training loses
_KEPT = 4  # matrices of one name: a check of other articles in between does not cost the desk its own
_TABLES = (
    "CREATE TABLE IF NOT EXISTS vectors (encoder TEXT, text BLOB, vector BLOB, PRIMARY KEY (encoder, text)) STRICT",
    "CREATE TABLE IF NOT EXISTS made (name TEXT, made_of BLOB, matrix BLOB, PRIMARY KEY (name, made_of)) STRICT",
)


class VectorCache:
    """A file of vectors by encoder and text. Losing it costs time and nothing else, so a damaged one is begun anew."""

    def __init__(self, path: Path, encoder: Encoder) -> None:
        self._path = path
        self._encoder = encoder

    def vectors(
        self, texts: Sequence[str], *, threads: int = 2, progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.float32]:
        """What `Encoder.encode_many` gives: (len(texts), dimension). progress(done, all) counts what is encoded."""
        keys = [_key(text) for text in texts]
        row_of, kept = self._read()
        blocks = [kept]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in row_of}
        waiting = list(missing.items())
        for start in range(0, len(waiting), _AT_A_TIME):
            some = waiting[start : start + _AT_A_TIME]
            made = self._encoder.encode_many([text for _, text in some], threads=threads)
            self._write([(key, vector) for (key, _), vector in zip(some, made, strict=True)])
            row_of |= {key: len(row_of) + row for row, (key, _) in enumerate(some)}
            blocks.append(made)
            if progress is not None:
                progress(start + len(some), len(waiting))
        rows: NDArray[np.float32] = np.concatenate(blocks)[[row_of[key] for key in keys]]
        return rows

    def made(
        self, name: str, recipe: str, of: Sequence[NDArray[Any]], make: Callable[[], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """What `make` returns, a matrix that follows from the recipe and the arrays `of`; made anew if these change.

        recipe: names the method, its constants and the versions of the libraries that compute it. Of each `name` the
        last few are kept.
        """
        made_of = _digest(recipe, of)
        kept = self._read_made(name, made_of)
        if kept is None:
            kept = make()
            self._write_made(name, made_of, kept)
        return kept

    def _read_made(self, name: str, made_of: bytes) -> NDArray[np.float32] | None:
        try:
            with closing(self._open()) as file:
                row = file.execute("SELECT matrix FROM made WHERE name = ? AND made_of = ?", (name, made_of)).fetchone()
        except sqlite3.DatabaseError:
            self._begin_anew()
            return None
        if row is None or row[0][:4] != _checksum(row[0][4:]):
            return None
        matrix: NDArray[np.float32] = np.load(io.BytesIO(row[0][4:]), allow_pickle=False)
        return matrix

    def _write_made(self, name: str, made_of: bytes, matrix: NDArray[np.float32]) -> None:
        buffer = io.BytesIO()
        np.save(buffer, matrix, allow_pickle=False)
        content = buffer.getvalue()
        try:
            with closing(self._open()) as file, file:
                row = (name, made_of, _checksum(content) + content)
                file.execute("INSERT OR REPLACE INTO made VALUES (?, ?, ?)", row)
                newest = "SELECT rowid FROM made WHERE name = ? ORDER BY rowid DESC LIMIT ?"
                file.execute(f"DELETE FROM made WHERE name = ? AND rowid NOT IN ({newest})", (name, name, _KEPT))  # noqa: S608 - our own words
        except sqlite3.DatabaseError:
            self._begin_anew()

    def _read(self) -> tuple[dict[bytes, int], NDArray[np.float32]]:
        """All that is kept of this encoder: each text's row, and the rows."""
        try:
            with closing(self._open()) as file:
                rows = file.execute("SELECT text, vector FROM vectors WHERE encoder = ?", (self._encoder.identity,))
                whole = [(key, packed[4:]) for key, packed in rows if self._is_whole(packed)]
        except sqlite3.DatabaseError:
            self._begin_anew()
            whole = []
        vectors = np.frombuffer(b"".join(content for _, content in whole), "<f4").astype(np.float32, copy=False)
        return {key: row for row, (key, _) in enumerate(whole)}, vectors.reshape(len(whole), self._encoder.dimension)

    def _write(self, fresh: Iterable[tuple[bytes, NDArray[np.float32]]]) -> None:
        rows = [(self._encoder.identity, key, _pack(vector)) for key, vector in fresh]
        try:
            with closing(self._open()) as file, file:
                # Another encoder's vectors are of no use to this one, and it does not come back.
                file.execute("DELETE FROM vectors WHERE encoder <> ?", (self._encoder.identity,))
                file.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
        except sqlite3.DatabaseError:  # also a full disk or a locked file: the vectors themselves are fine
            self._begin_anew()

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = sqlite3.connect(self._path, timeout=10)
        file.execute("PRAGMA synchronous = OFF")  # a lost write is encoded again
        for table in _TABLES:
            file.execute(table)
        return file

    def _begin_anew(self) -> None:
        for ending in ("", "-journal", "-wal", "-shm"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)

    def _is_whole(self, packed: bytes) -> bool:
        return len(packed) == 4 + 4 * self._encoder.dimension and packed[:4] == _checksum(packed[4:])


def _digest(recipe: str, of: Sequence[NDArray[Any]]) -> bytes:
    digest = hashlib.sha256(recipe.encode())
    for array in of:
        digest.update(f"\n{array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _pack(vector: NDArray[np.float32]) -> bytes:
    content = vector.astype("<f4").tobytes()
    return _checksum(content) + content


def _checksum(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(4, "little")
