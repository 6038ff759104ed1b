"""`python -m ingest`: posts from files (and later from platforms) to `posts.collected`."""

import argparse
import json
import math
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from tqdm import tqdm

from ingest import shapes
from ingest.inputs import find
from ingest.payloads import moment
from ingest.replay import Plan, Replay, new_crawl, utc_now
from ingest.sending import Counts, Destination, KafkaDestination, Sender, Unsent
from stream.broker import KafkaWriter, create_topics
from stream.cli import entry, set_up_logs, stop_on_signals
from stream.codec import encode
from stream.dead_letters import DeadLetter
from stream.errors import UserError
from stream.posts import CLOCK_SKEW, FIRST_POST, Deletion, Post
from stream.settings import load_settings

REPLAY = """\
Replays posts from files: our own records, raw payloads of the X API v2 and the YouTube Data API,
rows of public data sets, plain lines of text. Each line (or object in a page) becomes a record on
posts.collected; what cannot be used becomes a dead letter with its line number and reason."""

EXAMPLES = """\
examples:
  python -m ingest replay ingest/samples                       the shipped posts, as they are
  python -m ingest replay ingest/samples --shift-to-now        ... as if the newest were of now
  python -m ingest replay ingest/samples --loop --rate 5       ... for ever, five a second
  python -m ingest replay test.tsv --report sent.json          a data set, with its counts
  echo "what a day!" | python -m ingest replay - --dry-run     shows the record, sends nothing

With --shift-to-now the whole input is read twice. With it and with --loop, standard input is first
read to its end, into a temporary file.
A post that is shifted or looped gets a new id (its own, ~, the crawl, and the round), so that it
never replaces the original. Without these two, a repeated replay adds no posts: each replaces
itself. Only texts and rows without a time take the time of the replay, so that in another month
they are added once more; with the same --at they are not."""


def main() -> int:
    """Parses the command line and runs one command."""
    parser = argparse.ArgumentParser(prog="python -m ingest", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser(
        "replay",
        help="send posts from files, a data set or standard input",
        description=REPLAY,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_replay_options(command)
    return _replay(parser.parse_args())


def _add_replay_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("paths", nargs="+", metavar="PATH", help="a file, a folder (not its folders), or - (stdin)")
    add("--rate", type=_rate, default=0.0, metavar="N", help="posts a second (0: no limit)")
    add("--loop", action="store_true", help="begin again at the end, until stopped")
    add("--shift-to-now", action="store_true", help="move all times so that the newest post is now")
    add("--at", type=_time, metavar="TIME", help="time of texts without one (default: now)")
    add("--crawl", type=_crawl, metavar="ID", help="what to call this crawl")
    add("--language", type=_language, metavar="CODE", help="where none is said")
    add(
        "--platform",
        type=_platform,
        metavar="NAME",
        help="of texts and data sets (default: text, dataset)",
    )
    add("--limit", type=_limit, metavar="N", help="stop after so many posts and deletions")
    add("--report", type=Path, metavar="FILE", help="write the counts there as JSON")
    add("--dry-run", action="store_true", help="show the records on stdout and send nothing")


def _replay(arguments: argparse.Namespace) -> int:
    set_up_logs()
    report: Path | None = arguments.report
    if report is not None and not report.absolute().parent.is_dir():
        raise UserError(f"{report}: its folder does not exist")
    stop = stop_on_signals()
    crawl = arguments.crawl or new_crawl(utc_now())
    with ExitStack() as closing:
        bar = closing.enter_context(tqdm(unit=" posts", disable=None, leave=False))
        # The pipe among the inputs flushes the sender while it waits, so each knows the other.
        inputs = find(arguments.paths, stop, lambda: sender.flush())
        for source in inputs:
            if source.again:
                shapes.check(source)
        destination = _destination(arguments.dry_run, closing)
        sender = Sender(destination, crawl, stop, bar.update)
        plan = Plan(
            inputs,
            crawl,
            rate=arguments.rate,
            loop=arguments.loop,
            shift_to_now=arguments.shift_to_now,
            at=arguments.at,
            language=arguments.language,
            platform=arguments.platform,
            limit=arguments.limit,
        )
        try:
            Replay(plan, sender, stop).run()
        except Unsent as error:
            print(f"error: stopped before the last batch was sent: {error}", file=sys.stderr)
            return 1
        finally:
            bar.close()
            _tell(sender.counts, report)
    return 0


def _destination(dry_run: bool, closing: ExitStack) -> Destination:
    if dry_run:
        return Printed()
    settings = load_settings()
    create_topics(settings)
    return KafkaDestination(closing.enter_context(KafkaWriter(settings)))


class Printed:
    """Shows records on standard output and dead letters on standard error."""

    def write(self, records: Sequence[Post | Deletion]) -> Sequence[tuple[int, str]]:
        """Prints each record as one line of JSON."""
        for record in records:
            sys.stdout.buffer.write(encode(record) + b"\n")
        sys.stdout.buffer.flush()
        return ()

    def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Prints where each letter came from and why."""
        for letter in letters:
            print(f"{letter.source.place}: {letter.reason}", file=sys.stderr)


def _tell(counts: Counts, report: Path | None) -> None:
    print(counts, file=sys.stderr)
    if report is not None:
        try:
            report.write_text(json.dumps(counts.report()) + "\n", encoding="utf-8")
        except OSError as error:
            raise UserError(f"{report}: cannot be written: {error.strerror}") from None


def _rate(value: str) -> float:
    try:
        rate = float(value)
    except ValueError:
        rate = math.nan
    if not 0 <= rate < math.inf:
        raise argparse.ArgumentTypeError(f"{value}: must be a number of posts a second, 0 or more")
    return rate


def _limit(value: str) -> int:
    try:
        limit = int(value)
    except ValueError:
        limit = 0
    if limit < 1:
        raise argparse.ArgumentTypeError(f"{value}: must be a whole number, 1 or more")
    return limit


def _time(value: str) -> datetime:
    try:
        time = moment(value)
    except ValueError as error:
        wanted = "must be a time with its zone, as 2026-11-14T20:00:00Z"
        raise argparse.ArgumentTypeError(f"{value}: {wanted} (it {error})") from None
    if not FIRST_POST <= time <= utc_now() + CLOCK_SKEW:
        raise argparse.ArgumentTypeError(
            f"{value}: must lie between {FIRST_POST:%Y} and tomorrow, as every post's time"
        )
    return time


def _like(pattern: str, wanted: str) -> Callable[[str], str]:
    def checked(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise argparse.ArgumentTypeError(f"{value}: must be {wanted}")
        return value

    return checked


_crawl = _like(r"[A-Za-z0-9._-]{1,64}", "up to 64 of A-Z, a-z, 0-9, '.', '_' and '-'")
_language = _like(r"[A-Za-z0-9-]{1,35}", "a BCP 47 code, as en or pt-BR")
_platform = _like(r"[a-z][a-z0-9_]{0,31}", "a letter and up to 31 more of a-z, 0-9 and '_'")


if __name__ == "__main__":
    entry(main)
