"""The platform in memory as a module of `ingest/live/` would be: for tests of the command."""

import argparse
import sys
import time
from dataclasses import replace
from threading import Event

from ingest.context import Context
from ingest.sources import LiveSource
from stream.errors import UserError
from stream.settings import Settings
from tests.ingest.doubles import SettableClock
from tests.ingest.live.fake_memory import MemoryPlatform

NAME = "memory"
HELP = "a platform in memory"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--posts", type=int, default=0, help="that it has")
    parser.add_argument("--status", type=int, help="of its first answer")
    parser.add_argument("--text", default="hi", help="of the posts")
    parser.add_argument("--hang", action="store_true", help="when nothing is left")
    parser.add_argument("--silent", action="store_true", help="it never answers")
    parser.add_argument("--count", action="store_true", help="say how many and do nothing")
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace, settings: Settings, context: Context) -> int | None:
    if not arguments.count:
        return None
    if arguments.silent:
        time.sleep(3600)
    print(f"{arguments.posts} posts")
    return 0


def make(arguments: argparse.Namespace, settings: Settings, context: Context) -> LiveSource:
    if arguments.posts < 0:
        raise UserError("--posts: must not be negative")
    platform = MemoryPlatform(SettableClock())
    platform.publish([arguments.text] * arguments.posts)
    if arguments.status:
        platform.answer_next(arguments.status)
    if arguments.silent:
        platform.hang()
    if arguments.hang:
        context = replace(context, stop=Deaf())
    return platform.source(context)


class Deaf(Event):
    """Lets nobody be stopped, and a wait last for ever."""

    def wait(self, timeout: float | None = None) -> bool:
        print("hangs", file=sys.stderr, flush=True)
        return super().wait(3600)
