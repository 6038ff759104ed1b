"""Topics as the ends of a station: the next topic, and the dead letters."""

from collections.abc import Sequence
from typing import TypeVar

from stream.broker import KafkaWriter
from stream.codec import encode
from stream.dead_letters import DeadLetter
from stream.posts import ClassifiedPost, Deletion, Post
from stream.records import Item, Outgoing, Rejected
from stream.topics import DEAD_LETTER, Topic

AnyRecord = TypeVar("AnyRecord", bound=Post | ClassifiedPost | Deletion)


class KafkaSink:
    """The next topic, as the sink of a station."""

    def __init__(self, writer: KafkaWriter, topic: Topic) -> None:
        self._writer, self._topic = writer, topic

    def write(self, items: Sequence[Item[AnyRecord]]) -> Sequence[Rejected]:
        """Writes the records under the post's key, with the crawl they came from."""
        outgoing = [
            Outgoing(item.record.key, encode(item.record), item.received.crawl) for item in items
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
        """Writes the letters; a letter the topic itself refuses stops the station.

        Raises:
            RuntimeError: a letter did not fit; nothing is dropped in silence.
        """
        if not letters:
            return
        outgoing = [Outgoing(letter.key, encode(letter), letter.crawl) for letter in letters]
        for position, reason in self._writer.write(DEAD_LETTER, outgoing):
            raise RuntimeError(f"dead letter {letters[position].key} refused: {reason}")
