"""The commands from data to artifact, as a person runs them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from classifier import artifact
from tests import forks

ROOT = Path(__file__).parents[2]
SMALL = ["--dim", "8", "--epochs", "2"]


def run(data: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return forks.told("classifier", *options, EMOSTREAM_DATA_DIR=str(data))


def test_one_command_leads_from_data_to_an_artifact_and_one_more_measures_it(
    small_data: Path, tmp_path: Path
) -> None:
    folder = str(tmp_path / "run")
    trained = run(small_data, "train", "--run", folder, "--no-teacher", "--name", "try-1", *SMALL)
    assert trained.returncode == 0, trained.stderr
    measured = run(small_data, "evaluate", folder)
    assert measured.returncode == 0, measured.stderr
    assert "GoEmotions test macro-F1" in measured.stdout
    assert artifact.load(tmp_path / "run" / "artifact").name == "try-1"
    assert (tmp_path / "run" / "artifact" / "MODEL_CARD.md").exists()


def test_a_run_ended_by_ctrl_c_resumes_to_the_same_artifact(
    small_data: Path, small_embedding: Path, tmp_path: Path
) -> None:
    def options(name: str) -> list[str]:
        return [
            "train", "--run", str(tmp_path / name), "--embedding", str(small_embedding),
            "--no-teacher", "--dim", "8", "--epochs", "8",
        ]  # fmt: skip

    with subprocess.Popen(
        [sys.executable, "-m", "classifier", *options("a")], cwd=ROOT, stderr=subprocess.PIPE,
        env=os.environ | {"EMOSTREAM_DATA_DIR": str(small_data)},
    ) as running:  # fmt: skip
        while not (tmp_path / "a/checkpoint.pt").exists():
            assert running.poll() is None
            time.sleep(0.001)
        running.send_signal(signal.SIGINT)
        assert running.stderr
        told = running.stderr.read().decode()
        assert running.wait(30) == 130
    assert "interrupted" in told
    assert "Traceback" not in told
    assert run(small_data, *options("a"), "--resume").returncode == 0
    assert run(small_data, *options("b")).returncode == 0
    one, other = (tmp_path / name / "artifact" / "model.safetensors" for name in "ab")
    assert one.read_bytes() == other.read_bytes()


def test_missing_data_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    done = run(tmp_path, "train", "--run", str(tmp_path / "run"))
    assert done.returncode == 2
    assert "classifier download" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_artifact_is_not_measured_on_nothing(small_run: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "evaluate", str(small_run))
    assert done.returncode == 2
    assert "nothing can be measured" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (small_run / "artifact" / "metrics.json").exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["train", "--resume"], "--resume needs --run"),
        (["train", "--dim", "0"], "--dim must be 1 or more"),
        (["label", "nowhere", "--teacher", "nowhere"], "has no teacher; make it with"),
        (["evaluate", "nowhere"], "expected an artifact folder, found none"),
    ],
)
def test_a_wrong_option_is_one_line(small_data: Path, options: list[str], complaint: str) -> None:
    done = run(small_data, *options)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert complaint in line


COMMANDS = [
    "download", "teach", "label", "pretrain", "train", "evaluate", "promote", "classify", "bench",
    "robustness", "run",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(small_data: Path, command: str) -> None:
    done = run(small_data, command, "--help")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > 5


def test_help_names_every_command_and_does_not_wait_for_torch() -> None:
    code = (
        "import sys, runpy; sys.argv = ['classifier', '--help']\n"
        "try: runpy.run_module('classifier', run_name='__main__')\n"
        "except SystemExit: print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"
    assert all(f"\n    {command}" in done.stdout for command in COMMANDS)
