"""No secret setting is ever shown: not by a command, not in an error, not in a traceback."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from stream.settings import FILE_TWIN, PREFIX, Settings, described, secrets

ROOT = Path(__file__).parents[2]
SECRETS = {name: f"hush-{number}-{name[::-1]}" for number, name in enumerate(secrets())}
VARIABLES = {PREFIX + name.upper(): value for name, value in SECRETS.items()}
HASHES = {"web_keys"}
"""Settings that name a file of hashes, from which no key can be told."""
NOWHERE = "http://127.0.0.1:1"
ADDRESSES = {
    "EMOSTREAM_KAFKA": "127.0.0.1:1",
    "EMOSTREAM_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "EMOSTREAM_KAFKA_SASL_MECHANISM": "PLAIN",
    "EMOSTREAM_KAFKA_USERNAME": "ann",
    "EMOSTREAM_ELASTICSEARCH": NOWHERE,
    "EMOSTREAM_ELASTICSEARCH_USERNAME": "ann",
    "EMOSTREAM_KIBANA": NOWHERE,
    "EMOSTREAM_KIBANA_USERNAME": "ann",
    "EMOSTREAM_X_API": NOWHERE,
    "EMOSTREAM_MASTODON": NOWHERE,
    "EMOSTREAM_YOUTUBE_API": NOWHERE,
}

FAULT = """
from stream import cli
from stream.settings import load_settings

def main() -> int:
    cli.set_up_logs("classifier")
    settings = load_settings()
    hidden = [value for _name, value in settings if hasattr(value, "get_secret_value")]
    secrets = [value.get_secret_value() for value in hidden]
    try:
        raise ValueError(f"{settings!r} {secrets}")
    except ValueError as error:
        raise RuntimeError(f"{settings} {secrets}") from error

cli.entry(main)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder without settings of its own, where the commands run."""
    return tmp_path


def started(
    home: Path, *command: str, variables: Mapping[str, str] = VARIABLES, **more: str
) -> subprocess.Popen[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "EMOSTREAM_STATE_DIR": str(home / "state"),
        **ADDRESSES,
        **variables,
        **more,
    }
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=home, env=environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def said(process: subprocess.Popen[str]) -> str:
    """All that a command says; fails where a secret is in it."""
    try:
        output, _nothing = process.communicate(timeout=90)
    finally:
        process.kill()
    assert silent(output), output
    return output


def silent(text: str) -> bool:
    return not any(secret in text for secret in SECRETS.values())


def test_every_secret_is_of_the_type_that_hides_itself_and_has_a_twin() -> None:
    words = ("password", "token", "_key", "secret", "credential")
    named = {name for name in Settings.model_fields if any(word in name for word in words)}
    assert named - HASHES == {*SECRETS, *(name + FILE_TWIN for name in SECRETS)}


def test_settings_show_no_secret_in_any_form() -> None:
    settings = Settings.model_validate(SECRETS)
    for form in (
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        f"{described(settings)}",
    ):
        assert silent(form)
    assert "**********" in f"{described(settings)}"


@pytest.mark.parametrize("where", ["variables", "file", "files", "stack"])
def test_config_masks_every_secret_wherever_it_comes_from(home: Path, where: str) -> None:
    given: dict[str, str] = {}
    if where == "variables":
        given = VARIABLES
    elif where == "files":
        for name, secret in SECRETS.items():
            (home / name).write_text(secret)
            (home / name).chmod(0o600)
            given[f"{PREFIX}{name}{FILE_TWIN}".upper()] = str(home / name)
    elif where == "file":
        lines = (f"{name} = {json.dumps(secret)}" for name, secret in SECRETS.items())
        (home / "emostream.toml").write_text("\n".join(lines))
    else:
        (home / ".stack").mkdir()
        lines = (f"{name}={secret}" for name, secret in VARIABLES.items())
        (home / ".stack" / "stack.env").write_text("\n".join(lines))
    told = said(started(home, "-m", "stream", "config", variables=given))
    for variable in VARIABLES:
        assert f"{variable}=**********" in told


def wrong(home: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Settings that are refused, each with what the refusal names."""
    yield "batch_records", {"EMOSTREAM_BATCH_RECORDS": "many"}
    yield "kafka", {"EMOSTREAM_KAFKA": "nowhere"}
    twin = f"{PREFIX}{next(iter(SECRETS))}{FILE_TWIN}".upper()
    yield "both set", {twin: str(home / "one")}
    content = {
        "lines": "\n".join(SECRETS.values()).encode(),
        "bytes": b"\xff" + "".join(SECRETS.values()).encode(),
        "open": next(iter(SECRETS.values())).encode(),
    }
    for name, secret in content.items():
        (home / name).write_bytes(secret)
        (home / name).chmod(0o644 if name == "open" else 0o600)
        yield twin, {twin: str(home / name), twin.removesuffix(FILE_TWIN.upper()): ""}


def test_a_refusal_of_settings_names_what_is_wrong_and_no_secret(home: Path) -> None:
    running = [
        (what, started(home, "-m", "stream", "config", variables=VARIABLES | more))
        for what, more in wrong(home)
    ]
    for what, process in running:
        assert what in said(process)
        assert process.returncode == 2


@pytest.mark.parametrize("end", ["", '\\\\"\\nkafka = 5'])
def test_a_settings_file_that_is_wrong_is_not_quoted(home: Path, end: str) -> None:
    lines = (f'{name} = "{secret}{end}' for name, secret in SECRETS.items())
    (home / "emostream.toml").write_text("\n".join([*lines, "batch_records = 'x'"]))
    process = started(home, "-m", "stream", "config", variables={})
    assert "error: " in said(process)
    assert process.returncode == 2


@pytest.mark.parametrize("form", ["text", "ecs"])
def test_a_traceback_of_our_own_fault_quotes_no_secret(home: Path, form: str) -> None:
    told = said(started(home, "-c", FAULT, EMOSTREAM_LOG_FORMAT=form))
    assert "RuntimeError" in told
    assert "main" in told


def test_who_cannot_connect_says_where_and_no_secret(home: Path) -> None:
    commands = {
        "doctor": ("-m", "stream", "doctor"),
        "summary": ("-m", "indexer", "summary"),
        "kibana": ("-m", "kibana", "import"),
        "x": ("-m", "ingest", "check", "x"),
        "mastodon": ("-m", "ingest", "check", "mastodon"),
        "youtube": ("-m", "ingest", "check", "youtube"),
    }
    running = {
        name: started(
            home,
            *command,
            EMOSTREAM_LOG_FORMAT="ecs" if number % 2 else "text",
            EMOSTREAM_LOG_LEVEL="DEBUG",
        )
        for number, (name, command) in enumerate(commands.items())
    }
    for name, process in running.items():
        assert said(process), name
        assert process.returncode != 0, name
