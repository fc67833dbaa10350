"""How much of a mail is looked at. Whatever is more is told in `error`, never parsed."""

from __future__ import annotations

from typing import Final

MESSAGE_BYTES: Final = 25_000_000
HEADER_BLOCK_BYTES: Final = 256 * 1024
HEADER_BYTES: Final = 16 * 1024
"""Of one header. What is longer is cut: usually a long list of recipients."""
HEADERS: Final = 500
DEPTH: Final = 20
PARTS: Final = 200
TEXT_CHARS: Final = 10_000_000
"""Of the text of a mail."""
SHOWN_HTML_CHARS: Final = 12_000_000
ADDRESSES: Final = 1000
REFERENCES: Final = 100
ID_CHARS: Final = 998
SUBJECT_CHARS: Final = 2000
NAME_CHARS: Final = 300
ADDRESS_CHARS: Final = 320

CPU_SECONDS: Final = 4
WALL_SECONDS: Final = 6.5
MEMORY_BYTES: Final = 512 * 1024 * 1024
