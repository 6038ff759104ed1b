"""Where the records of a command go, and what it says at its end."""

import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ingest.sending import Destination, KafkaDestination
from stream import crash, logs
from stream.broker import KafkaWriter, create_topics
from stream.codec import encode
from stream.dead_letters import DeadLetter
from stream.errors import UserError
from stream.posts import Collected
from stream.settings import load_settings


def destination(dry_run: bool, closing: ExitStack) -> Destination:
    """Gives the topics, or the terminal.

    Raises:
        UserError: no broker answers.
    """
    if dry_run:
        return Printed()
    settings = load_settings()
    crash.arm(settings.crash_at)
    create_topics(settings)
    writer = closing.enter_context(KafkaWriter(settings))
    return KafkaDestination(writer, settings.health_dir)


class Printed:
    """Shows records on standard output and dead letters on standard error."""

    def write(self, records: Sequence[Collected]) -> Sequence[tuple[int, str]]:
        """Prints each record as one line of JSON."""
        for record in records:
            sys.stdout.buffer.write(encode(record) + b"\n")
        sys.stdout.buffer.flush()
        return ()

    def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Prints where each letter came from and why."""
        for letter in letters:
            sys.stderr.write(f"{letter.source.place}: {letter.reason}\n")


def tell(counts: object, report: Path | None, fields: dict[str, Any]) -> None:
    """Writes the counts for a person and, where asked, for a program.

    Raises:
        UserError: the report cannot be written.
    """
    logs.say(str(counts))
    if report is not None:
        try:
            report.write_text(json.dumps(fields) + "\n", encoding="utf-8")
        except OSError as error:
            raise UserError(f"{report}: cannot be written: {error.strerror}") from None
