"""The loop that trains every neural family: one pool, one optimiser, a checkpoint at any step.

Everything random of a step follows from the seed, the epoch and the step: so a run that was killed
anywhere goes on to the same weights, bit for bit on the same processor.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from classifier import checkpoint
from classifier.families import loss as losses
from classifier.families import rates
from classifier.families.asking import measure
from classifier.families.base import Budget, Record, Task, within
from classifier.families.pool import Pool, batches
from classifier.heads import HEADS


@dataclass(frozen=True)
class Learning:
    """What every neural family can be told."""

    epochs: int = 10
    batch: int = 64
    rate: float = 2e-3
    decay: float = 0.01
    schedule: rates.Schedule = "one-cycle"
    warm_up: float = 0.2  # share of the steps in which the rate rises
    cycle: float = 2.0  # epochs of a cycle, of the cyclical schedules
    floor: float = 0.1  # their lowest rate, as a share of `rate`
    clip: float = 1.0  # longest gradient, of all but word embeddings
    patience: int = 3  # epochs without a better dev score before it ends; 0 for never, as under
    # one-cycle and linear, whatever it is: they do best when the rate has fallen, at their own end
    loss: losses.Loss = "plain"
    gamma: float = 2.0  # of the focal losses
    beta: float = 0.999  # of the balanced ones
    trust: float = 0.5  # share of a teacher in the target of a text that raters labelled

    def __post_init__(self) -> None:
        within(self, "1 or more", "epochs", "batch")
        within(self, "above 0", "rate", "clip", "cycle")
        within(self, "0 or more", "decay", "patience", "gamma")
        within(self, "from 0 to 1", "floor", "trust")
        within(self, "from 0 to below 1", "beta", "warm_up")


def device() -> torch.device:
    """Where neural families train: a GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Trainer:
    """One run: the module, its optimiser, and where in the run it is."""

    def __init__(
        self,
        module: nn.Module,
        pool: Pool,
        task: Task,
        options: Learning,
        seed: int,
        *,
        exact: bool,
    ) -> None:
        """Takes a fresh module; `exact` says that only texts of one length may share a batch."""
        self.module = module.to(device())
        self.pool, self.task, self.options, self.seed, self.exact = pool, task, options, seed, exact
        self.optimisers = _optimisers(module, options)
        self.clipped = [
            each for group in self.optimisers[0].param_groups for each in group["params"]
        ]
        self.mixed = device().type == "cuda"
        self.weights = _weights(pool, task, options)

    def epoch(self, number: int) -> list[Tensor]:
        """The batches of an epoch, always the same for a seed."""
        generator = checkpoint.generator(self.seed, number)
        found = batches(self.pool.texts.lengths(), self.options.batch, generator, exact=self.exact)
        return list(found)

    def step(self, rows: Tensor, rate: float, seed: int) -> float:
        """Learns from a batch at a rate; returns its loss."""
        torch.manual_seed(seed)  # dropout has no generator
        for group in (each for one in self.optimisers for each in one.param_groups):
            group["lr"] = rate
        self.module.train()
        ids, mask = (part.to(device()) for part in self.pool.texts.take(rows))
        with torch.autocast(device().type, torch.bfloat16, enabled=self.mixed):
            logits = self.module(ids, mask)
        loss = self.loss(logits.float().cpu(), rows) / self.options.batch
        self.module.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        nn.utils.clip_grad_norm_(self.clipped, self.options.clip)
        for optimiser in self.optimisers:
            optimiser.step()
        return float(loss.detach()) * self.options.batch / len(rows)

    def loss(self, logits: Tensor, rows: Tensor) -> Tensor:
        """The sum of the losses of some texts, over the heads that are known of each."""
        targets, known = self.pool.targets[rows], self.pool.known[rows]
        total = torch.zeros(())
        for number, (name, where) in enumerate(self.task.columns.items()):
            each = losses.of_texts(
                logits[:, where],
                targets[:, where],
                several=HEADS[name].several,
                gamma=self.options.gamma if "focal" in self.options.loss else 0.0,
                weights=self.weights.get(name),
            )
            total = total + (each * known[:, number]).sum()
        return total


class Run:
    """Where a training is, in memory and in its folder."""

    def __init__(self, trainer: Trainer, folder: Path, budget: Budget) -> None:
        """Goes on from the checkpoint in the folder, where there is one."""
        self.trainer, self.folder, self.budget = trainer, folder, budget
        self.place: dict[str, Any] = {"epoch": 0, "step": 0, "seconds": 0.0, "total": 0.0}
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        texts = len(trainer.pool)
        self.settings = {**asdict(trainer.options), "seed": trainer.seed, "texts": texts}
        folder.mkdir(parents=True, exist_ok=True)
        if checkpoint.exists(folder):
            _, state = checkpoint.load(folder, self.settings)
            trainer.module.load_state_dict(state["module"])
            for optimiser, one in zip(trainer.optimisers, state["optimisers"], strict=True):
                optimiser.load_state_dict(one)
            self.place, self.best = state["place"], state["best"]
            self.history = state["history"]
        self.earlier, self.started = self.place["seconds"], time.monotonic()
        self.saved = self.started

    def save(self) -> None:
        """Writes everything that going on needs."""
        self.saved = time.monotonic()
        self.place["seconds"] = self.earlier + self.saved - self.started
        state = {
            "module": self.trainer.module.state_dict(),
            "optimisers": [each.state_dict() for each in self.trainer.optimisers],
            "best": self.best,
            "place": self.place,
            "history": self.history,
        }
        checkpoint.save(self.folder, self.place["epoch"], self.settings, state)

    def over(self) -> bool:
        """Whether all epochs are done, or patience is at an end under a schedule that has none."""
        options, scores = self.trainer.options, [row["dev_score"] for row in self.history]
        since = len(scores) - 1 - scores.index(max(scores)) if scores else 0
        patient = options.patience and options.schedule not in rates.ENDING
        return bool(patient and since >= options.patience) or self.place["epoch"] >= options.epochs

    def rate(self, steps: int, step: int) -> float:
        """The rate at a step of this epoch, which has so many steps."""
        options = self.trainer.options
        return options.rate * rates.share(
            options.schedule, self.place["epoch"] * steps + step, options.epochs * steps,
            warm_up=options.warm_up, cycle=round(options.cycle * steps), floor=options.floor,
        )  # fmt: skip

    def epoch(self, *, quiet: bool) -> dict[str, float]:
        """The rest of an epoch; gives its number, last rate and mean loss."""
        place, options, number = self.place, self.trainer.options, self.place["epoch"]
        order = self.trainer.epoch(number)
        bar: tqdm[Any] = tqdm(
            total=len(order), initial=place["step"], unit="batch", disable=quiet or None,
            desc=f"epoch {number + 1}/{options.epochs}", leave=False,
        )  # fmt: skip
        with bar:
            while place["step"] < len(order):
                rate = self.rate(len(order), place["step"])
                seed = self.trainer.seed * 100_003 + number * 1_000_003 + place["step"]
                place["total"] += self.trainer.step(order[place["step"]], rate, seed)
                place["step"] += 1
                bar.update()
                if time.monotonic() > min(self.saved + self.budget.save_every, self.budget.until):
                    self.save()
                    self.budget.check(f"epoch {number + 1} of {options.epochs}")
        last = self.rate(len(order), len(order) - 1)
        return {"epoch": number + 1, "rate": last, "loss": place["total"] / len(order)}

    def measured(self, row: dict[str, float]) -> None:
        """Ends an epoch with what was measured after it; keeps the weights of the best."""
        if all(row["dev_score"] > each["dev_score"] for each in self.history):
            state = self.trainer.module.state_dict()
            self.best = {key: one.detach().clone() for key, one in state.items()}
        self.history.append(row)
        self.place |= {"epoch": self.place["epoch"] + 1, "step": 0, "total": 0.0}
        self.save()


def train(
    trainer: Trainer, dev: Mapping[str, Pool], run: Path, budget: Budget, *, quiet: bool
) -> Record:
    """Trains to the end, or until no epoch is better; leaves the weights of the best epoch.

    Args:
        trainer: a fresh run.
        dev: head to its development texts.
        run: where the checkpoint is; where there is one, it goes on.
        budget: the time it may take.
        quiet: no progress bar.

    Raises:
        OutOfTime: the budget is spent.
    """
    going = Run(trainer, run, budget)
    while not going.over():
        row = going.epoch(quiet=quiet)
        going.measured({**row, **measure(trainer.module, trainer.task, dev, exact=trainer.exact)})
    trainer.module.load_state_dict(going.best)
    trainer.module.eval().to("cpu")
    return Record(going.place["seconds"], going.history)


def _optimisers(module: nn.Module, options: Learning) -> list[torch.optim.Optimizer]:
    """Adam, with decay for matrices; a step of a word's embedding costs only what its texts need.

    Weight decay is for matrices, not for biases, norms and embeddings.
    """
    tables = [each for each in module.modules() if isinstance(each, nn.Embedding)]
    sparse = [t.weight for t in tables if t.sparse and t.weight.requires_grad]
    still, apart = {id(t.weight) for t in tables}, {id(each) for each in sparse}
    every = [p for p in module.parameters() if p.requires_grad and id(p) not in apart]
    heavy = [each for each in every if each.ndim > 1 and id(each) not in still]
    light = [each for each in every if each.ndim < 2 or id(each) in still]
    groups = [
        {"params": heavy, "weight_decay": options.decay},
        {"params": light, "weight_decay": 0.0},
    ]
    found: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=options.rate)]
    if sparse:
        found.append(torch.optim.SparseAdam(sparse, lr=options.rate))
    return found


def _weights(pool: Pool, task: Task, options: Learning) -> dict[str, Tensor]:
    if "balanced" not in options.loss:
        return {}
    found = {}
    for number, (name, where) in enumerate(task.columns.items()):
        counts = pool.targets[pool.known[:, number], where].sum(0)
        found[name] = losses.effective_weights(counts, options.beta)
    return found
