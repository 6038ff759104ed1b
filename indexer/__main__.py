"""`python -m indexer`: classified posts into Elasticsearch, and what is there."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from indexer import (
    accounting,
    lifecycle,
    migration,
    purge,
    queries,
    security,
    service,
    summary,
    templates,
)
from indexer.bulk import Bulk
from indexer.sink import limits
from stream import cli
from stream.elastic import asking, connect
from stream.settings import load_settings
from stream.workbench import letters

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main() -> int:
    """Parses the command line and runs one command."""
    parser = argparse.ArgumentParser(prog="python -m indexer", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (_add_setup, _add_run, _add_summary, _add_expire, _add_purge, _add_migrate):
        add(commands)
    arguments = parser.parse_args()
    if arguments.command == "summary" and arguments.wait and not arguments.report:
        parser.error("--wait needs --report: without it nobody knows what to wait for")
    cli.set_up_logs("indexer")
    code: int = arguments.run(arguments)
    return code


def _add_setup(commands: Commands) -> None:
    command = commands.add_parser(
        "setup",
        help="put templates, lifecycle and, where the cluster has security, users, a role and "
        "API keys; repeating it changes nothing",
    )
    command.add_argument(
        "--secrets",
        metavar="FOLDER",
        type=Path,
        help="where the passwords are, from `python -m stack secrets`, and the API keys go",
    )
    command.set_defaults(run=lambda given: _setup(given.secrets))


def _add_run(commands: Commands) -> None:
    command = commands.add_parser("run", help="index posts.classified until stopped")
    command.set_defaults(run=lambda _given: _run())


def _add_summary(commands: Commands) -> None:
    command = commands.add_parser("summary", help="tell what people feel, read from Elasticsearch")
    command.add_argument("--crawl", metavar="ID", help="only the posts of this crawl")
    command.add_argument(
        "--report",
        metavar="FILE",
        type=Path,
        help="what `ingest replay --report` wrote: account for every post it sent; exit 1 if "
        "one is missing",
    )
    command.add_argument(
        "--wait",
        metavar="SECONDS",
        type=_seconds,
        default=0.0,
        help="with --report: how long to wait for the posts still on their way",
    )
    command.set_defaults(run=lambda given: _summary(given.crawl, given.report, given.wait))


def _add_expire(commands: Commands) -> None:
    command = commands.add_parser(
        "expire", help="delete the months that are past EMOSTREAM_RETENTION_MONTHS, in whole"
    )
    command.add_argument("--months", metavar="N", type=_months, help="instead of the setting")
    command.add_argument("--dry-run", action="store_true", help="only name them")
    command.set_defaults(run=lambda given: _expire(given.months, given.dry_run))


def _add_purge(commands: Commands) -> None:
    command = commands.add_parser(
        "purge",
        help="erase all posts of one author, and keep them out: those on their way, and replays",
    )
    command.add_argument(
        "--author", required=True, metavar="PLATFORM:ID", help="as bluesky:did:plc:… or x:12345"
    )
    command.add_argument(
        "--for-good", action="store_true", help="keep out what they write from now on, too"
    )
    command.add_argument("--dry-run", action="store_true", help="only count")
    command.set_defaults(run=lambda given: _purge(given.author, given.for_good, given.dry_run))


def _add_migrate(commands: Commands) -> None:
    command = commands.add_parser(
        "migrate", help="copy the posts of another version's indices into this version's"
    )
    command.add_argument(
        "--finish",
        action="store_true",
        help="close the other version's indices and let readers read this version's",
    )
    command.add_argument(
        "--drop-old",
        action="store_true",
        help="delete the other version's indices, once all their posts are in this version's",
    )
    command.set_defaults(run=lambda given: _migrate(given.finish, given.drop_old))


def _run() -> int:
    service.run(load_settings(), cli.stop_on_signals())
    return 0


def _setup(secrets: Path | None) -> int:
    settings = load_settings()
    with asking(settings), connect(settings) as client:
        for sentence in templates.set_up(client):
            print(sentence)
        for sentence in lifecycle.set_up(client, settings.retention_months):
            print(sentence)
        for sentence in security.set_up(client, secrets):
            print(sentence)
    return 0


def _expire(months: int | None, dry_run: bool) -> int:
    settings = load_settings()
    months = months or settings.retention_months
    if months is None:
        print("EMOSTREAM_RETENTION_MONTHS is not set: posts are kept for ever")
        return 0
    with asking(settings), connect(settings) as client:
        indices = lifecycle.past(client, months, datetime.now(UTC))
        for index in indices:
            if not dry_run:
                lifecycle.delete(client, index)
            print(f"{index} {'would be' if dry_run else 'is'} deleted", flush=True)
    if not indices:
        print(f"nothing is past {months} months")
    return 0


def _purge(given: str, for_good: bool, dry_run: bool) -> int:
    settings = load_settings()
    author = purge.author_of(given, datetime.now(UTC), for_good=for_good)
    with asking(settings), connect(settings) as client:
        for sentence in purge.purge(client, settings, author, dry_run=dry_run):
            _say(sentence)
    return 0


def _migrate(finish: bool, drop_old: bool) -> int:
    settings = load_settings()
    with asking(settings), connect(settings) as client:
        bulk = Bulk(client, limits(settings), cli.stop_on_signals())
        migration.migrate(client, bulk, finish=finish, say=_say)
        if finish:
            for sentence in lifecycle.extend(client):
                print(sentence)
        if drop_old:
            migration.drop_old(client, bulk, _say)
    return 0


def _say(sentence: str) -> None:
    print(sentence, flush=True)


def _summary(crawl: str | None, report_file: Path | None, wait: float) -> int:
    settings = load_settings()
    report = accounting.read_report(report_file) if report_file else None
    crawl = crawl or (report.crawl if report else None)
    account = None
    with asking(settings), connect(settings) as client:
        if report:
            account = accounting.settle(client, settings, report, wait, _progress)
        found = queries.overview(client, crawl)
        words = {one: queries.words(client, one, crawl) for one in found.top_emotions}
        deletions = queries.deletions(client, crawl)
    since = report.started_at if report and report.crawl == crawl else None
    found_letters = letters.letters(settings, crawl, since)
    reasons = letters.reasons(found_letters.found)
    colour = sys.stdout.isatty()
    print(summary.render(found, words, deletions, reasons, found_letters.foreign, colour))
    print(summary.ready_queries(settings, next(iter(words), "joy")))
    if account is None:
        return 0
    print("\n" + "\n".join(account.sentences()))
    return 0 if account.settled else 1


def _progress(done: int, of: int, last: bool) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done:,} of {of:,} posts accounted for" + ("\n" if last else ""))
        sys.stderr.flush()


def _months(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number of months, 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError("must be 0 or more seconds")
    return seconds


if __name__ == "__main__":
    cli.entry(main)
