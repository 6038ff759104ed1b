import pytest
import torch

from classifier.calibration import (
    Calibration,
    Scale,
    crossed_macro_f1,
    f1_by_label,
    fit_scale,
    fit_thresholds,
    rounded,
)


def test_a_threshold_stands_where_f1_is_highest_between_two_probabilities() -> None:
    probabilities = torch.tensor([[0.9], [0.6], [0.2], [0.1]], dtype=torch.float64)
    targets = torch.tensor([[1.0], [1.0], [0.0], [0.0]])
    assert fit_thresholds(probabilities, targets) == (0.4,)
    assert f1_by_label(probabilities, targets.double(), (0.4,)).tolist() == [1.0]


def test_a_threshold_never_parts_texts_of_equal_probability() -> None:
    probabilities = torch.tensor([[0.5], [0.5], [0.5], [0.1]], dtype=torch.float64)
    targets = torch.tensor([[1.0], [0.0], [1.0], [0.0]])
    assert fit_thresholds(probabilities, targets) == (0.3,)


def test_a_label_that_never_occurs_still_gets_a_threshold_in_range() -> None:
    (threshold,) = fit_thresholds(torch.tensor([[0.2], [0.1]]), torch.zeros(2, 1))
    assert 0 < threshold <= 1


def test_scaling_brings_overstated_logits_back_to_the_frequencies() -> None:
    generator = torch.Generator().manual_seed(1)
    truth = torch.randn(20_000, 2, generator=generator) * 1.5 - torch.tensor([1.0, 3.0])
    targets = (torch.rand(truth.shape, generator=generator) < torch.sigmoid(truth)).float()
    scale = fit_scale(truth * 3 + torch.tensor([2.0, 5.0]), targets, several=True, ridge=0.0)
    assert scale.temperature == pytest.approx(3.0, rel=0.1)
    assert scale.bias == pytest.approx((-2 / 3, -5 / 3), abs=0.2)


def test_one_of_many_labels_is_scaled_by_softmax() -> None:
    generator = torch.Generator().manual_seed(1)
    truth = torch.randn(20_000, 3, generator=generator)
    targets = torch.eye(3)[torch.multinomial(truth.softmax(1), 1, generator=generator)[:, 0]]
    assert fit_scale(truth * 2, targets, several=False).temperature == pytest.approx(2, rel=0.1)


def test_crossed_macro_f1_is_below_the_one_of_thresholds_fitted_to_noise() -> None:
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(60, 5, generator=generator, dtype=torch.float64)
    targets = (torch.rand(60, 5, generator=generator) < 0.1).double()
    fitted = f1_by_label(noise, targets, fit_thresholds(noise, targets)).mean()
    assert crossed_macro_f1(noise, targets) < float(fitted)


def test_calibration_survives_json() -> None:
    made = Calibration(Scale(1.5, (0.1, -0.2)), Scale(0.9, (0.0, 0.5)), (0.25, 0.5))
    assert Calibration.from_json(made.to_json(("a", "b")), ("a", "b")) == made
    with pytest.raises(ValueError, match="in their order"):
        Calibration.from_json(made.to_json(("a", "b")), ("b", "a"))


def test_rounded_probabilities_equal_the_decimal_numbers_they_print_as() -> None:
    given = torch.rand(1000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert all(value == round(value, 4) for value in rounded(given).tolist())


def test_the_threshold_of_a_rare_label_is_not_placed_by_one_lucky_text() -> None:
    calibrated = torch.linspace(0.0, 0.6, 400, dtype=torch.float64)[:, None]
    targets = torch.zeros(400, 1, dtype=torch.float64)
    targets[-1] = 1  # by luck, the one text in front
    ((alone,), (trusting,)) = (
        fit_thresholds(calibrated, targets, belief) for belief in (0.0, 80.0)
    )
    assert alone > 0.59
    assert trusting < 0.4


def test_the_threshold_of_a_frequent_label_follows_its_texts() -> None:
    torch.manual_seed(3)
    probabilities = torch.rand(20_000, 1, dtype=torch.float64)
    targets = (torch.rand(20_000, 1, dtype=torch.float64) < probabilities).double()
    ((alone,), (trusting,)) = (
        fit_thresholds(probabilities, targets, belief) for belief in (0.0, 80.0)
    )
    assert abs(alone - trusting) < 0.05
