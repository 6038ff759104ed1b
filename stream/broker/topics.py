"""Topics made where they are missing, and whether a broker is well."""

from collections.abc import Sequence

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from stream.broker import times
from stream.broker.options import connection, missing, unreachable
from stream.broker.source import Closing
from stream.settings import Settings
from stream.topics import DEAD_LETTER, TOPICS, Topic


def create_topics(settings: Settings, topics: Sequence[Topic] = TOPICS) -> list[str]:
    """Creates the topics that are missing and names them; leaves the others alone."""
    try:
        admin = KafkaAdminClient(**connection(settings))
    except KafkaError as error:
        raise unreachable(settings, error) from None
    created = []
    try:
        present = set(admin.list_topics())
        for topic in topics:
            if topic.name in present:
                continue
            options = {
                "num_partitions": topic.wanted(settings.partitions),
                "replication_factor": settings.replication_factor,
                "configs": topic.config,
            }
            try:
                admin.create_topics({topic.name: options}, wait_for_metadata=True)
            except TopicAlreadyExistsError:  # another station was quicker
                continue
            created.append(topic.name)
    finally:
        admin.close()
    return created


class BrokerCheck(Closing):
    """Asks whether a broker answers and takes dead letters, over one connection of its own.

    One for all questions: a client that does not come to connect never gives its sockets back.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        try:
            self._admin = KafkaAdminClient(
                **connection(settings), request_timeout_ms=times.CHECK_MS
            )
        except KafkaError as error:
            raise unreachable(settings, error) from None

    def __call__(self) -> None:
        """Asks.

        Raises:
            UserError: no broker answers; said after seconds, where one takes our connection. Or
                the topic of dead letters is gone: no station gets past a bad record without it.
        """
        try:
            topics = self._admin.list_topics()
        except KafkaError as error:
            raise unreachable(self._settings, error) from None
        if DEAD_LETTER.name not in topics:
            raise missing(DEAD_LETTER.name)

    def close(self) -> None:
        """Closes the connection."""
        self._admin.close()
