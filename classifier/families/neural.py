"""What the neural families share: a module, what turns texts into its ids, and their files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from classifier.families import asking, loop
from classifier.families.base import Budget, Record, Task
from classifier.families.pool import Encoded, Encoder, training_pool
from classifier.text import tokenise
from classifier.vocabulary import Vocabulary

WEIGHTS = "model.safetensors"


@dataclass
class NeuralModel:
    """A trained module and its encoder."""

    heads: tuple[str, ...]
    module: nn.Module
    encode: Encoder
    config: Mapping[str, Any]  # what `load` of its family needs
    exact: bool = True  # whether only texts of one length share a batch

    def logits(self, texts: Sequence[str]) -> Tensor:
        """See `base.Model`."""
        return asking.ask(self.module, self.encode(texts), exact=self.exact)

    def parameters(self) -> int:
        """See `base.Model`."""
        return sum(each.numel() for each in self.module.parameters())

    def save(self, folder: Path) -> dict[str, Any]:
        """See `base.Model`."""
        tensors = {key: one.contiguous() for key, one in self.module.state_dict().items()}
        save_file(tensors, folder / WEIGHTS)
        return dict(self.config)


@dataclass(frozen=True)
class Words:
    """Texts as the ids of their words, shifted by one: 0 fills up, 1 is the unknown word."""

    vocabulary: Vocabulary
    longest: int  # words; the rest of a text is not read

    def __call__(self, texts: Sequence[str]) -> Encoded:
        """The ids of texts."""
        tokens = tokenise(texts)
        ids = torch.from_numpy(self.vocabulary.word_ids(tokens)) + 1
        starts, ends = torch.from_numpy(tokens.offsets[:-1]), torch.from_numpy(tokens.offsets[1:])
        lengths = (ends - starts).clamp(max=self.longest)
        offsets = torch.nn.functional.pad(lengths.cumsum(0), (1, 0))
        within = torch.arange(int(offsets[-1])) - torch.repeat_interleave(offsets[:-1], lengths)
        return Encoded(ids[torch.repeat_interleave(starts, lengths) + within], offsets)


def trainer(model: NeuralModel, task: Task, options: loop.Learning, seed: int) -> loop.Trainer:
    """What trains the module of a model, in place."""
    pool = training_pool(task, model.encode, options.trust)
    return loop.Trainer(model.module, pool, task, options, seed, exact=model.exact)


def fitted(
    model: NeuralModel, task: Task, options: loop.Learning, seed: int, run: Path, budget: Budget,
    *, quiet: bool,
) -> Record:  # fmt: skip
    """Trains the module of a model, in place."""
    run_of = trainer(model, task, options, seed)
    return loop.train(run_of, asking.dev_pools(task, model.encode), run, budget, quiet=quiet)


def with_weights(module: nn.Module, folder: Path) -> nn.Module:
    """A module with the stored weights.

    A module on the device `meta` takes memory only when its shapes are found to be the file's: so
    a size that config.json makes up takes none.

    Raises:
        ValueError: they are not of this module, or not numbers.
    """
    tensors = load_file(folder / WEIGHTS)
    wanted = {name: tuple(one.shape) for name, one in module.state_dict().items()}
    for name in sorted({*wanted, *tensors}):
        there = tuple(tensors[name].shape) if name in tensors else None
        if there != wanted.get(name):
            raise ValueError(f"size mismatch for {name}: {there}, not {wanted.get(name)}")
    if next(module.parameters()).is_meta:
        module.to_empty(device="cpu")
    module.load_state_dict(tensors)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise ValueError(f"numbers in {name} that are not finite")
    return module.eval()
