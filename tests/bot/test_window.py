"""The team's window: what people do there is done once, and only what was sent on purpose leaves to a customer."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.window.sends import HOLD
from channels.contract import WindowPerson
from store import faults
from store import window as rows
from store.agents import set_active
from store.database import Database
from store.words import case_id
from tests.bot.panes import FakeWindow, Team
from tests.databases import DIALECTS, empty_database
from tests.people import Office
from tests.rows import incoming, keep

SOON = HOLD.total_seconds() + 1


@pytest.fixture(params=DIALECTS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    async with empty_database(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
async def team(database: Database) -> Team:
    made = Team(Office(database))
    await made.agent()
    await made.step()  # the window begins with what comes from now on
    return made


async def claimed(team: Team, text: str = "the editor is broken") -> str:
    """A case whose card stands, in Lea's hands."""
    number = await team.office.customer(text)
    await team.settle()
    await team.does("pressed", button=f"claim:{case_id(number)}")
    await team.settle()
    return number


# --- once ----------------------------------------------------------------------------------------


async def test_what_is_brought_four_times_is_done_once(team: Team) -> None:
    number = await team.office.customer()
    await team.settle()
    press = await team.does("pressed", button=f"claim:{case_id(number)}")
    note = await team.does("said", thread=team.card(number), text="a thought")
    for _ in range(3):
        await team.keep(press, note)
        await team.settle()
    assert await team.said("note") == ["a thought"]
    assert team.window.whispers == []
    assert "Lea has it" in team.window.posts[team.card(number)].text.plain()
    assert team.thread(number) == [], "what stands in the thread is not told there again"


class _Died(BaseException):
    """kill -9, as the next process finds it."""


async def test_a_worker_may_die_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once at each labelled point, before and after the commit: one card, one claim, one note, one reply."""
    deaths: list[str] = []

    def reach(point: str) -> None:
        ours = point.split(".")[0] in ("window", "claim", "note", "reply") and not point.startswith("window.keep")
        if ours and point not in deaths:
            deaths.append(point)
            raise _Died(point)

    async with empty_database("sqlite", tmp_path) as database:
        team = Team(Office(database))
        await team.agent()
        await team.step()
        monkeypatch.setattr(faults, "reach", reach)
        for turn in range(9):
            before, posted = list(deaths), len(team.window.keys)
            number = await team.office.customer("the editor is broken", by=f"c{turn}")
            await _live_through(team, number)
            told = deaths[len(before) :]
            assert (await team.said("note"))[turn:] == [f"thought {number}"], told
            assert (await team.said("out"))[turn:] == [f"words {number}"], told
            assert len(set(team.window.keys)) == len(team.window.keys), told
            assert len(team.window.keys) - posted == 2, (told, "the card, and the line that tells of it")
            assert "sent this" in team.thread(number)[0]
            if not told:
                break
    assert not told, "a turn without a death"
    for unit in ("window.posted", "window.sending", "window.confirm", "window.left", "note", "claim", "reply"):
        assert {f"{unit}.before-commit", f"{unit}.after-commit"} <= set(deaths), unit


async def _live_through(team: Team, number: str) -> None:
    """What people do with a case, with a new worker after each death."""
    acts: list[Callable[[], Awaitable[Any]]] = [
        lambda: team.settle(1),
        lambda: team.does("pressed", button=f"claim:{case_id(number)}"),
        lambda: team.does("said", thread=team.card(number), text=f"thought {number}"),
        lambda: team.does("chosen", thread=team.card(number), text=f"words {number}", author="ULea"),
        team.step,
        lambda: team.does("pressed", button=f"send:{team.asked()}"),
        team.step,
        lambda: team.settle(SOON),
        lambda: team.settle(4),
    ]
    for act in acts:
        while True:
            try:
                await act()
                break
            except _Died:
                act = team.reborn


async def test_a_post_whose_receipt_was_lost_is_found_and_not_posted_again(team: Team) -> None:
    team.window.faults = ["cut_after"]
    number = await team.office.customer()
    await team.settle()
    await team.does("said", thread="p1", text="a thought")  # under a card of which nobody knows the name yet
    await team.settle()
    assert await team.said("note") == []
    await team.settle(4)
    assert await team.said("note") == ["a thought"]
    assert len(team.window.keys) == 1
    assert team.card(number) == "p1"


async def test_a_post_that_never_arrived_is_posted(team: Team) -> None:
    team.window.faults = ["cut_before", "busy"]
    number = await team.office.customer()
    await team.settle()
    assert team.window.posts == {}
    await team.settle(4)
    await team.settle(4)
    worker = team.hire()  # its pause is by the real clock
    await worker.begin()
    await team.settle(4)
    assert len(team.window.keys) == 1
    assert team.card(number)


# --- who has it ----------------------------------------------------------------------------------


async def test_of_two_claims_one_wins_and_the_loser_hears_who(team: Team) -> None:
    number = await team.office.customer()
    await team.settle()
    tom = await team.agent("Tom")
    await team.office.desk.claim(tom, number)
    await team.does("pressed", button=f"claim:{case_id(number)}")
    await team.settle()
    assert "Tom has" in team.whispered()
    card = team.window.posts[team.card(number)]
    assert "Tom has it" in card.text.plain()
    assert [button.id for button in card.buttons] == ["open"]


async def test_an_old_button_answers_the_truth(team: Team) -> None:
    number = await claimed(team)
    await team.office.desk.resolve(await team.office.agent(), number, outcome="solved")
    await team.does("pressed", button=f"claim:{case_id(number)}")
    await team.does("chosen", thread=team.card(number), text="one more thing", author="ULea")
    await team.settle()
    said = [post.text.plain() for _, post in team.window.whispers]
    assert all("is resolved" in each for each in said)
    assert len(said) == 2
    assert "Resolved by Lea: solved" in team.window.posts[team.card(number)].text.plain()


async def test_a_case_that_is_open_again_goes_on_in_its_thread(team: Team) -> None:
    number = await claimed(team)
    lea = await team.office.agent()
    await team.office.desk.resolve(lea, number, outcome="solved")
    await team.settle()
    assert await team.office.customer("it is broken again") == number
    await team.settle()
    card = team.window.posts[team.card(number)]
    assert "Nobody has it yet" in card.text.plain() or "Lea has it" in card.text.plain()
    assert any("broken again" in each for each in team.thread(number))
    assert len([key for key in team.window.keys if key.startswith("c")]) == 1


@pytest.mark.parametrize(
    ("who", "says"),
    [
        ("stranger", "does not know who you are"),
        ("guest", "Guests and people of other companies"),
        ("locked", "locked out"),
        ("colleague", "one must be agent"),
    ],
)
async def test_who_may_not_is_told_so_and_nothing_is_done(team: Team, who: str, says: str) -> None:
    number = await team.office.customer()
    await team.settle()
    if who == "guest":
        await team.agent("Eve")
        team.window.people["UEve"] = WindowPerson(guest=True)
    elif who == "locked":
        eve = await team.agent("Eve")
        async with team.office.database.write("test") as connection:
            await set_active(connection, eve.id, active=False)
    elif who == "colleague":
        await team.agent("Eve", "colleague")
    await team.does("pressed", "UEve", button=f"claim:{case_id(number)}")
    await team.does("chosen", "UEve", thread=team.card(number), text="hello", author="UEve")
    await team.does("said", "UEve", thread=team.card(number), text="a thought")
    await team.settle(SOON)
    whispers = [post.text.plain() for to, post in team.window.whispers if to == "UEve"]
    assert len(whispers) == (2 if who == "colleague" else 3)
    assert all(says in each for each in whispers)
    assert await team.said("note") == (["a thought"] if who == "colleague" else []), "a note is everybody's job"
    assert await team.said("out") == []


async def test_a_code_from_the_desk_says_who_somebody_is_once(team: Team) -> None:
    eve = await team.agent("Eve", named=False)
    async with team.office.database.write("test") as connection:
        code = await rows.make_code(connection, eve.id, team.office.now)
    number = await team.office.customer()
    await team.settle()
    await team.does("said", "UEve", text=code.lower())
    await team.does("said", "UTom", text=code)
    await team.does("pressed", "UEve", button=f"claim:{case_id(number)}")
    await team.settle()
    assert "known here now" in next(post.text.plain() for to, post in team.window.whispers if to == "UEve")
    assert "That is no code" in team.whispered("UTom")
    assert "Eve has it" in team.window.posts[team.card(number)].text.plain()


async def test_a_code_is_over_after_ten_minutes(team: Team) -> None:
    eve = await team.agent("Eve", named=False)
    async with team.office.database.write("test") as connection:
        code = await rows.make_code(connection, eve.id, team.office.now)
    team.office.now += timedelta(minutes=11)
    await team.does("said", "UEve", text=code)
    await team.settle()
    assert "ten minutes are over" in team.whispered("UEve")


async def test_an_address_that_is_vouched_for_is_enough(team: Team) -> None:
    await team.agent("Eve", named=False)
    team.window.people["UEve"] = WindowPerson(email="eve@desk.example")
    number = await team.office.customer()
    await team.settle()
    await team.does("pressed", "UEve", button=f"claim:{case_id(number)}")
    await team.settle()
    assert "Eve has it" in team.window.posts[team.card(number)].text.plain()


# --- what leaves ---------------------------------------------------------------------------------


async def test_what_is_sent_is_shown_held_and_gone_once(team: Team) -> None:
    number = await claimed(team)
    id_ = await team.held(number, "Here is <b>how</b>.")
    assert "To the customer in the web chat" in text_of_ask(team)
    assert "Here is <b>how</b>." in text_of_ask(team)
    await team.settle(SOON - 2)
    assert await team.said("out") == []
    await team.settle(2)
    assert await team.said("out") == ["Here is <b>how</b>."]
    await team.does("pressed", button=f"undo:{id_}")
    await team.settle()
    assert "has been sent already" in team.whispered()
    await team.does("pressed", button=f"send:{id_}")
    await team.settle(SOON)
    assert "has been sent already" in team.whispered()
    assert len(await team.said("out")) == 1
    assert [each for each in team.thread(number) if "Here is" in each] == team.thread(number)[:1]


def text_of_ask(team: Team) -> str:
    return next(post.text.plain() for _, post in reversed(team.window.whispers) if post.buttons)


async def test_undo_in_time_counts_also_where_the_worker_comes_late(team: Team) -> None:
    number = await claimed(team)
    id_ = await team.held(number)
    await team.does("pressed", button=f"undo:{id_}")
    await team.settle(60)
    assert await team.said("out") == []
    assert "took it back" in team.thread(number)[0]


async def test_undo_counts_while_nobody_can_say_who_pressed(team: Team) -> None:
    number = await claimed(team)
    id_ = await team.held(number)
    team.window.away = True
    worker = team.hire()  # it knows nobody
    await worker.begin()
    await team.does("said", thread=team.card(number), text="wait for me")
    await team.does("pressed", button=f"undo:{id_}")
    await team.settle(60)
    assert await team.said("out") == []


async def test_what_was_not_confirmed_never_leaves(team: Team) -> None:
    number = await claimed(team)
    await team.does("chosen", thread=team.card(number), text="Here is how.", author="ULea")
    await team.settle()
    await team.does("pressed", button=f"drop:{team.asked()}")
    await team.settle(SOON)
    await team.does("pressed", button=f"send:{team.asked()}")
    await team.settle(SOON)
    assert await team.said("out") == []
    assert "taken back" in team.whispered()


async def test_who_wrote_since_stops_it_and_is_shown(team: Team) -> None:
    number = await claimed(team)
    await team.held(number)
    await team.office.customer("wait, it was the other button")
    await team.settle(SOON)
    assert await team.said("out") == []
    assert "the other button" in team.whispered()
    assert "Not sent" in team.whispered()
    assert any(each.startswith("Not sent") for each in team.thread(number))


async def test_two_answers_in_a_row_do_not_stop_each_other(team: Team) -> None:
    number = await claimed(team)
    await team.held(number, "First.")
    await team.held(number, "Second.")
    await team.settle(SOON)
    assert await team.said("out") == ["First.", "Second."]


async def test_only_ones_own_words_in_a_case_of_ones_own(team: Team) -> None:
    number = await team.office.customer()
    await team.settle()
    await team.does("chosen", thread=team.card(number), text="hello", author="ULea")
    await team.settle()
    assert "nobody's yet" in team.whispered()
    await team.agent("Tom")
    await team.does("pressed", "UTom", button=f"claim:{case_id(number)}")
    await team.settle()
    await team.does("chosen", thread=team.card(number), text="hello", author="ULea")
    await team.settle()
    assert "Tom has" in team.whispered()
    await team.does("chosen", "UTom", thread=team.card(number), text="hello", author="ULea")
    await team.settle()
    assert "somebody else's words" in team.whispered("UTom")
    await team.does("chosen", "UTom", text="hello", author="UTom")
    await team.settle()
    assert "under no case" in team.whispered("UTom")
    await team.does("chosen", "UTom", thread=team.card(number), text="x" * 3000, author="UTom")
    await team.settle()
    assert "Send it from the desk" in team.whispered("UTom")
    assert not [button for _, post in team.window.whispers for button in post.buttons]


async def test_who_is_locked_out_meanwhile_sends_nothing(team: Team) -> None:
    number = await claimed(team)
    await team.held(number)
    lea = await team.office.agent()
    async with team.office.database.write("test") as connection:
        await set_active(connection, lea.id, active=False)
    await team.settle(SOON)
    assert await team.said("out") == []


WORDS = st.text(min_size=1, max_size=40)
DEEDS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["said", "edited", "deleted"]), st.sampled_from(["ULea", "UTom", "UX"]), WORDS),
        st.tuples(st.just("chosen"), st.sampled_from(["ULea", "UTom", "UX"]), WORDS),
        st.tuples(
            st.just("pressed"),
            st.sampled_from(["ULea", "UTom", "UX"]),
            st.sampled_from(["claim:1", "undo:1", "drop:1", "next", "send:", "send:999", "send:-1", "send:x", "open"]),
        ),
    ),
    max_size=20,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=DEEDS)
async def test_nothing_leaves_without_the_last_press(tmp_path_factory: pytest.TempPathFactory, deeds: Any) -> None:
    async with empty_database("sqlite", tmp_path_factory.mktemp("h")) as database:
        team = Team(Office(database))
        await team.agent()
        await team.agent("Tom")
        await team.step()
        number = await team.office.customer()
        await team.settle()
        for kind, person, words in deeds:
            if kind == "pressed":
                await team.does(kind, person, button=words)
            else:
                await team.does(kind, person, thread=team.card(number), text=words, author=person)
        await team.settle(SOON)
        await team.settle(SOON)
        assert await team.said("out") == []


# --- what is shown -------------------------------------------------------------------------------


async def test_a_room_that_others_read_gets_no_words(database: Database) -> None:
    team = Team(Office(database), FakeWindow(closed=False))
    await team.agent()
    await team.step()
    number = await claimed(team, "the secret editor is broken")
    await team.office.customer("my secret address")
    await team.office.desk.note(await team.office.agent("Tom"), number, "secret thoughts")
    await team.settle()
    shown = team.all_words()
    assert "secret" not in shown
    assert "Problem" in shown
    assert "the customer wrote. Read it at the desk." in shown


async def test_codes_are_never_shown(team: Team) -> None:
    number = await claimed(team)
    await keep(
        team.office.database,
        incoming("WL-ABCD-EFGH", by="ann", id="code", meta={"masked": "(a code)"}),
        now=team.office.now,
    )
    await team.settle()
    assert "(a code)" in "".join(team.thread(number))
    assert "WL-ABCD" not in team.all_words()


async def test_long_and_turned_words_are_cut_and_fenced(team: Team) -> None:
    number = await claimed(team, "\u202egpj.exe " + "w" * 100_000)
    await team.office.customer("\u202e" + "x" * 100_000)
    await team.settle()
    line = next(post for post in team.window.posts.values() if post.thread == team.card(number))
    assert len(text_of(line)) < 2000
    assert "\u202e" not in team.all_words()
    assert [button.label for button in line.buttons] == ["Open at the desk"]
    assert line.buttons[0].url == f"https://desk.example/desk/cases/{number}"
    assert len(team.window.posts[team.card(number)].text.plain()) < 900


def text_of(post: Any) -> str:
    return str(post.text.plain())


async def test_words_that_no_database_takes_are_kept_without_what_it_refuses(team: Team) -> None:
    number = await claimed(team)
    await team.does("said", thread=team.card(number), text="a\x00b \ud800 c")
    await team.settle()
    (note,) = await team.said("note")
    assert note.startswith("a")
    assert note.endswith("c")


async def test_what_is_done_at_the_desk_is_told_in_the_thread(team: Team) -> None:
    number = await claimed(team)
    lea = await team.office.agent()
    await team.office.desk.note(lea, number, "I asked Tom")
    await team.office.desk.reply(lea, number, "Try now.")
    await team.settle()
    assert team.thread(number) == [
        "\u2068Lea\u2069, a note at the desk\n\n> \u2068I asked Tom\u2069",
        "\u2068Lea\u2069, to the customer\n\n> \u2068Try now.\u2069",
    ]
    assert "waiting for the customer" in team.window.posts[team.card(number)].text.plain()


async def test_a_platform_that_is_away_is_asked_seldom_and_nothing_is_lost(database: Database) -> None:
    team = Team(Office(database), FakeWindow(away=True))
    await team.agent()
    await team.step()
    number = await team.office.customer()
    begun = time.monotonic()
    for _ in range(20):
        await team.step()
    assert team.window.asked_room <= 2 + (time.monotonic() - begun), "a second lies between two tries"
    assert team.window.posts == {}
    team.window.away = False
    await team.reborn()  # its pause is by the real clock
    assert team.card(number)


async def test_a_storm_is_one_list(team: Team) -> None:
    numbers = [await team.office.customer("down", by=f"c{n}", tier="outage") for n in range(20)]
    await team.settle()
    for _ in range(3):
        numbers += [await team.office.customer("down", by=f"d{len(numbers)}", tier="outage")]
        await team.settle(6)
    await team.settle(6)
    assert len(team.window.keys) == 1
    (digest,) = team.window.posts.values()
    assert "23 new cases wait" in text_of(digest)
    await team.does("pressed", button="next")
    await team.settle(6)
    assert len(team.window.keys) == 2, "who takes one gets its card"
    assert team.card(numbers[0])
    assert "22 new cases wait" in text_of(next(iter(team.window.posts.values())))


async def test_only_urgent_cases_where_that_is_wanted(database: Database) -> None:
    team = Team(Office(database), FakeWindow(urgent_only=True))
    lea = await team.agent()
    await team.step()
    calm = await team.office.customer(by="calm")
    await team.office.customer(by="grave", tier="outage")
    await team.settle()
    assert len(team.window.keys) == 1
    await team.office.desk.correct(lea, calm, tier="billing")
    assert team.worker is not None
    await team.worker.step([case_id(calm) or 0])
    await team.settle()
    assert len(team.window.keys) == 2
