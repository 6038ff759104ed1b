"""Which words a label comes from: contributions that add up to its logit.

With e_i the n embeddings of a text (each with its weight in it), b = sum_i e_i / sqrt(n) and
a_j = w_j . b, a label's logit is

    z(b) = bias + d . b + sum_j u_j relu(c_j + a_j).

Integrated gradients (Sundararajan, Taly and Yan 2017, "Axiomatic Attribution for Deep Networks")
follow the straight line t b from the empty text, t = 0, to the text, t = 1, and give an embedding
its part of the line times the mean of the gradient along it. The line meets each unit of the
hidden layer at c_j + t a_j, so the mean slope of its relu is

    s_j = (relu(c_j + a_j) - relu(c_j)) / a_j,    or the slope at c_j where a_j = 0,

and the mean gradient is g = d + sum_j u_j s_j w_j: no steps, no rest. The contribution of
embedding i is g . e_i / sqrt(n). By the definition of s_j they sum to z(b) - z(0): all that sets
the text apart from the empty one, and nothing else.

A phrase's contribution is shared equally among its words; `<caps>` is an entry of its own. After
calibration a logit is z / temperature + bias, so contributions are divided by the temperature.
"""

import warnings
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from classifier.calibration import Calibration
from classifier.heads import HEADS
from classifier.network import Network
from classifier.text import CAPS, tokenise
from classifier.vocabulary import Bags, Vocabulary
from stream.errors import UserError

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

MOST_WORDS = 5
"""Words that a post carries at most."""

EXACT = "contribution"
"""What each token adds to the logit; all of them and `empty` sum to it."""

ATTENTION = "attention"
"""How much the model looked at each token, whatever the label; they sum to 1."""

LEFT_OUT = "left out"
"""What the logit loses when the word is left out of the text; these sum to nothing."""

LONGEST = 64
"""Characters of a word that a post carries; see `stream.posts.Word`."""

warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")


@dataclass(frozen=True, slots=True)
class Hidden:
    """What texts are on their way through the network."""

    bags: Bags
    bag: Tensor  # (texts, dim)
    inner: Tensor  # the hidden layer before its relu, (texts, hidden)

    @classmethod
    def of(cls, network: Network, bags: Bags) -> Self:
        """Sends the ids of texts as far as the hidden layer."""
        bag = network.bag(torch.from_numpy(bags.ids), torch.from_numpy(bags.offsets))
        return cls(bags, bag, network.inner(bag))


@dataclass(frozen=True, slots=True)
class Explanation:
    """What each token of a text adds to the calibrated logits of some labels of one head.

    Only of the bag of embeddings (EXACT) contributions and `empty` sum to the logits. Of another
    family (`classifier.families.serving`) they are what `method` says.
    """

    head: str
    tokens: tuple[str, ...]  # as the tokeniser writes them; `<caps>`, if there, is the last
    contributions: dict[str, tuple[float, ...]]  # label to one number a token
    empty: dict[str, float]  # label to the logit of the empty text
    method: str = EXACT


def labels_asked(heads: Container[str], head: str, labels: Sequence[str] | None) -> tuple[str, ...]:
    """The labels of a head that are asked for; all of them if none is named.

    Raises:
        UserError: there is no such head, or the head has no such label.
    """
    if head not in heads:
        there = ", ".join(name for name in HEADS if name in heads)
        raise UserError(f"no head {head!r}: there are {there}")
    declared = HEADS[head].labels
    wanted = declared if labels is None else tuple(labels)
    for label in wanted:
        if label not in declared:
            raise UserError(f"no label {label!r} in {head}: there are {', '.join(declared)}")
    return wanted


def explain(
    network: Network,
    vocabulary: Vocabulary,
    calibration: Calibration,
    text: str,
    head: str,
    labels: Sequence[str] | None = None,
) -> Explanation:
    """Splits the logits of one head into what each token of a text adds, in float64.

    The contributions to a label and its `empty` sum to its calibrated logit. A token that the
    model does not know adds nothing.

    Args:
        network: ids to logits.
        vocabulary: tokens to ids.
        calibration: logits to probabilities.
        text: any text.
        head: the head to ask.
        labels: some of its labels; all of them if not given.

    Raises:
        UserError: the network has no such head, or the head no such label.
    """
    wanted = labels_asked(network.columns, head, labels)
    numbers = [HEADS[head].labels.index(label) for label in wanted]
    where, scale = network.columns[head], calibration.heads[head].scale
    tokens = tokenise([text])
    hidden = Hidden.of(network, vocabulary.bags(tokens))
    parts = contributions(network, hidden, [where.start + number for number in numbers])
    shares = _per_token(hidden.bags, parts / scale.temperature, len(tokens.names))
    loud = [CAPS] if len(shares) > len(tokens.names) else []
    nothing = torch.zeros_like(hidden.bag)
    empty = scale.apply(network.outer(nothing, network.inner(nothing))[:, where])[0].tolist()
    return Explanation(
        head,
        (*tokens.strings()[0], *loud),
        dict(zip(wanted, map(tuple, shares.T.tolist()), strict=True)),
        {label: empty[number] for label, number in zip(wanted, numbers, strict=True)},
    )


@torch.inference_mode()
def contributions(network: Network, hidden: Hidden, columns: Sequence[int]) -> Floats:
    """What each id of one text adds to some logits, (ids, columns), before calibration.

    The bag is summed in float32; what that rounds off is shared equally, so that the sum over the
    ids is that of the logits as they are served.
    """
    ids = torch.from_numpy(hidden.bags.ids)
    rows = network.embedding[ids].double() / max(len(ids), 1) ** 0.5
    rows += (hidden.bag - rows.sum(0)) / max(len(ids), 1)
    found: Floats = (rows @ _gradients(network, hidden.inner, columns).T).numpy()
    return found


def words_behind(
    network: Network, vocabulary: Vocabulary, hidden: Hidden, columns: Numbers
) -> list[tuple[str, ...]]:
    """The words of each text that add most to one of its logits, strongest first.

    At most five a text, each once (where it occurs again its strongest place counts) and only
    such as add something and are words or emoji; spelled as in the vocabulary. No logit, no words.

    Args:
        network: ids to logits.
        vocabulary: what the ids stand for.
        hidden: the texts.
        columns: the logit to explain of each text, -1 for none, (texts,).
    """
    bags = hidden.bags
    lengths = np.diff(bags.offsets)
    rows = (columns >= 0).nonzero()[0]
    asked = np.repeat(columns >= 0, lengths)
    parts = np.zeros(len(asked))
    parts[asked] = _one_logit(network, hidden, columns[rows], rows, bags.ids[asked])
    value = _of_words(bags, parts)
    kept = ((value > 0) & vocabulary.spoken[bags.ids]).nonzero()[0]
    text, value = np.repeat(np.arange(len(columns)), lengths)[kept], value[kept]
    # One sort by text and falling value: the part from 0 to 1 keeps texts apart.
    order = np.argsort(text + 1 / (1 + value), kind="stable")
    entries = vocabulary.entries
    found = [entries[word][:LONGEST] for word in bags.ids[kept[order]].tolist()]
    edges = np.searchsorted(text, np.append(rows, len(columns))).tolist()
    words: list[tuple[str, ...]] = [()] * len(columns)
    for row, (start, stop) in zip(rows.tolist(), pairwise(edges), strict=True):
        first = found[start : min(stop, start + MOST_WORDS)]
        if len(set(first)) < len(first):
            first = list(dict.fromkeys(found[start:stop]))[:MOST_WORDS]
        words[row] = tuple(first)
    return words


def _gradients(network: Network, inner: Tensor, columns: Sequence[int]) -> Tensor:
    """The mean gradients of some logits of one text, (columns, dim)."""
    slopes = _slopes(inner, network.hidden_bias)
    through = network.indirect_weight[columns] * slopes
    return torch.addmm(network.direct_weight[columns], through, network.hidden_weight)


def _slopes(inner: Tensor, bias: Tensor) -> Tensor:
    """The mean slope of each hidden unit on the way from the empty text, (texts, hidden)."""
    change = inner - bias
    slopes = torch.relu(inner).sub_(torch.relu(bias)).div_(change)
    if bool((change == 0).any()):
        slopes = torch.where(change == 0, (bias > 0).to(inner.dtype), slopes)
    return slopes


@torch.inference_mode()
def _one_logit(
    network: Network, hidden: Hidden, columns: Numbers, rows: Numbers, ids: NDArray[np.int32]
) -> Floats:
    """What the ids of some texts add to the one logit of their text, to float32's precision.

    Args:
        network: ids to logits.
        hidden: all texts.
        columns: the logit of each text asked for, (rows,).
        rows: which texts these are, (rows,).
        ids: all of theirs, (ids,).
    """
    chosen, places = torch.from_numpy(columns), torch.from_numpy(rows)
    through = _slopes(hidden.inner.index_select(0, places), network.hidden_bias)
    through *= network.indirect_weight.index_select(0, chosen)
    direct = network.direct_weight.index_select(0, chosen)
    gradient = torch.addmm(direct, through, network.hidden_weight).float()
    lengths = np.diff(hidden.bags.offsets)[rows]
    gradient /= torch.from_numpy(np.sqrt(np.maximum(lengths, 1)))[:, None]
    # Of the product of gradients and embeddings only the places of a text's own ids are wanted.
    # No more places can be named than it has, and a text may say a word again: empty rows make up.
    spare = len(ids) // len(network.embedding)
    gradient = functional.pad(gradient, (0, 0, 0, spare)) if spare else gradient
    starts = np.full(len(gradient) + 1, len(ids), dtype=np.int32)
    starts[: len(rows)] = np.cumsum(lengths) - lengths
    wanted = torch.sparse_csr_tensor(
        torch.from_numpy(starts),
        torch.from_numpy(ids),
        torch.zeros(len(ids)),
        (len(gradient), len(network.embedding)),
        check_invariants=False,  # they want no word twice; the product does not care
    )
    product = torch.sparse.sampled_addmm(wanted, gradient, network.embedding.T, beta=0.0)
    answer: Floats = product.values().double().numpy()
    return answer


def _per_token(bags: Bags, parts: Floats, tokens: int) -> Floats:
    """What each token of one text adds, and `<caps>` if it is there, (tokens or 1 more, columns).

    Args:
        bags: the ids of one text.
        parts: what each id adds, (ids, columns).
        tokens: how many tokens the text has.
    """
    found = np.zeros((tokens, parts.shape[1]))
    for back in range(3):
        inside = bags.span > back
        np.add.at(found, bags.last[inside] - back, parts[inside] / bags.span[inside, None])
    return np.concatenate([found, parts[bags.span == 0]])


def _of_words(bags: Bags, parts: Floats) -> Floats:
    """What each id adds with its shares of the phrases it is in; 0 for a phrase, (ids,)."""
    count = int(bags.last[-1]) + 1 if len(bags.last) else 0
    shares = np.zeros(count)
    for back in range(3):
        inside = (bags.span > back).nonzero()[0]
        place, size = bags.last[inside] - back, bags.span[inside]
        shares += np.bincount(place, parts[inside] / size, minlength=count)
    return np.where(bags.span == 1, shares[bags.last], np.where(bags.span == 0, parts, 0.0))
