"""Articles: Markdown that people write, checked and cut into sections.

An article is one Markdown file in English. Its name is the slug, its one `#` heading the title, each `##` heading a
section; text above the first `##` is a section under the title itself. Two things may be added, both invisible where
Markdown is rendered:

    ---
    url: https://help.example.com/dns-records     front matter; `url` is its only key
    ---
    # DNS records
    ## Add a record
    <!-- questions:
    - How do I add a DNS record?                  what customers ask when this section is the answer
    - Where do I put a TXT record?
    -->
    1. Open **Domains** …
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from markdown_it.token import Token

from bot.markdown import parse, richtext, safe_href, spans_of
from channels.richtext import RichText

LARGEST = 200_000
"""Bytes of one article. A printed page holds about 3,000; whoever writes more wants several articles."""

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_QUESTION_CHARACTERS = 300
_QUESTIONS = re.compile(r"[ \t]*<!--[ \t\n]*questions?[ \t]*:", re.IGNORECASE)
_FRONT = re.compile(r"---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The smallest thing an answer can be: what stands under one heading."""

    anchor: str
    """For links, unique within the article; empty for the text above the first `##`."""
    heading: str
    text: RichText
    plain: str
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One page of the knowledge base."""

    slug: str
    title: str
    url: str | None
    source: str
    """Where it was read: a file's path, or whatever the caller of `parse_article` names."""
    sections: tuple[Section, ...]
    digest: str
    """SHA-256 of the Markdown, hexadecimal: equal digests are equal articles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing to mend. `line` counts from 1."""

    source: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: {self.message}"


class ArticleError(Exception):
    """Articles that cannot be used; `faults` names every one of them, by source and line."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def load_articles(folder: Path) -> tuple[Article, ...]:
    """Read every `*.md` file directly in `folder`, in the order of their names.

    Raises ArticleError with the faults of all files, or one that says that there is no such folder or no article.
    """
    paths = sorted(folder.glob("*.md"))
    if not paths:
        what = "No articles here: put .md files into this folder." if folder.is_dir() else "There is no such folder."
        raise ArticleError([Fault(source=str(folder), line=1, message=what)])
    return _all(partial(load_article, path) for path in paths)


def load_article(path: Path) -> Article:
    """Read one file; its name without `.md` is the slug. Raises ArticleError."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise ArticleError([Fault(source=str(path), line=1, message=f"Cannot be read: {error.strerror}.")]) from error
    try:
        markdown = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(raw) > LARGEST:
            raise ArticleError([_too_large(str(path))]) from error
        line = raw.count(b"\n", 0, error.start) + 1
        message = "Not UTF-8 text. Save the file as UTF-8, or remove it if it is no article."
        raise ArticleError([Fault(source=str(path), line=line, message=message)]) from error
    return parse_article(path.stem, markdown, str(path))


def parse_article(slug: str, markdown: str, source: str) -> Article:
    """Check one article and cut it into sections. `source` is how faults name it. Raises ArticleError with them all."""
    faults = list(_unreadable(markdown, source))
    if faults:
        raise ArticleError(faults)
    draft = _Draft(source=source)
    if not _SLUG.fullmatch(slug):
        draft.fault(
            0, f"{slug!r} cannot be part of an address. Use small letters, digits and hyphens, as in dns-records."
        )
    text = markdown.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    body = draft.read_front(text)
    draft.read_body(parse(body))
    if draft.faults:
        raise ArticleError(sorted(draft.faults, key=lambda fault: fault.line))
    return Article(
        slug=slug,
        title=draft.title,
        url=draft.url,
        source=source,
        sections=tuple(draft.sections),
        digest=hashlib.sha256(markdown.encode()).hexdigest(),
    )


def _all(loads: Iterable[Callable[[], Article]]) -> tuple[Article, ...]:
    articles: list[Article] = []
    faults: list[Fault] = []
    for load in loads:
        try:
            articles.append(load())
        except ArticleError as error:
            faults += error.faults
    if faults:
        raise ArticleError(faults)
    return tuple(articles)


def _unreadable(markdown: str, source: str) -> Iterator[Fault]:
    """What makes any further reading pointless."""
    try:
        size = len(markdown.encode())
    except UnicodeEncodeError as error:
        line = markdown.count("\n", 0, error.start) + 1
        yield Fault(source=source, line=line, message="Holds half of a character. Type it anew.")
        return
    if size > LARGEST:
        yield _too_large(source)
    elif (at := markdown.find("\0")) >= 0:
        line = markdown.count("\n", 0, at) + 1
        yield Fault(source=source, line=line, message="Not a text file. An article is Markdown; remove this file.")
    elif not markdown.strip("\ufeff \t\r\n"):
        yield Fault(source=source, line=1, message="Empty. Write a title, as in: # DNS records")


def _too_large(source: str) -> Fault:
    message = f"Larger than {LARGEST:,} bytes. Split it into several articles."
    return Fault(source=source, line=1, message=message)


@dataclass(slots=True)
class _Draft:
    """An article while it is read: what is known so far, and what is wrong with it."""

    source: str
    title: str = ""
    url: str | None = None
    sections: list[Section] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    offset: int = 0
    """Lines of front matter, which the parser of the body does not see."""

    def fault(self, line: int, message: str) -> None:
        """`line` counts from 0, as the parser counts."""
        self.faults.append(Fault(source=self.source, line=line + 1, message=message))

    def read_front(self, text: str) -> str:
        """Take the front matter; returns the body."""
        if not re.match(r"---[ \t]*\n", text):
            return text
        front = _FRONT.match(text)
        if front is None:
            self.fault(0, "The front matter does not end. Close it with a line of three hyphens.")
            return text.partition("\n")[2]
        for number, line in enumerate(front[1].split("\n"), start=1):
            self._front_line(number, line.strip())
        self.offset = front[0].count("\n")
        return text[front.end() :]

    def _front_line(self, number: int, line: str) -> None:
        if not line or line.startswith("#"):
            return
        key, colon, value = (part.strip() for part in line.partition(":"))
        value = value.strip("\"'")
        if not colon or key != "url":
            self.fault(
                number, f"The front matter holds only url, as in: url: https://help.example.com/page. Not {line!r}."
            )
        elif not value.startswith(("http://", "https://")) or safe_href(value) is None:
            self.fault(number, f"{value!r} is no web address. Write it with https:// in front.")
        else:
            self.url = value

    def read_body(self, tokens: Sequence[Token]) -> None:
        """Cut the tokens at the headings of the first and second level."""
        cuts = [at for at, token in enumerate(tokens) if _opens(token, "h1") or _opens(token, "h2")]
        titles = [at for at in cuts if tokens[at].tag == "h1"]
        if not titles:
            self.fault(self.offset, "No title. Begin with a heading of one hash, as in: # DNS records")
        elif titles[0] > 0:
            self.fault(self._line(tokens[0]), "Text above the title. The first heading comes first.")
        for at in titles[1:]:
            self.fault(self._line(tokens[at]), "A second title. Use ## for a section, or write a second article.")
        for start, end in itertools.pairwise([*cuts, len(tokens)]):
            self._section(tokens[start], tokens[start + 1], tokens[start + 3 : end])
        if titles and not self.sections and not self.faults:
            self.fault(self._line(tokens[titles[0]]), "No text under the title.")

    def _section(self, opening: Token, inline: Token, tokens: Sequence[Token]) -> None:
        heading = " ".join("".join(span.text for span in spans_of(inline.children or ())).split())
        line, is_title = self._line(opening), opening.tag == "h1"
        if not heading:
            self.fault(line, "A heading without words.")
        if is_title and not self.title:
            self.title = heading
        questions = tuple(self._questions(tokens))
        text = richtext(tokens)
        if text.blocks:
            self.sections.append(
                Section(
                    anchor="" if is_title else self._anchor(heading),
                    heading=heading,
                    text=text,
                    plain=text.plain(),
                    questions=questions,
                )
            )
        elif not is_title or questions:
            self.fault(line, f"No text under {heading!r}.")

    def _anchor(self, heading: str) -> str:
        words = re.findall(r"\w+", heading.casefold())
        wanted = "-".join(words) or "section"
        taken = {section.anchor for section in self.sections}
        return next(name for name in _numbered(wanted) if name not in taken)

    def _questions(self, tokens: Sequence[Token]) -> Iterator[str]:
        for token in tokens:
            inner = [child for child in token.children or () if child.type == "html_inline"]
            blocks = [token] if token.type == "html_block" else inner
            for block in blocks:
                if not (found := _QUESTIONS.match(block.content)):
                    continue
                if block is not token or token.level:
                    self.fault(self._line(token), "A list of questions stands on lines of its own, not in other text.")
                else:
                    yield from self._listed(self._line(token) + found[0].count("\n"), block.content[found.end() :])

    def _listed(self, first: int, rest: str) -> Iterator[str]:
        inside, closing, after = rest.partition("-->")
        if not closing:
            self.fault(first, "The list of questions does not end. Close it with -->")
            return
        if after.strip():
            self.fault(first + inside.count("\n"), "Text behind --> is lost. Put it on the next line.")
        lines = [(number, line.strip()) for number, line in enumerate(inside.split("\n"), start=first) if line.strip()]
        if not lines:
            self.fault(first, "A list of questions without a question.")
        for number, line in lines:
            question = " ".join(line[1:].split())
            if line[0] not in "-*" or not question:
                self.fault(number, f"Each question begins with a hyphen. Not so: {line[:60]!r}")
            elif len(question) > _QUESTION_CHARACTERS:
                self.fault(number, f"A question of more than {_QUESTION_CHARACTERS} characters. Shorten it.")
            else:
                yield question

    def _line(self, token: Token) -> int:
        return self.offset + (token.map[0] if token.map else 0)


def _opens(token: Token, tag: str) -> bool:
    return token.type == "heading_open" and token.tag == tag and token.level == 0


def _numbered(name: str) -> Iterator[str]:
    yield name
    for number in itertools.count(2):
        yield f"{name}-{number}"
