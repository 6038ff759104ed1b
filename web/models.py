"""The models that the API answers with: loaded once, each with its batcher."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from classifier import kernels
from classifier.calibration import Choice
from classifier.labels import EKMAN, EMOTIONS, SENTIMENT, TOPICS
from classifier.predictor import Predictor
from stream.faces import COLOURS, COMMENT_COLOURS, FACES, POLARITY_COLOURS
from stream.metrics import Sample
from web.batching import Batcher
from web.lane import Lane
from web.problems import Problem

MEASURES = {
    "emotion": ("macro_f1", "micro_f1"),
    "polarity": ("macro_recall",),
    "topic": ("micro_f1",),
}


class Models:
    """Name to model; the first answers where none is asked for."""

    def __init__(self, folders: Sequence[Path], threads: int, thresholds: Choice) -> None:
        """Loads the artifacts in some folders.

        Raises:
            ArtifactError: one is damaged.
        """
        predictors = [
            Predictor.load(folder, threads, thresholds, compiled_after=kernels.PAYS)
            for folder in folders
        ]
        for one in predictors:
            one.predict(["the first text takes a while"])
        self.predictors = {one.model: one for one in predictors}
        self.batchers = {
            one.model: Batcher(partial(one.predict, words=False), one.model) for one in predictors
        }
        self.first = predictors[0].model
        self._measured = folders[0] / "metrics.json"
        self.explaining = Lane()

    def named(self, name: str | None) -> tuple[Predictor, Batcher]:
        """Gives a model and the way into it.

        Raises:
            Problem: there is no such model.
        """
        name = self.first if name is None else name
        if name not in self.predictors:
            detail = f"there are {', '.join(self.predictors)}"
            raise Problem(422, f"no model of that name: {detail}", [_field("model", detail)])
        return self.predictors[name], self.batchers[name]

    def samples(self) -> Iterator[Sample]:
        """Gives what is counted of each model, and of explaining."""
        for batcher in self.batchers.values():
            yield from batcher.samples()
        yield from self.explaining.samples()

    def labels(self, name: str | None) -> dict[str, Any]:
        """Gives a `web.asking.LabelsSaid`."""
        limits = self.named(name)[0].thresholds["emotion"]
        return {
            "emotions": [
                {
                    "label": one,
                    "emoji": FACES[one],
                    "colour": COLOURS[one],
                    "sentiment": SENTIMENT[one],
                    "ekman": EKMAN[one],
                    "threshold": limit,
                }
                for one, limit in zip(EMOTIONS, limits, strict=True)
            ],
            "polarity": POLARITY_COLOURS,
            "comment_classes": COMMENT_COLOURS,
            "topics": list(TOPICS),
        }

    def measured(self) -> dict[str, float]:
        """Gives the first model's scores on test sets, `head.measure` to value, where known."""
        try:
            known = json.loads(self._measured.read_bytes())
        except FileNotFoundError:
            return {}
        return {
            f"{head}.{measure}": known[head]["test"][measure]
            for head, measures in MEASURES.items()
            for measure in measures
            if measure in known.get(head, {}).get("test", {})
        }

    async def close(self) -> None:
        """Answers what waits."""
        for batcher in self.batchers.values():
            await batcher.close()
        self.explaining.close()


def _field(field: str, detail: str) -> dict[str, str]:
    return {"field": field, "detail": detail}
