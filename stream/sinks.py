"""Topics as the ends of a station: the next topic, and the dead letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from stream.broker import KafkaWriter
from stream.codec import encode
from stream.dead_letters import DeadLetter
from stream.posts import AuthorDeletion, ClassifiedPost, Deletion, Post
from stream.records import Item, Outgoing, Rejected
from stream.topics import DEAD_LETTER, Topic


@dataclass(frozen=True, slots=True)
class Encoded:
    """A record that is bytes already, and the key it goes under."""

    key: str
    value: bytes

    @classmethod
    def of(cls, record: Post | ClassifiedPost | Deletion | AuthorDeletion) -> Self:
        """Writes a record."""
        return cls(record.key, encode(record))


class KafkaSink:
    """The next topic, as the sink of a station."""

    def __init__(self, writer: KafkaWriter, topic: Topic) -> None:
        self._writer, self._topic = writer, topic

    def write(self, items: Sequence[Item[Encoded]]) -> Sequence[Rejected]:
        """Writes the records under the post's key, with the crawl they came from."""
        outgoing = [
            Outgoing(item.record.key, item.record.value, item.received.crawl) for item in items
        ]
        return [
            Rejected(items[position].received, "sending", reason)
            for position, reason in self._writer.write(self._topic, outgoing)
        ]


class KafkaDeadLetters:
    """The dead-letter topic."""

    def __init__(self, writer: KafkaWriter) -> None:
        self._writer = writer

    def write(self, letters: Sequence[DeadLetter]) -> None:
        """Writes the letters; one too large for the topic as a stub that says where it was.

        Raises:
            RuntimeError: not even the stub fitted; nothing is dropped in silence.
        """
        stubs = [letters[position].stub() for position, _reason in self._put(letters)]
        for position, reason in self._put(stubs):
            raise RuntimeError(f"dead letter {stubs[position].key} refused: {reason}")

    def _put(self, letters: Sequence[DeadLetter]) -> list[tuple[int, str]]:
        if not letters:
            return []
        outgoing = [Outgoing(letter.key, encode(letter), letter.crawl) for letter in letters]
        return self._writer.write(DEAD_LETTER, outgoing)
