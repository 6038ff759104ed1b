import torch

from classifier.thresholds import (
    crossed_macro_f1,
    f1_by_label,
    fit_polarity,
    fit_precise,
    fit_shared,
    fit_thresholds,
    polarities,
)


def drawn(texts: int, labels: int, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities that are true, and targets drawn by them."""
    generator = torch.Generator().manual_seed(seed)
    probabilities = torch.rand(texts, labels, generator=generator, dtype=torch.float64)
    draws = torch.rand(texts, labels, generator=generator, dtype=torch.float64)
    return probabilities, (draws < probabilities).double()


def test_a_threshold_stands_where_f1_is_highest_between_two_probabilities() -> None:
    probabilities = torch.tensor([[0.9], [0.6], [0.2], [0.1]], dtype=torch.float64)
    targets = torch.tensor([[1.0], [1.0], [0.0], [0.0]])
    assert fit_thresholds(probabilities, targets) == (0.4,)
    assert f1_by_label(probabilities, targets.double(), (0.4,)).tolist() == [1.0]


def test_a_threshold_never_parts_texts_of_equal_probability() -> None:
    probabilities = torch.tensor([[0.5], [0.5], [0.5], [0.1]], dtype=torch.float64)
    targets = torch.tensor([[1.0], [0.0], [1.0], [0.0]])
    assert fit_thresholds(probabilities, targets) == (0.3,)


def test_a_threshold_between_neighbouring_steps_takes_the_upper_one_only() -> None:
    probabilities = torch.tensor([[0.1235], [0.1235], [0.1234]], dtype=torch.float64)
    targets = torch.tensor([[1.0], [1.0], [0.0]])
    assert fit_thresholds(probabilities, targets, belief=0.0) == (0.1235,)


def test_a_label_that_never_occurs_still_gets_a_threshold_in_range() -> None:
    (threshold,) = fit_thresholds(torch.tensor([[0.2], [0.1]]), torch.zeros(2, 1))
    assert 0 < threshold <= 1


def test_weights_count_a_text_as_often_as_it_would_occur() -> None:
    probabilities, targets = drawn(40, 2)
    weights = torch.ones(40, 2, dtype=torch.float64)
    weights[:10] = 3.0
    repeated = torch.cat([torch.arange(40), torch.arange(10), torch.arange(10)])
    assert fit_thresholds(probabilities, targets, 0.0, weights) == fit_thresholds(
        probabilities[repeated], targets[repeated], 0.0
    )


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
    probabilities, targets = drawn(20_000, 1)
    ((alone,), (trusting,)) = (
        fit_thresholds(probabilities, targets, belief) for belief in (0.0, 80.0)
    )
    assert abs(alone - trusting) < 0.05


def test_a_shared_threshold_is_the_lowest_with_half_of_all_labels_right() -> None:
    probabilities = torch.tensor([[0.9, 0.3], [0.6, 0.2], [0.1, 0.8]], dtype=torch.float64)
    targets = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert fit_shared(probabilities, targets) == (0.05, 0.05)  # three of six are right
    targets[1, 0] = 0.0
    few = torch.cat([probabilities, probabilities]), torch.cat([targets, targets])
    assert fit_shared(*few) == (0.25, 0.25)  # four of eight


def test_precise_thresholds_are_the_lowest_with_three_of_four_right() -> None:
    probabilities, targets = drawn(20_000, 1)
    (threshold,) = fit_precise(probabilities, targets, (0.1,))
    given = probabilities >= threshold
    assert 0.74 < float(targets[given].mean()) < 0.76  # mean of the probabilities from 0.5 up
    assert abs(threshold - 0.5) < 0.03


def test_precise_thresholds_never_give_more_than_balanced_ones() -> None:
    probabilities, targets = drawn(2_000, 3)
    assert fit_precise(probabilities, targets, (0.9, 0.1, 0.95))[::2] == (0.9, 0.95)


def test_a_label_that_is_never_precise_gets_its_most_precise_threshold_with_a_few_hits() -> None:
    probabilities = torch.linspace(0.3, 0.01, 300, dtype=torch.float64)[:, None]
    targets = torch.zeros(300, 1, dtype=torch.float64)
    targets[[1, 2, 4, 40, 90]] = 1
    (threshold,) = fit_precise(probabilities, targets, (0.01,), belief=0.0)
    assert int((probabilities >= threshold).sum()) == 5  # three right of five


def test_a_label_that_is_mostly_wrong_everywhere_is_never_given_where_precision_comes_first() -> (
    None
):
    probabilities = torch.linspace(0.3, 0.01, 300, dtype=torch.float64)[:, None]
    targets = torch.zeros(300, 1, dtype=torch.float64)
    targets[::10] = 1
    assert fit_precise(probabilities, targets, (0.01,)) == (1.0,)


def test_polarity_is_the_label_furthest_above_its_frequency() -> None:
    probabilities = torch.tensor(
        [[0.3, 0.4, 0.3], [0.1, 0.5, 0.4], [0.1, 0.3, 0.6]], dtype=torch.float64
    )
    assert polarities(probabilities, (0.15, 0.45, 0.4)).tolist() == [0, 1, 2]


def test_polarity_is_neutral_where_neither_side_reaches_its_threshold() -> None:
    probabilities = torch.tensor([[0.55, 0.05, 0.4], [0.7, 0.05, 0.25]], dtype=torch.float64)
    assert polarities(probabilities, (0.6, 0.4, 0.7)).tolist() == [1, 0]


def test_polarity_thresholds_are_the_frequencies_and_raise_mean_recall() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(20_000, 3, generator=generator, dtype=torch.float64)
    probabilities = (logits + torch.tensor([-1.5, 0.0, -0.2])).softmax(1)
    numbers = torch.multinomial(probabilities, 1, generator=generator)[:, 0]
    targets = torch.eye(3, dtype=torch.float64)[numbers]
    balanced, precise = fit_polarity(probabilities, targets)
    assert sum(balanced) == 1.0 or abs(sum(balanced) - 1.0) < 2e-4
    assert precise[0] > balanced[0]
    assert precise[1] == balanced[1]

    def recall(said: torch.Tensor) -> float:
        hits = targets[torch.arange(len(said)), said]
        return sum(float(hits[numbers == one].mean()) for one in range(3)) / 3

    assert recall(polarities(probabilities, balanced)) > recall(probabilities.argmax(1)) + 0.02


def test_crossed_macro_f1_is_below_the_one_of_thresholds_fitted_to_noise() -> None:
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(60, 5, generator=generator, dtype=torch.float64)
    targets = (torch.rand(60, 5, generator=generator) < 0.1).double()
    fitted = f1_by_label(noise, targets, fit_thresholds(noise, targets)).mean()
    assert crossed_macro_f1(noise, targets) < float(fitted)


def test_crossed_macro_f1_is_what_fitting_each_half_by_itself_gives() -> None:
    probabilities, targets = drawn(201, 4)
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(201, generator=generator)
    halves = order[:100], order[100:]
    scores = [
        f1_by_label(probabilities[b], targets[b], fit_thresholds(probabilities[a], targets[a], 5.0))
        for a, b in (halves, halves[::-1])
    ]
    expected = float(torch.stack(scores).mean())
    assert abs(crossed_macro_f1(probabilities, targets, rounds=1, belief=5.0) - expected) < 1e-12
