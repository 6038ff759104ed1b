"""Stations as children of a server that has everything imported: a start takes no seconds.

The server forks each station before it has any thread. What is forked is the command as its users
run it; only the model is the one already loaded.
"""

import ctypes
import importlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from classifier import service as _classifier  # noqa: F401 - imported before the fork
from classifier.predictor import Predictor
from indexer import service as _indexer  # noqa: F401
from ingest import live
from stream import cli
from stream.settings import load_settings

PLATFORMS = Path(__file__).parent / "platforms"
COMMANDS = ("classifier", "indexer", "ingest", "stream")
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG, prctl(2)

torch.set_num_threads(1)
PREDICTOR = Predictor.load()
for command in COMMANDS:
    importlib.import_module(f"{command}.__main__")


def run(command: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    """Is `python -m COMMAND ARGUMENTS` until its end."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, sys.stdout.fileno())
    os.dup2(file, sys.stderr.fileno())
    os.environ.update(environment)
    load_settings.cache_clear()
    live.__path__.append(str(PLATFORMS))  # as if its modules lay in ingest/live/
    setattr(Predictor, "load", staticmethod(lambda *_, **__: PREDICTOR))  # noqa: B010
    sys.argv = [command, *arguments]
    cli.entry(importlib.import_module(f"{command}.__main__").main)
