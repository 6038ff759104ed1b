"""Self-training: a model labels posts, the likeliest of each label join the train split, again.

RUN/settings.json       settings, posts and data of all rounds; others are refused
RUN/embedding/          the embedding of all rounds
RUN/round-0/            trained on the raters' labels alone: the comparison
RUN/round-N/texts.ndjson  what the model of the round before was surest of
RUN/round-N/artifact/   trained on both
RUN/self-training.json  the dev score of each round, and how many texts it took

A post is taken for its primary emotion, where that reaches its precise threshold (three of four
such labels are right), and each emotion gets as many as its quota: the likeliest. Every round asks
its newest model about all posts again and trains from the start, so an early mistake can be taken
back. Method: Yarowsky (1995), https://aclanthology.org/P95-1026/; quotas keep the frequent labels
from crowding out the rest.
"""

import heapq
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from classifier import answers, checkpoint, datasets, heads, making, own_texts, repeats
from classifier.artifact import load
from classifier.lab import claims
from classifier.lab.shapes import Sample
from classifier.labels import EMOTIONS
from classifier.predictor import Predictor
from classifier.scores import short
from classifier.text import parts
from classifier.thresholds import BELIEF, crossed_macro_f1
from classifier.training import TrainConfig
from stream.errors import UserError

logger = logging.getLogger(__name__)

AT_ONCE = 4096
LUCK = 0.005
"""Dev macro-F1 that another seed alone may bring; docs/experiments.md, section 4."""

NAME = "self-trained"
Taken = tuple[float, str, tuple[str, ...], str, str]
"""Probability, key of the text, labels, text, key of the post."""


@dataclass(frozen=True)
class Choice:
    """What is taken in a round."""

    quota: int = 500  # posts of one emotion, at most
    sure: float | None = None  # the least probability, above what the precise thresholds ask for
    least_words: int = 4  # of a post


@dataclass(frozen=True)
class Round:
    """What one round came to."""

    number: int
    taken: dict[str, int]  # emotion to posts
    dev_macro_f1: float  # crossed, as in docs/experiments.md


def self_train(
    data: Path,
    run: Path,
    posts: Callable[[], Iterable[Sample]],
    config: TrainConfig,
    choice: Choice,
    rounds: int,
    command: str,
    source: Mapping[str, Any],
    *,
    embedding: Path | None = None,
    quiet: bool = False,
) -> list[Round]:
    """Trains without the posts, then `rounds` times with them; what is there is kept.

    Args:
        data: the data folder.
        run: the folder to write to.
        posts: gives all posts, anew at each call.
        config: of every round's training.
        choice: which posts are taken.
        rounds: how often.
        command: what the artifacts say they were made with.
        source: where the posts are from.
        embedding: a finished pre-training run; one is made if not given.
        quiet: no progress bars.

    Raises:
        UserError: the folder was begun with other settings, posts or data.
    """
    about = {
        "training": asdict(config),
        "choice": asdict(choice),
        "posts": dict(source),
        "embedding": claims.of_path(embedding) if embedding else None,
        "data": {
            path.relative_to(data).as_posix(): claims.of_path(path)
            for path in datasets.used_files(data)
        },
    }
    claims.claim(run / "settings.json", about)
    held_out = heads.held_out_keys(data)
    known = held_out | {repeats.key(one) for one in heads.training(data)["emotion"].texts}
    embedding = embedding or making.prepare_embedding(data, run, None, config, resume=True)
    found: list[Round] = []
    for number in range(rounds + 1):
        folder, own = run / f"round-{number}", []
        folder.mkdir(parents=True, exist_ok=True)
        if number:
            own = [folder / "texts.ndjson"]
            if not own[0].exists():
                model = Predictor(load(run / f"round-{number - 1}" / "artifact"), "precise")
                own_texts.write(own[0], chosen(model, posts(), known, choice))
        if not (folder / "artifact" / "manifest.json").exists():
            name = f"{NAME}-{number}"
            begun = checkpoint.exists(folder)
            making.train(
                data, folder, config, embedding, None, name, command, own, resume=begun, quiet=quiet
            )
        found.append(_measured(number, folder, data, own))
        logger.info("round %d: dev macro-F1 %.4f", number, found[-1].dev_macro_f1)
        _save(run / "self-training.json", found, choice, command)
    return found


def chosen(
    model: Predictor, posts: Iterable[Sample], known: frozenset[str], choice: Choice
) -> list[dict[str, Any]]:
    """The posts that the model is surest of, as many of each emotion as its quota.

    Args:
        model: with the thresholds that decide.
        posts: in any number; no more than the quotas are held.
        known: keys of texts that are not taken.
        choice: quota and the least probability.

    Raises:
        UserError: none is taken.
    """
    best: dict[str, list[Taken]] = {one: [] for one in EMOTIONS}
    seen = set(known)
    for part in parts(posts, AT_ONCE):
        fresh = []
        for one in part:
            key = repeats.key(one.text)
            if key not in seen and len(one.text.split()) >= choice.least_words:
                seen.add(key)
                fresh.append((key, one))
        said = model.predict([one.text for _, one in fresh], [one.language for _, one in fresh],
                             words=False)  # fmt: skip
        for (key, one), prediction in zip(fresh, said, strict=True):
            if prediction.primary is None:
                continue
            likely = prediction.probabilities[prediction.primary]
            if choice.sure is not None and likely < choice.sure:
                continue
            kept = best[prediction.primary]
            heapq.heappush(kept, (likely, key, prediction.emotions, one.text, one.key))
            if len(kept) > choice.quota:
                heapq.heappop(kept)
    rows = [
        {"text": text, "labels": labels, "probability": likely, "by": model.model, "key": post}
        for kept in best.values()
        for likely, _, labels, text, post in sorted(kept, reverse=True)
    ]
    if not rows:
        lower = ", or a lower --sure" if choice.sure is not None else ""
        raise UserError(f"no post reaches its precise threshold: give more posts{lower}")
    return rows


def table(found: list[Round]) -> str:
    """The rounds for a person, the first of them without any posts."""
    lines = ["round   posts   dev macro-F1   against round 0"]
    for one in found:
        gain = one.dev_macro_f1 - found[0].dev_macro_f1
        lines.append(
            f"{one.number:5}  {sum(one.taken.values()):6,}   {one.dev_macro_f1:12.4f}"
            f"   {gain:+15.4f}"
        )
    best = max(found, key=lambda one: one.dev_macro_f1)
    gain = best.dev_macro_f1 - found[0].dev_macro_f1
    last = "the posts helped" if gain >= LUCK else (
        "the posts did not help more than another seed would: keep the model as it is"
    )  # fmt: skip
    return "\n".join([*lines, f"best: round {best.number}; {last}"])


def _measured(number: int, folder: Path, data: Path, own: list[Path]) -> Round:
    loaded = load(folder / "artifact")
    dev = heads.HEADS["emotion"].read(data, "dev")
    said = answers.of_split(loaded, Predictor(loaded), "emotion", dev)
    score = short(crossed_macro_f1(said.probabilities, said.right, belief=BELIEF))
    taken: dict[str, int] = {}
    for line in own[0].read_text(encoding="utf-8").split("\n")[:-1] if own else ():
        first = json.loads(line)["labels"][0]
        taken[first] = taken.get(first, 0) + 1
    return Round(number, taken, score)


def _save(path: Path, found: list[Round], choice: Choice, command: str) -> None:
    content = {
        "command": command,
        "choice": vars(choice),
        "rounds": [vars(one) for one in found],
    }
    checkpoint.write_text(path, json.dumps(content, indent=2) + "\n")
