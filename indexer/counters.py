"""What the indexer's loops count besides: how each post ended, and the bulk requests."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock

from stream.metrics import Counters, Sample


@dataclass
class BulkCounts:
    """The bulk requests of one loop; several may be under way at once."""

    requests: int = 0
    bytes: int = 0
    repeated: int = 0
    """Actions that were refused and sent again."""
    _lock: Lock = field(default_factory=Lock, repr=False)

    def sent(self, size: int) -> None:
        """Counts a request of so many bytes."""
        with self._lock:
            self.requests += 1
            self.bytes += size


@dataclass
class BulkCounters(Counters):
    """The counts of a loop that writes to Elasticsearch."""

    bulk: BulkCounts = field(default_factory=BulkCounts)

    def samples(self) -> Iterator[Sample]:
        """Gives everything that is counted here."""
        yield from super().samples()
        of = {"station": self.station}
        for name, meaning, value in (
            ("requests", "bulk requests sent", self.bulk.requests),
            ("bytes", "bytes of bulk requests sent", self.bulk.bytes),
            ("repeated_actions", "actions that were refused and sent again", self.bulk.repeated),
        ):
            yield Sample(f"emostream_indexer_bulk_{name}", "counter", meaning, value, of)


@dataclass
class IndexerCounters(BulkCounters):
    """The counts of the posts' loop."""

    indexed: int = 0
    older: int = 0
    deleted: int = 0
    rejected: int = 0

    def samples(self) -> Iterator[Sample]:
        """Gives everything that is counted here."""
        yield from super().samples()
        for outcome in ("indexed", "older", "deleted", "rejected"):
            yield Sample(
                "emostream_indexer_posts", "counter", "posts, by how they ended in the index",
                getattr(self, outcome), {"station": self.station, "outcome": outcome},
            )  # fmt: skip

    def __str__(self) -> str:
        return (
            f"{super().__str__()}; {self.indexed} indexed, {self.older} older than indexed, "
            f"{self.deleted} deleted, {self.rejected} rejected"
        )
