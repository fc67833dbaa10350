"""Any str made safe to compute with: broken halves of characters replaced, and an end put to long ones."""

_BEFORE_COLLAPSE = 65_536  # characters looked at before blanks are collapsed


def readable(text: str, *, limit: int = 4096) -> str:
    """At most `limit` characters without lone surrogates; a longer text has its blanks collapsed first, then is cut.

    4,096 characters are more than the 256 word pieces that an encoder reads of any natural text, and keep a megabyte as
    cheap as a letter.
    """
    if len(text) > limit:
        text = " ".join(text[:_BEFORE_COLLAPSE].split())[:limit]
    try:
        text.encode()
    except UnicodeEncodeError:
        # Pairs become the character they stand for, what stands alone becomes U+FFFD.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
