"""What can be wrong with ingest: where crawls keep their state, their tokens, the quota."""

import os
from collections.abc import Iterator
from pathlib import Path

from ingest.context import utc_now
from ingest.ledger import FOLDER, Ledger
from ingest.quota import SEARCHES, UNITS, Quota
from ingest.state import read_json
from stream.doctor.findings import Finding, problem, warning
from stream.errors import UserError
from stream.settings import PREFIX, Settings

NEEDS = {"x": "x_bearer_token", "youtube": "youtube_api_key", "mastodon": "mastodon"}
"""Platform to the setting without which it gives nothing."""


def checks(settings: Settings, _watch: float) -> Iterator[Finding]:
    """Looks at the folder of the crawls."""
    folder = settings.state_dir
    yield from of_folder(folder)
    if folder.is_dir() and os.access(folder, os.R_OK | os.X_OK):
        yield from of_crawls(settings, folder)
        yield from of_quota(settings, folder / FOLDER)


def of_folder(folder: Path) -> Iterator[Finding]:
    """Whether crawls can keep there how far they have read."""
    nearest = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        yield problem(
            "state-dir-not-writable",
            f"EMOSTREAM_STATE_DIR={folder}: no crawl can keep there how far it has read",
            f"`mkdir -p {folder} && chmod u+rwx {folder}`, or set EMOSTREAM_STATE_DIR",
        )


def of_crawls(settings: Settings, folder: Path) -> Iterator[Finding]:
    """Whether each crawl that has begun here can go on."""
    for file in sorted(folder.glob("*.json")):
        try:
            source = (read_json(file, "state") or {}).get("source", "")
        except (OSError, UserError):
            yield problem(
                "state-damaged",
                f"{file} is no state of a crawl: the crawl {file.stem} does not start",
                f"`mv {file} {file}.damaged`; the crawl begins anew then",
            )
            continue
        needed = NEEDS.get(source)
        if needed and getattr(settings, needed) is None:
            yield warning(
                "token-missing",
                f"the crawl {file.stem} reads {source}, and {PREFIX}{needed.upper()} is not set",
                f"set it (docs/settings.md), or `rm {file}` if that crawl is over",
            )


def of_quota(settings: Settings, ledgers: Path) -> Iterator[Finding]:
    """Whether the day's quota of YouTube still holds a call."""
    sizes = {UNITS: settings.youtube_units_a_day, SEARCHES: settings.youtube_searches_a_day}
    for file in sorted(ledgers.glob("youtube-*.json")):
        try:
            quota = Quota(Ledger(file), sizes, utc_now)
            empty = [bucket for bucket, size in sizes.items() if size and not quota.left(bucket)]
            until = quota.resets_at
        except (UserError, ValueError, KeyError, TypeError):
            yield problem(
                "ledger-damaged",
                f"{file} is no ledger of a quota: the crawls that count in it do not start",
                f"`mv {file} {file}.damaged`; counting begins anew then",
            )
            continue
        for bucket in empty:
            yield warning(
                "quota-used-up",
                f"YouTube's {bucket} of today are used up; crawls go on at {until:%H:%M} UTC",
                "wait, or ask Google for a larger quota and set EMOSTREAM_YOUTUBE_UNITS_A_DAY",
            )
