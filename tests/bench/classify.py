"""Texts to probabilities: ours and what others would use, each from a list of str to a matrix."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from classifier.labels import EMOTIONS
from classifier.readers import goemotions
from stream.errors import UserError
from stream.settings import load_settings
from tests.bench import venv
from tests.bench.child import child
from tests.bench.trials import Bench, Goal, Limit, Run, Side

OURS, PEERS = sys.executable, "the peers' environment"
PROGRAM = "tests.bench.programs.texts"

SIDES = {
    "ours": OURS,
    "ours, as predictions": OURS,
    "ours, one at a time": OURS,
    "fastText": PEERS,
    "fastText, pairs of words": PEERS,
    "tokenizers, mean, linear": OURS,
    "MiniLM": OURS,
}
"""Side to the Python it runs in; what each does is in `tests/bench/programs/texts.py`."""


@contextmanager
def sides() -> Iterator[Mapping[str, Side]]:
    """Starts a process for each side, all on one core, whose turns do not overlap."""
    core = str(max(os.sched_getaffinity(0)))
    one = {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    with ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "texts.json"
        data.write_text(json.dumps(_texts()), encoding="utf-8")
        turns = {}
        for name, python in SIDES.items():
            command = (venv.python() if python == PEERS else python, "-m", PROGRAM, name)
            turns[name] = stack.enter_context(child(*command, str(data), core, variables=one))
        yield {name: partial(_run, turn) for name, turn in turns.items()}


def _run(turn: Callable[[], Mapping[str, Any]]) -> Run:
    return Run(**turn())


def _texts() -> dict[str, tuple[tuple[str, ...], list[list[int]]]]:
    """The splits of GoEmotions: the texts, and the labels of each as rows of 0 and 1."""
    folder = load_settings().data_dir
    if not (folder / "goemotions").is_dir():
        raise UserError(
            f"no GoEmotions in {folder}: set EMOSTREAM_DATA_DIR to a folder that has it"
        )
    splits = {}
    for split in ("train", "dev", "test"):
        read = goemotions(folder, split)
        rows = [[int(n in right) for n in range(len(EMOTIONS))] for right in read.targets]
        splits[split] = (read.texts, rows)
    return splits


BENCH = Bench(
    name="classify",
    title="Text to labels",
    about="GoEmotions' test texts, from a list of `str` to a matrix of probabilities, on one core."
    " Ours gives 51 labels of four heads and the language, as shipped; fastText its 28 emotions,"
    " one-vs-all, with 128 dimensions as ours, learned from GoEmotions' train split, by words or"
    " also by pairs of them (ours has phrases), its lines made before the clock and its answers put"
    " into a matrix after it; tokenizers and MiniLM 28 of random weights, for speed alone. MiniLM"
    " does every fifth batch of the texts in the order of their lengths. Macro F1 is that of the"
    " emotions, all thresholds placed on dev in the same way.",
    sides=sides,
    goals=(
        Goal("ours", "fastText", 2),
        Goal("ours", "fastText", 1, by="macro_f1"),
        Goal("ours", "tokenizers, mean, linear", 4),
        Goal("ours", "MiniLM", 300),
    ),
    limits=(Limit("ours, one at a time", "p99_ms", 1.0),),
)
