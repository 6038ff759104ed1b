import json

import pytest
import torch

from classifier.calibration import (
    COLDEST,
    HOTTEST,
    Calibration,
    HeadCalibration,
    Scale,
    fit,
    fit_scale,
    importance,
    rounded,
)
from classifier.heads import HEADS
from classifier.scores import calibration_error, reliability


def test_scaling_brings_overstated_logits_back_to_the_frequencies() -> None:
    generator = torch.Generator().manual_seed(1)
    truth = torch.randn(20_000, 2, generator=generator) * 1.5 - torch.tensor([1.0, 3.0])
    targets = (torch.rand(truth.shape, generator=generator) < torch.sigmoid(truth)).float()
    scale = fit_scale(truth * 3 + torch.tensor([2.0, 5.0]), targets, several=True)
    assert scale.temperature == pytest.approx(3.0, rel=0.1)
    assert scale.bias == pytest.approx((-2 / 3, -5 / 3), abs=0.2)


def test_one_of_many_labels_is_scaled_by_softmax() -> None:
    generator = torch.Generator().manual_seed(1)
    truth = torch.randn(20_000, 3, generator=generator) + torch.tensor([0.0, 1.0, -1.0])
    targets = torch.eye(3)[torch.multinomial(truth.softmax(1), 1, generator=generator)[:, 0]]
    scale = fit_scale(truth * 2, targets, several=False)
    assert scale.temperature == pytest.approx(2, rel=0.1)
    assert scale.bias == pytest.approx((0.0, 0.0, 0.0), abs=0.1)  # rare classes stay rare


def test_a_head_of_its_likeliest_label_answers_after_calibration_as_before() -> None:
    torch.manual_seed(5)
    logits = torch.randn(400, len(HEADS["emotion6"].labels))
    logits[:, 0] += 1.5  # as a model does that knows one label best
    right = torch.nn.functional.one_hot(torch.arange(400) % 6, 6)
    scale = fit({"emotion6": logits}, {"emotion6": right}).heads["emotion6"].scale
    assert scale.temperature != 1
    assert set(scale.bias) == {0.0}
    assert torch.equal(scale.apply(logits).argmax(1), logits.argmax(1))


def test_a_few_texts_move_a_bias_less_than_many() -> None:
    logits, targets = torch.zeros(4, 1), torch.ones(4, 1)
    few = fit_scale(logits, targets, several=True).bias[0]
    many = fit_scale(logits.repeat(50, 1), targets.repeat(50, 1), several=True).bias[0]
    assert 0 < few < many - 1


def test_importance_gives_labels_the_frequencies_asked_for() -> None:
    targets = torch.tensor([[1.0], [1.0], [0.0], [0.0]])
    weights = importance(targets, [0.2])
    assert float((weights * targets).sum() / weights.sum()) == pytest.approx(0.2)


def fitted(seed: int, texts: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Logits of every head, and targets drawn by half of them."""
    generator = torch.Generator().manual_seed(seed)
    logits, targets = {}, {}
    for name, head in HEADS.items():
        size = len(head.labels)
        logits[name] = torch.randn(texts, size, generator=generator) * 3 - 1
        half = logits[name] / 2
        if head.several:
            drawn = torch.rand(half.shape, generator=generator) < torch.sigmoid(half)
            targets[name] = drawn.double()
        else:
            drawn = torch.multinomial(half.softmax(1), 1, generator=generator)[:, 0]
            targets[name] = torch.eye(size, dtype=torch.float64)[drawn]
    return logits, targets


def test_every_head_is_honest_on_texts_it_was_not_fitted_on() -> None:
    calibration = fit(*fitted(1, 4000))
    logits, targets = fitted(2, 4000)
    for name, one in logits.items():
        probabilities = calibration.probabilities(one, {name: slice(None)})[name]
        if HEADS[name].several:
            bins = reliability(probabilities, targets[name])
        else:
            likeliest, said = probabilities.max(1)
            bins = reliability(likeliest, (targets[name].argmax(1) == said).double())
        assert calibration_error(bins) < 0.02, name
        assert calibration.heads[name].scale.temperature == pytest.approx(2, rel=0.1)


def test_heads_have_thresholds_where_labels_are_decided_by_them() -> None:
    calibration = fit(*fitted(1, 300))
    for name, head in calibration.heads.items():
        wanted = len(HEADS[name].labels) if HEADS[name].several or name == "polarity" else 0
        assert len(head.thresholds) == len(head.precise) == wanted
        assert head.chosen("precise") == head.precise
        assert head.chosen("balanced") == head.thresholds


def test_balanced_development_texts_do_not_make_a_rare_label_common() -> None:
    logits, targets = fitted(1, 4000)
    targets = {"suggestion": targets["suggestion"]}
    logits = {"suggestion": logits["suggestion"]}
    share = float(targets["suggestion"].mean())
    where = {"suggestion": slice(None)}
    plain = fit(logits, targets)
    rarer = fit(logits, targets, {"suggestion": [share / 3]})
    means = [
        float(one.probabilities(logits["suggestion"], where)["suggestion"].mean())
        for one in (plain, rarer)
    ]
    assert means[0] == pytest.approx(share, abs=0.01)
    assert means[1] < 0.6 * means[0]


def test_calibration_survives_json() -> None:
    made = fit(*fitted(1, 300))
    assert Calibration.from_json(json.loads(json.dumps(made.to_json()))) == made


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ({"temperature": 0, "bias": {"suggestion": 0}}, "above 0"),
        ({"temperature": 1, "bias": {"other": 0}}, "suggestion: bias are not those"),
        ({"temperature": 1, "bias": {"suggestion": float("nan")}}, "finite"),
    ],
)
def test_a_calibration_that_does_not_fit_its_head_is_refused(
    head: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Calibration.from_json({"suggestion": head})
    with pytest.raises(ValueError, match="no head"):
        Calibration.from_json({"mood": head})
    with pytest.raises(KeyError, match="thresholds"):
        Calibration.from_json({"suggestion": {"temperature": 1, "bias": {"suggestion": 0}}})


def test_heads_side_by_side_are_told_apart_by_their_columns() -> None:
    calibration = Calibration(
        {
            "suggestion": HeadCalibration(Scale(1.0, (0.0,)), (0.5,), (0.5,)),
            "polarity": HeadCalibration(Scale(2.0, (0.0, 0.0, 1.0))),
        }
    )
    logits = torch.tensor([[0.0, 0.0, 0.0, -2.0]])
    found = calibration.probabilities(logits, {"suggestion": slice(0, 1), "polarity": slice(1, 4)})
    assert found["suggestion"].tolist() == [[0.5]]
    assert found["polarity"].tolist() == [[0.3333, 0.3333, 0.3333]]


def test_rounded_probabilities_equal_the_decimal_numbers_they_print_as() -> None:
    given = torch.rand(1000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert all(value == round(value, 4) for value in rounded(given).tolist())


def test_texts_that_are_told_apart_without_fail_do_not_freeze_the_temperature() -> None:
    logits = torch.tensor([[0.003], [0.003], [-0.003], [-0.003]])
    targets = torch.tensor([[1.0], [1.0], [0.0], [0.0]])
    for right in (targets, 1 - targets):
        scale = fit_scale(logits, right, several=True)
        assert COLDEST <= scale.temperature <= HOTTEST
        assert bool(scale.apply(logits.double()).isfinite().all())
