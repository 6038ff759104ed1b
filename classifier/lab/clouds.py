"""Words: which stand for a label, which are neighbours, and where they lie on a plane."""

import html
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from classifier.lab.figures import colour
from classifier.text import tokenise
from classifier.vocabulary import Vocabulary
from stream.errors import UserError

Floats = NDArray[np.float64]
CHUNK = 1024
PRIOR = 50.0
"""Texts that a word is taken to be in beforehand, spread as it is over all labels."""

WIDTH, INK = 720, "#333333"


def counted(
    texts: Sequence[str], right: Tensor, vocabulary: Vocabulary
) -> tuple[Floats, list[int], int]:
    """In how many texts of each label each word is, (words, labels); also each text's tokens.

    Returns:
        The counts, the number of tokens of each text, and how many tokens are unknown.
    """
    found = torch.zeros(vocabulary.words, right.shape[1], dtype=torch.float64)
    sizes: list[int] = []
    unknown = 0
    for start in range(0, len(texts), CHUNK):
        tokens = tokenise(texts[start : start + CHUNK])
        words = vocabulary.word_ids(tokens).astype(np.int64)
        lengths = np.diff(tokens.offsets)
        sizes += lengths.tolist()
        unknown += int((words == 0).sum())
        rows = np.repeat(np.arange(len(lengths)), lengths)
        pairs = np.unique(rows * vocabulary.words + words)  # a word counts once a text
        row, word = np.divmod(pairs, vocabulary.words)
        found.index_add_(0, torch.from_numpy(word), right[start + torch.from_numpy(row)].double())
    return found.numpy(), sizes, unknown


def telling(counts: Floats, vocabulary: Vocabulary) -> Floats:
    """How telling each word is of each label, (words, labels): log odds, in deviations.

    Monroe, Colaresi and Quinn (2008), "Fightin' Words": a word in few texts is not believed.
    """
    total = counts.sum(0)
    share = counts.sum(1, keepdims=True) / max(counts.sum(), 1.0)
    inside = (counts + PRIOR * share).clip(1e-9)
    outside = (counts.sum(1, keepdims=True) - counts + PRIOR * share).clip(1e-9)
    rest = total + PRIOR - inside, total.sum() - total + PRIOR - outside
    odds = np.log(inside / rest[0].clip(1e-9)) - np.log(outside / rest[1].clip(1e-9))
    found: Floats = odds / np.sqrt(1 / inside + 1 / outside)
    found[~vocabulary.spoken[: len(found)]] = -np.inf
    return found


def cloud(words: Sequence[str], weights: Sequence[float], label: str) -> str:
    """The words of a label as SVG, in lines, the more telling the larger; most telling first."""
    most = max(weights, default=1.0)
    lines: list[list[tuple[str, float, float]]] = [[]]
    x = 16.0
    for word, weight in zip(words, weights, strict=True):
        size = 11 + 21 * max(weight, 0.0) / most
        width = sum(1.0 if sign > "\u1100" else 0.58 for sign in word) * size + 12
        if x + width > WIDTH and lines[-1]:
            lines.append([])
            x = 16.0
        lines[-1].append((word, x, size))
        x += width
    y, drawn = 6.0, []
    for line in lines:
        y += max((size for *_, size in line), default=0.0) * 1.25
        drawn += [
            f'<text x="{at:.0f}" y="{y:.0f}" font-size="{size:.0f}">{html.escape(word)}</text>'
            for word, at, size in line
        ]
    height = y + 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}"'
        f' width="{WIDTH}" height="{height:.0f}" role="img" aria-label="words of {label}"'
        f' font-family="sans-serif" fill="{INK}">'
        f'<rect x="0" y="4" width="6" height="{height - 8:.0f}" fill="{colour(label)}"/>'
        + "".join(drawn)
        + "</svg>\n"
    )


def neighbours(
    word: str, embedding: Tensor, vocabulary: Vocabulary, count: int = 10
) -> list[tuple[str, float]]:
    """The words whose embeddings point most nearly where a word's does, with the cosine.

    Raises:
        UserError: the vocabulary does not have the word.
    """
    number = int(vocabulary.word_ids(tokenise([word]))[:1].sum())
    if not number:
        raise UserError(f"--word {word}: is not one of the {vocabulary.words:,} known words")
    rows = torch.nn.functional.normalize(embedding[: vocabulary.words].float(), dim=1)
    near = rows @ rows[number]
    near[~torch.from_numpy(vocabulary.spoken[: vocabulary.words])] = -2
    near[number] = -2
    best = near.topk(min(count, len(near)))
    return [
        (vocabulary.entries[place], float(cosine))
        for place, cosine in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


def plane(rows: Tensor) -> Floats:
    """Where vectors lie on a plane so that neighbours stay neighbours (t-SNE), (vectors, 2)."""
    from sklearn.manifold import TSNE

    near = min(20, max(2, len(rows) // 4))
    drawn = TSNE(perplexity=near, init="pca", random_state=1, metric="cosine")
    found: Floats = drawn.fit_transform(rows.float().numpy()).astype(np.float64)
    return found
