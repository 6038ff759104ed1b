"""The range test of a family: the loss as the rate rises."""

from dataclasses import dataclass

import torch

from classifier import families
from classifier.families import loop, neural, rates
from classifier.families.base import Task, made
from classifier.lab.plan import Wanted
from stream.errors import UserError


@dataclass(frozen=True)
class Found:
    """What the loss did."""

    rates: list[float]
    losses: list[float]

    @property
    def steepest(self) -> float:
        """The rate at which the loss falls fastest."""
        return rates.steepest(self.rates, self.losses)

    @property
    def lowest(self) -> float:
        """The rate at which the loss is lowest."""
        return self.rates[self.losses.index(min(self.losses))]


def test(model: Wanted, task: Task, steps: int) -> Found:
    """Takes steps of training at rates from 1e-6 to 1, from a fresh model.

    Raises:
        UserError: the family does not learn by steps.
    """
    family = families.family(model.family)
    options = made(family.Options, model.options, model.name)
    if not isinstance(options, loop.Learning):
        raise UserError(f"{model.name} does not learn in steps, so it has no rate to find")
    fresh = family.fresh(task, options, 1)  # type: ignore[attr-defined]  # of the neural ones
    trainer = neural.trainer(fresh, task, options, 1)
    order: list[torch.Tensor] = []
    taken = iter(range(steps))

    def loss_at(rate: float) -> float:
        nonlocal order
        step = next(taken)
        order = order or trainer.epoch(step)
        return float(trainer.step(order.pop(), rate, step))

    return Found(*rates.range_test(loss_at, steps=steps))
