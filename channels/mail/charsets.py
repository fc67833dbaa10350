"""Bytes to text, whatever a mail says about them. Never raises, and what comes out can be stored anywhere."""

from __future__ import annotations

import codecs
import re
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+()-]{0,59}\Z")
# Names that Python does not know, or knows for a smaller set than senders mean by it.
_MEANT: Final = {
    "ascii": "cp1252", "us-ascii": "cp1252", "ansi-x3.4-1968": "cp1252", "iso-8859-1": "cp1252", "iso8859-1": "cp1252",
    "latin1": "cp1252", "latin-1": "cp1252", "ansi": "cp1252", "iso-8859-9": "cp1254", "iso-8859-11": "cp874",
    "tis-620": "cp874", "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "cp936": "gb18030",
    "gb-2312-80": "gb18030", "gb2312-80": "gb18030", "euc-cn": "gb18030", "hz-gb-2312": "hz", "big5": "big5hkscs",
    "x-x-big5": "big5hkscs", "cn-big5": "big5hkscs", "shift-jis": "cp932", "x-sjis": "cp932", "sjis": "cp932",
    "ms-kanji": "cp932", "windows-31j": "cp932", "iso-2022-jp": "iso2022_jp_ext", "iso-2022-jp-ms": "iso2022_jp_ext",
    "cp50220": "iso2022_jp_ext", "x-euc-jp": "euc_jp", "euc-kr": "cp949", "ks-c-5601-1987": "cp949",
    "ks-c-5601": "cp949", "ksc5601": "cp949", "x-windows-949": "cp949", "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8", "x-mac-cyrillic": "mac_cyrillic", "macintosh": "mac_roman",
    "x-mac-roman": "mac_roman", "unicode-1-1-utf-7": "utf-7", "unicode-1-1-utf-8": "utf-8", "utf8": "utf-8",
    "utf8mb4": "utf-8", "cp-1252": "cp1252", "cp-850": "cp850", "x-user-defined": "cp1252",
    "unicode": "utf-16",
}  # fmt: skip
# What Python calls a codec and is no charset, or costs more than linear time.
_NEVER: Final = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
_NUMBERED: Final = re.compile(r"(?:x-)?(?:windows|win|cp|ibm|dos)[-_ ]?(\d{3,5})\Z")
_SHIFTED: Final = (b"\x1b$B", b"\x1b$@", b"\x1b(J")
_SEQUENCE: Final = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_WIDE: Final = frozenset({"gb18030", "big5hkscs", "cp932", "cp949", "euc_jp", "gbk", "big5", "shift_jis", "johab"})
_LETTERS: Final = 3
_JIS_BYTES: Final = 1_000_000
"""So much is read letter by letter, for letters that Python does not know."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def decode(data: bytes, charset: str | None = None) -> str:
    """The text in `data`. `charset` is what the mail claims; None or an unknown name: it is guessed."""
    codec = _codec(charset)
    if codec is None or codec in ("cp1252", "utf-8"):
        return storable(_western(data, codec))
    if _is_utf8(data, codec):
        return storable(data.decode("utf-8").removeprefix("\ufeff"))
    try:
        return storable(data.decode(codec))
    except (ValueError, LookupError):
        pass
    if codec.startswith("iso2022_jp") and b"\x1b" in data:
        return storable(_jis(data) if len(data) <= _JIS_BYTES else _replacing(data, codec))
    try:
        return storable(data.decode("utf-8"))
    except UnicodeDecodeError:
        return storable(_replacing(data, "cp932" if codec.startswith("iso2022_jp") else codec))


def known(charset: str | None) -> bool:
    """Does this name a charset that we can read?"""
    return _codec(charset) is not None


def storable(text: str) -> str:
    """Without what a database refuses: NUL and halves of characters."""
    if "\0" in text:
        text = text.replace("\0", "")
    return _SURROGATE.sub("\ufffd", text)


def _codec(charset: str | None) -> str | None:
    name = (charset or "").strip(" \t\r\n\"'").lower()
    if not _NAME.match(name):
        return None
    meant = _MEANT.get(name.replace("_", "-")) or _NUMBERED.sub(r"cp\1", name)
    try:
        found = codecs.lookup(meant)
    except (LookupError, ValueError):
        return None
    if not getattr(found, "_is_text_encoding", True) or found.name.replace("-", "_") in _NEVER:
        return None
    return "utf-8" if found.name == "utf-8-sig" else found.name


def _is_utf8(data: bytes, codec: str) -> bool:
    """Is it UTF-8 though another set is declared? Several letters that are, and none that is not, are no accident."""
    if data.isascii() or codec.startswith(("utf", "iso2022", "hz")):
        return False
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    # Two bytes of a Chinese or Japanese set look like a letter of two bytes in UTF-8 now and then.
    first = "\u0800" if codec in _WIDE else "\x80"
    return sum(letter >= first for letter in text[:2000]) >= _LETTERS


def _jis(data: bytes) -> str:
    """ISO-2022-JP with the letters that Windows has added: Python knows them in Shift_JIS only."""
    out: list[bytes] = []
    wide, kana = False, False
    for piece in re.split(rb"(\x1b(?:[$(][@-Z]|\$\([@-Z]))", data):
        if piece[:1] == b"\x1b":
            wide, kana = piece[1:2] == b"$", piece == b"\x1b(I"
        elif kana:
            out.append(bytes(each | 0x80 if 0x21 <= each <= 0x5F else each for each in piece))
        elif wide:
            for line in re.split(rb"(\r?\n)", piece):
                out.append(line if line[-1:] == b"\n" else b"".join(map(_shifted, line[::2], line[1::2])))
        else:
            out.append(piece)
    return b"".join(out).decode("cp932", "replace")


def _shifted(row: int, cell: int) -> bytes:
    """A letter of JIS X 0208 in Shift_JIS."""
    if not (0x21 <= row <= 0x7E and 0x21 <= cell <= 0x7E):
        return b"?"
    lead = (row - 0x21) // 2 + (0x81 if row < 0x5F else 0xC1)
    return bytes((lead, cell + 0x7E if row % 2 == 0 else cell + (0x1F if cell < 0x60 else 0x20)))


def _western(data: bytes, codec: str | None) -> str:
    """Undeclared, UTF-8 or the western set. Whichever was claimed, the other is seen often enough."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) and codec is None:
        return data.decode("utf-16", "replace")
    if codec is None and any(shift in data for shift in _SHIFTED):
        return decode(data, "iso-2022-jp")
    if codec != "cp1252" or data.isascii() or _SEQUENCE.search(data):
        try:
            return data.decode("utf-8").removeprefix("\ufeff")
        except UnicodeDecodeError:
            pass
    if codec == "utf-8" and _SEQUENCE.search(data):
        return data.decode("utf-8", "replace").removeprefix("\ufeff")
    return _replacing(data, "cp1252")


def _replacing(data: bytes, codec: str) -> str:
    if codec != "cp1252":
        try:
            return data.decode(codec, "replace")
        except (ValueError, LookupError):  # some codecs raise whatever they are told
            return data.decode("latin-1")
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:  # five bytes mean nothing there
        return data.decode("cp1252", "warmline-latin")


def _latin(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("warmline-latin", _latin)
