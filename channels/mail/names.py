"""What an attachment is called: a name that cannot hurt, whatever the mail says."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

BYTES: Final = 200
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)\Z", re.IGNORECASE)
_FORBIDDEN: Final = re.compile(r'[<>:"|?*]')
_ENDINGS: Final = {
    "text/plain": ".txt", "text/html": ".html", "text/calendar": ".ics", "text/csv": ".csv", "text/x-vcard": ".vcf",
    "text/vcard": ".vcf", "text/rtf": ".rtf", "application/rtf": ".rtf", "text/xml": ".xml", "image/jpeg": ".jpg",
    "image/jpg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "image/bmp": ".bmp",
    "image/svg+xml": ".svg", "image/tiff": ".tif", "image/heic": ".heic", "application/pdf": ".pdf",
    "application/zip": ".zip", "application/gzip": ".gz", "application/json": ".json", "application/xml": ".xml",
    "application/msword": ".doc", "application/pgp-signature": ".asc", "application/pgp-keys": ".asc",
    "application/pgp-encrypted": ".asc", "application/pkcs7-signature": ".p7s", "application/x-pkcs7-signature": ".p7s",
    "application/pkcs7-mime": ".p7m", "application/x-pkcs7-mime": ".p7m", "audio/mpeg": ".mp3", "audio/wav": ".wav",
    "audio/x-wav": ".wav", "audio/ogg": ".ogg", "video/mp4": ".mp4", "video/quicktime": ".mov",
    "message/rfc822": ".eml", "message/global": ".eml", "message/delivery-status": ".txt",
    "message/disposition-notification": ".txt", "text/rfc822-headers": ".txt", "message/feedback-report": ".txt",
    "application/ms-tnef": ".dat",
}  # fmt: skip


def safe_name(wanted: str, media_type: str, *, stem: str = "attachment") -> str:
    """A name without a path, without invisible letters, at most 200 bytes. `stem` where nothing is left of it."""
    # Invisible letters first: they may hide a dot, a slash or the true ending from every check below.
    text = _visible(unicodedata.normalize("NFKC", _visible(wanted[:5000])))
    text = re.split(r"[/\\]", text)[-1]
    text = _FORBIDDEN.sub("_", re.sub(r"\s+", " ", text)).strip(" .")
    if not text or not any(character.isalnum() for character in text):
        text = stem + _ENDINGS.get(media_type, "")
    if _RESERVED.match(text.partition(".")[0].strip()):
        text = f"_{text}"
    return _shortened(text)


def _visible(text: str) -> str:
    return "".join(
        character for character in text if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )


def _shortened(text: str) -> str:
    if len(text.encode()) <= BYTES:
        return text
    stem, dot, ending = text.rpartition(".")
    if not dot or len(ending.encode()) > 20:
        stem, ending = text, ""
    else:
        ending = dot + ending
    return stem.encode()[: BYTES - len(ending.encode())].decode("utf-8", "ignore").rstrip(" .") + ending
