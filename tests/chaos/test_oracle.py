"""The oracle says what must be there, and misses nothing that is not as it must be."""

from collections.abc import Callable
from copy import deepcopy
from typing import get_args

import pytest

from tests.chaos import inputs, oracle
from tests.chaos.inputs import Given, Inputs, Meaning
from tests.chaos.oracle import Document, State, expected, violations


def sight(key: str, observed: int, text: str = "hi") -> Given:
    return Given(b"", "post", key, observed, text, "2026.03")


def gone(key: str) -> Given:
    return Given(b"", "deletion", key)


def written(key: str, moment: int, author: str = "chaos:author:ann") -> Given:
    return Given(b"", "post", key, moment + 5, "hi", "2026.03", author, moment)


def left(moment: int, author: str = "chaos:author:ann") -> Given:
    return Given(b"", "author gone", author, moment=moment)


def of(*given: Given) -> State:
    return expected(Inputs("c", list(given), [b"x"], [b"y"]))


def test_the_newest_sight_of_a_post_stays_whatever_came_last() -> None:
    state = of(sight("a", 5, "old"), sight("a", 9, "new"), sight("a", 7, "between"))
    assert state.documents == [Document("a", "2026.03", 9, "new")]


def test_a_deleted_post_is_gone_whether_it_came_before_or_after() -> None:
    state = of(sight("a", 5), gone("a"), gone("b"), sight("b", 5), sight("c", 5), gone("d"))
    assert [one.key for one in state.documents] == ["c"]
    assert state.deletions == {"a", "b", "d"}


def test_the_posts_of_an_author_who_left_are_gone_up_to_that_moment_and_only_theirs() -> None:
    other = written("other", 4, "chaos:author:bea")
    state = of(written("a", 4), left(5), written("b", 5), written("c", 6), other, left(3))
    assert [one.key for one in state.documents] == ["c", "other"]
    assert state.deletions == {"chaos:author:ann", "a", "b"}


def test_what_nobody_can_use_is_a_dead_letter_of_the_station_that_met_it() -> None:
    state = of(Given(b"broken", "unreadable"), Given(b"long", "refused", "chaos:long"))
    assert state.documents == []
    assert state.letters == {
        ("ingest", b"broken"),
        ("indexer", b"chaos:long"),
        ("classifier", b"x"),
        ("indexer", b"y"),
    }


def lose(state: State) -> None:
    state.documents.pop()


def double(state: State) -> None:
    state.documents.append(state.documents[0]._replace(month="2025.01"))


def change(**fields: object) -> Callable[[State], None]:
    def changed(state: State) -> None:
        state.documents[0] = state.documents[0]._replace(**fields)  # type: ignore[arg-type]

    return changed


def revive(state: State) -> None:
    state.documents.append(Document(min(state.deletions), "2026.03", 1, "back"))


def stray(state: State) -> None:
    state.documents.append(Document("chaos:nobody", "2026.03", 1, "who"))


def relabel(state: State) -> None:
    state.labels[state.documents[0].key] = "something else"


HARMS: dict[str, Callable[[State], object]] = {
    "lost": lose,
    "there 2 times": double,
    "text is": change(text="stale"),
    "version is": change(version=1),
    "month is": change(month="2025.01"),
    "there, though deleted": revive,
    "there, though never sent": stray,
    "labels are not": relabel,
    "its deletion is not on record": lambda state: state.deletions.pop(),
    "that nobody sent": lambda state: state.deletions.add("chaos:other"),
    "no dead letter from": lambda state: state.letters.pop(),
    "too many": lambda state: state.letters.add(("ingest", b"fine")),
}


@pytest.mark.parametrize("named", HARMS)
def test_every_harm_is_named(named: str) -> None:
    wanted = expected(inputs.make("harm", 60))
    wanted.labels = {one.key: one.text for one in wanted.documents}
    found = deepcopy(wanted)
    assert list(violations(wanted, found)) == []
    HARMS[named](found)
    (said,) = violations(wanted, found)
    assert named in said


def test_the_inputs_hold_every_kind_of_life() -> None:
    given = inputs.make("kinds", inputs_of_a_seed := 150)
    assert {one.means for one in given.ingest} == set(get_args(Meaning))
    state = oracle.expected(given)
    assert len(state.documents) > inputs_of_a_seed / 2
    assert len({one.month for one in state.documents}) >= 4
    assert len(state.deletions) > 5
    gone = [one.key in state.deletions for one in given.ingest if one.author]
    assert gone.count(True) > 5 and gone.count(False) > 5
