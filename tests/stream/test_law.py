"""The judgement over one id: what keeps the law, and every way to break it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.audit.law import Fact, Fate, Fault, Kind, State, Terms, judge, mends

KEY, MONTH = "x:1", "2026.03"


def fact(kind: Kind, version: int = 5, month: str = MONTH, **more: Any) -> Fact:
    return Fact(KEY, kind, month, version, **more)


def collected(version: int = 5, **more: Any) -> Fact:
    return fact(Kind.COLLECTED_POST, version, **more)


def classified(version: int = 5, **more: Any) -> Fact:
    return fact(Kind.CLASSIFIED_POST, version, **more)


def document(version: int = 5, **more: Any) -> Fact:
    return fact(Kind.DOCUMENT, version, **{"at": 1, **more})


ASKED = Fact(KEY, Kind.COLLECTED_DELETION)
PASSED_ON = Fact(KEY, Kind.CLASSIFIED_DELETION)
TOMBSTONE = Fact(KEY, Kind.TOMBSTONE)


@pytest.mark.parametrize(
    ("facts", "fate"),
    [
        ([collected(), classified(), document()], Fate.INDEXED),
        ([collected(4), collected(), classified(4), classified(), document()], Fate.INDEXED),
        ([collected(4), classified(4), document(9, at=10**15)], Fate.INDEXED),
        ([collected(), classified(), ASKED, PASSED_ON, TOMBSTONE], Fate.DELETED),
        ([collected(state=State.DEAD)], Fate.DEAD),
        ([collected(), classified(state=State.DEAD)], Fate.DEAD),
        ([collected(state=State.WAITING)], Fate.WAITING),
        ([collected(), classified(state=State.WAITING)], Fate.WAITING),
        ([collected(), classified(), Fact(KEY, Kind.AUTHOR_GONE), TOMBSTONE], Fate.DELETED),
    ],
)
def test_what_keeps_the_law_has_one_fate(facts: list[Fact], fate: Fate) -> None:
    verdict = judge(facts, Terms(known_until=10**14))
    assert (verdict.fate, verdict.faults) == (fate, ())


@pytest.mark.parametrize(
    ("facts", "fault"),
    [
        ([collected()], Fault.NOT_CLASSIFIED),
        ([collected(4), classified(4), collected(5), document(4)], Fault.NOT_CLASSIFIED),
        ([collected(), classified()], Fault.NOT_INDEXED),
        ([collected(4), collected(), classified(4), classified(), document(4)], Fault.NOT_INDEXED),
        ([ASKED], Fault.DELETION_NOT_PASSED_ON),
        ([ASKED, PASSED_ON], Fault.DELETION_NOT_REMEMBERED),
        (
            [collected(), classified(), document(), ASKED, PASSED_ON, TOMBSTONE],
            Fault.NOT_ERASED,
        ),
        ([collected(), classified(), TOMBSTONE], Fault.NEVER_ASKED),
        (
            [collected(), classified(), document(), document(month="2026.04")],
            Fault.WRONG_MONTH,
        ),
        ([document()], Fault.STRANGER),
        ([collected(4), classified(4), document(4), document(9, month="2025.01")], Fault.STRANGER),
        ([document(at=0)], Fault.STRANGER),
    ],
)
def test_every_way_to_break_the_law_has_its_name(facts: list[Fact], fault: Fault) -> None:
    assert judge(facts, Terms()).faults == (fault,)


def test_an_older_observation_may_be_lost_to_a_newer_one_and_never_the_other_way() -> None:
    both = [collected(4), collected(5), classified(4), classified(5)]
    assert judge([*both, document(5)], Terms()).fate is Fate.INDEXED
    assert judge([*both, document(4)], Terms()).fate is Fate.LOST


def test_a_letter_whose_record_is_gone_answers_for_a_post_of_any_version() -> None:
    beyond = fact(Kind.CLASSIFIED_POST, 0, month="", state=State.DEAD)
    assert judge([collected(), beyond], Terms()).fate is Fate.DEAD
    assert judge([collected(), classified(), beyond], Terms()).fate is Fate.LOST


def test_a_month_past_its_time_need_not_be_there() -> None:
    terms = Terms(past=frozenset({MONTH}))
    assert judge([collected(), classified()], terms).fate is Fate.FILTERED
    assert judge([collected(), classified(), document()], terms).fate is Fate.INDEXED
    other = [collected(month="2026.04"), classified(month="2026.04")]
    assert judge(other, terms).fate is Fate.LOST


def test_what_is_older_than_the_topics_is_counted_and_not_judged() -> None:
    terms = Terms(known_from=100, known_until=1000)
    assert judge([document(at=99)], terms) == judge([TOMBSTONE], terms)
    assert judge([document(at=99)], terms).older == 1
    assert judge([document(at=100)], terms).faults == (Fault.STRANGER,)
    assert judge([document(at=0)], terms).faults == (Fault.STRANGER,)
    assert judge([document(at=1001)], terms).faults == ()


def test_what_nobody_can_have_classified_yet_came_from_nowhere() -> None:
    terms = Terms(known_until=1000, latest=2000)
    assert judge([document(at=2000)], terms).faults == ()
    assert judge([document(at=2001)], terms).faults == (Fault.STRANGER,)


def test_every_fault_has_a_mend_and_each_is_said_once() -> None:
    for fault in Fault:
        assert list(mends([fault]))
    everything = list(mends(list(Fault)))
    assert len(everything) == len(set(everything))
    (said,) = mends([Fault.NOT_INDEXED, Fault.NOT_ERASED])
    assert "`python -m stream rewind indexer`" in said


FACTS = st.builds(
    Fact,
    st.just(KEY),
    st.sampled_from(Kind),
    st.sampled_from([MONTH, "2026.04"]),
    st.integers(1, 3),
    st.sampled_from(State),
    st.integers(0, 5),
)


@given(st.lists(FACTS, max_size=8))
def test_a_post_that_was_collected_has_one_fate_and_is_lost_only_with_a_fault(
    facts: list[Fact],
) -> None:
    verdict = judge(facts, Terms())
    posts = [one for one in facts if one.kind is Kind.COLLECTED_POST]
    assert (verdict.fate is None) is (not posts)
    assert (verdict.fate is not Fate.LOST) or verdict.faults
    # Whoever holds neither a document, a tombstone nor a letter must be called lost or waiting.
    held = any(one.kind in (Kind.DOCUMENT, Kind.TOMBSTONE) for one in facts)
    topics = (Kind.COLLECTED_POST, Kind.CLASSIFIED_POST)
    done = any(one.kind in topics and one.state is State.DONE for one in facts)
    elsewhere = any(one.kind in topics and one.state is not State.DONE for one in facts)
    if posts and done and not held and not elsewhere:
        assert verdict.fate is Fate.LOST
