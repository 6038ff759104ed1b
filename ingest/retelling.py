"""Posts told again at another time: no longer the platform's, so under ids of their own."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stream.errors import InvalidRecord
from stream.posts import AuthorDeletion, Collected, Deletion

MAX_ID = 512


@dataclass(frozen=True, slots=True)
class Retelling:
    """How one round of a replay tells its posts."""

    suffix: str
    """`~RUN` or `~RUN.N`; keeps every retold post apart from the original and other rounds."""
    shift: timedelta | None
    """Added to every time of the record; None makes each time the moment of sending."""

    def of(self, record: Collected, now: datetime) -> Collected:
        """Gives the record as this round tells it; it is observed now.

        Raises:
            InvalidRecord: an id gets too long, or a time leaves the calendar.
        """
        if isinstance(record, AuthorDeletion):
            # Of an author who is nobody: the real one's posts must not go for a retold event.
            return record.model_copy(
                update={
                    "author_id": self._id(record.author_id),
                    "deleted_at": self._time("deleted_at", record.deleted_at, now),
                }
            )
        native_id = self._id(record.native_id)
        if isinstance(record, Deletion):
            return record.model_copy(
                update={
                    "native_id": native_id,
                    "deleted_at": self._time("deleted_at", record.deleted_at, now),
                    # Retold at the moment of sending, the post's own moment is not known here.
                    "created_at": self._time("created_at", record.created_at, now)
                    if record.created_at and self.shift is not None
                    else None,
                }
            )
        return record.model_copy(
            update={
                "native_id": native_id,
                "created_at": self._time("created_at", record.created_at, now),
                "observed_at": now,
                "reply_to": record.reply_to and self._id(record.reply_to),
                "conversation": record.conversation and self._id(record.conversation),
            }
        )

    def _id(self, original: str) -> str:
        if len(original) + len(self.suffix) > MAX_ID:
            raise InvalidRecord(f"the id is too long to be retold as one ending in {self.suffix}")
        return original + self.suffix

    def _time(self, field: str, time: datetime, now: datetime) -> datetime:
        if self.shift is None:
            return now
        try:
            return time + self.shift
        except OverflowError:
            raise InvalidRecord(f"{field}: out of range when shifted") from None
