"""Settings come from where the documentation says, and a wrong one is named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from stream import settings as settings_module
from stream.errors import UserError
from stream.settings import (
    STACK_ONLY,
    Settings,
    described,
    load_settings,
    secrets,
    unknown_variables,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("EMOSTREAM_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    load_settings.cache_clear()


def test_the_environment_wins_over_the_file_and_the_file_over_the_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".stack").mkdir()
    (tmp_path / ".stack" / "stack.env").write_text(
        "EMOSTREAM_KAFKA=stack:1\nEMOSTREAM_ELASTICSEARCH=http://stack:2\n"
    )
    assert Settings().kafka == "stack:1"
    (tmp_path / "emostream.toml").write_text('kafka = "file:1"\nbatch_records = 7\n')
    assert (Settings().kafka, Settings().elasticsearch) == ("file:1", "http://stack:2")
    monkeypatch.setenv("EMOSTREAM_KAFKA", "environment:1")
    assert (Settings().kafka, Settings().batch_records) == ("environment:1", 7)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("batch_records = 0", "batch_records"),
        ("batch_records = 1000001", "batch_records"),  # more than confluent-kafka takes at once
        ("kafak = 'x'", "kafak"),
        ("kafka =", "not TOML"),
        ("kafka = 'host:abc'", "kafka: .*host:port"),
        ("kafka = 'host:99999'", "kafka: .*host:port"),
        ("kafka = 'host'", "kafka: .*host:port"),
        ("elasticsearch = 'localhost'", "elasticsearch: .*http://host:port"),
        ("kafka_security_protocol = 'SASL_SSL'", "kafka_sasl_mechanism"),
        ("kafka_ca_file = 'nowhere.pem'", "nowhere.pem"),
        ("kibana_ca_file = 'nowhere.pem'", "nowhere.pem"),
        ("kibana = 'localhost:5601'", "kibana: .*http://host:port"),
        ("kibana = 'http://a:1,http://b:2'", "kibana: must be one address"),
        ("retention_months = 0", "retention_months"),
        ("elasticsearch_password_file = 5", "elasticsearch_password_file: .*path"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(tmp_path: Path, content: str, named: str) -> None:
    (tmp_path / "emostream.toml").write_text(content)
    with pytest.raises(UserError, match=named) as error:
        load_settings()
    assert "emostream.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOSTREAM_ELASTICSEARCH_API_KEY", "hunter2")
    settings = Settings()
    assert "hunter2" not in str(described(settings)) + repr(settings)
    assert settings.elasticsearch_api_key is not None
    assert settings.elasticsearch_api_key.get_secret_value() == "hunter2"


def test_a_mistyped_variable_is_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOSTREAM_KAFAK", "x")
    assert unknown_variables() == ["EMOSTREAM_KAFAK"]


def test_the_command_prints_every_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOSTREAM_KAFKA_PASSWORD", "hunter2")
    shown = subprocess.run(
        [sys.executable, "-m", "stream", "config"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "hunter2" not in shown
    for variable, _value, _meaning in described(Settings()):
        assert f"{variable}=" in shown


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for variable in [variable for variable, _, _ in described(Settings())] + sorted(STACK_ONLY):
        assert f"`{variable}`" in page


def test_a_password_in_an_address_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EMOSTREAM_ELASTICSEARCH", "http://elastic:hunter2@localhost:9200")
    with pytest.raises(UserError, match="elasticsearch_password") as error:
        load_settings()
    assert "hunter2" not in str(error.value)


def test_a_settings_file_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOSTREAM_SETTINGS", "/nowhere/emostream.toml")
    with pytest.raises(UserError, match="there is no file /nowhere"):
        load_settings()


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA", "MODEL", "ELASTICSEARCH", "BATCH_RECORDS"):
        monkeypatch.setenv(f"EMOSTREAM_{name}", "")
    assert load_settings() == Settings()
    assert load_settings().model is None


@pytest.mark.parametrize("name", ["x_bearer_token", "mastodon_token", "elasticsearch_api_key"])
@pytest.mark.parametrize("secret", ["hunt\ner2", "hunter2\r", "hunt er2", "hunt\u2013er2"])
def test_a_secret_that_no_header_can_carry_is_one_line_that_names_it_and_not_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, secret: str
) -> None:
    monkeypatch.setenv(f"EMOSTREAM_{name.upper()}", secret)
    with pytest.raises(UserError) as refused:
        load_settings()
    said = str(refused.value)
    assert name in said
    assert "must be of ASCII letters, digits and signs" in said
    assert "hunt" not in said
    assert len(said.splitlines()) == 1


def test_every_secret_has_a_twin_that_names_a_file() -> None:
    assert {"kafka_password", "elasticsearch_api_key", "kibana_password"} <= set(secrets())
    assert {f"{name}_file" for name in secrets()} <= set(Settings.model_fields)


@pytest.mark.parametrize("name", secrets())
def test_a_secret_is_read_from_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "secret"
    file.write_text("  hunter2\n")
    file.chmod(0o600)
    variable = f"EMOSTREAM_{name.upper()}_FILE"
    monkeypatch.setenv(variable, str(file))
    settings = load_settings()
    assert getattr(settings, name).get_secret_value() == "hunter2"
    assert "hunter2" not in str(described(settings)) + repr(settings)
    assert (variable, str(file)) in [(shown, value) for shown, value, _ in described(settings)]
    assert unknown_variables() == []


def test_the_settings_file_may_name_a_secret_s_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("abc")
    (tmp_path / "key").chmod(0o400)
    (tmp_path / "emostream.toml").write_text('elasticsearch_api_key_file = "key"\n')
    key = load_settings().elasticsearch_api_key
    assert key is not None
    assert key.get_secret_value() == "abc"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no file"),
        (b"", "one line"),
        (b" \n", "one line"),
        (b"hunter2\nmore\n", "one line"),
        (b"hunter2\xff", "is not text"),
        ("folder", "cannot be read: Is a directory"),
    ],
)
def test_a_secret_s_file_that_holds_none_is_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | str | None, said: str
) -> None:
    file = tmp_path / "secret"
    if isinstance(content, bytes):
        file.write_bytes(content)
        file.chmod(0o600)
    elif content:
        file.mkdir()
    monkeypatch.setenv("EMOSTREAM_KAFKA_PASSWORD_FILE", str(file))
    with pytest.raises(UserError, match=f"EMOSTREAM_KAFKA_PASSWORD_FILE: .*{said}") as error:
        load_settings()
    assert "hunter2" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o444, 0o601])
def test_a_secret_s_file_on_which_others_have_rights_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int
) -> None:
    file = tmp_path / "secret"
    file.write_text("hunter2")
    file.chmod(mode)
    monkeypatch.setenv("EMOSTREAM_X_BEARER_TOKEN_FILE", str(file))
    with pytest.raises(UserError, match=rf"X_BEARER_TOKEN_FILE: .*`chmod 600 {file}`") as error:
        load_settings()
    assert "hunter2" not in str(error.value)


def test_a_secret_that_a_container_is_given_may_be_readable_by_all_in_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Docker mounts secrets with mode 0444 in /run/secrets, often by way of a link."""
    mounted = tmp_path / "run" / "secrets"
    mounted.mkdir(parents=True)
    (mounted / "token").write_text("hunter2")
    (mounted / "token").chmod(0o444)
    (tmp_path / "link").symlink_to(mounted)
    monkeypatch.setattr(settings_module, "MOUNTED_SECRETS", mounted)
    monkeypatch.setenv("EMOSTREAM_X_BEARER_TOKEN_FILE", str(tmp_path / "link" / "token"))
    assert load_settings().x_bearer_token == SecretStr("hunter2")


def test_a_secret_s_file_of_another_user_is_theirs_to_guard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("hunter2")
    (tmp_path / "token").chmod(0o644)
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    monkeypatch.setenv("EMOSTREAM_X_BEARER_TOKEN_FILE", str(tmp_path / "token"))
    assert load_settings().x_bearer_token == SecretStr("hunter2")


def test_a_secret_and_its_file_together_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("hunter2")
    (tmp_path / "secret").chmod(0o600)
    monkeypatch.setenv("EMOSTREAM_KIBANA_PASSWORD", "hunter3")
    monkeypatch.setenv("EMOSTREAM_KIBANA_PASSWORD_FILE", str(tmp_path / "secret"))
    with pytest.raises(UserError, match=r"KIBANA_PASSWORD and .*_FILE are both set") as error:
        load_settings()
    assert "hunter" not in str(error.value)


@pytest.mark.parametrize("twin", ["", "_FILE"])
def test_a_secret_of_the_environment_wins_over_one_of_the_file_whichever_way_either_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, twin: str
) -> None:
    for name in ("upper", "lower"):
        (tmp_path / name).write_text(name)
        (tmp_path / name).chmod(0o600)
    upper = str(tmp_path / "upper") if twin else "upper"
    monkeypatch.setenv(f"EMOSTREAM_ELASTICSEARCH_PASSWORD{twin}", upper)
    for line in ('elasticsearch_password_file = "lower"', 'elasticsearch_password = "lower"'):
        (tmp_path / "emostream.toml").write_text(line)
        password = Settings().elasticsearch_password
        assert password is not None
        assert password.get_secret_value() == "upper"
    (tmp_path / "emostream.toml").write_text(
        'elasticsearch_password = "a"\nelasticsearch_password_file = "lower"'
    )
    assert Settings().elasticsearch_password == password
    monkeypatch.delenv(f"EMOSTREAM_ELASTICSEARCH_PASSWORD{twin}")
    with pytest.raises(UserError, match="are both set"):
        load_settings()
