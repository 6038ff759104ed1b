"""Losses, rates and batches."""

import math

import pytest
import torch

from classifier.families import loss, rates
from classifier.families.pool import batches, encoded


def test_focal_loss_without_gamma_is_the_plain_one_and_with_it_counts_the_easy_less() -> None:
    logits = torch.tensor([[4.0, -4.0], [0.2, -0.2]])
    right = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    for several in (True, False):
        plain = loss.of_texts(logits, right, several=several, gamma=0.0, weights=None)
        focal = loss.of_texts(logits, right, several=several, gamma=2.0, weights=None)
        assert focal[0] / plain[0] < 0.001
        assert 0.1 < focal[1] / plain[1] < 0.3
    sure = torch.sigmoid(torch.tensor(0.2)).item()
    softmax = torch.tensor([0.2, -0.2]).softmax(0)[0].item()
    expected = -((1 - softmax) ** 2) * math.log(softmax)
    assert loss.of_texts(logits, right, several=False, gamma=2.0, weights=None)[1] == pytest.approx(
        expected, rel=1e-5
    )
    both = 2 * -((1 - sure) ** 2) * math.log(sure) / math.sqrt(2)
    assert loss.of_texts(logits, right, several=True, gamma=2.0, weights=None)[1] == pytest.approx(
        both, rel=1e-5
    )


def test_class_balanced_weights_follow_the_effective_number_of_texts() -> None:
    weights = loss.effective_weights(torch.tensor([1000.0, 10.0]), 0.99)
    ratio = (1 - 0.99**1000) / (1 - 0.99**10)
    assert weights[1] / weights[0] == pytest.approx(ratio, rel=1e-5)
    assert weights.mean() == pytest.approx(1.0)
    assert loss.effective_weights(torch.tensor([5.0, 0.0]), 0.0).tolist() == [1.0, 1.0]


def test_cyclical_rates_rise_and_fall_as_smith_says() -> None:
    def shares(schedule: rates.Schedule) -> list[float]:
        return [rates.share(schedule, n, 99, cycle=4, floor=0.0, decay=0.5) for n in range(9)]

    assert shares("triangular") == [0, 0.5, 1, 0.5, 0, 0.5, 1, 0.5, 0]
    assert shares("triangular2") == [0, 0.5, 1, 0.5, 0, 0.25, 0.5, 0.25, 0]
    assert shares("exp_range")[2] == 0.5**2
    assert shares("exp_range")[6] == 0.5**6
    assert rates.share("triangular", 0, 99, cycle=4, floor=0.2) == 0.2


def test_one_cycle_warms_up_and_ends_near_nothing() -> None:
    found = [rates.share("one-cycle", n, 100, warm_up=0.2) for n in range(100)]
    assert found.index(max(found)) in (19, 20)
    assert found[0] > 0
    assert found[-1] < 0.001
    assert rates.share("constant", 7, 100) == 1.0


def test_the_range_test_finds_the_steepest_rate_and_stops_where_it_diverges() -> None:
    def loss_at(rate: float) -> float:
        return 2 - 1 / (1 + (0.01 / rate) ** 2) if rate < 0.1 else 1000.0

    tried, losses = rates.range_test(loss_at, steps=60)
    assert tried[-1] < 0.5
    assert 0.002 < rates.steepest(tried, losses) < 0.1


def test_every_text_is_in_one_batch_and_an_exact_batch_has_one_length() -> None:
    texts = encoded([[1] * (n % 7) for n in range(100)])
    for exact in (True, False):
        generator = torch.Generator().manual_seed(1)
        found = list(batches(texts.lengths(), 8, generator, exact=exact))
        assert sorted(torch.cat(found).tolist()) == list(range(100))
        assert max(map(len, found)) == 8
        if exact:
            assert all(len(set(texts.lengths()[rows].tolist())) == 1 for rows in found)


def test_ids_are_filled_up_and_an_empty_text_counts_one_nothing() -> None:
    ids, mask = encoded([[3, 4, 5], [], [6]]).take(torch.tensor([1, 0, 2]))
    assert ids.tolist() == [[0, 0, 0], [3, 4, 5], [6, 0, 0]]
    assert mask.tolist() == [[True, False, False], [True, True, True], [True, False, False]]
    assert encoded([[]]).take(torch.tensor([0]))[0].tolist() == [[0]]
