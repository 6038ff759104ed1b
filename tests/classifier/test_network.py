import torch
from torch import Tensor

from classifier.heads import HEADS, columns
from classifier.model import CbowClassifier, ModelConfig
from classifier.network import pack_tensors, unpack_tensors

LABELS = sum(len(head.labels) for head in HEADS.values())
TEXTS = [[1, 2, 3], [], [4], [5, 5, 6, 7, 8, 9]]


def model(seed: int) -> CbowClassifier:
    torch.manual_seed(seed)
    return CbowClassifier(ModelConfig(10, 16, 12, LABELS)).eval()


def pack(texts: list[list[int]]) -> tuple[Tensor, Tensor]:
    ids = torch.tensor([each for text in texts for each in text], dtype=torch.int64)
    return ids, torch.tensor([0, *map(len, texts)]).cumsum(0)


def test_what_is_stored_gives_what_was_trained() -> None:
    trained = model(1)
    served = unpack_tensors(pack_tensors(trained)).logits(*pack(TEXTS))
    with torch.no_grad():
        difference = served - trained(*pack(TEXTS))
    # Eight bits and half precision cost a little; a swapped row or column costs far more.
    assert difference.abs().max() < 0.03
    assert served.shape == (len(TEXTS), LABELS)


def test_an_empty_text_gets_the_answer_to_no_words() -> None:
    network = unpack_tensors(pack_tensors(model(1)))
    alone = network.logits(*pack([[]]))
    among = network.logits(*pack(TEXTS))[1:2]
    assert (alone - among).abs().max() < 1e-12
    assert alone.isfinite().all()


def test_some_heads_of_a_network_say_what_they_said_among_all() -> None:
    network = unpack_tensors(pack_tensors(model(1)))
    every = network.logits(*pack(TEXTS))
    some = network.only(["topic", "emotion"])
    parts = torch.cat([every[:, columns()[head]] for head in ("topic", "emotion")], 1)
    assert torch.allclose(some.logits(*pack(TEXTS)), parts, atol=1e-12)
    assert some.columns["emotion"] == slice(19, 47)
