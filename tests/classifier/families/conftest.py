"""Small tasks and models, of a second or less each."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import BertConfig, BertModel

from classifier.families.base import Budget
from classifier.lab import cells, plan
from classifier.lab.cells import Cell, Texts
from classifier.readers import goemotions

HEADS = ("emotion", "polarity")
RECURRENT = {
    "embedding": "random", "dim": 8, "epochs": 6, "rate": 0.02, "batch": 16, "word_dropout": 0.0,
    "dropout": 0.0,
}  # fmt: skip
SMALL: dict[str, dict[str, Any]] = {
    "lexicon": {},
    "tfidf": {},
    "ann": {"embedding": "random", "dim": 8, "units": 8, "epochs": 6, "rate": 0.05, "dropout": 0.1},
    "cbow": {
        "dim": 8, "hidden": 8, "subwords": 0, "epochs": 4, "batch": 32, "embedding_rate": 4.0,
        "rate": 0.02, "token_dropout": 0.1,
    },
    "lstm": {**RECURRENT, "units": 16, "pool": "max", "rate": 0.05},
    "bilstm-attention": {**RECURRENT, "units": 8},
    "transformer": {"epochs": 8, "rate": 0.01, "still": False},
    "sentences": {},
    "ensemble": {"members": ["ann", "tfidf"]},
    "cascade": {"quick": "lexicon", "slow": "ann", "share": 0.5},
}  # fmt: skip


@pytest.fixture(scope="session")
def encoder(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as transformers keeps one: config, weights, tokenizer."""
    folder = tmp_path_factory.mktemp("encoder")
    texts = goemotions(small_data, "train").texts
    words = sorted({word for text in texts for word in text.lower().split()})
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *words])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(1)
    shape = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64,
    )  # fmt: skip
    BertModel(shape).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def texts(small_data: Path) -> Texts:
    """What two heads learn from."""
    return cells.read(small_data, HEADS, "train", None)


@pytest.fixture(scope="session")
def made(texts: Texts, encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cell]:
    """A finished cell of every family."""
    run = tmp_path_factory.mktemp("families")
    torch.set_num_threads(1)  # the layers are small, and other tests run beside these
    found = {}
    for name, options in SMALL.items():
        given = {**options}
        if name in ("transformer", "sentences"):
            given["encoder"] = str(encoder)
        cell = Cell(plan.wanted(name, given), 1, run)
        cells.run(cell, texts, Budget(), "test", quiet=True)
        found[name] = cell
    return found
