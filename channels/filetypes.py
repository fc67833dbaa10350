"""What a file is, by its first bytes; its name counts only against it. Nothing is ever opened, unpacked or run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

Fault = Literal["program", "active", "empty", "large", "other"]
"""program: could be run. active: a browser would run what is in it."""

HEAD: Final = 4096
"""Bytes that are looked at."""
INLINE: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What a browser may show by itself."""

_PROGRAMS: Final = frozenset({
    "apk", "app", "application", "asp", "aspx", "bat", "bin", "cgi", "class", "cmd", "com", "cpl", "crx", "deb",
    "desktop", "dll", "dmg", "docm", "dotm", "elf", "exe", "gadget", "hta", "inf", "ins", "iso", "jar", "js", "jse",
    "jsp", "ksh", "lnk", "mjs", "msc", "msi", "msix", "msp", "mst", "ocx", "phar", "php", "phtml", "pif", "pl",
    "pptm", "ps1", "psm1", "py", "pyc", "rb", "reg", "rpm", "run", "scf", "scr", "sct", "sh", "so", "sys", "url",
    "vb", "vbe", "vbs", "wasm", "workflow", "ws", "wsc", "wsf", "wsh", "xlsm", "xltm", "xpi",
})  # fmt: skip
_ACTIVE: Final = frozenset({
    "htc", "htm", "html", "mht", "mhtml", "shtml", "svg", "svgz", "swf", "xht", "xhtml", "xml", "xsl", "xslt",
})  # fmt: skip
_TEXTS: Final = {
    "txt": "text/plain", "log": "text/plain", "md": "text/plain", "ini": "text/plain", "conf": "text/plain",
    "cfg": "text/plain", "yml": "text/plain", "yaml": "text/plain", "json": "application/json", "csv": "text/csv",
    "tsv": "text/tab-separated-values", "eml": "message/rfc822",
}  # fmt: skip
_PACKED: Final = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "zip": "application/zip",
}
_BEGINNINGS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
)
_RUNS: Final = (
    b"MZ", b"\x7fELF", b"#!", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf", b"\x00asm", b"<?php",
)  # fmt: skip
_MARKUP: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*<[a-zA-Z!?/]")
ACCEPT: Final = ",".join(
    sorted({*(f".{name}" for name in (*_TEXTS, *_PACKED)), *INLINE, ".heic", ".pdf", ".mp3", ".mp4", ".mov"})
)
"""For `<input type=file accept=…>`."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a file is: its type, or why it is not kept."""

    media_type: str = ""
    fault: Fault | None = None


def look(name: str, head: bytes) -> Found:
    """By the first bytes of it. `name` is what its owner calls it."""
    endings = [part.strip().lower() for part in name.split(".")[1:]] or [""]
    if not head:
        return Found(fault="empty")
    if head.startswith(_RUNS) or endings[-1] in _PROGRAMS:
        return Found(fault="program")
    if endings[-1] in _ACTIVE or _MARKUP.match(_as_utf8(head)):
        return Found(fault="active")
    if (known := _by_beginning(head)) is not None:
        return Found(known)
    if head.startswith(b"PK\x03\x04"):
        return Found(_PACKED.get(endings[-1], "application/zip"))
    if endings[-1] in _TEXTS and _is_text(head):
        return Found(_TEXTS[endings[-1]])
    return Found(fault="other")


def _by_beginning(head: bytes) -> str | None:
    for beginning, media_type in _BEGINNINGS:
        if head.startswith(beginning):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in (b"heic", b"heix", b"mif1", b"msf1", b"heim", b"heis"):
            return "image/heic"
        return "video/quicktime" if brand == b"qt  " else "video/mp4"
    return None


def _is_text(head: bytes) -> bool:
    """UTF-8, UTF-16 with its mark, or one of the old eight-bit sets: no control characters that no text has."""
    return not any(byte < 9 or (13 < byte < 32 and byte != 27) for byte in _as_utf8(head))


def _as_utf8(head: bytes) -> bytes:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[: len(head) // 2 * 2].decode("utf-16", "replace").encode("utf-8", "replace")
    return head
