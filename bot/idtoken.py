"""Who an identity provider says somebody is: an ID token, checked. Pure: keys and the time come in as arguments.

OpenID Connect Core 1.0, 3.1.3.7. Only RS256 is read, which every provider must be able to sign with (15.1). Verifying
handles nothing secret, so that it may be done with Python's integers: RFC 8017, 8.2.2, by making the one right encoding
and comparing all of it, never by taking apart what the signature holds.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

LEEWAY: Final = 60
"""Seconds by which another house's clock may differ."""
OLDEST: Final = 600
"""Seconds since a token was made: it is for this sign-in, not for an earlier one."""
LONGEST: Final = 20_000
"""Characters."""
_SHA256: Final = bytes.fromhex("3031300d060960864801650304020105000420")
"""DigestInfo of SHA-256 up to the digest: RFC 8017, 9.2, note 1."""
_BITS: Final = range(2048, 8193)


class TokenFault(Exception):
    """Why an ID token is not believed, for the log and the audit; never its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    subject: str
    email: str | None
    """Only where the provider says that it is verified."""
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    issuer: str
    client_id: str
    nonce: str


def kid_of(token: str) -> str | None:
    """Which key it says that it was signed with. Raises `TokenFault`."""
    kid = _parts(token)[0].get("kid")
    return kid if isinstance(kid, str) else None


def checked(token: str, keys: Sequence[Mapping[str, Any]], expected: Expected, now: datetime) -> Claims:
    """What it says, if all of it is as it must be. `keys` are the provider's JSON Web Keys.

    Raises:
        TokenFault: why it is not believed.
    """
    header, claims, signed, signature = _parts(token)
    if header.get("alg") != "RS256" or "crit" in header:
        raise TokenFault("not signed with RS256")
    if not any(_verified(key, signed, signature) for key in _fitting(keys, header.get("kid"))):
        raise TokenFault("signature")
    _for_us(claims, expected)
    _of_now(claims, now)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise TokenFault("sub")
    email, name = claims.get("email"), claims.get("name")
    sure = claims.get("email_verified") is True and isinstance(email, str) and len(email) <= 320
    return Claims(
        subject=subject,
        email=str(email).strip().lower() if sure else None,
        name=name if isinstance(name, str) else None,
    )


def _for_us(claims: Mapping[str, Any], expected: Expected) -> None:
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if claims.get("iss") != expected.issuer:
        raise TokenFault("iss")
    if not isinstance(audiences, list) or expected.client_id not in audiences:
        raise TokenFault("aud")
    if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != expected.client_id:
        raise TokenFault("azp")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise TokenFault("nonce")


def _of_now(claims: Mapping[str, Any], now: datetime) -> None:
    at = now.astimezone(UTC).timestamp()
    expires, made = _seconds(claims.get("exp")), _seconds(claims.get("iat"))
    if expires is None or at >= expires + LEEWAY:
        raise TokenFault("exp")
    if made is None or not -LEEWAY <= at - made <= OLDEST + LEEWAY:
        raise TokenFault("iat")


def _seconds(value: Any) -> float | None:
    """A time that can be one. JSON as Python reads it has NaN, too, which compares with nothing."""
    fine = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e11
    return float(value) if fine else None


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """(header, claims, what was signed, the signature)."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > LONGEST:
        raise TokenFault("no token")
    try:
        header, claims = (json.loads(_decoded(part)) for part in parts[:2])
        signature = _decoded(parts[2])
    except (ValueError, RecursionError):
        raise TokenFault("no token") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise TokenFault("no token")
    return header, claims, f"{parts[0]}.{parts[1]}".encode(), signature


def _decoded(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _fitting(keys: Sequence[Mapping[str, Any]], kid: Any) -> list[Mapping[str, Any]]:
    """Keys for signatures of this kind; where the token names one, that one."""
    return [
        key
        for key in keys
        if isinstance(key, Mapping)
        and key.get("kty") == "RSA"
        and key.get("use", "sig") == "sig"
        and key.get("alg", "RS256") == "RS256"
        and (kid is None or key.get("kid") == kid)
    ]


def _verified(key: Mapping[str, Any], signed: bytes, signature: bytes) -> bool:
    """RSASSA-PKCS1-v1_5 with SHA-256: RFC 8017, 8.2.2."""
    try:
        modulus = int.from_bytes(_decoded(str(key["n"])))
        exponent = int.from_bytes(_decoded(str(key["e"])))
    except (KeyError, ValueError):
        return False
    length = (modulus.bit_length() + 7) // 8
    number = int.from_bytes(signature)
    fine = modulus.bit_length() in _BITS and 3 <= exponent < 2**32 and exponent % 2 == 1
    if not fine or len(signature) != length or number >= modulus:
        return False
    digest = _SHA256 + hashlib.sha256(signed).digest()
    right = b"\x00\x01" + b"\xff" * (length - len(digest) - 3) + b"\x00" + digest
    return hmac.compare_digest(pow(number, exponent, modulus).to_bytes(length), right)
