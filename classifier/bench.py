"""How fast the classifier is on one core: `python -m classifier bench`.

Processor time of this process, so that what else runs on the machine counts little; the median of
several rounds over all texts. A stage that has no function of its own is a difference of two.
"""

import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from classifier import checkpoint
from classifier.explanation import Hidden
from classifier.predictor import CHUNK, Predictor
from classifier.records import classifications, classified_post
from classifier.text import tokenise
from stream.codec import encode
from stream.errors import UserError
from stream.posts import Origin, Post

WARM_UP = 20
"""Single texts before the first that counts."""

_LOAD = """
import torch, time
torch.set_num_threads(1)
start = time.process_time()
from pathlib import Path
from classifier.predictor import Predictor
Predictor.load(Path({folder!r}), compiled_after=0).predict(["ready"])
print(time.process_time() - start)
"""


def bench(folder: Path, texts: Sequence[str], repeat: int, command: str) -> dict[str, Any]:
    """Measures the artifact in a folder on the texts, and says where and how."""
    predictor = Predictor.load(folder, compiled_after=0)
    if predictor.other is not None:
        raise UserError(
            f"{folder} is no bag of embeddings, and the stages are of one; texts a second of any"
            " family: python -m classifier compare"
        )
    gc.collect()
    gc.freeze()  # as the station does: the model need not be looked at again
    total = _totals(predictor, texts, repeat)
    stages = _stages(predictor, texts, repeat)
    within = ("tokens", "ids", "language", "hidden layer", "heads", "probabilities")
    stages["labels and reasons"] = total["labels"] - sum(stages[name] for name in within)
    stages["prediction objects"] = total["predictions"] - total["labels"]
    stages["words behind the emotion"] = total["predictions with words"] - total["predictions"]
    return {
        "command": command,
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
        "model": predictor.model,
        "artifact_bytes": sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()),
        "texts": len(texts),
        "characters_a_text": round(sum(map(len, texts)) / max(len(texts), 1), 1),
        "rounds": repeat,
        "texts_a_second": {name: round(1e6 / micro) for name, micro in total.items()},
        "microseconds_a_text": {name: round(micro, 2) for name, micro in total.items()},
        "stages": {name: round(micro, 2) for name, micro in stages.items()},
        "one_text_milliseconds": _latency(predictor, texts, words=False),
        "one_text_with_words_milliseconds": _latency(predictor, texts, words=True),
        "load_seconds": round(_load(folder, repeat), 3),
        "machine": _machine(),
    }


def write(measured: dict[str, Any], folder: Path) -> list[Path]:
    """Writes bench-classifier.json and bench-classifier.md; returns where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "bench-classifier.json", folder / "bench-classifier.md"]
    checkpoint.write_text(paths[0], json.dumps(measured, indent=2) + "\n")
    checkpoint.write_text(paths[1], markdown(measured))
    return paths


def markdown(measured: dict[str, Any]) -> str:
    """The same for people."""
    machine, one = measured["machine"], measured["one_text_milliseconds"]
    words = measured["one_text_with_words_milliseconds"]
    where = (
        f"`{measured['command']}`, {measured['measured']}: {measured['model']}, one core of"
        f" {machine['processor']}, Python {machine['python']}, torch {machine['torch']}, numpy"
        f" {machine['numpy']}; load average {machine['load_average']}."
    )
    what = (
        f"{measured['texts']:,} texts of {measured['characters_a_text']} characters, {CHUNK} at a"
        f" time; processor time, median of {measured['rounds']} rounds."
    )
    alone = (
        f"One text alone: {one['p50']:.2f} ms (median), {one['p99']:.2f} ms (99th percentile); with"
        f" words {words['p50']:.2f} and {words['p99']:.2f} ms. Loading, after torch is imported,"
        f" and the first text: {measured['load_seconds']:.2f} s. The artifact folder has"
        f" {measured['artifact_bytes'] / 1e6:.1f} MB."
    )
    lines = [
        "# How fast the classifier is",
        "",
        where,
        "",
        what,
        "",
        "| from text to | texts a second | microseconds a text |",
        "|---|---|---|",
    ]
    for name, micro in measured["microseconds_a_text"].items():
        lines.append(f"| {name} | {measured['texts_a_second'][name]:,} | {micro:.2f} |")
    lines += ["", "| stage | microseconds a text |", "|---|---|"]
    lines += [f"| {name} | {micro:.2f} |" for name, micro in measured["stages"].items()]
    lines += ["", alone, ""]
    return "\n".join(lines)


def _totals(predictor: Predictor, texts: Sequence[str], repeat: int) -> dict[str, float]:
    return {
        "labels": _micro(lambda: predictor.label(texts), len(texts), repeat),
        "predictions": _micro(lambda: predictor.predict(texts, words=False), len(texts), repeat),
        "predictions with words": _micro(lambda: predictor.predict(texts), len(texts), repeat),
    }


def _stages(predictor: Predictor, texts: Sequence[str], repeat: int) -> dict[str, float]:
    """Microseconds a text of the stages that can be called alone, on the same parts."""
    network, vocabulary = predictor.network, predictor.artifact.vocabulary
    calibration = predictor.artifact.calibration
    parts = [texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK)]
    spent: dict[str, list[float]] = {}

    def timed(name: str, call: Callable[..., Any], *given: object) -> Any:
        start = time.process_time()
        result = call(*given)
        spent.setdefault(name, [0.0])[-1] += time.process_time() - start
        return result

    now = datetime.now(UTC)
    origin = Origin(crawl="bench")
    post = {"platform": "text", "native_id": "1", "created_at": now, "observed_at": now}
    posts = [encode(Post(**post, text=each, origin=origin)) for each in texts[:CHUNK]]
    labels = predictor.label(texts[:CHUNK], words=True)
    for _ in range(repeat):
        for part in parts:
            tokens = timed("tokens", tokenise, part)
            bags = timed("ids", vocabulary.bags, tokens)
            timed("language", predictor.languages, part, [None] * len(part), tokens, bags)
            hidden = timed("hidden layer", Hidden.of, network, bags)
            logits = timed("heads", network.outer, hidden.bag, hidden.inner)
            timed("probabilities", calibration.probabilities, logits, network.columns)
        for values in spent.values():
            values.append(0.0)
    micro = {name: statistics.median(v[:-1]) / len(texts) * 1e6 for name, v in spent.items()}

    def records() -> list[bytes]:
        said = classifications(labels, predictor.model, now)
        return [classified_post(*both, None, None) for both in zip(posts, said, strict=True)]

    return {**micro, "record for Kafka": _micro(records, len(posts), repeat)}


def _micro(call: Callable[[], object], texts: int, repeat: int) -> float:
    """Median microseconds a text over the rounds, after one that does not count."""
    call()
    spent = []
    for _ in range(repeat):
        start = time.process_time()
        call()
        spent.append(time.process_time() - start)
    return statistics.median(spent) / texts * 1e6


def _latency(predictor: Predictor, texts: Sequence[str], *, words: bool) -> dict[str, float]:
    """Processor time of one text at a time."""
    spent = []
    for text in texts[: 2000 + WARM_UP]:
        start = time.process_time()
        predictor.predict([text], words=words)
        spent.append((time.process_time() - start) * 1e3)
    p50, p99 = np.percentile(spent[WARM_UP:] or spent, (50, 99))
    return {"p50": round(float(p50), 3), "p99": round(float(p99), 3)}


def _load(folder: Path, repeat: int) -> float:
    """Median seconds from torch imported to the first answer, each in a process of its own."""
    code = _LOAD.format(folder=str(folder))
    done = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(repeat)
    ]
    return statistics.median(float(each.stdout) for each in done)


def _machine() -> dict[str, Any]:
    names = [
        line.partition(":")[2].strip()
        for line in _text(Path("/proc/cpuinfo")).splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": names[0] if names else platform.machine(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "threads": torch.get_num_threads(),
    }


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
