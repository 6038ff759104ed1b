"""Everything a start needs to know, decided and checked before anything is started."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from stack import checks, elasticsearch_server, jars, kafka_server, ports
from stack.jars import Jar, JarCache
from stack.jvm import STARTED_FILE
from stack.process import Program, server_environment, watched
from stack.state import DataDirectory

KAFKA_PORT = 9092
ELASTICSEARCH_PORT = 9200
TIMEOUT = 120.0  # seconds until both servers must be ready


@dataclass(frozen=True)
class Wishes:
    """What the caller asks for; None leaves the choice to the stack."""

    data: Path
    kafka_port: int | None = None
    elasticsearch_port: int | None = None
    timeout: float = TIMEOUT
    java_options: tuple[str, ...] = ()
    commands: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """One start, in words that can be handed to another process."""

    data: str
    kafka_port: int
    controller_port: int
    elasticsearch_port: int
    transport_port: int
    kafka_heap: str
    elasticsearch_heap: str
    java_options: list[str]
    kafka_jars: str
    elasticsearch_jars: str
    netty_jars: str
    timeout: float
    cwd: str
    commands: dict[str, str]
    tied: bool = False  # end when stdin closes

    @property
    def directory(self) -> DataDirectory:
        """Where the stack of this plan keeps everything."""
        return DataDirectory(Path(self.data))

    @property
    def kafka(self) -> str:
        """Kafka's address, as clients are given it."""
        return f"{ports.HOST}:{self.kafka_port}"

    @property
    def elasticsearch(self) -> str:
        """Elasticsearch's URL."""
        return f"http://{ports.HOST}:{self.elasticsearch_port}"

    @property
    def addresses(self) -> dict[str, str]:
        """The environment variables by which the stations find the servers."""
        return {"EMOSTREAM_KAFKA": self.kafka, "EMOSTREAM_ELASTICSEARCH": self.elasticsearch}

    def to_json(self) -> str:
        """Write the plan for `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


def install(cache: JarCache, installed: Callable[[Jar], None] = lambda _: None) -> None:
    """Fetch and check every archive the servers need."""
    cache.install((jars.read_lock(name) for name in jars.ENVIRONMENTS), installed)


def make_plan(wishes: Wishes, cache: JarCache, *, tied: bool = False) -> Plan:
    """Decide ports and sizes, and check memory, disk and data directory.

    Raises:
        StackError: when this start could not succeed.
    """
    limits = checks.Limits.from_environment()
    data = wishes.data.absolute()
    checks.check_disk(data, limits)
    checks.check_memory(limits, checks.available_memory())
    kafka_port = ports.choose(wishes.kafka_port, KAFKA_PORT, server="Kafka", flag="--kafka-port")
    elasticsearch_port = ports.choose(
        wishes.elasticsearch_port,
        ELASTICSEARCH_PORT,
        server="Elasticsearch",
        flag="--elasticsearch-port",
    )
    DataDirectory(data).prepare(jars.server_versions())
    kafka_jars, elasticsearch_jars, netty_jars = (
        str(cache.folder(jars.read_lock(name))) for name in jars.ENVIRONMENTS
    )
    return Plan(
        data=str(data),
        kafka_port=kafka_port,
        controller_port=ports.any_free(),
        elasticsearch_port=elasticsearch_port,
        transport_port=ports.any_free(),
        kafka_heap=limits.kafka_heap,
        elasticsearch_heap=limits.elasticsearch_heap,
        java_options=[*wishes.java_options, *checks.java_options()],
        kafka_jars=kafka_jars,
        elasticsearch_jars=elasticsearch_jars,
        netty_jars=netty_jars,
        timeout=wishes.timeout,
        cwd=str(Path.cwd()),
        commands=dict(wishes.commands),
        tied=tied,
    )


def kafka_program(plan: Plan) -> Program:
    """Write Kafka's settings and say how to run it."""
    folder = plan.directory.kafka
    kafka_server.write_properties(folder, plan.kafka_port, plan.controller_port)
    started = plan.directory.pid_file("kafka")
    module = (sys.executable, "-m", "stack.kafka_server")
    return Program(
        name="kafka",
        argv=(*module, str(folder), plan.kafka_jars, plan.kafka_heap, *plan.java_options),
        cwd=plan.directory.logs,
        environment={**server_environment(), STARTED_FILE: str(started)},
        address=plan.kafka,
        is_ready=lambda: started.exists() and kafka_server.is_ready(plan.kafka_port),
    )


def elasticsearch_program(plan: Plan) -> Program:
    """Lay out Elasticsearch's home and say how to run it."""
    home = plan.directory.elasticsearch
    elasticsearch_server.write_home(
        home,
        core=sorted(Path(plan.elasticsearch_jars).glob("*.jar")),
        netty=sorted(Path(plan.netty_jars).glob("*.jar")),
    )
    started = plan.directory.pid_file("elasticsearch")
    module = (sys.executable, "-m", "stack.elasticsearch_server")
    sizes_and_ports = (
        plan.elasticsearch_heap,
        str(plan.elasticsearch_port),
        str(plan.transport_port),
        *plan.java_options,
    )
    return Program(
        name="elasticsearch",
        argv=(*module, str(home), plan.elasticsearch_jars, *sizes_and_ports),
        cwd=plan.directory.logs,
        environment={**server_environment(), STARTED_FILE: str(started)},
        address=plan.elasticsearch,
        is_ready=lambda: (
            started.exists() and elasticsearch_server.is_ready(plan.elasticsearch_port)
        ),
    )


def command_programs(plan: Plan, cwd: str, commands: Mapping[str, str]) -> list[Program]:
    """Say how to run the commands of a Procfile, which find the servers in their environment."""
    # `python` in a Procfile is the one that runs the stack, whichever environment is active.
    ours = str(Path(sys.executable).parent)
    path = f"{ours}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = {**os.environ, **plan.addresses, "PATH": path}
    return [
        Program(name, watched(name, command, plan.directory), Path(cwd), environment)
        for name, command in commands.items()
    ]
