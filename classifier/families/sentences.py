"""Frozen sentence embeddings and a linear layer: what a transformer knows before it is taught."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from classifier.families import asking, linear, transformer
from classifier.families.base import Budget, Model, Record, Task, stored
from classifier.families.neural import WEIGHTS
from classifier.families.pool import Encoded
from classifier.heads import HEADS, width
from classifier.vocabulary import Vocabulary

PART = 2048
"""Texts embedded between two looks at the budget."""


@dataclass(frozen=True)
class Options:
    """What can be chosen of it."""

    encoder: str = ""  # a folder or a name on the hub; MiniLM if empty
    length: int = 64  # tokens of a text that are read

    def __post_init__(self) -> None:
        transformer.readable(self.length)


class Sentence(nn.Module):
    """Token ids to the mean of the token states, at length 1."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The embeddings of texts, (texts, width)."""
        states = self.encoder(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        part = mask[:, :, None].to(states.dtype)
        return nn.functional.normalize((states * part).sum(1) / part.sum(1), dim=1)


class SentencesModel:
    """An encoder that stays as it is, and a row of weights for each label."""

    def __init__(
        self, heads: tuple[str, ...], options: Options, encoder: nn.Module, tokens: Any
    ) -> None:
        self.heads, self.options, self.tokens = heads, options, tokens
        self.module = Sentence(encoder).eval()
        self.weights = torch.zeros(0, 0)  # (labels, width + 1)

    def features(self, texts: Sequence[str]) -> Tensor:
        """The embeddings of texts, (texts, width)."""
        read: Encoded = self.tokens(texts)
        if not len(read):
            return torch.zeros(0, self.weights.shape[1] - 1)
        return asking.ask(self.module, read, exact=False).float()

    def logits(self, texts: Sequence[str]) -> Tensor:
        """See `base.Model`."""
        return linear.logits(self.features(texts), self.weights)

    def parameters(self) -> int:
        """See `base.Model`."""
        return sum(each.numel() for each in self.module.parameters()) + self.weights.numel()

    def save(self, folder: Path) -> dict[str, Any]:
        """See `base.Model`."""
        tensors = {**self.module.state_dict(), "weights": self.weights}
        save_file({key: one.contiguous() for key, one in tensors.items()}, folder / WEIGHTS)
        files = transformer.save_shape(folder, self.module.encoder, self.tokens)
        return {"options": asdict(self.options), "files": files}


def fit(
    task: Task, options: Options, seed: int, run: Path, budget: Budget, *, quiet: bool
) -> tuple[Model, Record]:
    """See `base.Family`; the embeddings of the texts that are done are kept in `run`."""
    del seed, quiet
    started = time.monotonic()
    run.mkdir(parents=True, exist_ok=True)
    encoder, tokenizer = transformer.start(options.encoder, options.length)
    model = SentencesModel(
        task.heads, options, encoder, transformer.Tokens(tokenizer, options.length)
    )
    read: dict[str, Tensor] = {}
    dev: dict[str, Tensor] = {}
    earlier = 0.0
    for name in task.heads:
        for split, part, found in (("train", task.train, read), ("dev", task.dev, dev)):
            path = run / f"{name}-{split}.safetensors"
            found[name], spent = _kept(model, part[name].texts, path, budget)
            earlier += spent
    weights = linear.best(
        task,
        lambda name, targets, strength: linear.regression(
            read[name], targets, several=HEADS[name].several, strength=strength
        ),
        lambda name, made: linear.logits(dev[name], made),
    )
    model.weights = torch.cat([weights[name][0] for name in task.heads])
    return model, Record(earlier + time.monotonic() - started)


def _kept(
    model: SentencesModel, texts: Sequence[str], path: Path, budget: Budget
) -> tuple[Tensor, float]:
    """The embeddings of texts, and the seconds that those took which the file has already."""
    parts: list[Tensor] = []
    earlier = seconds = 0.0
    if path.exists():
        kept = load_file(path)
        parts, earlier = [kept["rows"]], float(kept["seconds"])
        seconds = earlier
    while (done := sum(map(len, parts))) < len(texts):
        budget.check(f"{done} of {len(texts)} texts embedded")
        started = time.monotonic()
        parts.append(model.features(texts[done : done + PART]))
        seconds += time.monotonic() - started
        tensors = {"rows": torch.cat(parts), "seconds": torch.tensor(seconds)}
        save_file(tensors, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)
    return torch.cat(parts), earlier


def load(folder: Path, config: Mapping[str, Any], vocabulary: Vocabulary) -> Model:
    """See `base.Family`."""
    del vocabulary  # it has tokens of its own
    options, heads = stored(Options, config), tuple(config["heads"])
    encoder, tokenizer = transformer.shaped(folder)
    tensors = load_file(folder / WEIGHTS)
    weights = tensors.pop("weights")
    labels = width(heads)
    own = {key.removeprefix("encoder."): tensor for key, tensor in tensors.items()}
    try:
        encoder.load_state_dict(own)
    except RuntimeError as error:
        raise ValueError(" ".join(str(error).split())) from None
    model = SentencesModel(heads, options, encoder, transformer.Tokens(tokenizer, options.length))
    if len(weights) != labels or not bool(weights.isfinite().all()):
        raise ValueError(f"weights that are not {labels} rows of numbers")
    model.weights = weights
    return model
