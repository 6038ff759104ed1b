"""The topics, declared: what is missing is created, what is there is left alone."""

from dataclasses import dataclass, field

DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class Topic:
    """One Kafka topic as we want it."""

    name: str
    holds: str
    partitions: int | None = None
    """As many as the setting says, unless given."""
    config: dict[str, str] = field(default_factory=dict)

    def wanted(self, partitions: int) -> int:
        """How many partitions it should have, where the setting says `partitions`."""
        return self.partitions or partitions


COLLECTED = Topic(
    "posts.collected",
    holds="Post, Deletion and AuthorDeletion, from ingest",
    config={"retention.ms": str(7 * DAY_MS)},
)
CLASSIFIED = Topic(
    "posts.classified",
    holds="ClassifiedPost, Deletion and AuthorDeletion, from the classifier",
    config={"retention.ms": str(7 * DAY_MS)},
)
DEAD_LETTER = Topic(
    "posts.dead-letter",
    holds="DeadLetter, from every station",
    partitions=1,
    # A repeat of a letter has the same key, so compaction keeps one of each.
    config={"retention.ms": str(30 * DAY_MS), "cleanup.policy": "compact,delete"},
)

TOPICS = (COLLECTED, CLASSIFIED, DEAD_LETTER)

STATIONS = {"classifier": COLLECTED, "indexer": CLASSIFIED}
"""The topic before each station; the station's consumer group has its name."""
