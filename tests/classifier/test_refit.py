import torch

from classifier.heads import HEADS, columns
from classifier.model import CbowClassifier, ModelConfig
from classifier.refit import refit

LABELS = sum(len(head.labels) for head in HEADS.values())
ROWS = columns()["tweet_emotion"]
IDS = torch.arange(1, 9).repeat(4)  # one word a text: word n bears label n modulo 4
OFFSETS = torch.arange(len(IDS) + 1)
TARGETS = torch.eye(4)[IDS % 4]


def test_a_head_is_fitted_and_the_others_stay_as_they_were() -> None:
    torch.manual_seed(1)
    model = CbowClassifier(ModelConfig(10, 16, 12, LABELS)).eval()
    with torch.no_grad():
        before = model(IDS, OFFSETS)
    refit(model, "tweet_emotion", (IDS, OFFSETS, TARGETS))
    with torch.no_grad():
        after = model(IDS, OFFSETS)
    assert torch.equal(after[:, ROWS].argmax(1), TARGETS.argmax(1))
    assert not torch.equal(before[:, ROWS].argmax(1), TARGETS.argmax(1))
    others = torch.ones(LABELS, dtype=torch.bool)
    others[ROWS] = False
    assert torch.allclose(before[:, others], after[:, others])


def test_a_head_of_several_labels_is_fitted_too() -> None:
    torch.manual_seed(1)
    model = CbowClassifier(ModelConfig(10, 16, 12, LABELS)).eval()
    targets = torch.zeros(len(IDS), len(HEADS["topic"].labels))
    targets[:, 3] = (IDS % 2).float()
    targets[:, 5] = (IDS > 4).float()
    refit(model, "topic", (IDS, OFFSETS, targets))
    with torch.no_grad():
        given = (model(IDS, OFFSETS)[:, columns()["topic"]] > 0).float()
    assert torch.equal(given, targets)
