"""How the rate of learning moves over a run, as a share of the highest.

Cyclical rates and the range test are Smith's (2017, "Cyclical Learning Rates for Training Neural
Networks"), one cycle is Smith and Topin's (2018, "Super-Convergence").
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

Schedule = Literal["constant", "linear", "one-cycle", "triangular", "triangular2", "exp_range"]

ENDING = frozenset({"linear", "one-cycle"})
"""Those that fall to 0 at the end of the run; a run that ends before has not seen its low rates."""


def share(
    schedule: Schedule,
    step: int,
    steps: int,
    *,
    warm_up: float = 0.1,
    cycle: int = 1,
    floor: float = 0.1,
    decay: float = 0.9999,
) -> float:
    """The rate at a step, as a share of the highest.

    Args:
        schedule: which one.
        step: from 0.
        steps: of the whole run.
        warm_up: share of the steps in which `linear` and `one-cycle` rise, before they fall to 0.
        cycle: steps of a cycle of the cyclical ones: up in its first half, down in its second.
        floor: the lowest share of the cyclical ones.
        decay: of `exp_range`, what the height of the triangle is times at each step.
    """
    if schedule == "constant":
        return 1.0
    if schedule in ENDING:
        done = step / max(steps, 1)
        if done < warm_up:
            return (step + 1) / max(warm_up * steps, 1.0) if steps else 1.0
        rest = min(1.0, (done - warm_up) / max(1 - warm_up, 1e-9))
        return 1 - rest if schedule == "linear" else 0.5 * (1 + math.cos(math.pi * rest))
    half = max(cycle / 2, 1.0)
    number = math.floor(1 + step / (2 * half))
    height = max(0.0, 1 - abs(step / half - 2 * number + 1))
    if schedule == "triangular2":
        height /= 2 ** (number - 1)
    elif schedule == "exp_range":
        height *= decay**step
    return floor + (1 - floor) * height


def range_test(
    loss_at: Callable[[float], float],
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 100,
    diverged: float = 4.0,
) -> tuple[list[float], list[float]]:
    """Rates that rise by the same factor, and the smoothed loss at each.

    It ends early where the loss is `diverged` times its lowest, or no number.

    Args:
        loss_at: takes one step of training at a rate and gives its loss.
        lowest: the first rate.
        highest: the last.
        steps: how many.
        diverged: see above.
    """
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0
    for step in range(steps):
        rate = lowest * (highest / lowest) ** (step / max(steps - 1, 1))
        mean = 0.9 * mean + 0.1 * loss_at(rate)
        loss = mean / (1 - 0.9 ** (step + 1))
        if not math.isfinite(loss) or (losses and loss > diverged * min(losses)):
            break
        rates.append(rate)
        losses.append(loss)
    return rates, losses


def steepest(rates: Sequence[float], losses: Sequence[float]) -> float:
    """The rate at which the loss falls fastest over the logarithm of the rate.

    Raises:
        ValueError: there are fewer than two rates.
    """
    if len(rates) < 2:
        raise ValueError("fewer than two rates")
    falls = [
        (before - after) / math.log(high / low)
        for (low, high, before, after) in zip(rates, rates[1:], losses, losses[1:], strict=False)
    ]
    return rates[falls.index(max(falls))]
