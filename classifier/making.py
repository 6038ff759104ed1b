"""From data to artifact: the steps behind `teach`, `label`, `pretrain` and `train`.

RUN/teacher/     teacher.safetensors  teacher.json
RUN/soft/        see classifier.soft_labels
RUN/embedding/   vocabulary.txt  embedding.safetensors  pretrain.json
RUN/artifact/    see classifier.artifact
RUN/run.json     settings, data with checksums, versions
RUN/history.json what was measured after each epoch
"""

import hashlib
import json
import logging
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from classifier import (
    artifact,
    calibration,
    checkpoint,
    datasets,
    embedding,
    heads,
    network,
    own_texts,
    readers,
    refit,
    soft_labels,
    teacher,
    training,
)
from classifier.artifact import Artifact
from classifier.calibration import Calibration
from classifier.embedding import PretrainConfig
from classifier.heads import HEADS
from classifier.targets import right
from classifier.teacher import TeacherConfig
from classifier.text import Tokens, tokenise
from classifier.training import TrainConfig
from classifier.vocabulary import Vocabulary
from stream.errors import UserError

logger = logging.getLogger(__name__)

MAX_WORDS = 40_000
MAX_PHRASES = 120_000
BALANCED_DEV = ("suggestion",)
"""Heads whose dev split was drawn to hold every label equally often; train has its frequency."""

SOFT_TEXTS = 820_000
"""Texts that the teacher labels, if the data folder has so many."""


def teach(
    data: Path, run: Path, config: TeacherConfig, *, resume: bool = False, quiet: bool = False
) -> None:
    """Fine-tunes the teacher on every head that the data folder has texts for."""
    labelled = heads.training(data)
    passes = {name: each for name, each in config.passes.items() if name in labelled}
    parts = {name: labelled[name] for name in passes}
    teacher.fine_tune(parts, config, run, resume=resume, quiet=quiet)
    record = {"settings": asdict(config), "texts": {name: len(p) for name, p in parts.items()}}
    checkpoint.write_text(run / "teacher.json", json.dumps(record, indent=2) + "\n")


def label(data: Path, teacher_run: Path, folder: Path, limit: int, *, quiet: bool = False) -> int:
    """Asks the teacher about labelled and unlabelled texts; returns how many it labelled."""
    labelled = (text for part in heads.training(data).values() for text in part.texts)
    texts = soft_labels.texts_to_label(
        labelled, readers.corpora(data), heads.held_out_keys(data), limit
    )
    made = teacher.faster(teacher.load(teacher_run))
    origin = checksum(teacher_run / "teacher.safetensors")
    tokens = teacher.Tokens(teacher.load_encoder(None)[1], TeacherConfig().length)

    def said(part: Sequence[str]) -> Tensor:
        logits = teacher.label(made, tokens, part, quiet=quiet)
        return torch.cat([logits[name] for name in HEADS], 1)

    return soft_labels.write(folder, texts, said, origin)


def pretrain(
    data: Path,
    run: Path,
    config: PretrainConfig,
    soft: Path | None = None,
    corpora: Iterable[Path] = (),
    *,
    resume: bool = False,
    quiet: bool = False,
) -> None:
    """Builds the vocabulary and pre-trains its words; both go to the run folder.

    Args:
        data: the data folder; the texts of its train splits are read.
        run: the folder to write to.
        config: the settings.
        soft: a folder of soft labels; its texts are read too.
        corpora: more plain text.
        resume: continue after the last epoch that the checkpoint has.
        quiet: no progress bar.
    """
    run.mkdir(parents=True, exist_ok=True)
    texts = [text for part in heads.training(data).values() for text in part.texts]
    if soft is not None:
        texts += soft_labels.read(soft)[0]
    files = list(corpora)
    if files:
        held_out = heads.held_out_keys(data)
        plain = (text for path in files for text in readers.corpus(path))
        texts += soft_labels.texts_to_label((), plain, held_out, 10**9)
    tokens = list(_tokenised(dict.fromkeys(texts)))
    vocabulary = Vocabulary.build(tokens, max_words=MAX_WORDS, max_phrases=MAX_PHRASES)
    logger.info(
        "vocabulary: %d words, %d phrases", vocabulary.words, len(vocabulary) - vocabulary.words
    )
    words = embedding.pretrain(
        [vocabulary.known_words(part) for part in tokens],
        vocabulary.words,
        config,
        run,
        resume=resume,
        quiet=quiet,
    )
    vocabulary.save(run / "vocabulary.txt")
    record = {
        "settings": asdict(config),
        "texts": len(texts),
        "corpora": {path.name: checksum(path) for path in files},
    }
    checkpoint.write_text(run / "pretrain.json", json.dumps(record, indent=2) + "\n")
    save_file({"words": words}, run / "embedding.safetensors")  # last: it says that all is there


def train(
    data: Path,
    run: Path,
    config: TrainConfig,
    embedding_run: Path,
    soft: Path | None,
    name: str,
    command: str,
    own: Sequence[Path] = (),
    *,
    resume: bool = False,
    quiet: bool = False,
) -> Artifact:
    """Trains, calibrates what will ship, and writes it to RUN/artifact.

    `own` names files of labelled texts that join the train splits (`classifier.own_texts`).
    """
    run.mkdir(parents=True, exist_ok=True)
    vocabulary, words, origin = load_embedding(embedding_run)
    if words.shape[1] != config.dim:
        raise UserError(
            f"{embedding_run} has {words.shape[1]} dimensions, not {config.dim}:"
            f" use --dim {words.shape[1]}, or pretrain with --dim {config.dim}"
        )
    labelled = own_texts.added(heads.training(data), own, heads.held_out_keys(data))
    taught = soft_labels.read(soft) if soft is not None else None
    texts = training.pool(labelled, taught, vocabulary, config)
    dev = {
        head: (*training.bags(split.texts, vocabulary), right(head, split))
        for head, entry in HEADS.items()
        if head in labelled and len(split := heads.to_calibrate(data, head))
    }
    record = {
        "command": command,
        "seed": config.seed,
        "settings": asdict(config),
        "pretraining": origin,
        "teacher": _teacher_record(soft),
        "texts": {head: len(each) for head, each in labelled.items()},
        "soft_labels": len(taught[0]) if taught else 0,
        "own_texts": {path.name: checksum(path) for path in own},
        "data": {
            path.relative_to(data).as_posix(): checksum(path) for path in datasets.used_files(data)
        },
        "sentiment_train": "rebuilt" if datasets.sentiment_is_rebuilt(data) else "official",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    begun = resume and checkpoint.exists(run)
    model, history = training.train(
        texts, dev["emotion"], vocabulary, words, config, run, resume=begun, quiet=quiet
    )
    checkpoint.write_text(run / "run.json", json.dumps(record, indent=2) + "\n")
    checkpoint.write_text(run / "history.json", json.dumps(history, indent=2) + "\n")
    for head, entry in HEADS.items():
        if head in labelled and entry.refit:
            part = labelled[head]
            fitted = right(head, part)
            refit.refit(model, head, (*training.bags(part.texts, vocabulary), fitted))
    tensors = network.pack_tensors(model)
    shares = {
        head: right(head, labelled[head]).mean(0).tolist()
        for head in BALANCED_DEV
        if head in labelled
    }
    shape = {"vocabulary": len(vocabulary), "dim": config.dim, "hidden": config.hidden}
    made = artifact.save(
        run / "artifact",
        Artifact(
            name, {**shape, "training": record}, vocabulary, tensors, fit(tensors, dev, shares)
        ),
    )
    logger.info("wrote %s to %s", made.model, run / "artifact")
    return made


def prepare_soft(data: Path, run: Path, limit: int, seed: int, *, resume: bool) -> Path:
    """Teaches and labels into the run folder, as far as that is not done yet."""
    if not teacher.exists(run / "teacher"):
        begun = resume and checkpoint.exists(run / "teacher")
        teach(data, run / "teacher", TeacherConfig(seed=seed), resume=begun)
    label(data, run / "teacher", run / "soft", limit)
    return run / "soft"


def prepare_embedding(
    data: Path, run: Path, soft: Path | None, config: TrainConfig, *, resume: bool
) -> Path:
    """Pre-trains into the run folder, if that is not done yet."""
    folder = run / "embedding"
    if not has_embedding(folder):
        begun = resume and checkpoint.exists(folder)
        shape = PretrainConfig(dim=config.dim, seed=config.seed)
        pretrain(data, folder, shape, soft, resume=begun)
    return folder


def fit(
    tensors: dict[str, Tensor],
    dev: dict[str, tuple[Tensor, Tensor, Tensor]],
    shares: dict[str, list[float]],
) -> Calibration:
    """Fits scales and thresholds on dev, with the tensors as they ship.

    Args:
        tensors: of the network.
        dev: head to ids, offsets and targets.
        shares: how often each label occurs, of the heads in BALANCED_DEV.
    """
    net = network.unpack_tensors(tensors)
    logits = {
        head: net.logits(ids, offsets)[:, net.columns[head]].clone()
        for head, (ids, offsets, _) in dev.items()
    }
    return calibration.fit(logits, {head: each[2] for head, each in dev.items()}, shares)


def has_embedding(run: Path) -> bool:
    """Whether a pre-training run is complete."""
    return (run / "embedding.safetensors").exists()


def load_embedding(run: Path) -> tuple[Vocabulary, Tensor, dict[str, Any]]:
    """Reads vocabulary, embedding and the record of a pre-training run."""
    if not has_embedding(run):
        raise UserError(
            f"{run} has no embedding.safetensors: make it with python -m classifier pretrain"
            f" --run {run}"
        )
    record = json.loads((run / "pretrain.json").read_text(encoding="utf-8"))
    words = load_file(run / "embedding.safetensors")["words"]
    vocabulary = Vocabulary.load(run / "vocabulary.txt")
    if len(words) != vocabulary.words:
        raise UserError(
            f"{run}: the embedding has {len(words)} words, vocabulary.txt {vocabulary.words};"
            " make both again with python -m classifier pretrain"
        )
    return vocabulary, words, record


def checksum(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _tokenised(texts: Iterable[str]) -> Iterator[Tokens]:
    every = list(texts)
    for start in range(0, len(every), training.CHUNK):
        yield tokenise(every[start : start + training.CHUNK])


def _teacher_record(soft: Path | None) -> dict[str, Any] | None:
    if soft is None or not (soft.parent / "teacher" / "teacher.json").exists():
        return None
    record: dict[str, Any] = json.loads((soft.parent / "teacher" / "teacher.json").read_text())
    return record
