"""A BiLSTM with attention, of a second's training, as a station takes it."""

from pathlib import Path

from classifier.families.base import Budget, Task
from classifier.lab.cells import Cell, Texts, run
from classifier.lab.plan import wanted
from classifier.labels import EMOTIONS
from classifier.readers import Labelled
from classifier.vocabulary import Vocabulary

WORDS = ("news", "no", "from", "yet", "says", "happy", "glad", "mad", "the", "bus", "we", "saw")
OPTIONS = {
    "embedding": "random", "dim": 8, "units": 8, "epochs": 4, "rate": 0.05, "batch": 16,
}  # fmt: skip


def tiny(folder: Path, epochs: int = 4) -> Path:
    """Trains it into a folder; gives the artifact's. It looks at words unlike only after some."""
    texts = [f"the {word} bus we saw" for word in ("happy", "glad", "mad", "news")] * 20
    joy, anger, neutral = (EMOTIONS.index(name) for name in ("joy", "anger", "neutral"))
    emotions = Labelled(tuple(texts), ((joy,), (joy,), (anger,), (neutral,)) * 20)
    polarities = Labelled(tuple(texts), ((2,), (2,), (0,), (1,)) * 20)
    every = {"emotion": emotions, "polarity": polarities}
    task = Task(tuple(every), every, every, Vocabulary(["<unknown>", *WORDS]))
    cell = Cell(wanted("bilstm-attention", OPTIONS | {"epochs": epochs, "patience": 0}), 1, folder)
    run(cell, Texts(task, every, every, {}, {}), Budget(), "test", quiet=True)
    return cell.artifact
