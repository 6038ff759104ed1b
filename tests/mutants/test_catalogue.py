"""The mutants fit the tree: each can be applied, and the test that must notice it is there."""

import re
from dataclasses import replace

import pytest

from tests.mutants import results
from tests.mutants.catalogue import mutants, problems

AT_LEAST = 40


def test_every_mutant_fits_the_tree() -> None:
    assert problems(mutants()) == []


def test_there_are_at_least_forty_each_with_harm_and_source() -> None:
    catalogue = mutants()
    assert len(catalogue) >= AT_LEAST
    assert [one.name for one in catalogue if not (one.harm and one.source)] == []
    assert [one.name for one in catalogue if one.before == one.after] == []
    edits = {(one.file, one.before, one.after) for one in catalogue}
    assert len(edits) == len(catalogue)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"before": "no such text"}, "`before` is 0 times"),
        ({"before": "import"}, "`before` is .* times"),
        ({"after": "def ("}, "invalid syntax"),
        ({"file": "stream/no_such.py"}, "No such file"),
        ({"killed_by": "tests/stream/test_worker.py::test_none"}, "there is no test"),
    ],
)
def test_a_mutant_that_fits_no_more_is_named(changes: dict[str, str], problem: str) -> None:
    (found,) = problems([replace(mutants()[0], **changes)])
    assert found.startswith(mutants()[0].name)
    assert re.search(problem, found)


def test_every_mutant_has_been_killed_and_the_page_says_by_what() -> None:
    done, catalogue = results.read(results.KEPT), mutants()
    killed = {name for name, one in done.items() if one["result"] in (results.NAMED, results.OTHER)}
    mend = "run `python -m tests.mutants --out docs/mutants.ndjson --page docs/mutants.md`"
    assert {one.name for one in catalogue} - killed == set(), mend
    page = results.PAGE.read_text(encoding="utf-8")
    assert results.written(page, catalogue, done) == page, mend
