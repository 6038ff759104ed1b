"""From data to artifact: the steps behind `pretrain` and `train`.

RUN/embedding/   vocabulary.txt  embedding.safetensors  pretrain.json
RUN/artifact/    see classifier.artifact
RUN/run.json     settings, data with checksums, versions
RUN/history.json what was measured after each epoch
"""

import hashlib
import json
import logging
import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from classifier import artifact, calibration, checkpoint, datasets, embedding, network, training
from classifier.artifact import Artifact
from classifier.calibration import Calibration
from classifier.embedding import PretrainConfig
from classifier.labels import LABEL_SETS
from classifier.text import tokenise
from classifier.training import Examples, TrainConfig
from classifier.vocabulary import Vocabulary
from stream.errors import UserError

logger = logging.getLogger(__name__)

MAX_WORDS = 20_000
MAX_PHRASES = 40_000


def pretrain(
    data: Path,
    run: Path,
    config: PretrainConfig,
    corpora: Sequence[Path] = (),
    *,
    resume: bool = False,
    quiet: bool = False,
) -> None:
    """Builds the vocabulary and pre-trains its words; both go to the run folder."""
    run.mkdir(parents=True, exist_ok=True)
    labelled = datasets.training(data)
    texts = {name: [tokenise(text) for text in part.texts] for name, part in labelled.items()}
    plain = [tokens for part in texts.values() for tokens in part]
    held_out = datasets.held_out_keys(data) if corpora else frozenset()
    for path in corpora:
        tokenised = (tokenise(text) for text in datasets.corpus(path))
        plain += [tokens for tokens in tokenised if " ".join(tokens) not in held_out]
    vocabulary = Vocabulary.build(
        plain,
        texts["emotion"] + texts["polarity"],
        max_words=MAX_WORDS,
        max_phrases=MAX_PHRASES,
    )
    logger.info(
        "vocabulary: %d words, %d phrases", vocabulary.words, len(vocabulary) - vocabulary.words
    )
    words = embedding.pretrain(
        [vocabulary.word_ids(tokens) for tokens in plain],
        vocabulary.words,
        config,
        run,
        resume=resume,
        quiet=quiet,
    )
    vocabulary.save(run / "vocabulary.txt")
    record = {
        "settings": asdict(config),
        "texts": len(plain),
        "corpora": {path.name: _checksum(path) for path in corpora},
    }
    checkpoint.write_text(run / "pretrain.json", json.dumps(record, indent=2) + "\n")
    save_file({"words": words}, run / "embedding.safetensors")  # last: it says that all is there


def train(
    data: Path,
    run: Path,
    config: TrainConfig,
    embedding_run: Path,
    name: str,
    command: str,
    *,
    resume: bool = False,
    quiet: bool = False,
) -> Artifact:
    """Trains, calibrates what will ship, and writes it to RUN/artifact."""
    run.mkdir(parents=True, exist_ok=True)
    vocabulary, words, origin = load_embedding(embedding_run)
    if words.shape[1] != config.dim:
        raise UserError(
            f"{embedding_run} has {words.shape[1]} dimensions, not {config.dim}:"
            f" use --dim {words.shape[1]}, or pretrain with --dim {config.dim}"
        )
    heads = {head: training.HEADS[head] for head in config.head_weights}
    labelled = datasets.training(data)
    sets = {head: training.examples(labelled[head], vocabulary, heads[head]) for head in heads}
    dev = {
        "emotion": training.examples(
            datasets.goemotions(data, "dev"), vocabulary, heads["emotion"]
        ),
        "polarity": training.examples(
            datasets.sentiment(data, "val"), vocabulary, heads["polarity"]
        ),
    }
    record = {
        "command": command,
        "seed": config.seed,
        "settings": asdict(config),
        "pretraining": origin,
        "texts": {head: len(each) for head, each in sets.items()},
        "data": {
            path.relative_to(data).as_posix(): _checksum(path) for path in datasets.used_files(data)
        },
        "sentiment_train": "rebuilt" if datasets.sentiment_is_rebuilt(data) else "official",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    checkpoint.write_text(run / "run.json", json.dumps(record, indent=2) + "\n")
    members, history = [], []
    for number in range(config.members):
        folder = run / f"member-{number + 1}"
        folder.mkdir(exist_ok=True)
        member = replace(config, seed=config.seed + number)
        begun = resume and checkpoint.exists(folder)
        model, epochs = training.train(
            sets, dev["emotion"], vocabulary, words, member, folder, resume=begun, quiet=quiet
        )
        members.append(model)
        history.append(epochs)
    checkpoint.write_text(run / "history.json", json.dumps(history, indent=2) + "\n")
    tensors = network.pack_tensors(members, tuple(LABEL_SETS))
    fitted = fit(tensors, dev)
    dim, hidden = config.dim * config.members, config.hidden * config.members
    shape = {"vocabulary": len(vocabulary), "dim": dim, "hidden": hidden}
    made = artifact.save(
        run / "artifact",
        Artifact(name, {**shape, "training": record}, vocabulary, tensors, fitted),
    )
    logger.info("wrote %s to %s", made.model, run / "artifact")
    return made


def fit(tensors: dict[str, Tensor], dev: dict[str, Examples]) -> Calibration:
    """Fits temperature, biases and thresholds on dev, with the tensors as they ship."""
    net = network.unpack_tensors(tensors, {head: len(s) for head, s in LABEL_SETS.items()})
    logits = {head: net.logits(part.ids, part.offsets)[head].clone() for head, part in dev.items()}
    emotion = calibration.fit_scale(logits["emotion"], dev["emotion"].targets, several=True)
    polarity = calibration.fit_scale(logits["polarity"], dev["polarity"].targets, several=False)
    probabilities = calibration.rounded(torch.sigmoid(emotion.apply(logits["emotion"])))
    thresholds = calibration.fit_thresholds(probabilities, dev["emotion"].targets)
    return Calibration(emotion, polarity, thresholds)


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


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
