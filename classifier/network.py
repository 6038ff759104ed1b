"""The model as it serves: the artifact's tensors, no more.

An embedding row is eight-bit integers times one scale, with the word's weight already in it. The
sum over a text is made in float32 and in the order of its words; the layers after it, which are
small, in float64: so a text's answer does not depend, to far below the four decimals that are
given, on the texts that share its batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from classifier.heads import columns
from classifier.model import CbowClassifier, ModelConfig, root_of_lengths


@dataclass(frozen=True)
class Network:
    """Ids to logits, without gradients."""

    embedding: Tensor  # (vocabulary, dim), float32
    hidden_weight: Tensor  # (hidden, dim), float64 as all below
    hidden_bias: Tensor  # (hidden,)
    direct_weight: Tensor  # (labels, dim)
    direct_bias: Tensor  # (labels,)
    indirect_weight: Tensor  # (labels, hidden)
    columns: Mapping[str, slice]  # head to its rows in the weights above

    def bag(self, ids: Tensor, offsets: Tensor) -> Tensor:
        """The bags of texts, (texts, dim), float64; `offsets` has the end of the last text."""
        # functional.embedding_bag, mode="sum", less its checks: they cost more than a short sum.
        total = torch.embedding_bag(self.embedding, ids, offsets, False, 0, False, None, True)[0]
        return (total / root_of_lengths(offsets)).double()

    def inner(self, bag: Tensor) -> Tensor:
        """The hidden layer before its relu, (texts, hidden)."""
        return functional.linear(bag, self.hidden_weight, self.hidden_bias)

    def outer(self, bag: Tensor, inner: Tensor) -> Tensor:
        """The logits of the heads side by side, (texts, labels), float64."""
        every = functional.linear(bag, self.direct_weight, self.direct_bias)
        return every.addmm_(torch.relu(inner), self.indirect_weight.T)

    def logits(self, ids: Tensor, offsets: Tensor) -> Tensor:
        """The logits of the heads side by side, (texts, labels), float64."""
        bag = self.bag(ids, offsets)
        return self.outer(bag, self.inner(bag))

    def only(self, heads: Sequence[str]) -> Self:
        """The same network with some of its heads."""
        rows = torch.cat([torch.arange(len(self.direct_bias))[self.columns[h]] for h in heads])
        return replace(
            self,
            direct_weight=self.direct_weight[rows],
            direct_bias=self.direct_bias[rows],
            indirect_weight=self.indirect_weight[rows],
            columns=columns(heads),
        )


def shapes(config: ModelConfig) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    """The type and shape of every stored tensor."""
    half = torch.float16
    return {
        "embedding": (torch.int8, (config.vocabulary, config.dim)),
        "embedding_scale": (half, (config.vocabulary,)),
        "hidden_weight": (half, (config.hidden, config.dim)),
        "hidden_bias": (half, (config.hidden,)),
        "direct_weight": (half, (config.labels, config.dim)),
        "direct_bias": (half, (config.labels,)),
        "indirect_weight": (half, (config.labels, config.hidden)),
    }


def pack_tensors(model: CbowClassifier) -> dict[str, Tensor]:
    """The tensors to store: the weight of a word goes into its row, the row into eight bits."""
    with torch.no_grad():
        rows = model.embedding.weight * model.weight[:, None]
        scale = (rows.abs().amax(1) / 127).half()
        steps = (rows / scale.float().clamp(min=1e-8)[:, None]).round().clamp(-127, 127)
        return {
            "embedding": steps.to(torch.int8),
            "embedding_scale": scale,
            "hidden_weight": model.hidden.weight.half(),
            "hidden_bias": model.hidden.bias.half(),
            "direct_weight": model.direct.weight.half(),
            "direct_bias": model.direct.bias.half(),
            "indirect_weight": model.indirect.weight.half(),
        }


def unpack_tensors(tensors: Mapping[str, Tensor]) -> Network:
    """The network that stored tensors make, with every head."""
    scale = tensors["embedding_scale"].float()
    return Network(
        embedding=tensors["embedding"].float().mul_(scale[:, None]),
        hidden_weight=tensors["hidden_weight"].double(),
        hidden_bias=tensors["hidden_bias"].double(),
        direct_weight=tensors["direct_weight"].double(),
        direct_bias=tensors["direct_bias"].double(),
        indirect_weight=tensors["indirect_weight"].double(),
        columns=columns(),
    )
