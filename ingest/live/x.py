"""X, the API v2: its filtered stream, its sampled stream and its recent search, within a budget."""

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ingest import options, x
from ingest.budget import LEDGER, Budget, Limits, added
from ingest.context import Context
from ingest.ledger import Ledger
from ingest.live.x_api import Api
from ingest.live.x_recheck import Recheck
from ingest.live.x_refusals import UNAUTHORISED, Refused, Unreachable, Waits, told
from ingest.live.x_rules import PRESETS, Rule, active, apply, declared, difference
from ingest.live.x_search import RecentSearch, Span
from ingest.live.x_stream import Stream, Wanted
from ingest.sources import Allowance, Arrival, Cursor, Gap, LiveSource, Pause, Told
from ingest.waiting import Stopped
from stream.errors import UserError
from stream.settings import Settings

NAME = "x"
HELP = "posts of X: its filtered or sampled stream, or a search (a bearer token; X bills each post)"

OPTIONS = {
    "stream": {"rules", "preset", "no_fill", "backfill_minutes"},
    "sample": {"preset", "backfill_minutes"},
    "search": {"query", "since", "until"},
    "recheck": {"ids"},
    "rules": {"rules", "preset", "apply"},
}
"""Of which mode an option is; the budget's are of all."""

DOLLARS_A_DAY, DOLLARS_A_MONTH = 5.0, 50.0
"""The limits of who gives none."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds what to read, its rules, and the budget."""
    add = parser.add_argument
    add(
        "mode",
        nargs="?",
        choices=("stream", "sample", "search", "recheck", "rules"),
        help="the filtered stream, the sampled one, a search of the last seven days, posts looked "
        "up once more; or the stream's rules",
    )
    add("query", nargs="?", metavar="QUERY", help="of a search, in X's own language")
    add("--rules", type=Path, metavar="FILE", help="the rules of the filtered stream")
    add("--preset", choices=sorted(PRESETS), help="rules that come with us, instead of a file")
    add("--apply", action="store_true", help="of `x rules`: make the stream's rules those")
    add("--since", type=options.time, metavar="TIME", help="of a search: only newer posts")
    add("--until", type=options.time, metavar="TIME", help="of a search: only older posts")
    add("--ids", type=Path, metavar="FILE", help="of a recheck: ids or x:ids, or - (stdin)")
    add("--no-fill", action="store_true", help="do not search for what a dropped stream missed")
    add(
        "--backfill-minutes",
        type=int,
        choices=range(1, 6),
        metavar="N",
        help="let X send again what a drop of up to N (1 to 5) minutes missed; few may ask for it",
    )
    limit = parser.add_argument_group(
        "budget",
        f"without any of these: ${DOLLARS_A_DAY:.0f} a day, ${DOLLARS_A_MONTH:.0f} a month",
    ).add_argument
    limit(
        "--max-posts-per-day",
        type=options.limit,
        metavar="N",
        help="days and months are those of UTC",
    )
    limit("--max-posts-per-month", type=options.limit, metavar="N")
    limit("--max-dollars-per-day", type=_dollars, metavar="D")
    limit("--max-dollars-per-month", type=_dollars, metavar="D")
    limit("--wait-for-budget", action="store_true", help="pause until the next day, do not end")
    parser.set_defaults(act=act)


def make(arguments: argparse.Namespace, settings: Settings, context: Context) -> LiveSource:
    """Makes the source; see `ingest/platforms.py`."""
    _refuse_foreign(arguments)
    api = _api(settings, context)
    ledger = Ledger.of(context.state, NAME, api.bearer_token, LEDGER, added)
    budget = Budget(_limits(arguments, settings), ledger, context.now)
    return X(api, budget, _reader(arguments, api, budget, context))


def act(arguments: argparse.Namespace, settings: Settings, context: Context) -> int | None:
    """Does `x rules`: shows what would change the stream's rules to the file's, and changes them.

    Raises:
        UserError: the file is wrong, or X takes a rule not.
    """
    if arguments.mode != "rules":
        return None
    _refuse_foreign(arguments)
    wanted = _rules(arguments)
    api = _api(settings, context)
    try:
        change = difference(wanted, active(api))
        for line in change.lines():
            sys.stdout.write(f"{line}\n")
        if not change:
            said = f"the stream has these {len(wanted)} rules"
        elif arguments.apply:
            apply(api, change)
            said = f"{len(change.add)} added, {len(change.delete)} deleted"
        else:
            said = "nothing was changed: --apply does it"
        sys.stdout.write(f"{said}\n")
    except (Refused, Unreachable) as error:
        raise _final(error) from None
    return 0


Reader = Stream | RecentSearch | Recheck


class X:
    """What is read, with its budget and what the token allows."""

    platform = x.PLATFORM

    def __init__(self, api: Api, budget: Budget, reader: Reader | None) -> None:
        self._api, self._budget, self._reader = api, budget, reader

    def read(self, cursor: Cursor | None) -> Iterator[Arrival | Gap | Pause]:
        """Gives what arrives; see `Stream`, `RecentSearch` and `Recheck`."""
        if self._reader is None:
            raise UserError("x: say what to read: stream, sample, search or recheck")
        with suppress(Stopped):
            yield from self._reader.read(cursor)

    def check(self) -> Told:
        """Asks for the stream's rules and the project's use, which cost nothing."""
        told_of = Told()
        try:
            usage = self._api.usage()
            told_of.sentences.append("X accepts the token")
            told_of.sentences.append(_usage(usage))
        except (Refused, Unreachable) as error:
            raise _final(error) from None
        try:
            number = len(active(self._api))
            rules = "1 rule" if number == 1 else f"{number} rules"
            told_of.sentences.append(f"the filtered stream is open to it and has {rules}")
        except Refused as error:
            if error.status == UNAUTHORISED:
                raise _final(error) from None
            told_of.sentences.append(f"the filtered stream is not open to it ({error})")
        except Unreachable as error:
            raise _final(error) from None
        told_of.sentences += self.plan()[:1]
        return told_of

    def plan(self) -> Sequence[str]:
        """Says what reading may cost."""
        price = self._budget.limits.dollars_per_post
        billed = (
            f"X bills each post that it delivers, once a UTC day; counted here as ${price:g} "
            "(EMOSTREAM_X_DOLLARS_PER_POST: your console has the price, and says whether each "
            "author is billed besides)"
        )
        return [billed, *self._budget.plan()]

    def allowances(self) -> Sequence[Allowance]:
        """Gives what is used of the budget."""
        return self._budget.allowances()


def _api(settings: Settings, context: Context) -> Api:
    if settings.x_bearer_token is None:
        raise UserError(
            "EMOSTREAM_X_BEARER_TOKEN: is not set; it is the bearer token of an app in X's "
            "developer console (EMOSTREAM_X_BEARER_TOKEN_FILE names a file that holds it)"
        )
    return Api(settings.x_bearer_token.get_secret_value(), settings.x_api, context.now)


def _reader(
    arguments: argparse.Namespace, api: Api, budget: Budget, context: Context
) -> Reader | None:
    waits, wait = Waits(random.random), arguments.wait_for_budget
    match arguments.mode:
        case "search":
            if not arguments.query:
                raise UserError("x search: wants a query")
            if arguments.since and arguments.until and arguments.since >= arguments.until:
                raise UserError("x search: --until must be later than --since")
            span = Span(arguments.query, start=arguments.since, end=arguments.until)
            return RecentSearch(api, budget, context, waits, span, wait=wait)
        case "recheck":
            if arguments.ids is None:
                raise UserError("x recheck: wants --ids FILE")
            return Recheck(api, budget, context, waits, arguments.ids, wait=wait)
        case "stream":
            wanted = Wanted(
                _rules(arguments),
                fill=not arguments.no_fill,
                backfill_minutes=arguments.backfill_minutes or 0,
                wait_for_budget=wait,
            )
        case "sample":
            wanted = Wanted(
                language="en" if arguments.preset else None,
                backfill_minutes=arguments.backfill_minutes or 0,
                wait_for_budget=wait,
            )
        case _:
            return None
    return Stream(api, budget, context, waits, wanted)


def _refuse_foreign(arguments: argparse.Namespace) -> None:
    """Refuses an option of another mode: who gives it expects other posts, and pays for these."""
    every = {name for names in OPTIONS.values() for name in names}
    for name in sorted(every - OPTIONS.get(arguments.mode, every)):
        if getattr(arguments, name) not in (None, False):
            option = "a query" if name == "query" else "--" + name.replace("_", "-")
            modes = " or ".join(f"`x {mode}`" for mode, names in OPTIONS.items() if name in names)
            raise UserError(f"x {arguments.mode}: {option} is for {modes}")


def _rules(arguments: argparse.Namespace) -> list[Rule]:
    if (arguments.rules is None) == (arguments.preset is None):
        both = ", not both" if arguments.rules else ""
        raise UserError(f"x {arguments.mode}: wants --rules FILE or --preset{both}")
    return declared(arguments.rules or PRESETS[arguments.preset])


def _limits(arguments: argparse.Namespace, settings: Settings) -> Limits:
    given = {
        "posts_per_day": arguments.max_posts_per_day,
        "posts_per_month": arguments.max_posts_per_month,
        "dollars_per_day": arguments.max_dollars_per_day,
        "dollars_per_month": arguments.max_dollars_per_month,
    }
    if all(value is None for value in given.values()):
        given |= {"dollars_per_day": DOLLARS_A_DAY, "dollars_per_month": DOLLARS_A_MONTH}
    return Limits(settings.x_dollars_per_post, **given)


def _usage(usage: dict[str, Any]) -> str:
    """Says what the project has read; X gives these numbers as numbers or as strings."""
    used, cap, day = (usage.get(name) for name in ("project_usage", "project_cap", "cap_reset_day"))
    try:
        said = f"its project has read {int(used or 0):,} posts"
        said += f" of {int(cap):,} that X allows in a month" if cap is not None else ""
    except (TypeError, ValueError):
        return "X does not say what its project has read"
    return said + (f", counted anew on day {day}" if isinstance(day, int) else "")


def _final(error: Refused | Unreachable) -> UserError:
    if isinstance(error, Unreachable):
        return UserError(f"X does not answer ({error}): is EMOSTREAM_X_API right?")
    return told(error) or UserError(f"X does not answer now ({error}): try again in a minute")


def _dollars(value: str) -> float:
    try:
        dollars = float(value)
    except ValueError:
        dollars = -1.0
    if not 0 < dollars < 1e9:
        raise argparse.ArgumentTypeError(f"{value}: must be dollars, more than 0")
    return dollars
