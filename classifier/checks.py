"""What can be wrong with the classifier: its artifact, its group, whose labels are in the index."""

from collections.abc import Iterator
from contextlib import suppress

from classifier import artifact
from classifier.service import STATION
from stream.doctor import kafka as kafka_checks
from stream.doctor.findings import Finding, problem, warning
from stream.errors import UserError
from stream.settings import Settings
from stream.topics import COLLECTED

ANSWER_SECONDS = 3.0
MODEL, CLASSIFIED_AT = "emostream.model", "emostream.classified_at"


def checks(settings: Settings, watch: float) -> Iterator[Finding]:
    """Looks at the artifact, at the posts that were labelled last, and at the consumer group."""
    yield from of_artifact(settings)
    yield from kafka_checks.of_groups(settings, {STATION: COLLECTED.name}, watch)


def of_artifact(settings: Settings) -> Iterator[Finding]:
    """Whether there is a model that may be used, and whether it made the labels."""
    folder = settings.model or artifact.SHIPPED
    if not folder.is_dir():
        yield problem(
            "model-missing",
            f"EMOSTREAM_MODEL={folder}: there is no such folder, and no post is classified",
            artifact.MEND,
        )
        return
    try:
        loaded = artifact.load(folder)
    except artifact.ArtifactError as error:
        yield problem("model-damaged", _without_mend(error), artifact.MEND)
        return
    yield from of_labels(settings, loaded.model)


def of_labels(settings: Settings, model: str) -> Iterator[Finding]:
    """Whether the posts that were indexed last have their labels from this model.

    Gives nothing where there is no index to ask: the indexer's checks say that.
    """
    # Their client comes with the indexer; a machine that only classifies need not have it.
    try:
        from stream import elastic, index
    except ModuleNotFoundError:
        return
    last = None
    with suppress(UserError), elastic.asking(settings), elastic.connect(settings) as client:
        found = client.options(request_timeout=ANSWER_SECONDS).search(
            index=index.ALIAS,
            size=1,
            query={"exists": {"field": MODEL}},  # a foreign document may have none
            sort=[{CLASSIFIED_AT: {"order": "desc", "unmapped_type": "date"}}],
            fields=[{"field": MODEL}, {"field": CLASSIFIED_AT}],
            source=False,
            ignore_unavailable=True,
        )
        last = next((hit["fields"] for hit in found["hits"]["hits"]), None)
    if last is None:
        return
    (label, *_), (when, *_) = last[MODEL], last.get(CLASSIFIED_AT, ["at no known time"])
    # After a + stand the thresholds, which are a choice and no other model.
    if str(label).partition("+")[0] != model:
        yield warning(
            "model-mismatch",
            f"the posts labelled last ({when}) have their labels from {label}; the model "
            f"configured here is {model}",
            "start the classifier again, with the same EMOSTREAM_MODEL everywhere: "
            "`python -m classifier run`",
        )


def _without_mend(error: Exception) -> str:
    return str(error).removesuffix(f"; {artifact.MEND}")
