"""The model as it serves: the artifact's tensors, no more.

An embedding row is eight-bit integers times one scale, with the word's weight already in it. The
sum over a text is made in float32 and in the order of its words; the layers after it, which are
small, in float64: so a text's answer does not depend, to far below the four decimals that are
given, on the texts that share its batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from classifier.model import CbowClassifier, ModelConfig, root_of_lengths


@dataclass(frozen=True)
class Network:
    """Ids to logits, without gradients."""

    embedding: Tensor  # (vocabulary, dim), float32
    hidden_weight: Tensor  # (hidden, dim), float64 as all below
    hidden_bias: Tensor  # (hidden,)
    direct_weight: Tensor  # (labels of all heads, dim)
    direct_bias: Tensor  # (labels of all heads,)
    indirect_weight: Tensor  # (labels of all heads, hidden)
    heads: Mapping[str, int]  # head to number of labels, in the order of the rows above

    @torch.inference_mode()
    def logits(self, ids: Tensor, offsets: Tensor) -> dict[str, Tensor]:
        """The logits of every head, (texts, labels); `offsets` has the end of the last text."""
        total: Tensor = functional.embedding_bag(ids, self.embedding, offsets[:-1], mode="sum")
        bag = (total / root_of_lengths(offsets)).double()
        inner = functional.gelu(functional.linear(bag, self.hidden_weight, self.hidden_bias))
        every = functional.linear(bag, self.direct_weight, self.direct_bias)
        every += functional.linear(inner, self.indirect_weight)
        parts = torch.split(every, list(self.heads.values()), 1)
        return dict(zip(self.heads, parts, strict=True))


def shapes(config: ModelConfig) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    """The type and shape of every stored tensor."""
    labels = sum(config.heads.values())
    half = torch.float16
    return {
        "embedding": (torch.int8, (config.vocabulary, config.dim)),
        "embedding_scale": (half, (config.vocabulary,)),
        "hidden_weight": (half, (config.hidden, config.dim)),
        "hidden_bias": (half, (config.hidden,)),
        "direct_weight": (half, (labels, config.dim)),
        "direct_bias": (half, (labels,)),
        "indirect_weight": (half, (labels, config.hidden)),
    }


def pack_tensors(members: Sequence[CbowClassifier], heads: Sequence[str]) -> dict[str, Tensor]:
    """The tensors to store: the weight of a word goes into its row, the row into eight bits.

    Several models become one that gives the mean of their logits: their embeddings and hidden
    layers stand side by side and do not mix.
    """
    with torch.no_grad():
        rows = torch.cat([each.embedding.weight * each.weight[:, None] for each in members], 1)
        scale = (rows.abs().amax(1) / 127).half()
        steps = (rows / scale.float().clamp(min=1e-8)[:, None]).round().clamp(-127, 127)
        return {
            "embedding": steps.to(torch.int8),
            "embedding_scale": scale,
            "hidden_weight": _apart([each.hidden.weight for each in members]),
            "hidden_bias": torch.cat([each.hidden.bias for each in members]).half(),
            "direct_weight": _mean([_stacked(each.direct, heads, "weight") for each in members]),
            "direct_bias": torch.stack([_stacked(m.direct, heads, "bias") for m in members])
            .mean(0)
            .half(),
            "indirect_weight": _mean([_stacked(m.indirect, heads, "weight") for m in members]),
        }


def unpack_tensors(tensors: Mapping[str, Tensor], heads: Mapping[str, int]) -> Network:
    """The network that stored tensors make."""
    scale = tensors["embedding_scale"].float()
    return Network(
        embedding=tensors["embedding"].float().mul_(scale[:, None]),
        hidden_weight=tensors["hidden_weight"].double(),
        hidden_bias=tensors["hidden_bias"].double(),
        direct_weight=tensors["direct_weight"].double(),
        direct_bias=tensors["direct_bias"].double(),
        indirect_weight=tensors["indirect_weight"].double(),
        heads=dict(heads),
    )


def _stacked(layers: nn.ModuleDict, heads: Sequence[str], name: str) -> Tensor:
    """One parameter of the layers of several heads, below one another."""
    return torch.cat([layers.get_submodule(head).get_parameter(name) for head in heads])


def _mean(weights: Sequence[Tensor]) -> Tensor:
    """Weights side by side that give the mean of what each would give."""
    return (torch.cat(list(weights), 1) / len(weights)).half()


def _apart(weights: Sequence[Tensor]) -> Tensor:
    """Weights along the diagonal of one matrix: each block sees its own part of the input."""
    height, width = weights[0].shape
    whole = torch.zeros(height * len(weights), width * len(weights))
    for number, weight in enumerate(weights):
        whole[number * height : (number + 1) * height, number * width : (number + 1) * width] = (
            weight
        )
    return whole.half()
