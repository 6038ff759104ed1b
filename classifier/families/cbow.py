"""The bag of embeddings that ships: trained on the same texts as the others, or taken as it is."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from classifier import checkpoint, making, network, refit, targets, training
from classifier.artifact import SHIPPED, Artifact
from classifier.artifact import load as load_artifact
from classifier.families.base import Budget, Model, Record, Task, within
from classifier.families.neural import WEIGHTS
from classifier.heads import HEADS
from classifier.network import Network
from classifier.training import TrainConfig
from classifier.vocabulary import Vocabulary
from stream.errors import UserError


@dataclass(frozen=True)
class Options:
    """What can be chosen of it; the rest is as `python -m classifier train` has it."""

    shipped: bool = False  # take the artifact that ships, and train nothing
    embedding: str = "random"  # or a folder of `pretrain`
    dim: int = 128
    hidden: int = 256
    subwords: int = 1 << 17
    epochs: int = 5
    batch: int = 512
    embedding_rate: float = 30.0
    rate: float = 3e-3
    token_dropout: float = 0.35
    dropout: float = 0.1
    rarity: float = 0.25
    trust: float = 0.5

    def __post_init__(self) -> None:
        within(self, "1 or more", "dim", "hidden", "epochs", "batch")
        within(self, "above 0", "embedding_rate", "rate")
        within(self, "0 or more", "subwords", "rarity")
        within(self, "from 0 to 1", "trust")
        within(self, "from 0 to below 1", "token_dropout", "dropout")


@dataclass
class CbowModel:
    """The network of an artifact, some of its heads."""

    heads: tuple[str, ...]
    network: Network  # with these heads
    vocabulary: Vocabulary
    tensors: Mapping[str, Tensor]  # of every head
    config: Mapping[str, Any]

    @classmethod
    def of(cls, artifact: Artifact, heads: Sequence[str]) -> "CbowModel":
        """The bag of embeddings of an artifact."""
        config = {key: artifact.config[key] for key in ("vocabulary", "dim", "hidden")}
        part = artifact.network().only(heads)
        return cls(tuple(heads), part, artifact.vocabulary, artifact.tensors, config)

    def logits(self, texts: Sequence[str]) -> Tensor:
        """See `base.Model`."""
        parts = [torch.zeros(0, self.network.direct_bias.shape[0], dtype=torch.float64)]
        for start in range(0, len(texts), training.CHUNK):
            ids, offsets = training.bags(texts[start : start + training.CHUNK], self.vocabulary)
            parts.append(self.network.logits(ids.long(), offsets))
        return torch.cat(parts)

    def parameters(self) -> int:
        """See `base.Model`."""
        return sum(tensor.numel() for tensor in self.tensors.values())

    def save(self, folder: Path) -> dict[str, Any]:
        """See `base.Model`."""
        tensors = {name: tensor.contiguous() for name, tensor in self.tensors.items()}
        save_file(tensors, folder / WEIGHTS)
        return dict(self.config)


def fit(
    task: Task, options: Options, seed: int, run: Path, budget: Budget, *, quiet: bool
) -> tuple[Model, Record]:
    """See `base.Family`; the checkpoint is of whole epochs, the budget is asked before each."""
    if options.shipped:
        return _as_it_is(task), Record()
    started = time.monotonic()
    run.mkdir(parents=True, exist_ok=True)
    config = _config(options, seed)
    words = None
    if options.embedding != "random":
        known, words, _ = making.load_embedding(Path(options.embedding))
        if known.entries[: known.words] != task.vocabulary.entries[: task.vocabulary.words]:
            raise UserError(
                f"{options.embedding} has another vocabulary; pass it with --vocabulary"
            )
    pool = training.pool(task.train, task.soft, task.vocabulary, config)
    head = task.heads[0]
    dev = task.dev[head]
    right = targets.right(head, dev)
    resume, clock = checkpoint.exists(run), run / "seconds.json"
    earlier = json.loads(clock.read_text()) if resume and clock.exists() else 0.0

    def before(epoch: int) -> None:
        checkpoint.write_text(clock, json.dumps(earlier + time.monotonic() - started))
        budget.check(f"{epoch} of {options.epochs} epochs")

    model, history = training.train(
        pool, (*training.bags(dev.texts, task.vocabulary), right), task.vocabulary, words, config,
        run, head=head, resume=resume, quiet=quiet, before=before,
    )  # fmt: skip
    for name in task.heads:
        if HEADS[name].refit:
            part = task.train[name]
            right = targets.right(name, part)
            refit.refit(model, name, (*training.bags(part.texts, task.vocabulary), right))
    shape = {"vocabulary": len(task.vocabulary), "dim": config.dim, "hidden": config.hidden}
    tensors = network.pack_tensors(model)
    net = network.unpack_tensors(tensors).only(task.heads)
    rows = [{**row, "dev_score": row["dev_macro_f1"]} for row in history]
    made = CbowModel(task.heads, net, task.vocabulary, tensors, shape)
    return made, Record(earlier + time.monotonic() - started, rows)


def load(folder: Path, config: Mapping[str, Any], vocabulary: Vocabulary) -> Model:
    """Never asked: `artifact.load` reads these itself."""
    raise NotImplementedError


def _as_it_is(task: Task) -> Model:
    shipped = load_artifact(SHIPPED)
    for name in task.heads:
        if name not in shipped.calibration.heads:
            raise UserError(f"{shipped.name} has no head {name}")
    return CbowModel.of(shipped, task.heads)


def _config(options: Options, seed: int) -> TrainConfig:
    shared = {field.name for field in fields(TrainConfig)}
    given = {key: value for key, value in asdict(options).items() if key in shared}
    return TrainConfig(**given, seed=seed)
