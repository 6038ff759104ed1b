"""The two servers through the command line: their life, their data, and every way to die."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from kafka.structs import TopicPartition

from stack import Stack, attach
from stack.report import report
from tests.stack.command_line import CommandLine, lives, wait_until

pytestmark = pytest.mark.stack

TOPIC = TopicPartition("words", 0)
# What a station may leave behind: a child and a grandchild, each with a note of its process id.
PROCFILE = """\
family: sh -c 'sleep 1000 & echo $! > grandchild; wait' & echo $! > child; wait
note: echo $EMOSTREAM_KAFKA $EMOSTREAM_ELASTICSEARCH > addresses
"""
NO_NETWORK = {  # a port on which nothing listens
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "EMOSTREAM_MAVEN_REPOSITORY": "http://127.0.0.1:9",
}


def ask(stack: Stack, method: str, path: str, body: Any = None) -> Any:
    connection = http.client.HTTPConnection(urlsplit(stack.elasticsearch).netloc, timeout=30)
    headers = {"Content-Type": "application/json"}
    connection.request(method, path, json.dumps(body) if body else None, headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def write_both(stack: Stack) -> None:
    admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
    admin.create_topics([NewTopic(TOPIC.topic, num_partitions=1, replication_factor=1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=stack.kafka)
    producer.send(TOPIC.topic, b"kept").get(30)
    producer.close()
    ask(stack, "PUT", "/words/_doc/1?refresh=true", {"word": "kept"})


def read_both(stack: Stack) -> tuple[list[bytes], Any]:
    consumer = KafkaConsumer(bootstrap_servers=stack.kafka, auto_offset_reset="earliest")
    consumer.assign([TOPIC])
    polled = consumer.poll(timeout_ms=30_000)
    consumer.close()
    document = ask(stack, "GET", "/words/_doc/1")
    return [record.value for record in polled.get(TOPIC, [])], document.get("_source")


def attached(command_line: CommandLine) -> Stack:
    stack = attach(command_line.directory)
    assert stack is not None
    return stack


def family(command_line: CommandLine) -> set[int]:
    """Every process of this stack: supervisor, servers, watchers, commands, grandchildren."""
    notes = [command_line.folder / name for name in ("child", "grandchild")]
    wait_until(lambda: all(note.exists() and note.read_text() for note in notes), "the family")
    return command_line.running_pids() | {int(note.read_text()) for note in notes}


def all_gone(pids: set[int]) -> None:
    wait_until(lambda: not any(map(lives, pids)), f"the end of {pids}")


def test_a_stack_keeps_its_data_through_down_kill_and_a_start_without_network(
    command_line: CommandLine,
) -> None:
    (command_line.folder / "Procfile").write_text(PROCFILE, encoding="utf-8")

    command_line.succeed("up")
    stack = attached(command_line)
    write_both(stack)
    ports = report(command_line.directory)
    again = command_line.succeed("up", "--procfile", "Procfile")
    assert again.startswith("the servers are already up\n")
    pids = family(command_line)
    assert len(pids) >= 6
    note = command_line.folder / "addresses"
    wait_until(lambda: note.exists() and note.read_text() != "", "the note")
    assert note.read_text() == f"{stack.kafka} {stack.elasticsearch}\n"
    assert "the stack is already up with" in command_line("up", "--kafka-port", "1").stderr
    assert {line.name for line in ports} == {"kafka", "elasticsearch"}
    assert command_line.succeed("down") == "stopped\n"
    all_gone(pids)
    assert not command_line.directory.addresses.exists()

    (command_line.folder / "child").unlink()
    (command_line.folder / "grandchild").unlink()
    command_line.succeed("up", "--procfile", "Procfile", **NO_NETWORK)
    assert read_both(attached(command_line)) == ([b"kept"], {"word": "kept"})
    pids = family(command_line)
    state = command_line.directory.read_state()
    assert state is not None
    os.kill(state.supervisor, signal.SIGKILL)
    all_gone(pids)

    command_line.succeed("up")
    assert read_both(attached(command_line)) == ([b"kept"], {"word": "kept"})
    status = json.loads(command_line.succeed("status", "--json"))
    assert [(line["name"], line["ready"]) for line in status] == [
        ("kafka", True),
        ("elasticsearch", True),
    ]
    assert "Kafka Server started" in command_line.succeed("logs", "kafka", "-n", "500")
    (command_line.folder / "Procfile").write_text("bad: exit 3\ngood: sleep 1000\n")
    half = command_line("up", "--procfile", "Procfile")
    assert half.returncode == 1
    assert half.stdout.endswith("running        good\n")
    assert half.stderr.startswith("stack: bad ended with code 3 and is tried again: ")
    pids = command_line.running_pids()
    command_line.succeed("down", "--wipe")
    all_gone(pids)
    assert "there was no data to delete" in command_line.succeed("down", "--wipe")
    assert list(command_line.directory.path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stack_in_the_foreground_ends_with_a_signal_and_leaves_nothing(
    command_line: CommandLine, number: signal.Signals
) -> None:
    (command_line.folder / "Procfile").write_text(PROCFILE, encoding="utf-8")
    process = command_line.start("up", "--foreground", "--procfile", "Procfile")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("kafka ")
    assert process.stdout.readline().startswith("elasticsearch ")
    pids = family(command_line)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 0
    all_gone(pids)


def test_a_start_that_is_interrupted_leaves_nothing(command_line: CommandLine) -> None:
    process = command_line.start("up")
    wait_until(lambda: len(command_line.running_pids()) == 3, "both servers are starting")
    pids = command_line.running_pids()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    all_gone(pids)


def test_servers_that_are_not_ready_in_time_are_stopped(command_line: CommandLine) -> None:
    refusal = command_line.fail("up", "--timeout", "0.2")
    assert "kafka and elasticsearch not ready within 0.2 s" in refusal


def test_a_server_that_crashes_at_start_is_named_with_its_log(command_line: CommandLine) -> None:
    refusal = command_line.fail("up", EMOSTREAM_KAFKA_HEAP="1k")
    assert "kafka ended: its heap is too small: set EMOSTREAM_KAFKA_HEAP higher" in refusal
    assert str(command_line.directory.log("kafka")) in refusal


def test_damaged_data_is_named(command_line: CommandLine) -> None:
    command_line.directory.prepare({})
    damaged = command_line.directory.kafka / "data" / "meta.properties"
    damaged.parent.mkdir(parents=True)
    damaged.write_text("version=1\nnode.id=77\ncluster.id=other\n", encoding="utf-8")
    assert "kafka ended: its data is damaged" in command_line.fail("up")


def test_a_server_killed_from_outside_is_started_again(stack: Stack) -> None:
    pid = stack.pid("kafka")
    os.kill(pid, signal.SIGKILL)
    all_gone({pid})
    wait_until(
        lambda: any(
            line.name == "kafka" and line.ready and line.pid != pid
            for line in report(stack.directory)
        ),
        "kafka is back",
    )


@pytest.mark.parametrize("name", ["kafka", "elasticsearch"])
def test_a_server_can_be_killed_and_started_again_by_a_test(stack: Stack, name: str) -> None:
    stack.wait_until_running(name)
    pid = stack.pid(name)
    stack.kill(name)
    all_gone({pid})
    stack.start(name)
    assert stack.pid(name) != pid
    assert all(line.ready for line in report(stack.directory))


def test_the_supervisor_of_a_test_ends_with_the_test_process(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib, stack\n"
        f"with stack.running(pathlib.Path({str(tmp_path / 'data')!r})) as running:\n"
        "    print('up', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command_line = CommandLine(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env=command_line.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    notes = (tmp_path / "data" / "run").glob("*.lock")
    pids = {int(note.read_text()) for note in notes}
    assert len(pids) == 3
    process.kill()
    process.communicate()
    all_gone(pids)
