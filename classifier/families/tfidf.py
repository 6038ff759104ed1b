"""tf-idf of words, pairs of words and pieces of words, and logistic regression over them.

The terms are scikit-learn's; they are counted in our own tokens, so that every family reads the
same words. Sublinear term frequency, rows of length 1.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from classifier.families import linear
from classifier.families.base import Budget, Model, Record, Task, stored, within
from classifier.families.neural import WEIGHTS
from classifier.heads import HEADS, width
from classifier.text import tokenise
from classifier.vocabulary import Vocabulary
from stream.errors import UserError

TERMS = "terms.json"

STRENGTHS = (1e-6, 3e-6, 1e-5)
"""As in `linear`: with 16,000 texts scikit-learn's C of 31, 10 and 3."""


@dataclass(frozen=True)
class Options:
    """What can be chosen of it."""

    words: int = 2  # longest run of words
    characters: int = 5  # longest piece of a word, from 3; 0 for none
    least: int = 2  # texts that a term must stand in
    most_terms: int = 200_000  # of words, and as many of characters

    def __post_init__(self) -> None:
        within(self, "1 or more", "words", "least", "most_terms")
        if self.characters and self.characters < 3:
            raise ValueError(f"characters must be 0 or from 3, not {self.characters}")


class TfidfModel:
    """Two lists of terms, and a row of weights for each label."""

    def __init__(
        self, heads: tuple[str, ...], readers: list[TfidfVectorizer], options: Options
    ) -> None:
        self.heads, self.readers, self.options = heads, readers, options
        self.weights = torch.zeros(0, 0)  # (labels, terms + 1)

    def features(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """A row a text, (texts, terms)."""
        joined = _joined(texts)
        return sparse.hstack([reader.transform(joined) for reader in self.readers]).tocsr()

    def logits(self, texts: Sequence[str]) -> Tensor:
        """See `base.Model`."""
        found = self.features(texts) @ self.weights[:, :-1].T.numpy()
        return torch.from_numpy(found).double() + self.weights[:, -1].double()

    def parameters(self) -> int:
        """See `base.Model`."""
        return self.weights.numel() + sum(len(reader.idf_) for reader in self.readers)

    def save(self, folder: Path) -> dict[str, Any]:
        """See `base.Model`."""
        terms = [reader.get_feature_names_out().tolist() for reader in self.readers]
        text = json.dumps(terms, ensure_ascii=False)
        (folder / TERMS).write_text(text + "\n", encoding="utf-8")
        idf = [torch.from_numpy(reader.idf_).float() for reader in self.readers]
        tensors = {"weights": self.weights.contiguous(), "idf": torch.cat(idf)}
        save_file(tensors, folder / WEIGHTS)
        return {"options": asdict(self.options), "files": [TERMS]}


def fit(
    task: Task, options: Options, seed: int, run: Path, budget: Budget, *, quiet: bool
) -> tuple[Model, Record]:
    """See `base.Family`; the seed changes nothing, since the best answer is one."""
    del seed, run, quiet
    started = time.monotonic()
    readers = _readers(options)
    joined = _joined(list({t: None for part in task.train.values() for t in part.texts}))
    for reader in readers:
        try:
            reader.fit(joined)
        except ValueError:
            raise UserError(f"no term stands in {options.least} texts, which least asks") from None
    model = TfidfModel(task.heads, readers, options)
    read = {name: model.features(task.train[name].texts) for name in task.heads}
    dev = {name: model.features(task.dev[name].texts) for name in task.heads}

    def fitted(name: str, targets: Tensor, strength: float) -> Tensor:
        budget.check(f"{name}, strength {strength:g}")
        columns = targets.T if HEADS[name].several else targets.argmax(1)[None]
        rows = [_row(read[name], each.numpy(), strength, HEADS[name].several, targets.shape[1])
                for each in columns]  # fmt: skip
        return linear.as_tensor(np.concatenate(rows))

    def asked(name: str, weights: Tensor) -> Tensor:
        found = torch.from_numpy(dev[name] @ weights[:, :-1].T.numpy())
        return found.double() + weights[:, -1].double()

    found = linear.best(task, fitted, asked, STRENGTHS)
    model.weights = torch.cat([found[name][0] for name in task.heads])
    return model, Record(time.monotonic() - started)


def load(folder: Path, config: Mapping[str, Any], vocabulary: Vocabulary) -> Model:
    """See `base.Family`."""
    del vocabulary  # it has terms of its own
    options, heads = stored(Options, config), tuple(config["heads"])
    tensors = load_file(folder / WEIGHTS)
    readers = _readers(options)
    lists = json.loads((folder / TERMS).read_text(encoding="utf-8"))
    labels = width(heads)
    total = sum(map(len, lists))
    if tensors["weights"].shape != (labels, total + 1) or tensors["idf"].shape != (total,):
        raise ValueError(f"weights that are not {labels} times {total} terms")
    start = 0
    for reader, terms in zip(readers, lists, strict=True):
        reader.vocabulary_ = {term: number for number, term in enumerate(terms)}
        reader.idf_ = tensors["idf"][start : start + len(terms)].double().numpy()
        start += len(terms)
    model = TfidfModel(heads, readers, options)
    model.weights = tensors["weights"]
    return model


def _row(
    features: sparse.csr_matrix, right: Any, strength: float, several: bool, labels: int
) -> Any:
    """The weights and bias of one label, or of all labels where a text bears one, as float32."""
    if several and (right.all() or not right.any()):
        bias = 10.0 if right.all() else -10.0  # every text has it, or none: nothing to learn
        return np.array([[0.0] * features.shape[1] + [bias]], dtype=np.float32)
    cost = 1 / (2 * strength * len(right))
    made = LogisticRegression(C=cost, max_iter=300, solver="lbfgs").fit(features, right)
    rows = np.hstack([made.coef_, made.intercept_[:, None]])
    if several or len(made.classes_) == labels:
        return rows
    if len(rows) == 1:  # of two classes scikit-learn keeps one row
        rows = np.concatenate([-rows / 2, rows / 2])
    whole = np.zeros((labels, rows.shape[1]))
    whole[:, -1] = -10.0  # labels that no training text bears
    whole[made.classes_] = rows
    return whole


def _joined(texts: Sequence[str]) -> list[str]:
    return [" ".join(tokens) for tokens in tokenise(texts).strings()]


def _readers(options: Options) -> list[TfidfVectorizer]:
    shared: dict[str, Any] = {
        "lowercase": False, "sublinear_tf": True, "min_df": options.least,
        "max_features": options.most_terms, "dtype": np.float32,
    }  # fmt: skip
    found = [
        TfidfVectorizer(
            ngram_range=(1, options.words), tokenizer=str.split, token_pattern=None, **shared
        )
    ]
    if options.characters:
        found.append(
            TfidfVectorizer(analyzer="char_wb", ngram_range=(3, options.characters), **shared)
        )
    return found
