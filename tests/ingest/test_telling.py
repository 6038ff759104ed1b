"""What a live crawl tells while it runs."""

import logging
from datetime import UTC, datetime

import pytest

from ingest.sources import Allowance
from ingest.telling import LiveLine, allowed, span
from tests.ingest.doubles import SettableClock


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-3, "0.0 s"),
        (1.44, "1.4 s"),
        (59.9, "59.9 s"),
        (90, "2 min"),
        (7200, "2 h"),
        (86_400, "24 h"),
        (864_000, "10 d"),
    ],
)
def test_a_length_of_time_is_said_in_its_unit(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_an_allowance_says_what_is_known() -> None:
    assert allowed(Allowance("requests", 3, unit="requests")) == "requests 3 requests"
    until = datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert allowed(Allowance("quota", 9000, 10_000, "units", until)) == (
        "quota 9000 of 10000 units until 2026-11-22 08:00 UTC"
    )


def test_without_a_terminal_one_line_a_minute_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = SettableClock()
    with LiveLine(terminal=False, clock=clock.monotonic) as line:
        for second in range(130):
            clock.wait(1.0)
            line.tell(f"second {second + 1}")
    assert [record.getMessage() for record in caplog.records] == ["second 60", "second 120"]


def test_on_a_terminal_the_newest_line_is_shown_in_place(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = SettableClock()
    with LiveLine(terminal=True, clock=clock.monotonic) as line:
        for second in range(3):
            clock.wait(1.0)
            line.tell(f"second {second}")
            logging.getLogger("a").warning("note %d", second)
    shown = capsys.readouterr().err
    assert "second 2" in shown
    assert shown.count("\n") == 3  # of the notes alone
