"""Measures an artifact: metrics.json, MODEL_CARD.md and plots/ beside it.

Every head is measured on its dev and test split, as far as the data folder has them. Choices are
made on dev; test is only reported.
"""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from classifier import answers, artifact, card, checkpoint, plots, robustness, scores, subgroups
from classifier.answers import Answers
from classifier.artifact import Artifact
from classifier.calibration import HeadCalibration
from classifier.heads import HEADS, REQUIRED, left_out, trainable
from classifier.labels import EKMAN, EMOTIONS, NEUTRAL, SENTIMENT
from classifier.scores import accuracy, by_label, counted, macro_f1, macro_recall, micro_f1, short
from classifier.thresholds import BELIEF, NEGATIVE, POSITIVE, crossed_macro_f1
from stream.errors import UserError

TOP_PAIRS = 15


def evaluate(folder: Path, data: Path, command: str) -> dict[str, Any]:
    """Measures the artifact in a folder, writes the reports there, and gives the numbers.

    Raises:
        UserError: the data folder lacks the texts of the head that every model has.
    """
    loaded = artifact.load(folder)
    if not set(REQUIRED) <= set(trainable(data)):
        raise UserError(
            f"nothing can be measured from {data}: {left_out(data)}; fetch it with:"
            " python -m classifier download, or name a folder that has it in EMOSTREAM_DATA_DIR"
        )
    said = answers.of_every_split(loaded, data)
    metrics = measure(loaded, said) | {"command": command}
    text = json.dumps(metrics, indent=2, ensure_ascii=False) + "\n"
    checkpoint.write_text(folder / "metrics.json", text)
    drawn = plots.draw(folder / "plots", metrics, said["emotion", "test"])
    checkpoint.write_text(
        folder / "MODEL_CARD.md", card.write(metrics, drawn, _hurt(folder, loaded))
    )
    artifact.write_manifest(folder)
    return metrics


def _hurt(folder: Path, loaded: Artifact) -> str:
    """The table of `python -m classifier robustness`, if it was measured of these weights."""
    path = folder / "robustness.json"
    if not path.exists():
        return ""
    measured = json.loads(path.read_text(encoding="utf-8"))
    return robustness.markdown(measured) if measured.get("model") == loaded.model else ""


def measure(loaded: Artifact, said: Mapping[tuple[str, str], Answers]) -> dict[str, Any]:
    """Every number that is reported of an artifact."""
    record = loaded.config.get("training", {})
    metrics: dict[str, Any] = {
        "model": loaded.model,
        "shape": {
            "words": loaded.vocabulary.words - 1,
            "phrases": len(loaded.vocabulary) - loaded.vocabulary.words,
            **_layers(loaded),
        },
    }
    for (name, split), each in said.items():
        found = head_scores(name, loaded.calibration.heads[name], each)
        if name == "emotion":
            found |= emotion_scores(each)
        if name == "polarity":
            found["subgroups"] = subgroups.by_subgroup(
                each.split.texts, each.given, each.right, "accuracy", accuracy
            )
        metrics.setdefault(name, {})[split] = found
    return metrics | {
        "seed": record.get("seed"),
        "training": record,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "safetensors": version("safetensors"),
        },
    }


def _layers(loaded: Artifact) -> dict[str, Any]:
    if loaded.other is None:
        return {"dim": loaded.config["dim"], "hidden": loaded.config["hidden"]}
    return {"family": loaded.config["family"], "parameters": loaded.other.parameters()}


def head_scores(name: str, head: HeadCalibration, said: Answers) -> dict[str, Any]:
    """What is reported of every head."""
    several, labels = HEADS[name].several, HEADS[name].labels
    draws = scores.resamples(len(said.split))
    probabilities, came = said.probabilities, said.right
    measures: dict[str, scores.Measure] = {"macro_f1": macro_f1, "micro_f1": micro_f1}
    if not several:
        measures = {"macro_f1": macro_f1, "macro_recall": macro_recall, "accuracy": accuracy}
        probabilities, likeliest = said.probabilities.max(1)
        came = said.right.gather(1, likeliest[:, None])[:, 0]
    bins = scores.reliability(probabilities, came)
    rows = by_label(said.given, said.right, labels, draws)
    for label, balanced, precise in zip(labels, head.thresholds, head.precise, strict=False):
        rows[label] |= {"threshold": balanced, "precise_threshold": precise}
    found = {
        "texts": len(said.split),
        **scores.with_intervals(said.given, said.right, measures, draws),
        "calibration_error": short(scores.calibration_error(bins)),
        "calibration_error_by_chance": short(scores.error_by_chance(probabilities)),
        "no_label": short((said.given.sum(1) == 0).double().mean()),
        "no_known_word": int((~said.known).sum()),
        "labels": rows,
        "reliability": bins,
    }
    if head.thresholds:
        found["balanced"] = _trade(name, said.given, said.right)
        found["precise"] = _trade(name, said.precise, said.right)
    if said.served is not None:
        served = scores.with_intervals(said.served, said.right, measures, None)
        found["served"] = {**served, "abstained": dict(said.abstained)}
    if several:
        found["exact_match"] = short((said.given == said.right).all(1).double().mean())
    else:
        matrix = (said.right.T @ said.given).long().tolist()
        found["confusion"] = {
            right: dict(zip(labels, row, strict=True))
            for right, row in zip(labels, matrix, strict=True)
        }
    return found


def _trade(name: str, chosen: Tensor, right: Tensor) -> dict[str, float]:
    """What thresholds gain and lose, over all labels given; of polarity, but for neutral."""
    if name == "polarity":
        chosen, right = chosen[:, (NEGATIVE, POSITIVE)], right[:, (NEGATIVE, POSITIVE)]
    counts = counted(chosen, right)
    hits = counts.hits.sum()
    return {
        "precision": short(hits / counts.given.sum().clamp(min=1)),
        "recall": short(hits / counts.there.sum().clamp(min=1)),
        "macro_f1": short(macro_f1(counts)),
        "no_label": short((chosen.sum(1) == 0).double().mean()),
    }


def emotion_scores(said: Answers) -> dict[str, Any]:
    """What is reported of emotions beside the scores of every head."""
    draws = scores.resamples(len(said.split))
    first = primary(said.probabilities, said.given)
    right = said.right.gather(1, first.clamp(min=0)[:, None])[:, 0] * (first >= 0)
    texts = said.split.texts
    return {
        "crossed_macro_f1": short(crossed_macro_f1(said.probabilities, said.right, belief=BELIEF)),
        "primary_is_right": short(right.mean()),
        "primary_is_right_interval": scores.interval(draws.double() @ right / len(right)),
        "ekman": group_scores(said, EKMAN, draws),
        "sentiment": group_scores(said, SENTIMENT, draws),
        "confused": confused_pairs(said),
        "subgroups": subgroups.by_subgroup(texts, said.given, said.right, "micro_f1", micro_f1),
        "hostility": subgroups.hostility(texts, said.given, said.right),
    }


def primary(probabilities: Tensor, chosen: Tensor) -> Tensor:
    """The number of each text's primary emotion, (texts,); -1 for none.

    It is the likeliest emotion given that is not neutral; neutral only where it stands alone.
    """
    neutral = EMOTIONS.index(NEUTRAL)
    others = chosen.clone()
    others[:, neutral] = 0
    best = torch.where(others > 0, probabilities + 1, 0.0).argmax(1)
    alone = torch.where(chosen[:, neutral] > 0, neutral, -1)
    return torch.where(others.any(1), best, alone)


def group_scores(said: Answers, mapping: dict[str, str], draws: Tensor) -> dict[str, Any]:
    """The scores of groups of emotions: a text bears a group if it bears an emotion of it."""
    groups = list(dict.fromkeys(mapping.values()))
    member = torch.zeros(len(EMOTIONS), len(groups), dtype=torch.float64)
    for number, emotion in enumerate(EMOTIONS):
        member[number, groups.index(mapping[emotion])] = 1.0
    chosen, right = ((part @ member).clamp(max=1) for part in (said.given, said.right))
    measures: dict[str, scores.Measure] = {"macro_f1": macro_f1, "micro_f1": micro_f1}
    return {
        **scores.with_intervals(chosen, right, measures, draws),
        "labels": by_label(chosen, right, groups),
    }


def confusion(said: Answers) -> Tensor:
    """Texts in which one label (row) is missed and another (column) wrongly given."""
    missed = said.right * (1 - said.given)
    return missed.T @ (said.given * (1 - said.right))


def confused_pairs(said: Answers) -> list[dict[str, Any]]:
    """The most frequent pairs of an emotion missed and one wrongly given in its place."""
    counts = confusion(said)
    share = counts / said.right.sum(0).clamp(min=1)[:, None]
    best = counts.flatten().topk(TOP_PAIRS).indices.tolist()
    places = [divmod(place, len(EMOTIONS)) for place in best]
    return [
        {
            "missed": EMOTIONS[row],
            "given": EMOTIONS[column],
            "texts": int(counts[row, column]),
            "share": short(share[row, column]),
        }
        for row, column in places
        if counts[row, column]
    ]
