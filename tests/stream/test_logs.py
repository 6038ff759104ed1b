"""Log lines for people and for machines, and faults that do not quote anybody."""

import json
import subprocess
import sys
from pathlib import Path

import confluent_kafka
import kafka.errors
import pytest
from pydantic import BaseModel, ValidationError

from stream import logs
from stream.errors import UserError

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-word"

PROGRAM = """
import logging, os
from stream import cli, logs
from stream.errors import UserError

def main() -> int:
    cli.set_up_logs("classifier")
    logging.getLogger("classifier.service").info("moved %d posts", 3)
    logging.getLogger("another.library").info("not wanted")
    logs.say("3 posts")
    {end}
    return 0

cli.entry(main)
"""


def run(form: str, end: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(end=end)],
        cwd=ROOT,
        env={"EMOSTREAM_LOG_FORMAT": form, "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stdout
    return done.returncode, done.stderr


def test_in_ecs_every_line_is_json_with_the_fields_that_kibana_looks_for() -> None:
    code, told = run("ecs", "raise UserError('EMOSTREAM_KAFKA: set it')")
    lines = [json.loads(line) for line in told.splitlines()]
    assert code == 2
    assert [line["message"] for line in lines] == [
        "moved 3 posts",
        "3 posts",
        "EMOSTREAM_KAFKA: set it",
    ]
    assert [line["log.level"] for line in lines] == ["info", "info", "critical"]
    for line in lines:
        assert {"@timestamp", "ecs.version", "process"} <= line.keys()
        assert line["service"]["name"] == line["event"]["dataset"] == "classifier"
    assert lines[0]["log"]["logger"] == "classifier.service"
    assert lines[2]["error"] == {"type": "UserError", "message": "EMOSTREAM_KAFKA: set it"}


def test_in_ecs_a_fault_of_ours_is_one_line_with_its_type_and_place() -> None:
    code, told = run("ecs", f"int('{SECRET}')")
    *_, fault = [json.loads(line) for line in told.splitlines()]
    assert code == 1
    assert fault["log.level"] == "critical"
    assert fault["error"]["type"] == "ValueError"
    assert "in main" in fault["error"]["stack_trace"]
    assert SECRET not in fault["error"]["message"]


def test_a_fault_in_a_thread_is_told_in_the_same_way() -> None:
    start = "import threading; t = threading.Thread(target=int, args=['%s']); t.start(); t.join()"
    code, told = run("ecs", start % SECRET)
    *_, fault = [json.loads(line) for line in told.splitlines()]
    assert code == 0
    assert fault["error"]["type"] == "ValueError"
    assert SECRET not in told


def test_as_text_lines_are_for_people() -> None:
    code, told = run("text", "raise UserError('EMOSTREAM_KAFKA: set it')")
    first, second, third = told.splitlines()
    assert code == 2
    assert first.endswith("INFO    classifier.service: moved 3 posts")
    assert (second, third) == ("3 posts", "error: EMOSTREAM_KAFKA: set it")


class Strict(BaseModel):
    number: int


def broken(kind: str) -> None:
    value = SECRET
    if kind == "literal":
        int(value)
    elif kind == "key":
        {}[value]  # type: ignore[index]
    elif kind == "model":
        Strict.model_validate({"number": value})
    elif kind == "json":
        json.loads("[" + value)
    elif kind == "chain":
        try:
            int(value)
        except ValueError as error:
            raise TypeError("our code does not fit") from error
    elif kind == "context":
        try:
            int(value)
        except ValueError:
            raise UserError("one line") from None


@pytest.mark.parametrize("kind", ["literal", "key", "model", "json", "chain", "context"])
def test_a_traceback_shows_type_and_place_and_never_what_a_record_said(kind: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, UserError)) as caught:
        broken(kind)
    told = logs.trace(caught.value)
    assert SECRET not in told
    assert "test_logs.py" in told
    assert ", in broken" in told
    shown = {
        "literal": "ValueError: (not said",
        "key": "KeyError: (not said",
        "model": "ValidationError: (not said",
        "json": "json.decoder.JSONDecodeError: (not said",
        "chain": "TypeError: our code does not fit",
        "context": "stream.errors.UserError: one line",
    }
    assert shown[kind] in told
    assert ("ValueError" in told) == (kind in ("literal", "chain"))


def test_the_model_of_the_test_would_have_quoted_it() -> None:
    with pytest.raises(ValidationError) as caught:
        broken("model")
    assert SECRET in str(caught.value)


def test_files_and_our_own_errors_are_said() -> None:
    assert "No such file" in logs.said(FileNotFoundError(2, "No such file", "x"))
    assert logs.said(UserError("set it")) == "set it"


def test_what_a_broker_refuses_is_said_whichever_client_hears_it() -> None:
    refusal = confluent_kafka.KafkaError(confluent_kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED)
    assert "Topic authorization failed" in logs.said(confluent_kafka.KafkaException(refusal))
    assert "no right" in logs.said(kafka.errors.TopicAuthorizationFailedError("no right"))
