"""Where the words of a family start: at random, from our own embedding, or from a file."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from classifier import making
from classifier.artifact import SHIPPED, load
from classifier.families import loop, vectors
from classifier.families.base import Task, within
from classifier.families.vectors import Vectors
from stream.errors import UserError

SPREAD = 0.1
"""Standard deviation of a word that starts at random; others are scaled to it."""


@dataclass(frozen=True)
class Options(loop.Learning):
    """What every family that reads words can be told."""

    embedding: str = "shipped"  # random, shipped, a folder of `pretrain`, a file of word vectors
    frozen: bool = False  # whether the embedding stays as it starts
    dim: int = 128  # of an embedding that starts at random
    units: int = 128  # of each layer, and of each direction
    depth: int = 1  # layers
    dropout: float = 0.4
    word_dropout: float = 0.1  # words left out of a text, anew each time
    longest: int = 200  # words of a text that are read

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, "1 or more", "dim", "units", "longest")
        within(self, "from 1 to 100", "depth")
        within(self, "from 0 to below 1", "dropout", "word_dropout")


def table(source: str, task: Task, dim: int, *, frozen: bool) -> nn.Embedding:
    """A row for each word of the vocabulary, one more for the unknown and one that fills up.

    Args:
        source: `random`; `shipped`, the shipped artifact's embedding; a folder of `pretrain`; or a
            file of word vectors.
        task: has the vocabulary.
        dim: of a word at random; others have that of their source.
        frozen: whether the rows stay as they start.

    Raises:
        UserError: there is no such source, or it does not know one word of the vocabulary.
    """
    words = task.vocabulary.entries[: task.vocabulary.words]
    if source == "random":
        rows = SPREAD * torch.randn(len(words), dim)
    else:
        found = _of(source, words)
        scale = SPREAD / found.rows[found.found].std().clamp(min=1e-6)
        rows = SPREAD * torch.randn(len(words), found.rows.shape[1])
        rows[found.found] = scale * found.rows[found.found]
    made = nn.Embedding(len(words) + 1, rows.shape[1], padding_idx=0, sparse=not frozen)
    with torch.no_grad():
        made.weight[1:] = rows
        made.weight[:2] = 0.0  # the unknown word starts at nothing too
    made.weight.requires_grad_(not frozen)
    return made


def empty(words: int, dim: int) -> nn.Embedding:
    """A table to load weights into."""
    return nn.Embedding(words + 1, dim, padding_idx=0)


def _of(source: str, words: tuple[str, ...]) -> Vectors:
    if source == "shipped":
        shipped = load(SHIPPED)
        return _among(shipped.network().embedding, shipped.vocabulary.entries, words)
    path = Path(source)
    if path.is_dir():
        vocabulary, rows, _ = making.load_embedding(path)
        return _among(rows, vocabulary.entries, words)
    if not path.exists():
        raise UserError(f"embedding {source!r}: random, shipped, or a file or folder that is there")
    return vectors.read(path, words)


def _among(rows: Tensor, entries: tuple[str, ...], words: tuple[str, ...]) -> Vectors:
    place = {entry: number for number, entry in enumerate(entries[: len(rows)])}
    numbers = torch.tensor([place.get(word, 0) for word in words])
    return Vectors(rows[numbers].float(), numbers > 0)
