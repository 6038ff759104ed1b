"""Values on the command line, checked as they are read."""

import argparse
import math
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from ingest.context import utc_now
from ingest.payloads import moment
from ingest.state import NAME
from stream.errors import UserError
from stream.posts import CLOCK_SKEW, FIRST_POST


def rate(value: str) -> float:
    """Posts a second, 0 or more."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{value}: must be a number of posts a second, 0 or more")
    return number


def seconds(value: str) -> float:
    """A length of time, more than none."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{value}: must be a number of seconds, more than 0")
    return number


def limit(value: str) -> int:
    """A whole number from 1 on."""
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{value}: must be a whole number, 1 or more")
    return number


def time(value: str) -> datetime:
    """A time that a post can have."""
    try:
        given = moment(value)
    except ValueError as error:
        wanted = "must be a time with its zone, as 2026-11-14T20:00:00Z"
        raise argparse.ArgumentTypeError(f"{value}: {wanted} (it {error})") from None
    if not FIRST_POST <= given <= utc_now() + CLOCK_SKEW:
        raise argparse.ArgumentTypeError(
            f"{value}: must lie between {FIRST_POST:%Y} and tomorrow, as every post's time"
        )
    return given


def like(pattern: str, wanted: str) -> Callable[[str], str]:
    """Makes a check that a value looks so."""

    def checked(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise argparse.ArgumentTypeError(f"{value}: must be {wanted}")
        return value

    return checked


crawl = like(r"[A-Za-z0-9._-]{1,64}", "up to 64 of A-Z, a-z, 0-9, '.', '_' and '-'")
name = like(
    NAME, "up to 64 of A-Z, a-z, 0-9, '.', '_' and '-', beginning with none of the last two"
)
wanted_language = like(
    r"[A-Za-z]{2,3}([-_][A-Za-z0-9_-]{1,31})?", "a language's code, as en, de or pt-BR"
)
keyword = like(r"(?s).*\S.*", "a word or a phrase")
hashtag = like(r"#?[^\s#]+", "a hashtag, as joy or #joy")
language = like(r"[A-Za-z0-9-]{1,35}", "a BCP 47 code, as en or pt-BR")
platform = like(r"[a-z][a-z0-9_]{0,31}", "a letter and up to 31 more of a-z, 0-9 and '_'")


def check_report(report: Path | None) -> None:
    """Raises UserError where a report could not be written at the end."""
    if report is not None and not report.absolute().parent.is_dir():
        raise UserError(f"{report}: its folder does not exist")
