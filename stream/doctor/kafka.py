"""What can be wrong with Kafka, its topics and a station's consumer group."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from stream import cluster
from stream.broker import clients
from stream.cluster import Cluster, ListenerUnreachable, TopicState
from stream.doctor.findings import Finding, problem, warning
from stream.errors import UserError
from stream.offsets import Reach
from stream.settings import Settings
from stream.topics import DEAD_LETTER, TOPICS, Topic

TRIED_MAJOR = 4
"""Of Kafka; the tests run against no earlier one."""
RECORD_BYTES = 1_048_576
"""What our producer sends in one record at most, and what a broker takes by default."""
ALTER = "kafka-configs.sh --bootstrap-server {kafka} --alter --topic {topic} --add-config {config}"
FOR_EVER = -1
DAY_MS = 86_400_000
NOBODY = (None, "Empty", "Dead")


def checks(settings: Settings, watch: float) -> Iterator[Finding]:
    """Looks at the client, the brokers and the topics."""
    yield from of_client(settings)
    try:
        with cluster.opened(settings) as kafka:
            yield from of_version(kafka)
            yield from of_topics(kafka, settings, TOPICS)
            yield from of_letters(kafka, watch, DEAD_LETTER.name)
    except ListenerUnreachable as error:
        yield problem(
            "advertised-listener-unreachable",
            f"{error}",
            "set `advertised.listeners` of the broker to an address that this machine reaches, "
            "or EMOSTREAM_KAFKA to the listener that is meant for it",
        )
    except UserError as error:
        yield problem(
            "kafka-unreachable",
            str(error).partition(": start one")[0],
            "`python -m stack up`, or set EMOSTREAM_KAFKA",
        )


def of_client(settings: Settings) -> Iterator[Finding]:
    """Whether the client that is asked for is installed."""
    try:
        clients.chosen(settings)
    except UserError as error:
        sentence, _colon, mend = str(error).rpartition(": ")
        yield problem("kafka-client-missing", sentence, mend)


def of_version(kafka: Cluster) -> Iterator[Finding]:
    """Whether Kafka is one that the tests know."""
    version = kafka.version
    if version[0] < TRIED_MAJOR:
        shown = ".".join(map(str, version))
        yield warning(
            "kafka-old",
            f"the broker is Kafka {shown}; nothing earlier than {TRIED_MAJOR} is tested",
            f"update Kafka to {TRIED_MAJOR}.x",
        )


def of_topics(kafka: Cluster, settings: Settings, topics: Iterable[Topic]) -> Iterator[Finding]:
    """Whether each topic is there as we declare it."""
    declared = {topic.name: topic for topic in topics}
    present = kafka.topics(declared)
    for name, topic in declared.items():
        if name not in present:
            yield problem(
                "topic-missing", f"there is no topic {name}", "`python -m stream topics` makes it"
            )
        else:
            yield from _shape(topic, present[name], settings)
            yield from _config(topic, present[name], settings)


def of_groups(
    settings: Settings,
    groups: Mapping[str, str],
    watch: float,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[Finding]:
    """Whether stations read their topics, and keep up.

    Gives nothing where no broker answers: `checks` says that.

    Args:
        settings: say where Kafka is.
        groups: consumer group to topic.
        watch: seconds to look at what moves.
        wait: for tests.
    """
    with suppress(UserError), cluster.opened(settings) as kafka:
        behind: dict[str, list[int]] = {}
        for group, topic in groups.items():
            reach = kafka.reach(topic, group)
            lag = sum(one.lag for one in reach)
            yield from _lost(group, topic, reach)
            if lag and kafka.groups().get(group) in NOBODY:
                yield problem(
                    "group-without-member",
                    f"{lag} records of {topic} wait, and no {group} reads them",
                    f"start it: `{_command(group)}`; if it stopped by itself, its last log line "
                    "says why",
                )
            elif lag:
                behind[group] = [lag]
        for _ in range(2 if behind else 0):
            wait(watch / 2)
            for group, lags in behind.items():
                lags.append(sum(one.lag for one in kafka.reach(groups[group], group)))
        for group, (first, second, third) in behind.items():
            if first < second < third:
                yield warning(
                    "group-lag-growing",
                    f"{group} falls behind on {groups[group]}: {first}, {second}, then {third} "
                    f"records waited, within {watch:g} s",
                    f"start another worker beside it: `{_command(group)}`",
                )


def of_letters(
    kafka: Cluster, watch: float, topic: str, wait: Callable[[float], None] = time.sleep
) -> Iterator[Finding]:
    """Whether records go to the dead letters while we look."""
    before = sum(kafka.end_offsets(topic).values())
    wait(watch)
    more = sum(kafka.end_offsets(topic).values()) - before
    if more:
        yield warning(
            "dead-letters-growing",
            f"{more} records became dead letters within {watch:g} s",
            "`python -m stream dead-letters list` says why",
        )


def _lost(group: str, topic: str, reach: Sequence[Reach]) -> Iterator[Finding]:
    lost = sum(one.unread for one in reach if one.committed is not None)
    if lost:
        yield problem(
            "group-offset-lost",
            f"{lost} records of {topic} were deleted, past their retention, before {group} had "
            "read them",
            "start that station if it does not run, replay what is missing from the archive "
            "(`python -m ingest replay PATH`), and raise the topic's `retention.ms`",
        )


def _shape(topic: Topic, found: TopicState, settings: Settings) -> Iterator[Finding]:
    name, wanted = topic.name, topic.wanted(settings.partitions)
    if found.partitions < wanted:
        yield warning(
            "topic-partitions-too-few",
            f"{name} has {found.partitions} partitions, not {wanted} as "
            "EMOSTREAM_PARTITIONS says: no more workers of a station can share it",
            f"when all is read: `kafka-topics.sh --bootstrap-server {settings.kafka} --alter "
            f"--topic {name} --partitions {wanted}`",
        )
    if found.replicas < settings.replication_factor:
        yield warning(
            "topic-replicas-too-few",
            f"{name} has partitions on {found.replicas} brokers, not on "
            f"{settings.replication_factor} as EMOSTREAM_REPLICATION_FACTOR says",
            "`kafka-reassign-partitions.sh` moves them, or set EMOSTREAM_REPLICATION_FACTOR",
        )


def _config(topic: Topic, found: TopicState, settings: Settings) -> Iterator[Finding]:
    def mend(**config: object) -> str:
        pairs = ",".join(
            f"{key.replace('_', '.')}={_bracketed(value)}" for key, value in config.items()
        )
        return f"`{ALTER.format(kafka=settings.kafka, topic=topic.name, config=pairs)}`"

    name, config = topic.name, found.config
    policy = set(topic.config.get("cleanup.policy", "delete").split(","))
    if set(config["cleanup.policy"].split(",")) != policy:
        yield problem(
            "topic-cleanup-policy-wrong",
            f"{name} has cleanup.policy={config['cleanup.policy']}, so that records go too early "
            "or never",
            mend(cleanup_policy=",".join(sorted(policy))),
        )
    wanted, kept = int(topic.config.get("retention.ms", FOR_EVER)), int(config["retention.ms"])
    if "delete" in policy and kept != FOR_EVER and kept < wanted:
        yield warning(
            "topic-retention-short",
            f"{name} keeps records {kept / DAY_MS:.3g} days, not {wanted / DAY_MS:.3g}: a station "
            "that is down for longer loses some",
            mend(retention_ms=wanted),
        )
    if int(config["max.message.bytes"]) < RECORD_BYTES:
        yield problem(
            "topic-message-size-too-small",
            f"{name} takes records of {config['max.message.bytes']} bytes at most, and ours may "
            f"have {RECORD_BYTES}",
            mend(max_message_bytes=RECORD_BYTES),
        )
    if int(config["min.insync.replicas"]) > found.replicas:
        yield problem(
            "topic-takes-no-writes",
            f"{name} wants each record on {config['min.insync.replicas']} brokers "
            f"(min.insync.replicas) and is on {found.replicas}",
            mend(min_insync_replicas=found.replicas),
        )


def _bracketed(value: object) -> str:
    # In --add-config a comma parts settings, except within brackets.
    return f"[{value}]" if "," in str(value) else str(value)


def _command(group: str) -> str:
    return f"python -m {group.partition('-')[0]} run"
