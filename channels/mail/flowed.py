"""Lines that were broken only to fit (RFC 3676, format=flowed), put together again."""

from __future__ import annotations


def unflowed(text: str, *, delete_space: bool = False) -> str:
    """Paragraphs on one line each. Quotes keep their depth; "-- " stays what it is."""
    out: list[str] = []
    pieces: list[str] = []
    depth = 0

    def flush() -> None:
        if pieces:
            out.append((">" * depth + " " if depth else "") + "".join(pieces))
            pieces.clear()

    for line in text.split("\n"):
        bare = line.lstrip(">")
        quotes = len(line) - len(bare)
        bare = bare.removeprefix(" ")
        if pieces and quotes != depth:
            flush()
        depth = quotes
        soft = bare.endswith(" ") and bare != "-- "
        pieces.append(bare[:-1] if soft and delete_space else bare)
        if not soft:
            flush()
    flush()
    return "\n".join(out)
