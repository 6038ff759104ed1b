"""`python -m indexer`: classified posts into Elasticsearch, and what is there."""

import argparse
import sys
from pathlib import Path

from indexer import accounting, queries, service, summary, templates
from indexer.client import asking, connect
from stream import cli
from stream.settings import load_settings


def main() -> int:
    """Parses the command line and runs one command."""
    parser = argparse.ArgumentParser(prog="python -m indexer", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("setup", help="put the index templates; repeating it changes nothing")
    commands.add_parser("run", help="index posts.classified until stopped")
    tell = commands.add_parser("summary", help="tell what people feel, read from Elasticsearch")
    tell.add_argument("--crawl", metavar="ID", help="only the posts of this crawl")
    tell.add_argument(
        "--report",
        metavar="FILE",
        type=Path,
        help="what `ingest replay --report` wrote: account for every post it sent; exit 1 if "
        "one is missing",
    )
    tell.add_argument(
        "--wait",
        metavar="SECONDS",
        type=_seconds,
        default=0.0,
        help="with --report: how long to wait for the posts still on their way",
    )
    arguments = parser.parse_args()
    cli.set_up_logs()
    if arguments.command == "setup":
        return _setup()
    if arguments.command == "run":
        service.run(load_settings(), cli.stop_on_signals())
        return 0
    if arguments.wait and not arguments.report:
        parser.error("--wait needs --report: without it nobody knows what to wait for")
    return _summary(arguments.crawl, arguments.report, arguments.wait)


def _setup() -> int:
    settings = load_settings()
    with asking(settings), connect(settings) as client:
        for sentence in templates.set_up(client):
            print(sentence)
    return 0


def _summary(crawl: str | None, report_file: Path | None, wait: float) -> int:
    settings = load_settings()
    report = accounting.read_report(report_file) if report_file else None
    crawl = crawl or (report.crawl if report else None)
    account = None
    with asking(settings), connect(settings) as client:
        if report:
            account = accounting.settle(client, settings, report, wait, _progress)
        found = queries.overview(client, crawl)
        words = queries.words(client, found.top_emotion, crawl) if found.top_emotion else []
        deletions = queries.deletions(client, crawl)
    since = report.started_at if report and report.crawl == crawl else None
    letters = accounting.letters(settings, crawl, since)
    reasons = accounting.reasons(letters.found)
    colour = sys.stdout.isatty()
    print(summary.render(found, words, deletions, reasons, letters.foreign, colour))
    print(summary.ready_queries(settings, found.top_emotion or "joy"))
    if account is None:
        return 0
    print("\n" + "\n".join(account.sentences()))
    return 0 if account.settled else 1


def _progress(done: int, of: int, last: bool) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done:,} of {of:,} posts accounted for" + ("\n" if last else ""))
        sys.stderr.flush()


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError("must be 0 or more seconds")
    return seconds


if __name__ == "__main__":
    cli.entry(main)
