import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from classifier import datasets, making, training
from classifier.labels import EMOTIONS, POLARITIES
from classifier.training import Examples, TrainConfig
from classifier.vocabulary import Vocabulary
from stream.errors import UserError
from tests.classifier.conftest import SMALL_MODEL

Prepared = tuple[dict[str, Examples], Examples, Vocabulary, torch.Tensor]


@pytest.fixture(scope="module")
def prepared(small_data: Path, small_embedding: Path) -> Prepared:
    vocabulary, words, _ = making.load_embedding(small_embedding)
    labelled = datasets.training(small_data)
    sets = {
        "emotion": training.examples(labelled["emotion"], vocabulary, EMOTIONS),
        "polarity": training.examples(labelled["polarity"], vocabulary, POLARITIES),
    }
    dev = training.examples(datasets.goemotions(small_data, "dev"), vocabulary, EMOTIONS)
    return sets, dev, vocabulary, words


def weights(
    prepared: Prepared, config: TrainConfig, run: Path, resume: bool = False
) -> torch.Tensor:
    model, _ = training.train(*prepared, config, run, resume=resume, quiet=True)
    return torch.cat([tensor.flatten() for tensor in model.state_dict().values()])


def test_taken_rows_are_the_texts_with_those_numbers() -> None:
    three = Examples(torch.tensor([1, 2, 3, 4, 5]), torch.tensor([0, 2, 2, 5]), torch.eye(3))
    ids, offsets, targets = three.take(torch.tensor([2, 1, 0]))
    assert ids.tolist() == [3, 4, 5, 1, 2]
    assert offsets.tolist() == [0, 3, 3, 5]
    assert targets.tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]


def test_a_model_learns_what_the_words_say(prepared: Prepared, tmp_path: Path) -> None:
    _, history = training.train(*prepared, SMALL_MODEL, tmp_path, quiet=True)
    # Four of the 28 labels occur; all four right would be 4 / 28.
    assert max(epoch["dev_macro_f1"] for epoch in history) > 0.9 * 4 / 28


def test_the_same_seed_gives_the_same_weights(prepared: Prepared, tmp_path: Path) -> None:
    first = weights(prepared, SMALL_MODEL, tmp_path)
    assert torch.equal(first, weights(prepared, SMALL_MODEL, tmp_path))
    assert not torch.equal(first, weights(prepared, replace(SMALL_MODEL, seed=2), tmp_path))


class Stopped(BaseException):
    """Ends a run in the middle, as Ctrl-C does."""


def test_an_interrupted_run_resumes_to_the_same_weights(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = weights(prepared, SMALL_MODEL, tmp_path)
    epochs = iter([False, True])
    real = training._epoch

    def stop_in_the_second(*given: object) -> float:
        if next(epochs):
            raise Stopped
        return real(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(training, "_epoch", stop_in_the_second)
        with pytest.raises(Stopped):
            weights(prepared, SMALL_MODEL, tmp_path)
    assert torch.equal(whole, weights(prepared, SMALL_MODEL, tmp_path, resume=True))


def test_a_run_is_not_resumed_with_other_settings(prepared: Prepared, tmp_path: Path) -> None:
    weights(prepared, SMALL_MODEL, tmp_path)
    with pytest.raises(UserError, match=r"was made with rate=0\.01, not 0\.1"):
        weights(prepared, replace(SMALL_MODEL, rate=0.1), tmp_path, resume=True)


def test_an_embedding_of_another_width_is_refused(
    small_data: Path, small_embedding: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="has 8 dimensions, not 16"):
        making.train(
            small_data, tmp_path, replace(SMALL_MODEL, dim=16), small_embedding, "x", "", quiet=True
        )


def test_an_embedding_that_does_not_fit_its_vocabulary_is_refused(
    small_embedding: Path, tmp_path: Path
) -> None:
    run = tmp_path / "embedding"
    shutil.copytree(small_embedding, run)
    with (run / "vocabulary.txt").open("a") as stream:
        stream.write("oneword\n")
    with pytest.raises(UserError, match=r"the embedding has \d+ words, vocabulary.txt \d+"):
        making.load_embedding(run)
    with pytest.raises(UserError, match="classifier pretrain"):
        making.load_embedding(tmp_path)
