"""YouTube comments, live: `python -m ingest youtube`, with a key of the YouTube Data API v3."""

import argparse
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from ingest import options
from ingest.context import Context
from ingest.ledger import Ledger
from ingest.live.youtube_api import TIMEOUT_SECONDS, Api
from ingest.live.youtube_comments import Comments
from ingest.live.youtube_refresh import Refreshing, Register
from ingest.live.youtube_source import YouTube
from ingest.live.youtube_videos import Targets
from ingest.quota import LEDGER, SEARCHES, UNITS, Quota, added
from stream.errors import UserError
from stream.settings import Settings

NAME: Final = "youtube"
HELP: Final = "comments and replies of videos, channels, playlists and searches (needs an API key)"

_VIDEO = re.compile(
    r"(?:https?://(?:www\.|m\.)?(?:youtube\.com/(?:watch\?(?:.*&)?v=|shorts/|live/|embed/)"
    r"|youtu\.be/))?([A-Za-z0-9_-]{11})(?:[?&#].*)?"
)
_CHANNEL = re.compile(
    r"(?:https?://(?:www\.|m\.)?youtube\.com/(?:channel/)?)?(UC[A-Za-z0-9_-]{22}|@[^\s/?#]{3,64})"
    r"(?:[/?#].*)?"
)
_PLAYLIST = re.compile(
    r"(?:https?://(?:www\.|m\.)?youtube\.com/\S*[?&]list=)?([A-Za-z0-9_-]{12,64})(?:&.*)?"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds what is read, and how far back."""
    add = parser.add_argument
    many = partial(add, nargs="+", action="extend", default=[])
    many("--video", type=_id(_VIDEO, "a video"), metavar="ID", help="ids or addresses")
    many(
        "--channel",
        type=_id(_CHANNEL, "a channel"),
        metavar="ID|@HANDLE",
        help="the newest videos of these",
    )
    many("--playlist", type=_id(_PLAYLIST, "a playlist"), metavar="ID", help="as above")
    many("--search", metavar="QUERY", help="the videos that a search finds")
    add(
        "--order",
        choices=["relevance", "date", "viewCount", "rating"],
        default="relevance",
        help="of a search (default: relevance)",
    )
    add(
        "--newest",
        type=options.limit,
        default=50,
        metavar="N",
        help="videos of each channel, playlist and search (default: 50)",
    )
    add("--since", type=options.time, metavar="TIME", help="no threads from before")
    add("--once", action="store_true", help="stop when all comments there are have been read")
    add(
        "--refresh-days",
        type=options.limit,
        metavar="N",
        help="look at every comment again after so many days, and delete what is gone "
        "(YouTube's terms: 30 at most)",
    )


def make(
    arguments: argparse.Namespace,
    settings: Settings,
    context: Context,
    timeout: float = TIMEOUT_SECONDS,
) -> YouTube:
    """Makes the source; `timeout` is the seconds of silence after which a request is given up.

    Raises:
        UserError: there is no key, or no place for what `--refresh-days` needs.
    """
    if settings.youtube_api_key is None:
        raise UserError(
            "EMOSTREAM_YOUTUBE_API_KEY is not set: make a key in the Google Cloud console, in a "
            "project with the YouTube Data API v3 switched on"
        )
    key = settings.youtube_api_key.get_secret_value()
    ledger = Ledger.of(context.state, NAME, key, LEDGER, added)
    sizes = {UNITS: settings.youtube_units_a_day, SEARCHES: settings.youtube_searches_a_day}
    api = Api(
        key,
        settings.youtube_api,
        Quota(ledger, sizes, context.now),
        context.stop,
        context.now,
        timeout,
    )
    targets = Targets(
        tuple(dict.fromkeys(arguments.video)),
        tuple(dict.fromkeys(arguments.channel)),
        tuple(dict.fromkeys(arguments.playlist)),
        tuple(dict.fromkeys(arguments.search)),
        arguments.newest,
        arguments.order,
    )
    comments = Comments(api, context, arguments.since)
    refreshing = None
    if arguments.refresh_days is not None:
        days = timedelta(days=arguments.refresh_days)
        refreshing = Refreshing(Register.open(settings.state_dir), days)
    return YouTube(api, targets, context, comments, arguments.once, refreshing)


def _id(pattern: re.Pattern[str], what: str) -> Callable[[str], str]:
    """Takes the id out of an id or an address that people paste."""

    def taken(value: str) -> str:
        found = pattern.fullmatch(value)
        if not found:
            raise argparse.ArgumentTypeError(f"{value}: is no id or address of {what}")
        return found[1]

    return taken
