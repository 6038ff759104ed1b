"""A real broker takes the compose files' settings, and the stations as they are started there work.

The image writes each `KAFKA_...` variable into server.properties by the rule of its documentation;
so does this test, on ports and in a folder of its own.
"""

from __future__ import annotations

import base64
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stack import Stack, jars, kafka_server, ports
from stack.__main__ import main as stack_main
from stack.jvm import STARTED_FILE
from stack.session import QUICK_START, default_jar_cache
from stream.broker import KafkaWriter, create_topics, read_to_end
from stream.records import Outgoing
from stream.settings import Settings
from stream.topics import COLLECTED, TOPICS
from tests.compose.composefile import ROOT

Services = dict[str, Any]
NO_PROPERTIES = {"KAFKA_HEAP_OPTS"}
"""Variables that the image hands to Java instead."""
OTHER_ADDRESS = "127.0.0.2"
"""An address of this machine that is not localhost's."""
PATIENCE = 60.0


def wait_until(reached: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.1)


def properties(environment: dict[str, str]) -> dict[str, str]:
    """`KAFKA_ABC_DEF` is abc.def; two underscores are one, three are a dash."""

    def name(variable: str) -> str:
        short = variable.removeprefix("KAFKA_").lower().replace("___", "-").replace("__", "\0")
        return short.replace("_", ".").replace("\0", "_")

    return {
        name(variable): value
        for variable, value in environment.items()
        if variable.startswith("KAFKA_") and variable not in NO_PROPERTIES
    }


def at_free_ports(settings: dict[str, str]) -> tuple[dict[str, str], dict[str, int]]:
    """Moves every listener to a free port, and names the ports."""
    listed = re.findall(r"(\w+)://[^:,]*:(\d+)", settings["listeners"])
    free = {name: ports.any_free() for name, _ in listed}
    moved = dict(settings)
    for name, port in free.items():
        for key in ("listeners", "advertised.listeners"):
            moved[key] = re.sub(rf"({name}://[^:,]*):\d+", rf"\g<1>:{port}", moved[key])
    moved["advertised.listeners"] = moved["advertised.listeners"].replace(
        "//kafka:", "//localhost:"
    )
    moved["controller.quorum.voters"] = f"1@localhost:{free['CONTROLLER']}"
    return moved, free


@contextmanager
def broker(folder: Path, settings: dict[str, str]) -> Iterator[None]:
    """The stack's own Kafka, with these settings instead of its own."""
    lines = [f"{name}={value}\n" for name, value in settings.items()]
    (folder / "server.properties").write_text("".join(lines), encoding="utf-8")
    archives = default_jar_cache().folder(jars.read_lock("kafka"))
    started = folder / "started"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", kafka_server.__name__, folder, archives, "512m", *QUICK_START],
            cwd=folder,
            env=os.environ | {STARTED_FILE: str(started), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,  # closed, it ends the server
            stdout=log,
            stderr=log,
        )
    assert process.stdin is not None
    try:
        wait_until(lambda: started.exists() or process.poll() is not None, "the broker")
        assert process.poll() is None, (folder / "log").read_text(errors="replace")[-3000:]
        yield
    finally:
        process.stdin.close()
        process.wait(timeout=PATIENCE)


def test_the_cluster_id_is_one(plain: Services) -> None:
    identity = plain["kafka"]["environment"]["CLUSTER_ID"]
    assert len(base64.urlsafe_b64decode(identity + "==")) == 16
    assert len(identity) == 22


@pytest.mark.stack
def test_a_broker_with_these_settings_serves_stations_host_and_health_check(
    services: Services, stack: Stack, tmp_path: Path
) -> None:
    del stack  # only so that its archives are there
    secrets, data = tmp_path / "secrets", tmp_path / "broker"
    data.mkdir()
    command = services["secrets"]["command"][3:]
    assert stack_main([str(secrets) if one == "/secrets" else one for one in command]) == 0
    settings, free = at_free_ports(properties(services["kafka"]["environment"]))
    settings = {
        name: value.replace("/secrets", str(secrets)) for name, value in settings.items()
    } | {"log.dirs": str(data / "data")}
    ours = services["indexer"]["environment"]
    trust = {
        "kafka_security_protocol": ours.get("EMOSTREAM_KAFKA_SECURITY_PROTOCOL", "PLAINTEXT"),
        "kafka_ca_file": secrets / "ca.crt" if "EMOSTREAM_KAFKA_CA_FILE" in ours else None,
    }
    with broker(data, settings):
        assert kafka_server.is_ready(free["LOCAL"])
        inside, outside = (
            Settings(kafka=f"localhost:{free[name]}", **trust) for name in ("CLIENT", "HOST")
        )
        assert create_topics(inside) == [topic.name for topic in TOPICS]
        with KafkaWriter(inside) as writer:
            assert writer.write(COLLECTED, [Outgoing("key", b"value", None)]) == []
        assert [record.value for record in read_to_end(outside, COLLECTED)] == [b"value"]
        encrypted = trust["kafka_ca_file"] is not None
        assert kafka_server.is_ready(free["CLIENT"]) is not encrypted  # it asks without TLS
        # What listens on every address answers here too, what listens on localhost does not.
        socket.create_connection((OTHER_ADDRESS, free["CLIENT"]), PATIENCE).close()
        for private in ("LOCAL", "CONTROLLER"):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((OTHER_ADDRESS, free[private]), PATIENCE)


@pytest.mark.end_to_end
def test_the_stations_work_as_they_are_started_and_are_found_healthy(
    plain: Services, stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "indexer.key").write_text("a2V5", encoding="utf-8")
    (tmp_path / "indexer.key").chmod(0o400)
    addresses = {
        "kafka:9092": stack.kafka,
        "http://elasticsearch:9200": stack.elasticsearch,
        "/keys": str(tmp_path),
        "0.0.0.0:9464": "0",  # each container has this port for itself, here it would be one
    }
    processes: dict[str, subprocess.Popen[bytes]] = {}

    def variables(name: str) -> dict[str, str]:
        given: dict[str, str] = dict(plain[name]["environment"])
        for there, here in addresses.items():
            given = {key: value.replace(there, here) for key, value in given.items()}
        return os.environ | given | {"EMOSTREAM_HEALTH_DIR": str(tmp_path / name)}

    def is_healthy(name: str) -> bool:
        check = [sys.executable, "-m", "stream", "health"]
        done = subprocess.run(
            check, cwd=ROOT, env=variables(name), check=False, capture_output=True
        )
        return done.returncode == 0

    try:
        for name in ("ingest", "classifier", "indexer"):
            assert not is_healthy(name)
            with (tmp_path / f"{name}.log").open("wb") as log:
                processes[name] = subprocess.Popen(
                    [sys.executable, *plain[name]["command"][1:]],
                    cwd=ROOT,
                    env=variables(name),
                    stdout=log,
                    stderr=log,
                )
        for name, process in processes.items():
            wait_until(lambda name=name: is_healthy(name), name)  # type: ignore[misc]
            assert process.poll() is None, (tmp_path / f"{name}.log").read_text()
        for process in processes.values():
            process.terminate()
        codes = {name: process.wait(timeout=30) for name, process in processes.items()}
        assert codes == dict.fromkeys(processes, 0)
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
