"""A transformer, fine-tuned: from a local folder, a hub name, or MiniLM of the `teacher` extra.

    texts -> tokens -> transformer -> mean over tokens (texts, width) -> logits of each head

Texts of like length share a batch. The embedding tables may stay as they are, which is a third
faster. A fine-tuned `python -m classifier teach` is taken too, as a start or as it is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel

from classifier import teacher
from classifier.families import loop
from classifier.families.base import Budget, Model, Record, Task, stored, within
from classifier.families.neural import NeuralModel, fitted, with_weights
from classifier.families.pool import Encoded, encoded
from classifier.heads import width
from classifier.vocabulary import Vocabulary
from stream.errors import UserError

CONFIG, TOKENIZER = "encoder.json", "tokenizer.json"


@dataclass(frozen=True)
class Options(loop.Learning):
    """What can be chosen of it."""

    encoder: str = ""  # a folder or a name on the hub; MiniLM if empty
    teacher: str = ""  # a run of `python -m classifier teach` to start from
    length: int = 64  # tokens of a text that are read
    still: bool = True  # whether the embedding tables stay as they are
    dropout: float = 0.1  # before the heads
    epochs: int = 3
    batch: int = 32
    rate: float = 1.5e-4
    warm_up: float = 0.1
    patience: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, "from 0 to below 1", "dropout")
        readable(self.length)


class FineTuned(nn.Module):
    """Token ids to logits."""

    def __init__(self, encoder: nn.Module, width: int, labels: int, dropout: float) -> None:
        super().__init__()
        self.encoder, self.dropout = encoder, dropout
        self.out = nn.Linear(width, labels)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The logits of the heads side by side, (texts, labels)."""
        states = self.encoder(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        part = mask[:, :, None].to(states.dtype)
        text = (states * part).sum(1) / part.sum(1)
        out: Tensor = self.out(functional.dropout(text, self.dropout, self.training))
        return out


class Tokens:
    """Texts as a transformer's token ids."""

    def __init__(self, tokenizer: Tokenizer, length: int) -> None:
        self.tokenizer = tokenizer
        tokenizer.enable_truncation(length)
        tokenizer.no_padding()

    def __call__(self, texts: Sequence[str]) -> Encoded:
        """The ids of texts."""
        read = [teacher.readable(text) for text in texts]
        return encoded([each.ids for each in self.tokenizer.encode_batch(read)])


class TransformerModel(NeuralModel):
    """A fine-tuned transformer with its tokenizer and its shape."""

    def save(self, folder: Path) -> dict[str, Any]:
        """See `base.Model`."""
        module, encode = cast(FineTuned, self.module), cast(Tokens, self.encode)
        return {**super().save(folder), "files": save_shape(folder, module.encoder, encode)}


def fit(
    task: Task, options: Options, seed: int, run: Path, budget: Budget, *, quiet: bool
) -> tuple[Model, Record]:
    """See `base.Family`."""
    model = fresh(task, options, seed)
    return model, fitted(model, task, options, seed, run, budget, quiet=quiet)


def fresh(task: Task, options: Options, seed: int) -> NeuralModel:
    """A model that has learnt nothing yet."""
    torch.manual_seed(seed)
    encoder, tokenizer = start(options.encoder, options.length)
    if options.teacher:
        _from_teacher(encoder, Path(options.teacher))
    for table in encoder.get_submodule("embeddings").parameters():
        table.requires_grad_(not options.still)
    labels = width(task.heads)
    module = FineTuned(encoder, _width(encoder), labels, options.dropout)
    encode = Tokens(tokenizer, options.length)
    config = {"options": asdict(options)}
    return TransformerModel(task.heads, module, encode, config, exact=False)


def load(folder: Path, config: Mapping[str, Any], vocabulary: Vocabulary) -> Model:
    """See `base.Family`."""
    del vocabulary  # it has tokens of its own
    options, heads = stored(Options, config), tuple(config["heads"])
    encoder, tokenizer = shaped(folder)
    labels = width(heads)
    module = FineTuned(encoder, _width(encoder), labels, options.dropout)
    encode = Tokens(tokenizer, options.length)
    config = {"options": asdict(options)}
    return TransformerModel(heads, with_weights(module, folder), encode, config, exact=False)


def readable(length: int) -> None:
    """Raises a ValueError where so many tokens leave no word between the first and the last."""
    if length < 3:
        raise ValueError(f"length must be 3 or more, the signs at both ends counted, not {length}")


def save_shape(folder: Path, encoder: nn.Module, tokens: Tokens) -> list[str]:
    """Writes what a transformer is beside its weights; gives the names of the files."""
    shape = encoder.config.to_dict()  # type: ignore[union-attr,operator]  # untyped
    (folder / CONFIG).write_text(json.dumps(shape, indent=2, sort_keys=True) + "\n")
    tokens.tokenizer.save(str(folder / TOKENIZER))
    return [CONFIG, TOKENIZER]


def start(name: str, length: int) -> tuple[nn.Module, Tokenizer]:
    """The transformer to start from and its tokenizer.

    Args:
        name: a folder as transformers keeps one, a name on the hub, or nothing for MiniLM.
        length: tokens of a text that it is to read.

    Raises:
        UserError: it is not there, has no tokenizer.json, or the hub cannot be reached; or it does
            not read as many tokens.
    """
    encoder, tokenizer = _start(name)
    most = getattr(encoder.config, "max_position_embeddings", length)
    if 0 < most < length:
        raise UserError(
            f"{name or 'MiniLM'} reads {most} tokens at most, so length={length} is none"
        )
    return encoder, tokenizer


def _start(name: str) -> tuple[nn.Module, Tokenizer]:
    if not name or Path(name).is_dir():
        try:
            encoder, folder = teacher.load_encoder(Path(name) if name else None)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{name}: no transformer can be read from it: {_first(error)}"
            ) from None
        return encoder, _tokenizer(folder)
    try:
        from transformers import AutoTokenizer

        encoder = AutoModel.from_pretrained(name)
        quick = AutoTokenizer.from_pretrained(name, use_fast=True)
        return encoder, Tokenizer.from_str(quick.backend_tokenizer.to_str())
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(
            f"{name} is no folder, and the hub does not give it: {_first(error)};"
            " name a folder that has config.json, model.safetensors and tokenizer.json"
        ) from None


def shaped(folder: Path) -> tuple[nn.Module, Tokenizer]:
    """A transformer without its weights, and its tokenizer, from an artifact's files."""
    shape = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    made = AutoConfig.for_model(**shape)
    encoder: nn.Module = AutoModel.from_config(made)  # type: ignore[no-untyped-call]  # untyped
    return encoder, _tokenizer(folder)


def _tokenizer(folder: Path) -> Tokenizer:
    path = folder / TOKENIZER
    if not path.is_file():
        raise UserError(f"{folder} has no {TOKENIZER}")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001  # tokenizers raises no narrower type
        raise ValueError(f"{path}: {_first(error)}") from None


def _from_teacher(encoder: nn.Module, run: Path) -> None:
    """Gives an encoder the weights that a teacher's has."""
    if not teacher.exists(run):
        raise UserError(f"{run} has no teacher; make it with: python -m classifier teach")
    tensors = load_file(run / "teacher.safetensors")
    own = {key.removeprefix("encoder."): t for key, t in tensors.items() if key[:8] == "encoder."}
    try:
        encoder.load_state_dict(own)
    except RuntimeError:
        raise UserError(f"{run}: its teacher is another transformer than the encoder") from None


def _width(encoder: nn.Module) -> int:
    return int(encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]  # untyped


def _first(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:200]
