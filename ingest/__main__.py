"""`python -m ingest`: posts from files and from platforms to `posts.collected`."""

import argparse
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tqdm import tqdm

from ingest import crawling, dead_letters, options, shapes
from ingest.context import utc_now
from ingest.counters import serving
from ingest.inputs import find
from ingest.replay import Plan, Replay, new_crawl
from ingest.results import destination, tell
from ingest.sending import Sender, Unsent
from stream import logs
from stream.cli import entry, set_up_logs, stop_on_signals

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
    command.set_defaults(run=_replay)
    dead_letters.add_command(commands)
    crawling.add_commands(commands, sys.argv[1:])
    arguments = parser.parse_args()
    run: Callable[[argparse.Namespace], int] = arguments.run
    return run(arguments)


def _add_replay_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a file, a folder (not its folders), s3://BUCKET/PREFIX, or - (stdin)",
    )
    add("--rate", type=options.rate, default=0.0, metavar="N", help="posts a second (0: no limit)")
    add("--loop", action="store_true", help="begin again at the end, until stopped")
    add("--shift-to-now", action="store_true", help="move all times so that the newest post is now")
    add("--at", type=options.time, metavar="TIME", help="time of texts without one (default: now)")
    add("--crawl", type=options.crawl, metavar="ID", help="what to call this crawl")
    add("--language", type=options.language, metavar="CODE", help="where none is said")
    add(
        "--platform",
        type=options.platform,
        metavar="NAME",
        help="of texts and data sets (default: text, dataset)",
    )
    add("--limit", type=options.limit, metavar="N", help="stop after so many posts and deletions")
    add("--report", type=Path, metavar="FILE", help="write the counts there as JSON")
    add("--dry-run", action="store_true", help="show the records on stdout and send nothing")


def _replay(arguments: argparse.Namespace) -> int:
    set_up_logs("ingest")
    report: Path | None = arguments.report
    options.check_report(report)
    stop = stop_on_signals()
    crawl = arguments.crawl or new_crawl(utc_now())
    with ExitStack() as closing:
        bar = closing.enter_context(tqdm(unit=" posts", disable=None, leave=False))
        # The pipe among the inputs flushes the sender while it waits, so each knows the other.
        inputs = find(arguments.paths, stop, lambda: sender.flush())
        for source in inputs:
            if source.again:
                shapes.check(source)
        sender = Sender(destination(arguments.dry_run, closing), crawl, stop, bar.update)
        closing.enter_context(serving(sender, dry_run=arguments.dry_run))
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
            logs.say_error(f"stopped before the last batch was sent: {error}")
            return 1
        finally:
            bar.close()
            tell(sender.counts, report, sender.counts.report())
    return 0


if __name__ == "__main__":
    entry(main)
