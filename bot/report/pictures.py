"""Pictures of figures as SVG: numbers in, markup out. Colours are classes of `page.css`, for light and dark.

Each has a title for whoever does not see it, and says the same as a table beside it. Every text is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from markupsafe import Markup

from intents.scores import Bin

WIDTH: Final = 440  # units of a chart; its letters are as large as the page's where the page is as wide
HEIGHT: Final = 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 28, 44
_MATRIX: Final = 600
_SMALL, _SMALL_UP_TO = 440, 10  # a matrix of few classes, whose letters a phone then shows large enough
_NAMED_UP_TO: Final = 20
"""Classes whose names fit at the side of a matrix."""


class Line(NamedTuple):
    """points: x and y, both 0 to 1 of what the axes show. kind: a class of `page.css`."""

    name: str
    points: Sequence[tuple[float, float]]
    kind: str


class Axis(NamedTuple):
    """name: what it measures. ticks: (place from 0 to 1, text)."""

    name: str
    ticks: Sequence[tuple[float, str]]


def percents(most: float = 1.0, steps: int = 5) -> tuple[tuple[float, str], ...]:
    """Ticks from 0 % to `most`."""
    return tuple((at / steps, f"{100 * most * at / steps:g}\N{NO-BREAK SPACE}%") for at in range(steps + 1))


def chart(
    title: str,
    across: Axis,
    up: Axis,
    lines: Sequence[Line],
    *,
    marked: tuple[float, str] | None = None,
    dots: Iterable[tuple[float, float, str]] = (),
) -> Markup:
    """Lines over two axes. marked: a place on the lower axis with a text. dots: x, y and a text for each."""
    drawn = [_frame(across, up)]
    if marked is not None:
        drawn.append(_marked(*marked))
    for line in lines:
        way = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in line.points)
        drawn.append(Markup('<polyline class="line {}" points="{}"/>').format(line.kind, way))
    for x, y, text in dots:
        drawn.append(
            Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>').format(
                _x(x), _y(y), text
            )
        )
    return _picture(title, WIDTH, HEIGHT, drawn)


def reliability(title: str, bins: Sequence[Bin]) -> Markup:
    """How often the machine was right against how sure it was; the fainter a bar, the fewer messages it stands for."""
    most = max((one.count for one in bins), default=0) or 1
    drawn = [_frame(Axis("how sure", percents()), Axis("how often right", percents()))]
    wide = (WIDTH - _LEFT - _RIGHT) / max(1, len(bins))
    for one in bins:
        if one.count:
            told = f"{one.count} messages, {one.confidence:.1%} sure, {one.accuracy:.1%} right"
            drawn.append(
                Markup(
                    '<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" opacity="{:.2f}">'
                    "<title>{}</title></rect>"
                ).format(
                    _x(one.low) + 1,
                    _y(one.accuracy),
                    wide - 2,
                    max(1.0, _y(0) - _y(one.accuracy)),
                    0.3 + 0.7 * (one.count / most) ** 0.3,
                    told,
                )
            )
    drawn.append(
        Markup('<line class="ideal" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(
            _x(0), _y(0), _x(1), _y(1)
        )
    )
    return _picture(title, WIDTH, HEIGHT, drawn)


def matrix(title: str, labels: Sequence[str], counts: Mapping[tuple[str, str], int]) -> Markup:
    """Rows are what messages were, columns what they were taken for. counts: of (true, predicted), those above 0.

    Right answers are shaded by their share of the row, wrong ones likewise in the colour of mistakes and never too
    faint to be seen. Names stand at the side where there are few enough.
    """
    named = len(labels) <= _NAMED_UP_TO
    whole = _SMALL if len(labels) <= _SMALL_UP_TO else _MATRIX
    side = 14 + 7.5 * max((len(_short(label)) for label in labels), default=0) if named else 0
    slanting = 32 if named else 0  # the last name leans beyond its column
    cell = (whole - side - slanting) / max(1, len(labels))
    at = {label: number for number, label in enumerate(labels)}
    of_row = {label: sum(count for (true, _), count in counts.items() if true == label) for label in labels}
    drawn = [
        Markup('<rect class="ground" x="{0:.1f}" y="{1:.1f}" width="{2:.1f}" height="{2:.1f}"/>').format(
            side, side, cell * len(labels)
        )
    ]
    for (true, predicted), count in sorted(counts.items()):
        if not count or true not in at or predicted not in at:
            continue
        share = count / of_row[true]
        right = true == predicted
        shade = share if right else 0.35 + 0.65 * share
        x, y = side + at[predicted] * cell, side + at[true] * cell
        size = cell * 0.94 if named else max(cell, 2.5)
        drawn.append(
            Markup(
                '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.2f}" height="{:.2f}" opacity="{:.2f}">'
                "<title>{}: {} ({:.0%})</title></rect>"
            ).format(
                "right" if right else "wrong",
                x,
                y,
                size,
                size,
                shade,
                true if right else f"{true} → {predicted}",
                count,
                share,
            )
        )
        if named:
            drawn.append(
                Markup('<text class="count{}" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>').format(
                    " full" if shade > 0.6 else "", x + size / 2, y + size / 2 + 5, count
                )
            )
    if named:
        for label, number in at.items():
            middle = number * cell + cell / 2
            drawn.append(
                Markup('<text class="name" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>').format(
                    side - 8, side + middle + 4, _short(label)
                )
            )
            drawn.append(
                Markup(
                    '<text class="name" transform="translate({:.1f} {:.1f}) rotate(-60)" text-anchor="start">{}</text>'
                ).format(side + middle, side - 8, _short(label))
            )
    return _picture(title, whole, whole, drawn)


def _short(label: str) -> str:
    return label if len(label) <= 20 else f"{label[:19]}…"


def _x(share: float) -> float:
    return _LEFT + share * (WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def _frame(across: Axis, up: Axis) -> Markup:
    drawn = []
    for place, text in up.ticks:
        y = _y(place)
        drawn.append(
            Markup(
                '<line class="grid" x1="{0}" y1="{1:.1f}" x2="{2}" y2="{1:.1f}"/>'
                '<text x="{3}" y="{4:.1f}" text-anchor="end">{5}</text>'
            ).format(_LEFT, y, WIDTH - _RIGHT, _LEFT - 6, y + 4, text)
        )
    for place, text in across.ticks:
        drawn.append(
            Markup('<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(
                _x(place), HEIGHT - _BOTTOM + 17, "end" if place > 0.99 else "middle", text
            )
        )
    drawn.append(
        Markup('<text class="axis" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
            _x(0.5), HEIGHT - 8, across.name
        )
    )
    drawn.append(Markup('<text class="axis" x="{}" y="14">{}</text>').format(_LEFT, up.name))
    return Markup("").join(drawn)


def _marked(place: float, text: str) -> Markup:
    x = _x(place)
    before = place > 0.55
    return Markup(
        '<line class="marked" x1="{0:.1f}" y1="{1}" x2="{0:.1f}" y2="{2:.1f}"/>'
        '<text class="marking" x="{3:.1f}" y="{4}" text-anchor="{5}">{6}</text>'
    ).format(x, _TOP, _y(0), x + (-6 if before else 6), _TOP + 12, "end" if before else "start", text)


def _picture(title: str, width: int, height: int, drawn: Iterable[Markup]) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, height, title, Markup("").join(drawn)
    )
