"""The shipped catalogue is sound, and an unsound one is refused with every fault named."""

from dataclasses import replace
from pathlib import Path

import pytest

from intents.catalogue import Intent, check, load_catalogue, normal
from intents.errors import CatalogueError
from intents.tiers import TIERS
from intents.training import identity_of


def test_the_shipped_one_is_sound() -> None:
    catalogue = load_catalogue()
    assert {intent.tier for intent in catalogue.intents} == set(TIERS)
    assert 15 <= len(catalogue.intents) <= 30
    assert len(catalogue.examples) >= 450
    assert {intent.id for intent in catalogue.intents if intent.automatable} == {
        "use_a_feature", "account_and_plan", "can_i", "website_and_mail", "praise", "suggestion",
    }  # fmt: skip
    assert all(intent.description for intent in catalogue.intents)


def intents() -> list[Intent]:
    return [
        Intent(id="down", name="Down", tier="outage", utterances=tuple(f"down {n}" for n in range(5)), origin="a"),
        Intent(id="how", name="How", tier="howto", utterances=tuple(f"how {n}" for n in range(5)), origin="b"),
    ]


def test_identity_changes_with_what_changes_a_verdict() -> None:
    down, how = intents()
    first = check([down, how]).identity
    assert check([how, down]).identity == first
    assert check([replace(down, name="x", description="y", origin="z"), how]).identity == first
    changed = [
        replace(down, utterances=(*down.utterances, "more")),
        replace(down, tier="billing"),
        replace(down, id="other"),
    ]
    assert len({first, *(check([one, how]).identity for one in changed)}) == 4
    assert identity_of("encoder a", check([down, how])) != identity_of("encoder b", check([down, how]))


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(
        """tier = "outage"
colour = "red"

[[intent]]
id = "Bad Id"
utterances = ["one", "two", "three", "four", "five"]

[[intent]]
id = "slow"
tier = "slowness"
utterances = ["it is slow", ""]

[[intent]]
id = "auto"
automatable = true
pages = 3
utterances = "text"
"""
    )
    (tmp_path / "b.toml").write_text("this is = not [toml")
    (tmp_path / "c.toml").write_text('tier = "howto"\n')
    (tmp_path / "d.toml").write_text('[[intent]]\nid = "few"\ntier = "howto"\nutterances = [\n "one",\n 7,\n]\n')
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(tmp_path)
    faults = "\n".join(caught.value.faults)
    for part in (
        "a.toml: unknown key 'colour'",
        "a.toml, intent 1 (Bad Id): 'id' must be",
        "a.toml, intent 2 (slow): tier 'slowness' is none of",
        "a.toml, intent 2 (slow), utterance 2: is empty",
        "a.toml, intent 3 (auto): unknown key 'pages'",
        "a.toml, intent 3 (auto): tier outage is never automatable",
        "a.toml, intent 3 (auto): 'utterances' must be a list",
        "b.toml: cannot be read as TOML",
        "c.toml: has no [[intent]]",
        "d.toml, intent 1 (few), utterance 2: must be text",
    ):
        assert part in faults
        assert part in str(caught.value)


def test_a_fault_names_the_line(tmp_path: Path) -> None:
    lines = ['tier = "howto"', "[[intent]]", 'id = "long"', "utterances = [", '"ok",', '"' + "x" * 1001 + '",', "]"]
    (tmp_path / "a.toml").write_text("\n".join(lines))
    with pytest.raises(CatalogueError, match="utterance 2, line 6: has 1001 characters, 1000 are the most"):
        load_catalogue(tmp_path)


def test_duplicates_are_refused_across_intents() -> None:
    down, how = intents()
    with pytest.raises(CatalogueError, match=r"'DOWN {2}3!' is also utterance 4 of down \(a\)"):
        check([down, replace(how, utterances=(*how.utterances, "DOWN  3!"))])
    with pytest.raises(CatalogueError, match="is also utterance 1 of how"):
        check([down, replace(how, utterances=(*how.utterances, "how 0"))])


def test_ids_are_unique_and_intents_have_enough_utterances() -> None:
    down, how = intents()
    with pytest.raises(CatalogueError, match="the id 'down' is already used in a"):
        check([down, replace(how, id="down")])
    with pytest.raises(CatalogueError, match="has 2 utterances, needs at least 5"):
        check([down, replace(how, utterances=("a", "b"))])
    with pytest.raises(CatalogueError, match="two tiers"):
        check([down])


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"no \*\.toml"):
        load_catalogue(tmp_path)


def test_what_counts_as_the_same() -> None:
    assert normal("  Is it DOWN?! ") == normal("is it  down")
