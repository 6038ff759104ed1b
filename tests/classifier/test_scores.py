import pytest
import torch

from classifier import scores
from classifier.scores import (
    accuracy,
    by_label,
    calibration_error,
    counted,
    error_by_chance,
    macro_f1,
    macro_recall,
    micro_f1,
    one_hot,
    reliability,
    resamples,
    with_intervals,
)

RIGHT = one_hot([(0,), (0, 1), (1,), (2,)], 4)
GIVEN = one_hot([(0,), (0,), (1, 2), ()], 4)


def test_scores_are_those_counted_by_hand() -> None:
    counts = counted(GIVEN, RIGHT)
    assert scores.f1(counts).tolist() == pytest.approx([1.0, 2 / 3, 0.0, 0.0])
    assert float(macro_f1(counts)) == pytest.approx((1 + 2 / 3) / 4)
    assert float(micro_f1(counts)) == pytest.approx(2 * 3 / (4 + 5))
    assert float(macro_recall(counts)) == pytest.approx((1 + 1 / 2) / 4)
    rows = by_label(GIVEN, RIGHT, ("a", "b", "c", "d"))
    assert rows["a"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 2}
    assert rows["b"] == {"precision": 1.0, "recall": 0.5, "f1": 0.6667, "support": 2}


def test_accuracy_is_the_share_of_texts_given_their_label() -> None:
    right, given = one_hot([(0,), (1,), (1,), (0,)], 2), one_hot([(0,), (1,), (0,), ()], 2)
    assert float(accuracy(counted(given, right))) == 0.5


def test_resamples_draw_as_many_texts_as_there_are_and_the_same_every_time() -> None:
    draws = resamples(50)
    assert draws.shape == (scores.RESAMPLES, 50)
    assert bool((draws.sum(1) == 50).all())
    assert torch.equal(draws, resamples(50))
    assert draws.std() > 0.9  # about 1, as of Poisson's


def test_an_interval_is_that_of_the_resampled_measure() -> None:
    generator = torch.Generator().manual_seed(2)
    right = torch.ones(400, 1, dtype=torch.float64)
    given = (torch.rand(400, 1, generator=generator) < 0.7).double()
    found = with_intervals(given, right, {"accuracy": accuracy}, resamples(400))
    low, high = found["accuracy_interval"]
    assert low < found["accuracy"] < high
    error = (0.7 * 0.3 / 400) ** 0.5
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert "accuracy_interval" not in with_intervals(given, right, {"accuracy": accuracy}, None)


def test_a_rare_label_makes_a_wide_interval() -> None:
    right, given = torch.zeros(300, 2), torch.zeros(300, 2)
    right[:150, 0] = right[:4, 1] = 1.0
    given[:120, 0] = given[2:6, 1] = 1.0
    rows = by_label(given, right, ("often", "rare"), resamples(300))
    often, rare = (rows[name]["f1_interval"] for name in ("often", "rare"))
    assert rare[1] - rare[0] > 5 * (often[1] - often[0])


def test_calibration_error_is_the_distance_of_probability_and_frequency() -> None:
    right = torch.tensor([1.0, 1.0, 1.0, 0.0])
    assert calibration_error(reliability(torch.full((4,), 0.75), right)) == 0
    assert calibration_error(reliability(torch.full((4,), 0.25), right)) == 0.5
    assert calibration_error(reliability(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.0]))) == 0


def test_few_texts_have_a_calibration_error_by_chance() -> None:
    honest = torch.rand(4000, generator=torch.Generator().manual_seed(1))
    few, many = error_by_chance(honest[:100]), error_by_chance(honest)
    assert few > 0.05
    assert many < 0.025
