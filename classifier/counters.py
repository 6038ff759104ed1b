"""What the classifier counts besides: posts, and the time that the model took for them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from stream.metrics import Counters, Sample, Step


@dataclass
class ClassifierCounters(Counters):
    """The counts of the station."""

    posts: int = 0
    model: str = ""
    """Its name, once it is loaded."""
    predicting: Step = field(default_factory=Step)

    def samples(self) -> Iterator[Sample]:
        """Gives everything that is counted here."""
        yield from super().samples()
        of = {"station": self.station}
        yield Sample(
            "emostream_classifier_posts", "counter", "posts that went through the model",
            self.posts, of,
        )  # fmt: skip
        yield Sample(
            "emostream_classifier_model_seconds", "counter", "seconds spent in the model",
            self.predicting.seconds.sum, of,
        )  # fmt: skip
        if self.model:
            yield Sample(
                "emostream_classifier_model_info", "gauge", "the model that labels, always 1",
                1, of | {"model": self.model},
            )  # fmt: skip
