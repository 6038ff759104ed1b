from __future__ import annotations

import socket
from pathlib import Path

import pytest

from stack.__main__ import main, parser
from stack.plan import TIMEOUT
from stack.report import Line, duration, port_of, table
from tests.stack.command_line import CommandLine

CLOSED = "http://127.0.0.1:9"  # the discard port, on which nothing listens


def test_up_has_usual_values() -> None:
    options = parser().parse_args(["up"])
    assert options.data == Path(".stack")
    assert options.timeout == TIMEOUT
    assert (options.kafka_port, options.elasticsearch_port, options.procfile) == (None, None, None)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["sideways"],
        ["up", "--kafka-port", "0"],
        ["up", "--elasticsearch-port", "65536"],
        ["up", "--timeout", "0"],
        ["up", "--timeout", "nan"],
        ["logs", "-n", "-1"],
    ],
)
def test_a_wrong_command_line_is_refused_with_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refusal:
        main(arguments)
    assert refusal.value.code == 2
    assert "usage: python -m stack" in capsys.readouterr().err


def test_down_where_nothing_runs_says_so(command_line: CommandLine) -> None:
    assert command_line.succeed("down") == "nothing was running\n"


def test_status_where_nothing_runs_fails(command_line: CommandLine) -> None:
    result = command_line("status")
    assert result.returncode == 1
    assert "python -m stack up" in result.stdout
    assert command_line("status", "--json").stdout == "[]\n"


def test_logs_where_nothing_ran_are_refused(command_line: CommandLine) -> None:
    assert "no logs in" in command_line.fail("logs")


def test_a_taken_port_is_refused(command_line: CommandLine) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        assert f"port {port} for Kafka is taken" in command_line.fail("up", "--kafka-port", port)
        refusal = command_line.fail("up", "--elasticsearch-port", port)
        assert f"port {port} for Elasticsearch is taken" in refusal


def test_too_little_memory_is_refused(command_line: CommandLine) -> None:
    refusal = command_line.fail("up", EMOSTREAM_ELASTICSEARCH_HEAP="900t")
    assert "too little memory" in refusal


def test_too_little_disk_space_is_refused(command_line: CommandLine) -> None:
    assert "too little disk space" in command_line.fail("up", EMOSTREAM_STACK_FREE_DISK="900t")


def test_a_first_start_without_network_is_refused(command_line: CommandLine) -> None:
    refusal = command_line.fail(
        "up",
        EMOSTREAM_CACHE_DIR=str(command_line.folder / "cache"),
        EMOSTREAM_MAVEN_REPOSITORY=CLOSED,
    )
    assert "could not be downloaded (no connection)" in refusal


def test_a_damaged_data_directory_is_refused(command_line: CommandLine) -> None:
    command_line.directory.prepare({})
    command_line.directory.stamp.write_text("{", encoding="utf-8")
    assert "is damaged: run `python -m stack down --wipe`" in command_line.fail("up")
    command_line.succeed("down", "--wipe")
    assert list(command_line.directory.path.iterdir()) == []


def test_a_damaged_state_is_refused(command_line: CommandLine) -> None:
    command_line.directory.prepare({})
    command_line.directory.state.write_text('{"phase": ', encoding="utf-8")
    assert "state.json is damaged: run `python -m stack down --wipe`" in command_line.fail("up")


def test_data_of_a_newer_server_is_refused(command_line: CommandLine) -> None:
    command_line.directory.prepare({"kafka": "99.0.0"})
    assert "was written by kafka 99.0.0" in command_line.fail("up")


def test_a_procfile_with_a_fault_is_refused_before_anything_starts(
    command_line: CommandLine,
) -> None:
    (command_line.folder / "Procfile").write_text("no colon\n", encoding="utf-8")
    assert "Procfile, line 1" in command_line.fail("up", "--procfile", "Procfile")


def test_the_table_shows_every_process() -> None:
    lines = [
        Line("kafka", 17, "127.0.0.1:9092", "running", True, 3_725.0, 300 * 1024**2, 0),
        Line("classifier", None, None, "waiting", False, None, None, 2),
    ]
    assert table(lines).splitlines() == [
        "name        pid  address         state    uptime      memory  restarts",
        "kafka       17   127.0.0.1:9092  ready    1 h 02 min  300 MB  0",
        "classifier  -    -               waiting  -           -       2",
    ]


def test_times_and_ports_are_written_for_people() -> None:
    assert [duration(seconds) for seconds in (None, 4.9, 80)] == ["-", "4 s", "1 min 20 s"]
    assert port_of("127.0.0.1:9092") == port_of("http://127.0.0.1:9092") == 9092
