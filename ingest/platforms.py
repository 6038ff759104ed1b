"""The platforms that can be read live: each is a module of `ingest/live/`, found by its name.

Adding one is adding a module that fits `Platform`, and its fake server: docs/sources.md.
"""

import argparse
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Protocol, cast

from ingest import live
from ingest.context import Context
from ingest.sources import LiveSource
from stream.settings import Settings


class Platform(Protocol):
    """What a module of `ingest/live/` holds. A module whose name has `_` is a part of another."""

    NAME: str
    """The module's own name: what is typed after `python -m ingest`, and the default of --name."""
    HELP: str
    """One line for `python -m ingest --help`."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Adds the platform's own options beside the common ones.

        None of them may be `required=True`, no positional without `nargs="?"` or `"*"`, and no
        subparsers: `python -m ingest check NAME` takes the same ones and needs none. What is
        missing for a crawl is said by `read`, as a UserError. For what is no crawl (`x rules`):
        `parser.set_defaults(act=function)`, called before the crawl with (arguments, settings,
        context); it gives an exit code, or None to crawl.
        """
        ...

    def make(
        self, arguments: argparse.Namespace, settings: Settings, context: Context
    ) -> LiveSource:
        """Makes the source. It asks the platform for nothing yet.

        Raises:
            UserError: a token is missing, or an option is wrong.
        """
        ...


def names() -> list[str]:
    """Names the platforms there are, without importing them."""
    found = (module.name for module in pkgutil.iter_modules(live.__path__))
    return sorted(name for name in found if "_" not in name)


def load(name: str) -> Platform:
    """Imports one."""
    return cast(Platform, import_module(f"{live.__name__}.{name}"))


def every() -> Iterator[Platform]:
    """Imports all, for the help."""
    return map(load, names())
