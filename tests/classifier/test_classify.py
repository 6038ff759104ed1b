"""`python -m classifier classify`, as a person runs it."""

import io
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from classifier.classify import classify
from classifier.labels import EMOTIONS, POLARITIES
from classifier.predictor import Predictor
from tests import forks

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "classifier", "classify"]


def run(given: bytes, *options: str, **settings: str) -> "subprocess.CompletedProcess[bytes]":
    return forks.run("classifier", "classify", *options, given=given, **settings)


def results(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_lines_give_one_object_each_in_order_and_as_the_predictor_says() -> None:
    texts = ["I love it 😂", "", '  "quoted" {', "so sad"]
    done = run("\r\n".join(texts).encode())
    assert (done.returncode, done.stderr) == (0, b"")
    found = results(done)
    assert [each["text"] for each in found] == texts
    for each, prediction in zip(found, Predictor.load().predict(texts), strict=True):
        assert list(each) == [
            "text", "emotions", "primary", "probabilities", "ekman", "sentiment_groups", "words",
            "polarity", "suggestion", "comment_class", "topics", "topic_probabilities", "language",
            "abstained", "model",
        ]  # fmt: skip
        assert each == json.loads(json.dumps({"text": each["text"], **prediction.fields()}))
        assert each["emotions"] == list(prediction.emotions)
        assert each["primary"] == prediction.primary
        assert list(each["probabilities"]) == list(EMOTIONS)
        assert each["probabilities"] == prediction.probabilities
        assert each["polarity"]["score"] == prediction.polarity.score
        assert list(each["polarity"]["probabilities"]) == list(POLARITIES)
        assert each["model"] == prediction.model


def test_ndjson_is_told_by_its_first_object_and_bad_lines_are_named() -> None:
    lines = [
        b'\xef\xbb\xbf{"text": "so happy", "id": 1}', b"", b'{"text": 3}', b"{broken", b"[1]",
        b'{"no": "text"}', b'{"text": "\xff"}', b"[" * 100_000, rb'{"text": "half \ud83d"}',
    ]  # fmt: skip
    done = run(b"\n".join(lines))
    assert done.returncode == 1
    assert [each["text"] for each in results(done)] == ["so happy", "half \ud83d"]
    complaints = done.stderr.decode().splitlines()
    assert [line.partition(":")[2].partition(":")[0].strip() for line in complaints] == [
        f"line {number}" for number in (3, 4, 5, 6, 7, 8)
    ]
    assert "Traceback" not in done.stderr.decode()


def test_the_format_can_be_forced() -> None:
    given = b'{"text": "so happy"}\n'
    assert results(run(given, "--format", "lines"))[0]["text"] == given.decode().strip()
    forced = run(b"plain text\n" + given, "--format", "ndjson")
    assert forced.returncode == 1
    assert [each["text"] for each in results(forced)] == ["so happy"]


def test_a_file_is_read_by_name_and_a_missing_one_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("thank you\n" * 3000)
    assert len(results(run(b"", str(path)))) == 3000
    missing = run(b"", str(tmp_path / "none"))
    assert missing.returncode == 2
    assert missing.stderr.decode().splitlines() == [
        f"error: {tmp_path / 'none'}: cannot be read: No such file or directory"
    ]


def test_a_line_is_answered_before_the_next_one_comes() -> None:
    with subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as running:
        assert running.stdin and running.stdout
        for text in ("one", "two", "three"):
            running.stdin.write(f"{text}\n".encode())
            running.stdin.flush()
            assert json.loads(running.stdout.readline())["text"] == text
        running.stdin.close()
        assert running.wait(30) == 0


def test_a_reader_that_leaves_ends_it_without_a_traceback() -> None:
    with subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as running:
        assert running.stdin and running.stdout and running.stderr
        running.stdin.write(b"one\n")
        running.stdin.flush()
        running.stdout.readline()
        running.stdout.close()
        try:
            running.stdin.write(b"two\n" * 5000)
            running.stdin.close()
        except BrokenPipeError:
            pass
        assert running.wait(30) == 1
        assert b"Traceback" not in running.stderr.read()


def test_a_damaged_artifact_is_one_line(tmp_path: Path) -> None:
    done = run(b"text\n", EMOSTREAM_MODEL=str(tmp_path / "gone"))
    assert done.returncode == 2
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith(f"error: {tmp_path / 'gone'}: expected an artifact folder, found none")


def test_the_setting_names_another_artifact(small_run: Path) -> None:
    done = run(b"the happy bus\n", EMOSTREAM_MODEL=str(small_run / "artifact"))
    (found,) = results(done)
    assert found["model"].startswith("small-1@")
    assert found["primary"] == "joy"


@pytest.mark.parametrize("size", [100_000, 200_000])
def test_a_very_long_line_is_one_text(size: int) -> None:
    (found,) = results(run(b"qz" * (size // 2)))
    assert len(found["text"]) == size
    assert found["abstained"] == "no known word"


def test_a_line_without_end_is_invalid_and_is_not_held_in_memory() -> None:
    told: list[tuple[int, str]] = []
    source = io.BytesIO(b"x" * 20_000_000 + b"\nso happy\n")
    sink = io.BytesIO()
    invalid = classify(
        Predictor.load(),
        source,
        sink,
        "lines",
        lambda number, reason: told.append((number, reason)),
    )
    assert invalid == 1
    assert told == [(1, "longer than 4000000 bytes")]
    assert json.loads(sink.getvalue())["text"] == "so happy"


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        (b"\n\n  \nhi\n", ["", "", "  ", "hi"]),
        (b'\n\n{"text": "hi"}\n', ["hi"]),
        (b"\n \n", ["", " "]),
    ],
)
def test_blank_lines_do_not_decide_the_form(given: bytes, texts: list[str]) -> None:
    done = run(given)
    assert (done.returncode, done.stderr) == (0, b"")
    assert [one["text"] for one in results(done)] == texts


def test_the_language_of_an_object_is_believed_as_that_of_a_post(small_run: Path) -> None:
    lines = [b'{"text": "bus", "language": "de"}', b'{"text": "bus", "language": 3}']
    german, unknown = results(run(b"\n".join(lines), EMOSTREAM_MODEL=str(small_run / "artifact")))
    assert (german["language"], german["abstained"]) == ("de", "unsupported language")
    assert unknown["language"] == "und"


def test_explain_shows_a_person_what_each_token_adds(small_run: Path) -> None:
    setting = {"EMOSTREAM_MODEL": str(small_run / "artifact")}
    done = run(b"the happy\x1b[31m bus\nzzqqxx\n", "--explain", **setting)
    assert (done.returncode, done.stderr) == (0, b"")
    shown = done.stdout.decode()
    assert "\x1b" not in shown
    assert "emotion joy: " in shown
    bars = {line.split()[-1]: line for line in shown.splitlines() if "█" in line}
    assert "█" * 20 in bars["happy"]
    assert "no known word" in shown


def test_explanations_as_json_sum_to_the_logit(small_run: Path) -> None:
    setting = {"EMOSTREAM_MODEL": str(small_run / "artifact")}
    (found,) = results(run(b"the happy bus\n", "--explain", "--json", **setting))
    said = found["explanation"]["emotion"]
    assert said["tokens"] == ["the", "happy", "bus"]
    assert list(said["contributions"]) == found["emotions"]
    logit = said["empty"]["joy"] + sum(said["contributions"]["joy"])
    assert 1 / (1 + math.exp(-logit)) == pytest.approx(found["probabilities"]["joy"], abs=2e-4)
    assert run(b"", "--json", **setting).returncode == 2


def test_a_recogniser_adds_what_each_text_names() -> None:
    own = "python:tests.classifier.own_recogniser.Shouting"
    named, nothing = results(run(b"we love ACME\nwe love it\n", EMOSTREAM_RECOGNISER=own))
    assert named["entities"] == [{"type": "Organization", "text": "ACME"}]
    assert nothing["entities"] == []
