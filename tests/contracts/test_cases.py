"""Each failure of the catalogue has its tests, and the page says so."""

from __future__ import annotations

import pytest

from tests import cases

AT_LEAST_REAL = 30


def test_every_case_has_a_test() -> None:
    assert set(cases.proofs()) == set(cases.CASES)


def test_at_least_thirty_tests_run_against_the_real_servers() -> None:
    found = {one for tests in cases.proofs().values() for one in tests}
    assert sum(one.ring in cases.REAL for one in found) >= AT_LEAST_REAL


def test_the_table_is_up_to_date() -> None:
    page = cases.PAGE.read_text(encoding="utf-8")
    assert cases.written(page) == page, "run `python -m tests.cases`"


def test_a_page_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no lines"):
        cases.written("# Delivery")
