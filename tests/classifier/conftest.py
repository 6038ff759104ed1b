"""A small world with the real files' shapes, and a model trained on it in a second or two."""

import random
from pathlib import Path

import pytest
import torch

from classifier import making, soft_labels
from classifier.embedding import PretrainConfig
from classifier.heads import HEADS, columns
from classifier.labels import EMOTIONS
from classifier.training import TrainConfig

WORDS = {"joy": "happy glad", "anger": "furious mad", "gratitude": "thanks appreciate"}
POLARITY = {"joy": 2, "anger": 0, "gratitude": 2, "neutral": 1}
FILLERS = ["the", "a", "bus", "house", "today", "we", "they", "saw", "again", "river", "tree"]

SMALL_EMBEDDING = PretrainConfig(dim=8, epochs=2, batch=256, negatives=16)
SMALL_MODEL = TrainConfig(
    dim=8, hidden=8, subwords=64, epochs=8, batch=16, embedding_rate=2.0, rate=0.01,
    token_dropout=0.1, dropout=0.1,
)  # fmt: skip


def made_up(seed: int, count: int) -> list[tuple[str, str]]:
    """Texts of filler words with, but for the neutral ones, a word that gives the emotion away."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        emotion = draw.choice([*WORDS, "neutral"])
        words = draw.choices(FILLERS, k=draw.randint(2, 6))
        if emotion in WORDS:
            words.insert(draw.randint(0, len(words)), draw.choice(WORDS[emotion].split()))
        rows.append((" ".join([*words, f"w{seed}x{number}"]), emotion))
    return rows


def write_lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of made-up texts: 400 to learn from and 100 in each held-out split.

    It has what two heads learn from; the sets of the other heads are missing.
    """
    folder = tmp_path_factory.mktemp("data")
    for number, (split, count) in enumerate({"train": 400, "dev": 100, "test": 100}.items()):
        rows = made_up(number, count)
        write_lines(
            folder / f"goemotions/{split}.tsv",
            [f"{text}\t{EMOTIONS.index(emotion)}\tid{n}" for n, (text, emotion) in enumerate(rows)],
        )
        name = {"dev": "val"}.get(split, split)
        rows = made_up(10 + number, count)
        sentiment = folder / "tweeteval/sentiment"
        write_lines(sentiment / f"{name}_text.txt", [text for text, _ in rows])
        write_lines(sentiment / f"{name}_labels.txt", [str(POLARITY[each]) for _, each in rows])
    return folder


@pytest.fixture(scope="session")
def small_soft(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a teacher that is nearly always right might say of 200 other texts."""
    folder = tmp_path_factory.mktemp("soft")
    rows = made_up(30, 200)
    where = columns()
    logits = torch.full((len(rows), sum(len(head.labels) for head in HEADS.values())), -3.0)
    for row, (_, emotion) in enumerate(rows):
        logits[row, where["emotion"].start + EMOTIONS.index(emotion)] = 3.0
        logits[row, where["polarity"].start + POLARITY[emotion]] = 3.0
    said = iter([logits])  # fewer than make a part
    soft_labels.write(folder, [text for text, _ in rows], lambda _: next(said), "small")
    return folder


@pytest.fixture(scope="session")
def small_embedding(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished pre-training run."""
    run = tmp_path_factory.mktemp("embedding")
    making.pretrain(small_data, run, SMALL_EMBEDDING, quiet=True)
    return run


@pytest.fixture(scope="session")
def small_run(
    small_data: Path,
    small_embedding: Path,
    small_soft: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A finished training run, with its artifact."""
    run = tmp_path_factory.mktemp("run")
    making.train(
        small_data, run, SMALL_MODEL, small_embedding, small_soft, "small-1",
        "python -m classifier train", quiet=True,
    )  # fmt: skip
    return run
