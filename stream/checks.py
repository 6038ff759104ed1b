"""What can be wrong with what all stations share: the settings, Kafka, the heartbeats."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from stream import health
from stream.doctor import kafka as kafka_checks
from stream.doctor.findings import Finding, problem, warning
from stream.settings import (
    Settings,
    secrets,
    settings_file,
    unknown_variables,
)

OTHERS_READ = 0o004


def checks(settings: Settings, watch: float) -> Iterator[Finding]:
    """Looks at the settings, the heartbeats, the brokers and the topics."""
    yield from of_settings(settings)
    yield from of_health(settings.health_dir)
    yield from kafka_checks.checks(settings, watch)


def of_settings(settings: Settings) -> Iterator[Finding]:
    """Whether variables are misspelt, and whether others may read a secret in the file.

    A secret in a file of its own that others may read is no finding: no program starts with it.
    """
    for name in unknown_variables():
        yield warning(
            "settings-unknown",
            f"{name} is set and is no setting of ours",
            f"`python -m stream config` lists them; `unset {name}` if it is a typing error",
        )
    if settings.crash_at:
        yield problem(
            "crash-point-set",
            f"EMOSTREAM_CRASH_AT={settings.crash_at} kills the stations; it is for tests",
            "`unset EMOSTREAM_CRASH_AT`",
        )
    file = settings_file()
    if file.is_file() and file.stat().st_mode & OTHERS_READ:
        kept = tomllib.loads(file.read_text(encoding="utf-8")).keys() & set(secrets())
        if kept:
            yield warning(
                "settings-file-open",
                f"all users of this machine may read {file}, which holds {', '.join(sorted(kept))}",
                f"`chmod 600 {file}`",
            )


def of_health(folder: Path | None) -> Iterator[Finding]:
    """Whether every loop that has left a heartbeat still turns."""
    if folder is None or not folder.is_dir():
        return
    alive, sentence = health.verdict(folder)
    if not alive:
        yield problem(
            "health-stale",
            sentence,
            f"start that station again; if it runs no more on this machine, remove {folder}",
        )
