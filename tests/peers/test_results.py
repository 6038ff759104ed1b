"""The table of the peers says what was kept of their runs."""

from tests.peers import results
from tests.peers.faults import FAULTS


def test_the_page_is_made_of_the_results() -> None:
    page = results.PAGE.read_text(encoding="utf-8")
    assert results.written(page, results.read(results.KEPT)) == page


def test_emostream_passes_every_fault() -> None:
    done = results.read(results.KEPT)
    ours = {one["fault"]: one["wrong"] for one in done if one["peer"] == "emostream"}
    assert ours == {fault.__name__: "" for fault in FAULTS}
