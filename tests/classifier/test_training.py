import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from classifier import heads, making, soft_labels, training
from classifier.heads import HEADS, columns
from classifier.readers import Labelled
from classifier.targets import right
from classifier.text import tokenise
from classifier.training import Pool, TrainConfig
from classifier.vocabulary import Vocabulary
from stream.errors import UserError
from tests.classifier.conftest import SMALL_MODEL

Prepared = tuple[Pool, tuple[Tensor, Tensor, Tensor], Vocabulary, Tensor]
WHERE = columns()
WIDTH = sum(len(head.labels) for head in HEADS.values())


@pytest.fixture(scope="module")
def prepared(small_data: Path, small_embedding: Path, small_soft: Path) -> Prepared:
    vocabulary, words, _ = making.load_embedding(small_embedding)
    labelled = heads.training(small_data)
    texts = training.pool(labelled, soft_labels.read(small_soft), vocabulary, SMALL_MODEL)
    dev = HEADS["emotion"].read(small_data, "dev")
    ids, offsets = training.bags(dev.texts, vocabulary)
    return texts, (ids, offsets, right("emotion", dev)), vocabulary, words


def weights(
    prepared: Prepared, config: TrainConfig, run: Path, resume: bool = False
) -> torch.Tensor:
    model, _ = training.train(*prepared, config, run, resume=resume, quiet=True)
    return torch.cat([tensor.flatten() for tensor in model.state_dict().values()])


def small_pool(config: TrainConfig, soft: Tensor | None) -> Pool:
    vocabulary = Vocabulary.build([tokenise(["one", "two"] * 3)], max_words=9, max_phrases=9)
    labelled = {
        "emotion": Labelled(("one", "two"), ((0, 3), (27,))),
        "polarity": Labelled(("two", "three"), ((2,), (0,))),
    }
    taught = (["one", "four"], soft) if soft is not None else None
    return training.pool(labelled, taught, vocabulary, config)


def test_without_a_teacher_a_head_learns_only_from_its_own_texts() -> None:
    pool = small_pool(TrainConfig(repeats={}), None)
    heads = list(WHERE)
    known = [[heads[n] for n in row.nonzero().flatten().tolist()] for row in pool.known]
    assert known == [["emotion"], ["emotion", "polarity"], ["polarity"]]
    assert pool.targets[0, WHERE["emotion"]].nonzero().flatten().tolist() == [0, 3]
    assert pool.targets[1, WHERE["polarity"]].tolist() == [0, 0, 1]


def test_the_teacher_speaks_on_the_heads_it_was_taught_and_is_mixed_with_the_raters() -> None:
    sure = torch.full((2, WIDTH), -20.0)
    sure[:, WHERE["emotion"].start + 1] = 20.0
    sure[:, WHERE["polarity"].start + 1] = 20.0
    pool = small_pool(TrainConfig(trust=0.25, repeats={}), sure)
    one = pool.targets[0, WHERE["emotion"]].float()
    assert one[[0, 1, 3]].tolist() == pytest.approx([0.75, 0.25, 0.75], abs=1e-3)
    four = pool.targets[3]
    known = {name for name, there in zip(WHERE, pool.known[3].tolist(), strict=True) if there}
    assert known == {"emotion", "polarity"}  # the heads that somebody had texts for
    assert four[WHERE["emotion"]].float().argmax() == 1
    assert four[WHERE["polarity"]].tolist() == pytest.approx([0, 1, 0], abs=1e-3)


def test_texts_of_a_head_may_be_read_more_often() -> None:
    pool = small_pool(TrainConfig(repeats={"emotion": 3}), None)
    assert sorted(pool.order.tolist()) == [0, 0, 0, 1, 1, 1, 2]


def test_taken_rows_are_the_texts_with_those_numbers() -> None:
    three = Pool(
        torch.tensor([1, 2, 3, 4, 5], dtype=torch.int32), torch.tensor([0, 2, 2, 5]),
        torch.zeros(3, WIDTH), torch.ones(3, len(WHERE)), torch.arange(3),
    )  # fmt: skip
    ids, offsets = three.take(torch.tensor([2, 1, 0]))
    assert ids.tolist() == [3, 4, 5, 1, 2]
    assert offsets.tolist() == [0, 3, 3, 5]


def test_a_model_learns_what_the_words_say(prepared: Prepared, tmp_path: Path) -> None:
    _, history = training.train(*prepared, SMALL_MODEL, tmp_path, quiet=True)
    # Four of the 28 labels occur; all four right would be 4 / 28.
    assert history[-1]["dev_macro_f1"] > 0.9 * 4 / 28


def test_it_learns_from_the_teacher_alone(prepared: Prepared, tmp_path: Path) -> None:
    texts, dev, vocabulary, words = prepared
    taught = texts.known[:, :2].all(1)
    alone = replace(texts, order=texts.order[taught[texts.order]])
    assert 0 < len(alone.order) < len(texts.order)
    config = replace(SMALL_MODEL, epochs=20)
    _, history = training.train(alone, dev, vocabulary, words, config, tmp_path, quiet=True)
    assert history[-1]["dev_macro_f1"] > 0.9 * 4 / 28


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
    config = replace(SMALL_MODEL, dim=16)
    with pytest.raises(UserError, match="has 8 dimensions, not 16"):
        making.train(small_data, tmp_path, config, small_embedding, None, "x", "", quiet=True)


def test_an_embedding_that_does_not_fit_its_vocabulary_is_refused(
    small_embedding: Path, tmp_path: Path
) -> None:
    run = tmp_path / "embedding"
    shutil.copytree(small_embedding, run)
    lines = (run / "vocabulary.txt").read_text().splitlines()
    words = [line for line in lines if " " not in line]
    (run / "vocabulary.txt").write_text("\n".join([*words, "oneword"]) + "\n")
    with pytest.raises(UserError, match=r"the embedding has \d+ words, vocabulary.txt \d+"):
        making.load_embedding(run)
    with pytest.raises(UserError, match="classifier pretrain"):
        making.load_embedding(tmp_path)
