import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from classifier import checkpoint
from classifier.embedding import PretrainConfig, pretrain
from stream.errors import UserError

Ids = NDArray[np.int32]
Offsets = NDArray[np.int64]
SMALL = PretrainConfig(dim=8, window=2, negatives=16, epochs=3, batch=128, subsample=1.0)
WORDS = 10


def texts(*more: list[int]) -> list[tuple[Ids, Offsets]]:
    """Words 1 and 2 stand between 3 and 4, words 5 and 6 between 7 and 8."""
    draw = random.Random(1)
    sides = [([3, 4], [1, 2]), ([7, 8], [5, 6])]
    found: list[list[int]] = []
    for _ in range(800):
        around, middle = draw.choice(sides)
        found.append([draw.choice(around), draw.choice(middle), draw.choice(around)])
    found += more
    ids = np.array([word for text in found for word in text], dtype=np.int32)
    return [(ids, np.cumsum([0, *map(len, found)]))]


def test_words_with_the_same_neighbours_come_to_lie_together(tmp_path: Path) -> None:
    words = pretrain(texts(), WORDS, replace(SMALL, epochs=8), tmp_path, quiet=True)
    near = functional.cosine_similarity(words[1], words[2], dim=0)
    far = functional.cosine_similarity(words[1], words[5], dim=0)
    assert near > far + 0.3


def test_the_unknown_word_stays_at_zero(tmp_path: Path) -> None:
    words = pretrain(texts([9]), WORDS, SMALL, tmp_path, quiet=True)
    assert words.shape == (WORDS, 8)
    assert not words[0].any()


def test_the_same_seed_gives_the_same_embedding_and_another_seed_another(tmp_path: Path) -> None:
    first, again, other = (
        pretrain(texts(), WORDS, replace(SMALL, seed=seed), tmp_path, quiet=True)
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


class Stopped(BaseException):
    """Ends a run in the middle, as Ctrl-C does."""


def test_an_interrupted_run_resumes_to_the_same_embedding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pretrain(texts(), WORDS, SMALL, tmp_path, quiet=True)
    real = checkpoint.save

    def save_once(*given: object) -> None:
        real(*given)  # type: ignore[arg-type]
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr("classifier.embedding.checkpoint.save", save_once)
        with pytest.raises(Stopped):
            pretrain(texts(), WORDS, SMALL, tmp_path, quiet=True)
    resumed = pretrain(texts(), WORDS, SMALL, tmp_path, resume=True, quiet=True)
    assert torch.equal(whole, resumed)


def test_resuming_without_a_checkpoint_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="start it without --resume"):
        pretrain(texts(), WORDS, SMALL, tmp_path, resume=True, quiet=True)
