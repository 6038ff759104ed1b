"""CBOW pre-training: a word's neighbours, averaged, must tell it from words drawn at random.

Mikolov et al. 2013, "Distributed Representations of Words and Phrases": negative sampling from
the unigram distribution to the power 3/4, and frequent words seen less often. Unlike there, all
positions of a batch share one draw of negatives, which makes the scores one matrix product.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from classifier import checkpoint


@dataclass(frozen=True)
class PretrainConfig:
    """What shapes the embedding."""

    dim: int = 128
    window: int = 5  # neighbours on each side
    negatives: int = 256  # shared by the positions of a batch; each counts negative_weight times
    negative_weight: float = 5.0  # expected negatives per position, as in word2vec
    epochs: int = 2
    batch: int = 2048  # positions
    rate: float = 1e-2  # falls to zero in a straight line
    subsample: float = 1e-3  # words above this frequency are seen less often
    seed: int = 1


class Cbow(nn.Module):
    """Two embeddings: of a word as neighbour (the one that is kept) and as the word asked for."""

    def __init__(self, words: int, dim: int, seed: int) -> None:
        super().__init__()
        self.neighbours = nn.EmbeddingBag(words, dim, mode="mean", padding_idx=0)
        self.centres = nn.Embedding(words, dim)
        bound = 0.5 / math.sqrt(dim)
        with torch.no_grad():
            self.neighbours.weight.uniform_(
                -bound, bound, generator=torch.Generator().manual_seed(seed)
            )
            self.neighbours.weight[0].zero_()
            self.centres.weight.zero_()

    def loss(self, around: Tensor, centre: Tensor, negative: Tensor, weight: float) -> Tensor:
        """Mean loss of a batch.

        Args:
            around: neighbours, (batch, 2 * window), 0 where there is none.
            centre: the words in the middle, (batch,).
            negative: words drawn at random, (negatives,).
            weight: how many negatives a position is worth.
        """
        context = self.neighbours(around)  # (batch, dim)
        right = (context * self.centres(centre)).sum(1)  # (batch,)
        wrong = context @ self.centres(negative).T  # (batch, negatives)
        clash = centre[:, None] == negative[None, :]  # a negative that happens to be the word
        pull = functional.logsigmoid(right).mean()
        push = functional.logsigmoid(-wrong).masked_fill(clash, 0.0).mean()
        return -pull - weight * push


def pretrain(
    texts: Sequence[tuple[NDArray[np.int32], NDArray[np.int64]]],
    words: int,
    config: PretrainConfig,
    run: Path,
    *,
    resume: bool = False,
    quiet: bool = False,
) -> Tensor:
    """Trains on texts given as word ids and offsets, part by part; returns (words, dim).

    Row 0, the unknown word, is zero. A checkpoint is written to `run` after each epoch.
    """
    stream, owner = _flatten(texts)
    counts = torch.bincount(stream, minlength=words).double()
    counts[0] = 0.0
    model = Cbow(words, config.dim, config.seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=config.rate, fused=True)
    settings = asdict(config)
    first = 0
    if resume:
        first, state = checkpoint.load(run, settings)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
    steps = math.ceil(len(stream) / config.batch)
    bar = tqdm(
        total=steps * config.epochs, initial=steps * first, unit="batch", disable=quiet or None
    )
    with bar:
        for epoch in range(first, config.epochs):
            bar.set_description(f"pretrain {epoch + 1}/{config.epochs}")
            generator = checkpoint.generator(config.seed, epoch)
            done = 0
            for around, centre in _batches(stream, owner, counts, config, generator):
                share = (epoch + min(done / steps, 1.0)) / config.epochs
                optimiser.param_groups[0]["lr"] = config.rate * (1 - share)
                negative = torch.multinomial(
                    counts.pow(0.75), config.negatives, replacement=True, generator=generator
                )
                loss = model.loss(around, centre, negative, config.negative_weight)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
                optimiser.step()
                done += 1
                bar.update()
                if done % 50 == 0:
                    bar.set_postfix(loss=f"{loss.item():.3f}")
            bar.update(steps - done)  # subsampling left fewer batches than positions promise
            state = {"model": model.state_dict(), "optimiser": optimiser.state_dict()}
            checkpoint.save(run, epoch + 1, settings, state)
    checkpoint.remove(run)
    return model.neighbours.weight.detach().clone()


def _flatten(
    texts: Sequence[tuple[NDArray[np.int32], NDArray[np.int64]]],
) -> tuple[Tensor, Tensor]:
    """All known words in a row, and for each the number of its text."""
    stream = np.concatenate([ids for ids, _ in texts])
    lengths = np.concatenate([np.diff(offsets) for _, offsets in texts])
    owner = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    return torch.from_numpy(stream), torch.from_numpy(owner)


def _batches(
    stream: Tensor,
    owner: Tensor,
    counts: Tensor,
    config: PretrainConfig,
    generator: torch.Generator,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields (neighbours, word) for the positions that subsampling keeps, in random order."""
    frequency = counts[stream] / counts.sum()
    chance = (config.subsample / frequency).sqrt().clamp(max=1.0)
    kept = torch.rand(len(stream), generator=generator, dtype=torch.float64) < chance
    stream, owner = stream[kept], owner[kept]
    reach = torch.cat([torch.arange(-config.window, 0), torch.arange(1, config.window + 1)])
    order = torch.randperm(len(stream), generator=generator)
    for start in range(0, len(order), config.batch):
        at = order[start : start + config.batch]  # (batch,)
        beside = at[:, None] + reach  # (batch, 2 * window)
        inside = beside.clamp(0, len(stream) - 1)
        same = (beside == inside) & (owner[inside] == owner[at][:, None])
        around = stream[inside].masked_fill(~same, 0)
        alone = ~same.any(1)
        yield around[~alone], stream[at][~alone]
