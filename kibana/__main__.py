"""`python -m kibana`: the dashboards, built, checked, imported."""

import argparse
import json
from pathlib import Path

from kibana import asking as panels
from kibana import building, checks, importing
from kibana.intervals import interval_for
from kibana.reading import read
from kibana.server import Kibana
from stream import cli
from stream.elastic import asking, connect
from stream.errors import UserError
from stream.settings import load_settings


def main() -> int:
    """Parses the command line and runs one command."""
    parser = argparse.ArgumentParser(prog="python -m kibana", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    build = commands.add_parser("build", help="write kibana/emotions.ndjson")
    build.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit 1 if the file is not the built one",
    )
    check = commands.add_parser("check", help="check the file without a Kibana")
    check.add_argument(
        "--es",
        action="store_true",
        help="also send every panel's search to Elasticsearch; exit 1 if one finds nothing",
    )
    check.add_argument(
        "--since",
        metavar="TIME",
        type=_time,
        help="with --es: from this time on, such as now-7d or 2026-11-14, instead of each "
        "dashboard's own",
    )
    bring = commands.add_parser("import", help="import the file; what is there is replaced")
    bring.add_argument(
        "--wait",
        metavar="SECONDS",
        type=_seconds,
        default=0.0,
        help="how long to wait for Kibana to be available",
    )
    fetch = commands.add_parser(
        "export", help="fetch the same objects and tell how they differ; exit 1 if they do"
    )
    fetch.add_argument("file", metavar="FILE", type=Path, help="where to write them")
    arguments = parser.parse_args()
    cli.set_up_logs("kibana")
    if arguments.command == "build":
        return _build(arguments.check)
    if arguments.command == "check":
        if arguments.since and not arguments.es:
            parser.error("--since needs --es: without it nothing is searched")
        return _check(arguments.es, arguments.since or "")
    if arguments.command == "import":
        return _import(arguments.wait)
    return _export(arguments.file)


def _build(only_check: bool) -> int:
    built = building.built()
    if not only_check:
        building.FILE.write_text(built, encoding="utf-8")
        print(f"{building.FILE.name}: {built.count(chr(10)) - 1} objects")
        return 0
    if building.FILE.is_file() and built == _committed():
        print(f"{building.FILE.name} is what the code builds")
        return 0
    print(f"{building.FILE.name} is not what the code builds: run `python -m kibana build`")
    return 1


def _check(ask: bool, since: str) -> int:
    text = _committed()
    faults = checks.faults(text)
    for fault in faults:
        print(fault)
    if faults:
        print(f"{building.FILE.name}: {len(faults)} faults")
        return 1
    objects = [json.loads(line) for line in text.splitlines()]
    contents = read(objects)
    print(
        f"{building.FILE.name}: {len(objects) - 1} objects, {len(contents.pages)} dashboards: well"
    )
    if not ask:
        return 0
    settings = load_settings()
    with asking(settings), connect(settings) as client:
        parts = panels.ask(client, contents, since)
    print("\n".join(panels.told(parts)))
    return 0 if all(part.rows for part in parts) else 1


def _import(wait: float) -> int:
    kibana = Kibana(load_settings())
    content = _committed()
    if checks.faults(content):
        raise UserError(
            f"{building.FILE} is faulty, nothing was imported: `python -m kibana check` names the "
            "faults, `python -m kibana build` writes the file anew"
        )
    importing.wait_until_available(kibana, wait)
    for one in importing.put(kibana, content.encode()):
        print(one)
    print(f"{kibana.address}/app/dashboards#/view/emostream-now")
    return 0


def _export(file: Path) -> int:
    ours = _committed()
    objects = [json.loads(line) for line in ours.splitlines()]
    identities = [(one["type"], one["id"]) for one in objects if "id" in one]
    theirs = importing.fetch(Kibana(load_settings()), identities)
    try:
        file.write_text(theirs, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from None
    differences = list(importing.differences(ours, theirs))
    for difference in differences:
        print(difference)
    print(f"{file}: {len(identities)} objects, {len(differences)} of them differ")
    return 1 if differences else 0


def _committed() -> str:
    try:
        return building.FILE.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{building.FILE} is not there: run `python -m kibana build`") from None
    except UnicodeDecodeError:
        raise UserError(f"{building.FILE} is not UTF-8: run `python -m kibana build`") from None


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError("must be 0 or more seconds")
    return seconds


def _time(text: str) -> str:
    try:
        interval_for(text)
    except (ValueError, KeyError):
        raise argparse.ArgumentTypeError(
            "must be a time such as now-7d, 2026-11-14 or 2026-11-14T06:00:00Z"
        ) from None
    return text


if __name__ == "__main__":
    cli.entry(main)
