"""`python -m ingest SOURCE` and `python -m ingest check SOURCE`."""

import argparse
import secrets
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import TypeVar

from ingest import options, platforms
from ingest.archive import Archive
from ingest.bucket import Bucket, is_bucket
from ingest.context import Context, utc_now
from ingest.counters import serving
from ingest.crawl import Crawl, unchanged
from ingest.results import destination, tell
from ingest.sending import Sender, Unsent
from ingest.sources import LiveSource
from ingest.state import State
from ingest.telling import LiveLine, allowed
from ingest.uploading import UploadedArchive
from ingest.waiting import Stopped, TooLate, answered
from stream import logs
from stream.cli import set_up_logs, stop_on_signals
from stream.errors import UserError
from stream.hashtags import DEFAULT_LABELS, HashtagLabels
from stream.health import Heartbeat
from stream.settings import load_settings

Answer = TypeVar("Answer")

NAME_HELP = "of the crawl: whose place and budget it goes on with (default: the source's)"

EPILOG = """\
How far it has read is kept in EMOSTREAM_STATE_DIR (.emostream) under --name: stopped or killed, the
next start goes on there. What is read twice replaces itself. With --dry-run nothing is sent and the
place is not moved, but budgets and quotas are counted: the platform counts them too."""


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", words: Sequence[str]
) -> None:
    """Adds a command for each platform that the words on the command line can mean, and `check`."""
    check = commands.add_parser("check", help="try a platform's credentials, say what they allow")
    checks = check.add_subparsers(dest="source", required=True, metavar="SOURCE")
    for platform in map(platforms.load, _meant(words)):
        command = commands.add_parser(
            platform.NAME,
            help=platform.HELP,
            description=platform.HELP,
            epilog=EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        platform.add_options(command)
        _add_common_options(command, platform.NAME)
        command.set_defaults(run=run, platform=platform)
        trial = checks.add_parser(platform.NAME, help=platform.HELP)
        platform.add_options(trial)
        trial.add_argument("--name", type=options.name, default=platform.NAME, help=NAME_HELP)
        trial.set_defaults(run=try_credentials, platform=platform, crawl=None)


def run(arguments: argparse.Namespace) -> int:
    """Crawls until stopped."""
    set_up_logs("ingest")
    options.check_report(arguments.report)
    labels = HashtagLabels.load(arguments.hashtag_labels) if arguments.hashtag_labels else None
    stop = stop_on_signals()
    with ExitStack() as closing:
        context = _context(arguments, stop, closing, share=arguments.dry_run)
        if act := getattr(arguments, "act", None):
            done: int | None = _in_time(lambda: act(arguments, load_settings(), context), stop)
            if done is not None:
                return done
        source = arguments.platform.make(arguments, load_settings(), context)
        for sentence in source.plan():
            logs.say(sentence)
        archive = _archive(arguments, context)
        if archive:
            closing.enter_context(archive)
        # One terminal cannot show both records and a line in place.
        shown = arguments.dry_run and sys.stdout.isatty()
        line = closing.enter_context(LiveLine(terminal=False if shown else None))
        heart = Heartbeat(load_settings().health_dir, "ingest")
        sender = Sender(destination(arguments.dry_run, closing), context.crawl, stop)
        counters = closing.enter_context(serving(sender, dry_run=arguments.dry_run))

        def turn(crawl: Crawl) -> None:
            heart.beat()
            counters.watch(crawl)
            line.tell(crawl)

        crawl = Crawl(
            source,
            sender,
            context.state,
            stop=stop,
            archive=archive,
            change=labels.label if labels else unchanged,
            limit=arguments.limit,
            seconds=arguments.seconds,
            remember=not arguments.dry_run,
            turn=turn,
        )
        return _crawled(crawl, line, arguments.report)


def try_credentials(arguments: argparse.Namespace) -> int:
    """Tries the credentials and says what they allow."""
    set_up_logs("ingest")
    stop = stop_on_signals()
    with ExitStack() as closing:
        context = _context(arguments, stop, closing, share=True)
        source: LiveSource = arguments.platform.make(arguments, load_settings(), context)
        told = _in_time(source.check, stop)
        for sentence in (*told.sentences, *map(allowed, source.allowances())):
            sys.stdout.write(f"{sentence}\n")
    return 0


def _crawled(crawl: Crawl, line: LiveLine, report: Path | None) -> int:
    try:
        crawl.run()
    except Unsent as error:
        logs.say_error(f"stopped before the last batch was sent: {error}")
        return 1
    finally:
        line.close()
        tell(crawl.counts, report, crawl.report())
    return 0


def _context(
    arguments: argparse.Namespace, stop: Event, closing: ExitStack, *, share: bool = False
) -> Context:
    folder, source = load_settings().state_dir, arguments.platform.NAME
    state = closing.enter_context(State.open(folder, arguments.name, source, share=share))
    now = utc_now()
    crawl = arguments.crawl or f"{arguments.name}-{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    return Context(crawl, state, stop)


def _archive(arguments: argparse.Namespace, context: Context) -> Archive | UploadedArchive | None:
    place, name = arguments.archive, arguments.name
    if place is None:
        return None
    if not place.strip():
        raise UserError("--archive: names no place: a folder, or s3://BUCKET/PREFIX")
    if context.state.shared:  # it would mend, or upload, the files that are being written
        raise UserError(
            f"--archive: the crawl named {name} is running and may write there: leave it out, or "
            "give this one another name with --name"
        )
    if not is_bucket(place):
        return Archive(Path(place), name, context.now)
    spool = load_settings().state_dir / f"{name}.archive"
    return UploadedArchive(Bucket(place), spool, name, context.now, context.stop)


def _in_time(ask: Callable[[], Answer], stop: Event) -> Answer:
    """Waits for what is asked outside a crawl; a signal ends it at once, and so does a minute.

    Raises:
        UserError: no whole answer came in time.
        KeyboardInterrupt: we were asked to stop.
    """
    asking = answered(ask, stop)
    try:
        while True:
            next(asking)
    except StopIteration as done:
        answer: Answer = done.value
        return answer
    except TooLate:
        raise UserError("the platform did not answer in a minute: try again later") from None
    except Stopped:
        raise KeyboardInterrupt from None


def _meant(words: Sequence[str]) -> list[str]:
    """Names the platforms to import: their client libraries take a while."""
    if words[:1] == ["replay"]:
        return []
    named = words[1:2] if words[:1] == ["check"] else words[:1]
    known = platforms.names()
    return [name for name in named if name in known] or known


def _add_common_options(command: argparse.ArgumentParser, name: str) -> None:
    add = command.add_argument_group("options of every source").add_argument
    add("--name", type=options.name, default=name, metavar="NAME", help=NAME_HELP)
    add("--crawl", type=options.crawl, metavar="ID", help="what to call this run in the records")
    add(
        "--limit",
        type=options.limit,
        metavar="N",
        help="stop after so many posts and deletions (a page that has begun is sent whole)",
    )
    add("--for", dest="seconds", type=options.seconds, metavar="SECONDS", help="stop after so long")
    add("--dry-run", action="store_true", help="show the records on stdout and send nothing")
    add("--report", type=Path, metavar="FILE", help="write the counts and gaps there as JSON")
    add(
        "--archive",
        metavar="PLACE",
        help="keep the raw payloads, compressed, in this folder or in s3://BUCKET/PREFIX",
    )
    add(
        "--hashtag-labels",
        type=Path,
        nargs="?",
        const=DEFAULT_LABELS,
        metavar="FILE",
        help="label posts by their hashtags and take these out of the text "
        f"(default: {DEFAULT_LABELS.name})",
    )
