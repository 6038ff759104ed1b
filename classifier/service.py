"""The station: posts.collected to posts.classified."""

import gc
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Event

from classifier import kernels
from classifier.counters import ClassifierCounters
from classifier.predictor import Predictor
from classifier.recogniser import Found, Recogniser, load, recognised
from classifier.records import classifications, classified_post
from stream import crash, worker
from stream.broker import KafkaSource, KafkaWriter, create_topics
from stream.codec import encode, read_collected
from stream.limit import limit
from stream.posts import Collected, Post
from stream.records import Item
from stream.settings import Settings
from stream.sinks import Encoded, KafkaDeadLetters, KafkaSink
from stream.status import Status, serving
from stream.structs import CollectedPost
from stream.topics import CLASSIFIED, COLLECTED

logger = logging.getLogger(__name__)

STATION = "classifier"
WARM_UP = "was für ein wunderschöner Tag"
"""Its language is in doubt, so that it is asked of the identifier."""


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
    predictor = Predictor.load(
        settings.model, settings.threads, settings.thresholds, compiled_after=kernels.PAYS
    )
    recogniser = load(settings.recogniser)
    predictor.label([WARM_UP], words=True)  # what is loaded at first use is loaded now
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
            read_collected,
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
    items: Sequence[Item[Collected | CollectedPost]],
    recogniser: Recogniser | None = None,
    counters: ClassifierCounters | None = None,
) -> list[Item[Encoded]]:
    """Adds to each post what the models say of it; deletions pass as they came, in their place."""
    posts = [item.record for item in items if item.record.kind == "post"]
    texts, declared = [post.text for post in posts], [post.language for post in posts]
    counters = counters or ClassifierCounters(STATION)
    with counters.predicting:
        labels = predictor.label(texts, declared, words=True)
    counters.posts += len(posts)
    named: Sequence[Found | None] = [None] * len(posts)
    if recogniser:
        named = recognised(recogniser, texts, labels.languages)
    name = recogniser.name if recogniser else None
    said = zip(classifications(labels, predictor.model, datetime.now(UTC)), named, strict=True)
    outgoing: list[Item[Encoded]] = []
    for item in items:
        value = item.received.value or b""  # never empty, as it was decoded
        if item.record.kind == "post":
            # What only the models read, another reader may not, once it stands in a record.
            post = encode(item.record) if isinstance(item.record, Post) else value
            value = classified_post(post, *next(said), name)
        outgoing.append(Item(Encoded(item.record.key, value), item.received))
    return outgoing
