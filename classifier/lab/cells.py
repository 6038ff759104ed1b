"""One cell of a comparison: a model and a seed, from training to its measured artifact.

RUN/MODEL/SEED/cell.json     what it is made of; another cell may not take its place
              /checkpoint.pt where training stopped, while it is not done
              /history.json  what was measured after each epoch
              /artifact/     as a station takes it
              /result.json   the scores; once it is there the cell is done

A cell says what it was made of by digests: of the data files, the vocabulary, the soft labels, the
files its words or weights start from, and the models that it is made of.
"""

import json
import logging
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from classifier import (
    artifact,
    calibration,
    checkpoint,
    datasets,
    families,
    heads,
    making,
    readers,
    soft_labels,
    training,
)
from classifier.artifact import Artifact
from classifier.calibration import Calibration
from classifier.families.base import Budget, Model, Task, made
from classifier.heads import HEADS, columns
from classifier.lab import claims, measures
from classifier.lab.plan import OF_OTHERS, Wanted, wanted
from classifier.readers import Labelled
from classifier.targets import right
from classifier.text import tokenise
from classifier.vocabulary import Vocabulary

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Texts:
    """Everything that cells learn from and are measured on."""

    task: Task
    to_calibrate: dict[str, Labelled]
    test: dict[str, Labelled]
    shares: dict[str, list[float]]  # of labels, where dev was drawn otherwise
    origin: dict[str, Any]  # where all of it comes from
    files: Mapping[str, str] = field(default_factory=dict)  # of the data folder, with their SHA-256


@dataclass(frozen=True)
class Cell:
    """A model, a seed and their folder."""

    model: Wanted
    seed: int
    run: Path

    @property
    def folder(self) -> Path:
        """Where everything of it is."""
        return self.run / self.model.name / str(self.seed)

    @property
    def artifact(self) -> Path:
        """The folder that a station takes."""
        return self.folder / "artifact"

    def result(self) -> dict[str, Any] | None:
        """Its scores, if it is done."""
        path = self.folder / "result.json"
        if not path.exists():
            return None
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def history(self) -> list[dict[str, float]]:
        """What was measured after each epoch."""
        path = self.folder / "history.json"
        if not path.exists():
            return []
        found: list[dict[str, float]] = json.loads(path.read_text(encoding="utf-8"))
        return found


def run(cell: Cell, texts: Texts, budget: Budget, command: str, *, quiet: bool) -> dict[str, Any]:
    """Trains, calibrates on dev, measures dev and test, once; gives the result.

    A cell that an earlier version measured otherwise is measured anew, without training.

    Raises:
        OutOfTime: the budget did not do; call again to go on.
        UserError: the folder has a cell of other settings, texts or models.
    """
    about = {
        "model": cell.model.name, "family": cell.model.family, "seed": cell.seed,
        "options": dict(cell.model.options), "heads": list(texts.task.heads), **texts.origin,
        "data": dict(texts.files), "starts_from": _starts(cell.model), "made_of": _made_of(cell),
    }  # fmt: skip
    claims.claim(cell.folder / "cell.json", about, _told_elsewhere(cell))
    if (done := cell.result()) is not None:
        if done.get("measures") == measures.VERSION:
            return done
        there = artifact.load(cell.artifact, serving=False)
        scores = _scores(there.answering(), there.calibration, texts)
        return _keep(cell, {**done, **about, "measures": measures.VERSION, "scores": scores})
    family = families.family(cell.model.family)
    options = made(family.Options, _of_others(cell), cell.model.name)
    model, record = family.fit(texts.task, options, cell.seed, cell.folder, budget, quiet=quiet)
    fitted = calibrated(model, texts)
    learnt = {name: len(part) for name, part in texts.task.train.items()}
    _save(cell, model, fitted, texts, {**about, "command": command, "texts": learnt})
    checkpoint.write_text(cell.folder / "history.json", json.dumps(record.history, indent=2) + "\n")
    found = {
        **about,
        "seconds": round(record.seconds, 1),
        "epochs": len(record.history),
        "parameters": model.parameters(),
        "bytes": size(cell.artifact),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "threads": torch.get_num_threads(),
        "measures": measures.VERSION,
        "scores": _scores(model, fitted, texts),
    }
    kept = _keep(cell, found)
    checkpoint.remove(cell.folder)
    return kept


def _scores(model: Model, fitted: Calibration, texts: Texts) -> dict[str, Any]:
    return {
        name: {
            split: measures.measure(model, fitted, name, part, dev=split == "dev")
            for split, part in (("dev", texts.task.dev[name]), ("test", texts.test[name]))
            if len(part)
        }
        for name in texts.task.heads
    }


def _keep(cell: Cell, found: dict[str, Any]) -> dict[str, Any]:
    kept = {**found, "measured": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    checkpoint.write_text(cell.folder / "result.json", json.dumps(kept, indent=2) + "\n")
    return kept


def calibrated(model: Model, texts: Texts) -> Calibration:
    """Scales and thresholds of a model, fitted on the development texts."""
    where = columns(model.heads)
    logits, targets = {}, {}
    for name, part in texts.to_calibrate.items():
        logits[name] = model.logits(part.texts)[:, where[name]]
        targets[name] = right(name, part)
    return calibration.fit(logits, targets, texts.shares)


def read(data: Path, names: Sequence[str], vocabulary: str, soft: Path | None) -> Texts:
    """The texts of some heads, alike for all cells; what is held out of any head is not learnt.

    Raises:
        UserError: a file of these heads is missing or not as declared.
    """
    keys = heads.held_out_keys(data)
    train = {name: readers.without(HEADS[name].read(data, "train"), keys) for name in names}
    dev = {name: HEADS[name].read(data, "dev") for name in names}
    test = {name: HEADS[name].read(data, "test") for name in names}
    known = _vocabulary(vocabulary, train)
    taught = soft_labels.read(soft) if soft else None
    shares = {
        name: right(name, train[name]).mean(0).tolist()
        for name in making.BALANCED_DEV
        if name in train
    }
    origin = {
        "vocabulary": vocabulary,
        "words": known.words,
        "vocabulary_sha256": claims.of_texts(known.entries),
        "texts": {name: [len(train[name]), len(dev[name]), len(test[name])] for name in names},
        "soft_labels": len(taught[0]) if taught else 0,
        "soft_sha256": claims.of_texts(*taught) if taught else None,
    }
    task = Task(tuple(names), train, dev, known, taught)
    used = [one for each in datasets.DATA_SETS if each.head in names for one in each.files]
    files = {
        one.path: making.checksum(data / one.path) for one in used if (data / one.path).exists()
    }
    to_calibrate = {name: heads.to_calibrate(data, name) for name in names}
    return Texts(task, to_calibrate, test, shares, origin, files)


def size(folder: Path) -> int:
    """The bytes of an artifact's files, those of its members too."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _vocabulary(source: str, train: dict[str, Labelled]) -> Vocabulary:
    if source == "shipped":
        return artifact.load(artifact.SHIPPED).vocabulary
    if source != "train":
        return making.load_embedding(Path(source))[0]
    every = list(dict.fromkeys(text for part in train.values() for text in part.texts))
    starts = range(0, len(every), training.CHUNK)
    return Vocabulary.build(
        [tokenise(every[start : start + training.CHUNK]) for start in starts],
        max_words=making.MAX_WORDS,
        max_phrases=making.MAX_PHRASES,
        min_count=2,
    )


def _starts(model: Wanted) -> dict[str, str]:
    """The digests of the files that a model starts from, by the option that names them."""
    named = {name: model.options.get(name) for name in ("embedding", "encoder", "teacher")}
    if model.options.get("shipped"):
        named["shipped"] = "shipped"
    places = {
        name: artifact.SHIPPED if value == "shipped" else Path(value)
        for name, value in named.items()
        if isinstance(value, str) and value
    }
    return {name: claims.of_path(path) for name, path in places.items() if path.exists()}


def _made_of(cell: Cell) -> dict[str, str]:
    """The models that a cell is made of, with their fingerprints."""
    places = {name: _place(cell, name) for name in cell.model.others()}
    return {name: artifact.load(path, serving=False).model for name, path in places.items()}


def _told_elsewhere(cell: Cell) -> dict[str, Any]:
    """What a claim of an earlier version leaves out: new options, and what the artifact says."""
    options = dict(wanted(cell.model.name, {"family": cell.model.family}).options)
    if not (cell.artifact / "config.json").exists():
        return {"options": options}
    config = json.loads((cell.artifact / "config.json").read_text(encoding="utf-8"))
    words = (cell.artifact / "vocabulary.txt").read_text(encoding="utf-8")
    members = [each["model"] for each in config.get("members", ())]
    return {
        "options": options,
        "data": config["training"].get("data", {}),
        "vocabulary_sha256": claims.of_texts(words.removesuffix("\n").split("\n")),
        "made_of": dict(zip(cell.model.others(), members, strict=False)),
    }


def _place(cell: Cell, name: str) -> Path:
    """The artifact of another model, with the seed of this cell."""
    return cell.run / name / str(cell.seed) / "artifact"


def _of_others(cell: Cell) -> dict[str, Any]:
    """The options, with the artifacts of this seed in place of the names of other models."""
    options = dict(cell.model.options)
    if cell.model.family not in OF_OTHERS:
        return options

    if cell.model.family == "ensemble":
        return {**options, "members": [str(_place(cell, name)) for name in options["members"]]}
    return {**options, **{name: str(_place(cell, options[name])) for name in ("quick", "slow")}}


def _save(
    cell: Cell, model: Model, fitted: Calibration, texts: Texts, record: dict[str, Any]
) -> Artifact:
    bag = families.entry(cell.model.family).module == artifact.CBOW
    family = artifact.CBOW if bag else cell.model.family
    name = f"{cell.model.name}-{cell.seed}".replace(" ", "-")
    config = {"family": family, "training": record}
    whole = Artifact(name, config, texts.task.vocabulary, {}, fitted, other=model)
    return artifact.save(cell.artifact, whole)
