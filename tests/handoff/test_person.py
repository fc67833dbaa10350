"""Which link brings an identity here, and who goes with it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from handoff.person import ways
from store.links import partition


@st.composite
def trees(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Links without circles among identities from 0 on, told from either end."""
    edges = []
    for one in range(1, draw(st.integers(1, 8))):
        ends = (one, draw(st.integers(0, one - 1)))
        one, other = ends[:: draw(st.sampled_from([1, -1]))]
        link = {"id": 100 + len(edges), "identity_id": one, "other_id": other, "how": "code", "at": 0}
        edges.append({**link, "asked_by": None, "why": None})
    return draw(st.permutations(edges))


@given(trees(), st.data())
def test_who_leaves_is_who_is_apart_when_the_link_is_gone(links: list[dict[str, Any]], data: st.DataObject) -> None:
    people = set(range(len(links) + 1))
    here = data.draw(st.sampled_from(sorted(people)))
    found = ways(links, here)
    assert set(found) == people - {here}
    assert sorted(way["id"] for way in found.values()) == sorted(link["id"] for link in links), "each has its own"
    for one, way in found.items():
        rest = [(link["identity_id"], link["other_id"]) for link in links if link["id"] != way["id"]]
        after = partition({person: person for person in people}, rest)
        assert set(way["leaves"]) == {person for person in people if after[person] != after[here]}
        assert one in way["leaves"]


def test_who_is_linked_with_nobody_has_no_way() -> None:
    assert ways([], 7) == {}
