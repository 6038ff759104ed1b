"""The station: posts.collected to posts.classified."""

import gc
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Event

from classifier.counters import ClassifierCounters
from classifier.prediction import Prediction
from classifier.predictor import Predictor
from classifier.recogniser import Found, Recogniser, load, recognised
from stream import crash, worker
from stream.broker import KafkaSource, KafkaWriter, create_topics
from stream.codec import decode_collected
from stream.limit import limit
from stream.posts import Classification, Classified, ClassifiedPost, Collected, Post
from stream.records import Item
from stream.settings import Settings
from stream.sinks import KafkaDeadLetters, KafkaSink
from stream.status import Status, serving
from stream.topics import CLASSIFIED, COLLECTED

logger = logging.getLogger(__name__)

STATION = "classifier"


def run(settings: Settings, stop: Event) -> ClassifierCounters:
    """Classifies until asked to stop; makes the topics first where they are missing.

    Raises:
        UserError: the artifact or the recogniser cannot be used, or no broker answers at the start.
    """
    counters = ClassifierCounters(STATION)
    with serving(settings, [counters]) as status:
        _run(settings, stop, counters, status)
    logger.info("stopped: %s", counters)
    return counters


def _run(settings: Settings, stop: Event, counters: ClassifierCounters, status: Status) -> None:
    predictor = Predictor.load(settings.model, settings.threads, settings.thresholds)
    recogniser = load(settings.recogniser)
    gc.freeze()  # the models and torch stay: no collection need look at them again
    crash.arm(settings.crash_at)
    create_topics(settings)
    counters.model = predictor.model
    with KafkaSource(settings, COLLECTED, STATION) as source, KafkaWriter(settings) as writer:
        status.started({}, broker=settings)
        logger.info("classifying %s with %s", COLLECTED.name, predictor.model)
        if recogniser:
            logger.info("recognising names with %s", recogniser.name)
        worker.run(
            STATION,
            source,
            decode_collected,
            lambda items: classified(predictor, items, recogniser, counters),
            KafkaSink(writer, CLASSIFIED),
            KafkaDeadLetters(writer),
            stop,
            counters,
            settings.health_dir,
            limit(settings, STATION),
        )


def classified(
    predictor: Predictor,
    items: Sequence[Item[Collected]],
    recogniser: Recogniser | None = None,
    counters: ClassifierCounters | None = None,
) -> list[Item[Classified]]:
    """Adds to each post what the models say of it; deletions pass unchanged, in their place."""
    posts = [item.record for item in items if isinstance(item.record, Post)]
    texts, declared = [post.text for post in posts], [post.language for post in posts]
    counters = counters or ClassifierCounters(STATION)
    with counters.predicting:
        predictions = predictor.predict(texts, declared)
    counters.posts += len(posts)
    named: list[Found | None] = [None] * len(posts)
    if recogniser:
        named = recognised(recogniser, texts, [one.language for one in predictions])
    said = zip(predictions, named, strict=True)
    now = datetime.now(UTC)
    outgoing: list[Item[Classified]] = []
    for item in items:
        record: Classified
        if not isinstance(item.record, Post):
            record = item.record
        else:
            prediction, found = next(said)
            record = ClassifiedPost(
                post=item.record,
                classification=classification(prediction, now),
                entities=found or (),
                recogniser=recogniser.name if recogniser and found is not None else None,
            )
        outgoing.append(Item(record, item.received))
    return outgoing


def classification(prediction: Prediction, now: datetime) -> Classification:
    """A prediction as it travels with its post."""
    return Classification(**prediction.fields(), classified_at=now)
