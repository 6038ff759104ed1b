"""Kafka seen from beside: its brokers, topics and consumer groups; it asks and changes nothing.

`stream/broker.py` moves records, `stream/offsets.py` reads single ones; here are only states.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from stream.broker import connection, unreachable
from stream.errors import UserError
from stream.offsets import Reach
from stream.settings import Settings

ANSWER_SECONDS = 3.0
"""How long a broker may take to answer one question."""


@dataclass(frozen=True)
class TopicState:
    """A topic as the brokers have it."""

    partitions: int
    replicas: int
    """Of the partition that has fewest."""
    config: Mapping[str, str]


class ListenerUnreachable(UserError):
    """A broker answers, and tells its clients an address at which none does."""


class Cluster:
    """The brokers behind EMOSTREAM_KAFKA. A question that fails raises UserError."""

    def __init__(self, admin: Any) -> None:
        self._admin = admin

    @property
    def version(self) -> tuple[int, ...]:
        """The version of Kafka, as far as the requests that its brokers know tell it: `(4, 1)`."""
        return tuple(self._admin.get_broker_version_data(self.brokers()[0][0]).broker_version)

    def brokers(self) -> list[tuple[int, str, int]]:
        """Gives id, host and port of each broker, as it tells its clients to reach it."""
        found = self._admin.describe_cluster()["brokers"]
        return [(one["broker_id"], one["host"], one["port"]) for one in found]

    def topics(self, names: Iterable[str]) -> dict[str, TopicState]:
        """Describes those of the topics that are there."""
        present = set(self._admin.list_topics())
        wanted = [name for name in names if name in present]
        if not wanted:
            return {}
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted]
        configs = self._admin.describe_configs(asked, config_filter="all")["topic"]
        return {
            one["name"]: TopicState(
                len(one["partitions"]),
                min(len(part["replica_nodes"]) for part in one["partitions"]),
                {name: str(of["value"]) for name, of in configs[one["name"]].items()},
            )
            for one in self._admin.describe_topics(wanted)
        }

    def groups(self) -> dict[str, str]:
        """Gives each consumer group with its state: `Stable`, `Empty` and so on."""
        return {one["group_id"]: one["group_state"] for one in self._admin.list_groups()}

    def end_offsets(self, topic: str) -> dict[int, int]:
        """Gives the offset after each partition's last record; nothing for a missing topic."""
        return self._offsets(topic, OffsetSpec.LATEST)

    def group_offsets(self, group: str, topic: str) -> dict[int, int]:
        """Gives the offset that a group has committed in each partition, where it has."""
        # Asking a cluster that has never had a group for one makes its topic of offsets.
        if group not in self.groups():
            return {}
        found = self._admin.list_group_offsets({group: None})[group]
        return {at.partition: one.offset for at, one in found.items() if at.topic == topic}

    def reach(self, topic: str, group: str) -> list[Reach]:
        """Gives how far a group has come on each partition; nothing for a missing topic."""
        # In this order a group is never seen ahead of its topic.
        committed = self.group_offsets(group, topic)
        begins, ends = self._offsets(topic, OffsetSpec.EARLIEST), self.end_offsets(topic)
        return [Reach(one, begins[one], ends[one], committed.get(one)) for one in sorted(ends)]

    def _offsets(self, topic: str, spec: OffsetSpec) -> dict[int, int]:
        if topic not in self._admin.list_topics():
            return {}
        (described,) = self._admin.describe_topics([topic])
        numbers = [one["partition_index"] for one in described["partitions"]]
        asked = {TopicPartition(topic, number): spec for number in numbers}
        found = self._admin.list_partition_offsets(asked)
        return {at.partition: one.offset for at, one in found.items()}


@contextmanager
def opened(settings: Settings, seconds: float = ANSWER_SECONDS) -> Iterator[Cluster]:
    """Connects to the brokers for as long as the block lasts.

    Raises:
        ListenerUnreachable: one does, and names an address where none does.
        UserError: none answers in time, or one refuses a question.
    """
    milliseconds = int(1000 * seconds)
    options = connection(settings) | {
        "bootstrap_timeout_ms": milliseconds,
        "request_timeout_ms": milliseconds,
    }
    try:
        admin = KafkaAdminClient(**options)
    except KafkaError as error:
        raise unreachable(settings, error) from None
    try:
        yield Cluster(admin)
    except (KafkaConnectionError, KafkaTimeoutError) as error:
        raise ListenerUnreachable(
            f"a broker answers at {settings.kafka}, but not at the address that it tells its "
            f"clients ({error})"
        ) from None
    except KafkaError as error:
        raise UserError(f"Kafka at {settings.kafka}: {type(error).__name__}: {error}") from None
    finally:
        admin.close()
