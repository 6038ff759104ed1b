"""python -m stack install | up | down | status | logs: the local Kafka and Elasticsearch.

`python -m stack secrets` makes passwords and certificates for servers of one's own.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from stack import jars, logs, procfile, report, secrets, session
from stack.errors import StackError
from stack.jars import Jar
from stack.plan import TIMEOUT, Plan, Wishes, install, make_plan
from stack.state import DataDirectory
from stack.supervisor import Supervisor

INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m stack", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)

    commands.add_parser("install", help="fetch and check the servers' archives")

    up = commands.add_parser("up", help="start both servers and wait until they are ready")
    add_data(up)
    up.add_argument("--kafka-port", type=port, metavar="N", help="default 9092, or a free one")
    up.add_argument(
        "--elasticsearch-port", type=port, metavar="N", help="default 9200, or a free one"
    )
    up.add_argument("--wipe", action="store_true", help="begin with empty data")
    up.add_argument("--foreground", action="store_true", help="stay until Ctrl-C, then stop all")
    up.add_argument(
        "--timeout",
        type=seconds,
        default=TIMEOUT,
        metavar="SECONDS",
        help="until both must be ready (default %(default)g)",
    )
    up.add_argument(
        "--procfile", type=Path, metavar="FILE", help="`name: command` lines to run beside them"
    )

    down = commands.add_parser("down", help="stop everything that `up` started")
    add_data(down)
    down.add_argument("--wipe", action="store_true", help="delete the data too")

    status = commands.add_parser("status", help="show every process; exit code 0 if all are ready")
    add_data(status)
    status.add_argument("--json", action="store_true", help="for programs")

    show = commands.add_parser("logs", help="show the last lines of the logs")
    add_data(show)
    show.add_argument("name", nargs="?", help="kafka, elasticsearch, supervisor, or a command")
    show.add_argument("-n", type=count, default=20, metavar="LINES", help="(default %(default)s)")
    show.add_argument("-f", action="store_true", dest="follow", help="follow them until Ctrl-C")

    make = commands.add_parser(
        "secrets", help="make the passwords of servers of your own; what is there is never changed"
    )
    make.add_argument("folder", type=Path, metavar="FOLDER", help="one file for each secret")
    make.add_argument(
        "--certificates",
        nargs="+",
        default=[],
        metavar="HOST",
        help="make an authority and a certificate for each host too",
    )
    return top


def add_data(command: argparse.ArgumentParser) -> None:
    """Give a command the flag that names the data directory."""
    command.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("EMOSTREAM_STACK_DIR") or ".stack"),
        metavar="DIR",
        help="(default %(default)s)",
    )


def port(text: str) -> int:
    """Read a TCP port."""
    number = int(text) if text.isdigit() else 0
    if not 1 <= number <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 1 to 65535")
    return number


def seconds(text: str) -> float:
    """Read a positive number of seconds."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: give a number of seconds above 0")
    return number


def count(text: str) -> int:
    """Read a number of lines."""
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of lines")
    return int(text)


def run_install() -> int:
    """Fetch what is missing, with a progress bar on a terminal."""
    fetch()
    print(f"the servers' archives are in {jars.default_cache()}")
    return 0


def fetch() -> None:
    """Make sure every archive is there and is the one its lock names."""
    from tqdm import tqdm

    total = sum(len(jars.read_lock(name).jars) for name in jars.ENVIRONMENTS)
    # disable=None: only on a terminal; delay: a full cache takes less and shows nothing
    with tqdm(total=total, desc="archives", unit=" jar", disable=None, delay=1.0) as bar:

        def installed(_: Jar) -> None:
            bar.update()

        install(session.default_jar_cache(), installed)


def run_up(options: argparse.Namespace) -> int:
    """Start the stack, or say that it is up already."""
    directory = DataDirectory(options.data.absolute())
    commands = procfile.read(options.procfile) if options.procfile else {}
    if directory.is_up():
        return join(directory, options, commands)
    if options.wipe:
        session.down(directory)  # children of a killed supervisor may still be ending
        directory.wipe()
    fetch()
    wishes = Wishes(
        directory.path,
        options.kafka_port,
        options.elasticsearch_port,
        options.timeout,
        commands=commands,
    )
    plan = make_plan(wishes, session.default_jar_cache())
    if options.foreground:
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
        Supervisor(plan, on_ready=lambda: print_addresses(plan)).run()
        return 0
    session.wait_until_ready(directory, session.launch(plan))
    print_addresses(plan)
    return tell_of_commands(directory, commands)


def join(directory: DataDirectory, options: argparse.Namespace, commands: dict[str, str]) -> int:
    """Use the stack that is up: check that it is the one wished for, and run the commands."""
    if options.wipe:
        raise StackError("the stack is up: run `python -m stack down --wipe`, then `up` again")
    stack = session.wait_for_other(directory, options.timeout)
    for flag, asked, address in (
        ("--kafka-port", options.kafka_port, stack.kafka),
        ("--elasticsearch-port", options.elasticsearch_port, stack.elasticsearch),
    ):
        if asked is not None and asked != report.port_of(address):
            raise StackError(
                f"the stack is already up with {address}: run `python -m stack down` first, "
                f"or leave {flag} out"
            )
    if commands:
        stack.run(commands, Path.cwd())
    print("the servers are already up")
    print_addresses(stack)
    return tell_of_commands(directory, commands)


def tell_of_commands(directory: DataDirectory, commands: dict[str, str]) -> int:
    """Say which commands run; exit code 1 if one could not."""
    fallen = session.fallen(directory, tuple(commands))
    running = [name for name in commands if name not in fallen]
    if running:
        print(f"running        {', '.join(running)}", flush=True)
    for name, code in fallen.items():
        print(
            f"stack: {name} ended with code {code} and is tried again: "
            f"`python -m stack logs {name}` says why",
            file=sys.stderr,
        )
    return 1 if fallen else 0


def print_addresses(stack: Plan | session.Stack) -> None:
    """Say where the servers are."""
    print(f"kafka          {stack.kafka}")
    print(f"elasticsearch  {stack.elasticsearch}", flush=True)


def run_down(options: argparse.Namespace) -> int:
    """Stop the stack, if there is one."""
    directory = DataDirectory(options.data.absolute())
    print("stopped" if session.down(directory) else "nothing was running")
    if options.wipe:
        wiped = directory.wipe()
        print(
            f"the data in {directory.path} is deleted" if wiped else "there was no data to delete"
        )
    return 0


def run_status(options: argparse.Namespace) -> int:
    """Show every process; exit code 0 only if all are ready."""
    lines = report.report(DataDirectory(options.data.absolute()))
    if options.json:
        print(json.dumps([asdict(line) for line in lines], indent=1))
    else:
        print(
            report.table(lines) if lines else "nothing is running: `python -m stack up` starts it"
        )
    return 0 if lines and all(line.ready for line in lines) else 1


def run_logs(options: argparse.Namespace) -> int:
    """Show logs, and follow them if asked."""
    chosen = logs.find(DataDirectory(options.data.absolute()), options.name)
    for line in logs.last_lines(chosen, options.n):
        print(line)
    if options.follow:
        for line in logs.follow(chosen):
            print(line, flush=True)
    return 0


def run_secrets(options: argparse.Namespace) -> int:
    """Make the secrets that are missing; name what was made, and never show a value."""
    folder = secrets.Folder(options.folder)
    warnings = []
    try:
        secrets.make(folder)
        if options.certificates:
            warnings = make_certificates(folder, options.certificates)
    finally:
        print(f"{folder.path}: made {', '.join(folder.made) or 'nothing'}")
    for warning in warnings:
        print(f"stack: {warning}", file=sys.stderr)
    return 0


def make_certificates(folder: secrets.Folder, hosts: list[str]) -> list[str]:
    """Make the certificates that are missing; give a line for each that ends soon."""
    try:
        from stack import certificates
    except ImportError:
        raise StackError("certificates need a package: `pip install cryptography`") from None
    return certificates.make(folder, hosts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a fault the user can mend is one line on stderr and exit code 1."""
    options = parser().parse_args(arguments)
    try:
        match options.command:
            case "install":
                return run_install()
            case "up":
                return run_up(options)
            case "down":
                return run_down(options)
            case "status":
                return run_status(options)
            case "logs":
                return run_logs(options)
            case _:
                return run_secrets(options)
    except StackError as cause:
        print(f"stack: {cause}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of `logs` has seen enough
        sys.stderr.close()
        return 0


if __name__ == "__main__":
    sys.exit(main())
