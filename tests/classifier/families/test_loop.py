"""The loop that trains neural families: stopped anywhere, it goes on as if it had not been."""

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from classifier import checkpoint
from classifier.families import ann, cbow, family, neural, sentences
from classifier.families.base import Budget, Model, OutOfTime, Record, Task
from classifier.families.loop import Run
from classifier.lab.cells import Texts
from classifier.readers import Labelled
from stream.errors import UserError
from tests.classifier.families.killed import trained


def test_killed_in_the_middle_of_an_epoch_it_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    program = [sys.executable, "-m", "tests.classifier.families.killed", str(killed)]
    child = subprocess.Popen(program, cwd=Path(__file__).parents[3])
    deadline = time.monotonic() + 120
    while not checkpoint.exists(killed) and time.monotonic() < deadline:
        time.sleep(0.001)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    place = torch.load(killed / "checkpoint.pt", weights_only=True)["state"]["place"]
    assert place["step"] > 0, "it was not in the middle of an epoch"
    threads = torch.get_num_threads()
    try:
        whole, again = (trained(run, 30) for run in (tmp_path / "whole", killed))
    finally:
        torch.set_num_threads(threads)
    for name, tensor in whole.items():
        assert torch.equal(tensor, again[name]), name


def fitted(
    texts: Texts, run: Path, budget: Budget | None = None, **options: object
) -> tuple[Model, Record]:
    module = family("ann")
    some = module.Options(**{"embedding": "random", "dim": 8, "units": 8, "rate": 0.05, **options})
    task = replace(texts.task, heads=("polarity",))
    return module.fit(_only(task, "polarity"), some, 1, run, budget or Budget(), quiet=True)


def _only(task: Task, head: str) -> Task:
    return replace(task, heads=(head,), train={head: task.train[head]}, dev={head: task.dev[head]})


def test_it_ends_when_no_epoch_is_better_and_keeps_the_best(texts: Texts, tmp_path: Path) -> None:
    # Dev says the contrary of train: the more is learnt, the worse it gets.
    dev = texts.task.dev["polarity"]
    contrary = Labelled(dev.texts, tuple((2 - numbers[0],) for numbers in dev.targets))
    odd = replace(texts, task=replace(texts.task, dev={"polarity": contrary}))
    model, record = fitted(odd, tmp_path, epochs=50, patience=2, schedule="constant")
    scores = [row["dev_score"] for row in record.history]
    assert len(scores) < 50
    assert len(scores) - 1 - scores.index(max(scores)) == 2
    assert scores[-1] < max(scores), "there is no best epoch to keep"
    said = model.logits(contrary.texts).argmax(1).tolist()
    hits = [n == numbers[0] for n, numbers in zip(said, contrary.targets, strict=True)]
    assert sum(hits) / len(hits) == pytest.approx(max(scores))


@pytest.mark.parametrize("schedule", ["one-cycle", "linear"])
def test_a_schedule_that_ends_by_itself_is_followed_to_its_end_and_the_best_epoch_kept(
    texts: Texts, tmp_path: Path, schedule: str
) -> None:
    model, record = fitted(texts, tmp_path, epochs=9, patience=1, schedule=schedule)
    scores = [row["dev_score"] for row in record.history]
    assert len(scores) == 9
    assert scores.index(max(scores)) < 7, "patience would have cut nothing off"
    assert record.history[-1]["rate"] < 0.05 * max(row["rate"] for row in record.history)
    right = texts.task.dev["polarity"]
    said = model.logits(right.texts).argmax(1).tolist()
    hits = [n == numbers[0] for n, numbers in zip(said, right.targets, strict=True)]
    assert sum(hits) / len(hits) == pytest.approx(max(scores))


def test_an_epoch_whose_last_step_was_kept_tells_its_rate_all_the_same(
    texts: Texts, tmp_path: Path
) -> None:
    task = _only(texts.task, "polarity")
    options = ann.Options(embedding="random", dim=8, units=8, schedule="constant", rate=0.05)
    run = Run(neural.trainer(ann.fresh(task, options, 1), task, options, 1), tmp_path, Budget())
    run.place |= {"step": len(run.trainer.epoch(0)), "total": 2.0}
    assert run.epoch(quiet=True)["rate"] == 0.05


def test_a_checkpoint_of_a_gpu_is_read_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as there:
        there.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        checkpoint.save(tmp_path, 2, {}, {"weights": torch.arange(3.0)})
    done, state = checkpoint.load(tmp_path, {})
    assert (done, state["weights"].tolist()) == (2, [0, 1, 2])


class Soon(Budget):
    """Time for two epochs."""

    def check(self, done: str) -> None:
        if done.startswith("2 of"):
            raise OutOfTime(done)


def test_the_bag_of_embeddings_asks_the_budget_and_counts_the_time_of_every_start(
    texts: Texts, tmp_path: Path
) -> None:
    task = _only(texts.task, "polarity")
    options = cbow.Options(dim=8, hidden=8, subwords=0, epochs=4, batch=32)
    with pytest.raises(OutOfTime, match="2 of 4 epochs"):
        cbow.fit(task, options, 1, tmp_path, Soon(), quiet=True)
    (tmp_path / "seconds.json").write_text("1000.0")
    model, record = cbow.fit(task, options, 1, tmp_path, Budget(), quiet=True)
    assert 1000 < record.seconds < 1100
    assert [row["epoch"] for row in record.history] == [1, 2, 3, 4]
    whole, _ = cbow.fit(task, options, 1, tmp_path / "whole", Budget(), quiet=True)
    some = task.dev["polarity"].texts
    assert torch.equal(model.logits(some), whole.logits(some))


def test_the_time_of_a_regression_counts_beside_that_of_kept_embeddings(
    texts: Texts, encoder: Path, tmp_path: Path
) -> None:
    task, options = _only(texts.task, "polarity"), sentences.Options(str(encoder))
    sentences.fit(task, options, 1, tmp_path, Budget(), quiet=True)
    kept = sum(float(load_file(path)["seconds"]) for path in tmp_path.glob("*.safetensors"))
    _, record = sentences.fit(task, options, 1, tmp_path, Budget(), quiet=True)
    assert record.seconds > kept + 0.001


def test_when_the_time_is_spent_it_says_how_far_it_got_and_goes_on(
    texts: Texts, tmp_path: Path
) -> None:
    with pytest.raises(OutOfTime, match="epoch 1 of 3"):
        fitted(texts, tmp_path, Budget(until=0.0), epochs=3)
    whole, _ = fitted(texts, tmp_path / "whole", epochs=3)
    model, record = fitted(texts, tmp_path, epochs=3)
    assert len(record.history) == 3
    some = texts.task.dev["polarity"].texts
    assert torch.equal(model.logits(some), whole.logits(some))


def test_a_run_is_not_gone_on_with_under_other_settings(texts: Texts, tmp_path: Path) -> None:
    with pytest.raises(OutOfTime):
        fitted(texts, tmp_path, Budget(until=0.0), epochs=3)
    with pytest.raises(UserError, match=r"made with epochs=3, not 4"):
        fitted(texts, tmp_path, epochs=4)


@pytest.mark.parametrize("loss", ["focal", "balanced", "balanced-focal"])
def test_it_learns_with_each_loss(texts: Texts, tmp_path: Path, loss: str) -> None:
    _, record = fitted(texts, tmp_path, epochs=8, loss=loss, schedule="triangular", dropout=0.1)
    assert max(row["dev_score"] for row in record.history) > 0.9


def test_an_embedding_of_a_file_is_where_words_start_and_stays_if_frozen(
    texts: Texts, tmp_path: Path
) -> None:
    words = texts.task.vocabulary.entries[1:4]
    lines = [f"{word} {n}.0 -{n}.0 1.0" for n, word in enumerate(words, 1)]
    (tmp_path / "words.vec").write_text(f"3 3\n{chr(10).join(lines)}\n")
    model, _ = fitted(
        texts, tmp_path / "run", embedding=str(tmp_path / "words.vec"), frozen=True, epochs=1
    )
    rows = model.module.table.weight.detach()  # type: ignore[attr-defined]  # a NeuralModel
    assert torch.allclose(rows[3] / rows[2, 2], torch.tensor([2.0, -2.0, 1.0]))
    with pytest.raises(UserError, match="random, shipped, or a file or folder that is there"):
        fitted(texts, tmp_path / "other", embedding="nowhere", epochs=1)
