"""What the machine says when it answers: the section itself, where it comes from, and whether it helped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.retrieval import Hit
from channels.richtext import Block, RichText, Span
from handoff import texts

Link = Callable[[str, str], str | None]
"""The address of a section: (slug, anchor) -> absolute URL, or None where the article has no page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer as it is sent."""

    text: RichText
    plain: str
    sections: list[list[str]]
    """Slug and anchor of each section that it is made of."""


def compose(hits: Sequence[Hit], link: Link) -> Answer:
    """One answer of one or two sections."""
    blocks: list[Block] = []
    for hit in hits:
        if len(hits) > 1 and hit.section.heading:
            blocks.append(Block(kind="heading", spans=(Span(text=hit.section.heading, bold=True),)))
        blocks.extend(hit.section.text.blocks)
        blocks.append(_source(hit, link))
    blocks.append(Block(kind="paragraph", spans=(Span(text=texts.DID_THIS_HELP),)))
    text = RichText(blocks=tuple(blocks))
    return Answer(text=text, plain=text.plain(), sections=[[hit.article.slug, hit.section.anchor] for hit in hits])


def _source(hit: Hit, link: Link) -> Block:
    href = _address(hit, link)
    title = Span(text=hit.article.title, href=href)
    return Block(kind="paragraph", spans=(Span(text='From "'), title, Span(text='".')))


def workaround(hits: Sequence[Hit], link: Link) -> str | None:
    """One line for a problem's acknowledgement, if a section is likely to help meanwhile."""
    if not hits:
        return None
    return texts.workaround(hits[0].article.title, _address(hits[0], link))


def _address(hit: Hit, link: Link) -> str | None:
    return hit.article.url or link(hit.article.slug, hit.section.anchor)
