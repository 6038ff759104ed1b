"""A small training that saves at every step, for a test to kill: python -m … FOLDER."""

import sys
from pathlib import Path

import torch
from torch import Tensor

from classifier.families import recurrent
from classifier.families.base import Budget, Task
from classifier.families.neural import NeuralModel
from classifier.families.recurrent import Options
from classifier.readers import Labelled
from classifier.vocabulary import Vocabulary

WORDS = ("happy", "mad", "bus", "river", "tree", "we", "saw")


def trained(run: Path, save_every: float) -> dict[str, Tensor]:
    """The weights after all epochs; goes on from the checkpoint where there is one."""
    torch.set_num_threads(1)
    lines = [[WORDS[(n * k) % 7] for k in range(1, 4 + n % 3)] for n in range(240)]
    texts = tuple(f"{' '.join(line)} {n}" for n, line in enumerate(lines))
    data = {"polarity": Labelled(texts, tuple((n % 3,) for n in range(240)))}
    task = Task(("polarity",), data, data, Vocabulary(["<unknown>", *WORDS]))
    options = Options(embedding="random", dim=8, units=8, batch=4, epochs=4, patience=0)
    model, _ = recurrent.fit(task, options, 1, run, Budget(save_every=save_every), quiet=True)
    assert isinstance(model, NeuralModel)
    return dict(model.module.state_dict())


if __name__ == "__main__":
    trained(Path(sys.argv[1]), 0.0)
