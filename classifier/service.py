"""The station: posts.collected to posts.classified."""

import gc
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Event

from classifier.prediction import Prediction
from classifier.predictor import Predictor
from stream import worker
from stream.broker import KafkaSource, KafkaWriter, create_topics
from stream.codec import decode_collected
from stream.metrics import Counters
from stream.posts import Classification, ClassifiedPost, Deletion, Post
from stream.records import Item
from stream.settings import Settings
from stream.sinks import KafkaDeadLetters, KafkaSink
from stream.topics import CLASSIFIED, COLLECTED

logger = logging.getLogger(__name__)

STATION = "classifier"


def run(settings: Settings, stop: Event) -> Counters:
    """Classifies until asked to stop; makes the topics first where they are missing.

    Raises:
        UserError: the artifact must not be used, or no broker answers at the start.
    """
    predictor = Predictor.load(settings.model, settings.threads, settings.thresholds)
    gc.freeze()  # the model and torch stay: no collection need look at them again
    create_topics(settings)
    counters = Counters(STATION)
    with KafkaSource(settings, COLLECTED, STATION) as source, KafkaWriter(settings) as writer:
        logger.info("classifying %s with %s", COLLECTED.name, predictor.model)
        worker.run(
            STATION,
            source,
            decode_collected,
            lambda items: classified(predictor, items),
            KafkaSink(writer, CLASSIFIED),
            KafkaDeadLetters(writer),
            stop,
            counters,
            settings.health_dir,
        )
    logger.info("stopped: %s", counters)
    return counters


def classified(
    predictor: Predictor, items: Sequence[Item[Post | Deletion]]
) -> list[Item[ClassifiedPost | Deletion]]:
    """Adds to each post what the model says of it; deletions pass unchanged, in their place."""
    posts = [item.record for item in items if isinstance(item.record, Post)]
    texts, declared = [post.text for post in posts], [post.language for post in posts]
    predictions = iter(predictor.predict(texts, declared))
    now = datetime.now(UTC)
    outgoing: list[Item[ClassifiedPost | Deletion]] = []
    for item in items:
        record: ClassifiedPost | Deletion
        if isinstance(item.record, Deletion):
            record = item.record
        else:
            record = ClassifiedPost(
                post=item.record, classification=classification(next(predictions), now)
            )
        outgoing.append(Item(record, item.received))
    return outgoing


def classification(prediction: Prediction, now: datetime) -> Classification:
    """A prediction as it travels with its post."""
    return Classification(**prediction.fields(), classified_at=now)
