"""Measures an artifact on the test splits and writes metrics.json and MODEL_CARD.md beside it."""

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from classifier import artifact, card, checkpoint, datasets
from classifier.artifact import Artifact
from classifier.calibration import BELIEF, crossed_macro_f1, f1_by_label
from classifier.datasets import Labelled
from classifier.labels import EMOTIONS, POLARITIES
from classifier.predictor import Prediction, Predictor


def evaluate(folder: Path, data: Path, command: str) -> dict[str, Any]:
    """Measures the artifact in a folder, writes the two reports there, and gives the numbers."""
    loaded = artifact.load(folder)
    metrics = measure(loaded, data) | {"command": command}
    text = json.dumps(metrics, indent=2, ensure_ascii=False) + "\n"
    checkpoint.write_text(folder / "metrics.json", text)
    checkpoint.write_text(folder / "MODEL_CARD.md", card.write(loaded, metrics))
    artifact.write_manifest(folder)
    return metrics


def measure(loaded: Artifact, data: Path) -> dict[str, Any]:
    """Every number that is reported of an artifact."""
    predictor = Predictor(loaded)
    record = loaded.config.get("training", {})
    dev = datasets.goemotions(data, "dev")
    return {
        "model": loaded.model,
        "emotion": {
            "dev": {"crossed_macro_f1": crossed(predictor, dev), **emotion_scores(predictor, dev)},
            "test": emotion_scores(predictor, datasets.goemotions(data, "test")),
        },
        "polarity": {
            "val": polarity_scores(predictor, datasets.sentiment(data, "val")),
            "test": polarity_scores(predictor, datasets.sentiment(data, "test")),
        },
        "thresholds": dict(zip(EMOTIONS, loaded.calibration.thresholds, strict=True)),
        "seed": record.get("seed"),
        "training": record,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "safetensors": version("safetensors"),
        },
    }


def crossed(predictor: Predictor, dev: Labelled) -> float:
    """Macro-F1 on dev that thresholds fitted on it do not flatter: the measure to compare by."""
    probabilities = _probabilities(predictor.predict(dev.texts))
    return _short(
        torch.tensor(crossed_macro_f1(probabilities, _one_hot(dev, len(EMOTIONS)), belief=BELIEF))
    )


def emotion_scores(predictor: Predictor, split: Labelled) -> dict[str, Any]:
    """Precision, recall and F1 of every emotion and their averages, with the shipped thresholds."""
    predictions = predictor.predict(split.texts)
    chosen = torch.tensor(
        [[label in each.emotions for label in EMOTIONS] for each in predictions]
    ).double()
    probabilities = _probabilities(predictions)
    targets = _one_hot(split, len(EMOTIONS))
    hits = (chosen * targets).sum(0)
    found, there = chosen.sum(0), targets.sum(0)
    precision, recall = hits / found.clamp(min=1), hits / there.clamp(min=1)
    f1 = 2 * hits / (found + there).clamp(min=1)
    ours = f1_by_label(probabilities, targets, predictor.artifact.calibration.thresholds)
    total = 2 * hits.sum() / (found.sum() + there.sum())
    primary = [EMOTIONS.index(each.primary) if each.primary else -1 for each in predictions]
    first = [number in row for number, row in zip(primary, split.targets, strict=True)]
    return {
        "texts": len(split),
        "macro_f1": _short(f1.mean()),
        "micro_f1": _short(total),
        "macro_precision": _short(precision.mean()),
        "macro_recall": _short(recall.mean()),
        "macro_f1_of_probabilities": _short(ours.mean()),  # as above but for texts abstained on
        "exact_match": _short((chosen == targets).all(1).double().mean()),
        "primary_is_right": _short(torch.tensor(first).double().mean()),
        "no_label": _short((chosen.sum(1) == 0).double().mean()),
        "abstained": sum(each.abstained is not None for each in predictions),
        "calibration_error": _short(calibration_error(probabilities.flatten(), targets.flatten())),
        "labels": {
            label: {
                "precision": _short(precision[number]),
                "recall": _short(recall[number]),
                "f1": _short(f1[number]),
                "support": int(there[number]),
                "threshold": predictor.artifact.calibration.thresholds[number],
            }
            for number, label in enumerate(EMOTIONS)
        },
    }


def _probabilities(predictions: Sequence[Prediction]) -> Tensor:
    rows = [list(each.probabilities.values()) for each in predictions]
    return torch.tensor(rows, dtype=torch.float64)


def polarity_scores(predictor: Predictor, split: Labelled) -> dict[str, Any]:
    """Recall of every polarity, their mean (the official measure), F1 and accuracy."""
    predictions = predictor.predict(split.texts)
    targets = torch.tensor([row[0] for row in split.targets])
    labels = [each.polarity.label for each in predictions]
    said = torch.tensor([POLARITIES.index(label) if label else 1 for label in labels])
    counts = torch.zeros(len(POLARITIES), len(POLARITIES), dtype=torch.int64)
    for right, guess in zip(targets.tolist(), said.tolist(), strict=True):
        counts[right, guess] += 1
    hits = counts.diag().double()
    recall = hits / counts.sum(1).clamp(min=1)
    precision = hits / counts.sum(0).clamp(min=1)
    f1 = 2 * hits / (counts.sum(0) + counts.sum(1)).clamp(min=1)
    likeliest = torch.tensor([max(each.polarity.probabilities.values()) for each in predictions])
    return {
        "texts": len(split),
        "macro_recall": _short(recall.mean()),
        "macro_f1": _short(f1.mean()),
        "accuracy": _short(hits.sum() / len(split)),
        "calibration_error": _short(calibration_error(likeliest, (said == targets).double())),
        "labels": {
            label: {
                "precision": _short(precision[number]),
                "recall": _short(recall[number]),
                "f1": _short(f1[number]),
                "support": int(counts[number].sum()),
            }
            for number, label in enumerate(POLARITIES)
        },
        "confusion": {
            label: dict(zip(POLARITIES, counts[number].tolist(), strict=True))
            for number, label in enumerate(POLARITIES)
        },
    }


def calibration_error(probabilities: Tensor, right: Tensor, bins: int = 15) -> Tensor:
    """Expected calibration error: mean distance of probability and frequency over equal bins."""
    place = (probabilities * bins).long().clamp(max=bins - 1)
    error = torch.zeros((), dtype=torch.float64)
    for number in range(bins):
        inside = place == number
        if bool(inside.any()):
            gap = (probabilities[inside].double().mean() - right[inside].double().mean()).abs()
            error += gap * inside.double().mean()
    return error


def _one_hot(split: Labelled, labels: int) -> Tensor:
    targets = torch.zeros(len(split), labels, dtype=torch.float64)
    for row, numbers in enumerate(split.targets):
        targets[row, list(numbers)] = 1.0
    return targets


def _short(value: Tensor) -> float:
    return round(float(value), 4)
