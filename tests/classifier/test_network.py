import pytest
import torch

from classifier.labels import LABEL_SETS
from classifier.model import CbowClassifier, ModelConfig, pack
from classifier.network import pack_tensors, unpack_tensors

HEADS = {name: len(labels) for name, labels in LABEL_SETS.items()}
TEXTS = [[1, 2, 3], [], [4], [5, 5, 6, 7, 8, 9]]


def model(seed: int) -> CbowClassifier:
    torch.manual_seed(seed)
    return CbowClassifier(ModelConfig(10, 16, 12, HEADS)).eval()


@pytest.mark.parametrize("members", [1, 3])
def test_what_is_stored_gives_the_mean_of_the_models_that_were_trained(members: int) -> None:
    models = [model(seed) for seed in range(members)]
    network = unpack_tensors(pack_tensors(models, tuple(HEADS)), HEADS)
    ids, offsets = pack(TEXTS)
    served = network.logits(ids, offsets)
    with torch.no_grad():
        trained = [each(ids, offsets) for each in models]
    for head in HEADS:
        mean = torch.stack([each[head] for each in trained]).mean(0)
        # Eight bits and half precision cost a little; a swapped row or column costs far more.
        assert (served[head] - mean).abs().max() < 0.03
        assert served[head].shape == (len(TEXTS), HEADS[head])


def test_an_empty_text_gets_the_answer_to_no_words() -> None:
    network = unpack_tensors(pack_tensors([model(1)], tuple(HEADS)), HEADS)
    alone = network.logits(*pack([[]]))["emotion"]
    among = network.logits(*pack(TEXTS))["emotion"][1:2]
    assert (alone - among).abs().max() < 1e-12
    assert alone.isfinite().all()
