"""The child process: reads mails from standard input, one after another, and writes what they say.

    parent -> child   8 bytes length, the mail
    child -> parent   8 bytes length, JSON; then the bytes of each file, as long as the JSON's `attachments` say

Run with the repository's root as its only argument. Limits are the kernel's: see `reading.py`.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import BinaryIO

from channels.mail import limits
from channels.mail.body import File
from channels.mail.parser import Read, nothing, parse

OUT_OF_MEMORY = "This mail needs more memory to be read than one mail may have."


def serve(given: BinaryIO, taken: BinaryIO) -> None:
    """Until standard input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.MEMORY_BYTES, limits.MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while len(length := given.read(8)) == 8:
        _more_time()
        if not _one(given.read(int.from_bytes(length, "big")), taken):
            return


def _more_time() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + limits.CPU_SECONDS, hard))


def _one(data: bytes, taken: BinaryIO) -> bool:
    """False: this process has seen too much to go on."""
    healthy = True
    try:
        read, files = parse(data)
        told = _packed(read, files)
    except MemoryError:
        files, healthy = [], False
        told = json.dumps(nothing(OUT_OF_MEMORY)).encode()
    except Exception as error:
        files, healthy = [], False
        told = json.dumps(nothing(f"This mail could not be read ({type(error).__name__}).")).encode()
    taken.write(len(told).to_bytes(8, "big"))
    taken.write(told)
    for file in files:
        taken.write(file.data)
    taken.flush()
    return healthy


def _packed(read: Read, files: list[File]) -> bytes:
    inside = [{"inline": file.inline, "content_id": file.content_id} for file in files]
    return json.dumps({**read, "inside": inside}).encode()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
