"""One Kafka broker that is its own controller (KRaft), listening on the loopback address only.

Runs as `python -m stack.kafka_server FOLDER JARS HEAP [JAVA_OPTION...]`.
"""

from __future__ import annotations

import base64
import socket
import struct
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stack.jvm import java, serve
from stack.ports import HOST

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=CLIENT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=CLIENT://{host}:{port}
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
log.dirs={data}
# Topics are declared by the stations; a misspelt name must fail.
auto.create.topics.enable=false
# One broker: nothing can be replicated, and few internal partitions make the first start quick.
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
# A broker that was killed may come back only once its controller misses it, after 9 s by default.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
# A worker may ask to be missed after a second (EMOSTREAM_SESSION_SECONDS).
group.min.session.timeout.ms=1000
"""

METADATA_REQUEST = 3
METADATA_VERSION = 1
CORRELATION = 7


def write_properties(folder: Path, port: int, controller_port: int) -> Path:
    """Write the broker's settings into its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "server.properties"
    text = PROPERTIES.format(
        host=HOST, port=port, controller_port=controller_port, data=folder / "data"
    )
    file.write_text(text, encoding="utf-8")
    return file


def is_ready(port: int, timeout: float = 1.0) -> bool:
    """Whether the broker answers a metadata request and counts itself as alive."""
    # api key, api version, correlation id, no client id, and an empty list of topics
    body = struct.pack(">hhihi", METADATA_REQUEST, METADATA_VERSION, CORRELATION, -1, 0)
    try:
        with socket.create_connection((HOST, port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(struct.pack(">i", len(body)) + body)
            with connection.makefile("rb") as answer:
                size, correlation, brokers = struct.unpack(">iii", answer.read(12))
    except (OSError, struct.error):
        return False
    return bool(size > 0 and correlation == CORRELATION and brokers > 0)


def new_cluster_id(random: Callable[[], uuid.UUID] = uuid.uuid4) -> str:
    """Give a random id as Kafka writes it; never one with a leading dash, which reads as a flag."""
    while True:
        cluster_id = base64.urlsafe_b64encode(random().bytes).decode().rstrip("=")
        if not cluster_id.startswith("-"):
            return cluster_id


class Broker:
    """The broker of one folder."""

    def __init__(self, folder: Path) -> None:
        self.properties = folder / "server.properties"
        self.formatted = folder / "data" / "meta.properties"
        self._broker: Any = None

    def start(self) -> None:
        """Format the storage if it is new, and start the broker."""
        if not self.formatted.exists():
            self._format()
        settings = java("org.apache.kafka.common.utils.Utils").loadProps(str(self.properties))
        config = java("kafka.server.KafkaConfig").fromProps(settings, False)
        clock = java("org.apache.kafka.common.utils.Time").SYSTEM
        self._broker = java("kafka.server.KafkaRaftServer")(config, clock)
        self._broker.startup()

    def stop(self) -> None:
        """Close the logs, so that the next start has nothing to recover."""
        self._broker.shutdown()
        self._broker.awaitShutdown()

    def _format(self) -> None:
        arguments = ["format", "--cluster-id", new_cluster_id(), "--config", str(self.properties)]
        out = java("java.lang.System").out
        if java("kafka.tools.StorageTool").execute(arguments, out) != 0:
            raise RuntimeError("the storage could not be formatted")


def main(arguments: list[str]) -> None:
    """Run the broker of one folder."""
    folder, jars, heap, *java_options = arguments
    serve(
        Broker(Path(folder)),
        heap=heap,
        options=[
            "--enable-native-access=ALL-UNNAMED",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
            "-Dorg.slf4j.simpleLogger.showThreadName=false",
            "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn",
            "-Dlog4j2.disable.jmx=true",
            *java_options,
        ],
        class_path=[f"{jars}/*"],
    )


if __name__ == "__main__":
    main(sys.argv[1:])
