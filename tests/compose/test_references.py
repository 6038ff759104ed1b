"""Everything that the compose files name is there: variables, commands, files, ports, settings."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from kibana.building import FILE as DASHBOARDS
from stack.__main__ import main as stack_main
from stream.settings import PREFIX, Settings
from tests.compose.composefile import PLAIN, ROOT, TLS, VARIABLE, env_file, raw

Services = dict[str, Any]

ONCE = {"secrets", "setup", "dashboards"}
STATIONS = {"ingest", "classifier", "indexer"}
PAGE = {"web"}
CRAWLERS = {"bluesky", "mastodon", "x", "youtube"}
SERVERS = {"kafka", "elasticsearch", "kibana"}
BY_SETUP = {"indexer.key", "reader.key"}
DEFAULT_PORTS = {"elasticsearch": "9200", "kibana": "5601"}


def python_commands(service: dict[str, Any]) -> list[list[str]]:
    """The arguments of each `python -m` in a service's command."""
    command = service["command"]
    parts = [command] if command[0] == "python" else [p.split() for p in command[2].split(" && ")]
    return [part[2:] for part in parts if part[0] == "python"]


def kafka_listeners(service: dict[str, Any], variable: str) -> dict[str, tuple[str, str]]:
    """Name to host and port."""
    listed = re.findall(r"(\w+)://([^:,]*):(\d+)", service["environment"][variable])
    return {name: (host, port) for name, host, port in listed}


def test_the_services_are_the_servers_the_stations_and_what_runs_once(services: Services) -> None:
    assert set(services) == ONCE | STATIONS | SERVERS | CRAWLERS | PAGE
    profiles = {name: one["profiles"] for name, one in services.items() if "profiles" in one}
    assert profiles == {name: [name] for name in CRAWLERS}


@pytest.mark.parametrize("name", [PLAIN, TLS])
def test_every_variable_has_a_default_and_the_same_value_in_the_env_file(name: str) -> None:
    used = VARIABLE.finditer((ROOT / name).read_text(encoding="utf-8"))
    defaults = {(match["name"], match["default"]) for match in used if match["name"]}
    assert defaults
    assert defaults <= set(env_file().items())


def test_no_line_of_the_env_file_is_unused_or_secret() -> None:
    text = "".join((ROOT / name).read_text(encoding="utf-8") for name in (PLAIN, TLS))
    assert [name for name in env_file() if f"${{{name}:-" not in text] == []
    assert [name for name in env_file() if re.search("PASSWORD|KEY|TOKEN|SECRET", name)] == []


def test_the_dockerfile_has_the_same_python(plain: Services) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f"ARG PYTHON_VERSION={env_file()['PYTHON_VERSION']}\n" in dockerfile


def test_every_command_is_one_that_our_programs_take(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Parsed(Exception):
        pass

    parse = argparse.ArgumentParser.parse_args

    def parse_only(self: argparse.ArgumentParser, *arguments: Any) -> NoReturn:
        parse(self, *arguments)
        raise Parsed

    commands = [
        one for name in ONCE | STATIONS | CRAWLERS | PAGE for one in python_commands(services[name])
    ]
    assert len(commands) >= len(ONCE | STATIONS)
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_only)
    for module, *arguments in commands:
        monkeypatch.setattr(sys, "argv", [f"python -m {module}", *arguments])
        with pytest.raises(Parsed):
            importlib.import_module(f"{module}.__main__").main()


def test_ingest_replays_what_make_up_replays_and_ends(plain: Services) -> None:
    procfile = (ROOT / "Procfile").read_text(encoding="utf-8")
    assert f"ingest: {' '.join(plain['ingest']['command'])}\n" in procfile
    assert "--limit" in plain["ingest"]["command"]
    assert plain["ingest"]["restart"] == "on-failure"


def test_what_runs_once_is_waited_for_until_its_end_and_servers_until_they_are_healthy(
    services: Services,
) -> None:
    for name, service in services.items():
        assert (service["restart"] == "no") == (name in ONCE), name
        for needed, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if needed in ONCE else "service_healthy"
            assert how == {"condition": wanted}, f"{name} needs {needed}"
            if needed not in ONCE:
                assert services[needed]["healthcheck"]["test"]


def test_everything_that_a_service_reads_or_asks_is_among_what_it_waits_for(
    services: Services,
) -> None:
    def waits_for(name: str) -> set[str]:
        direct = set(services[name].get("depends_on", {}))
        return direct | {further for one in direct for further in waits_for(one)}

    for name, service in services.items():
        needed = set(
            re.findall(
                r"(?:://|=|^)(kafka|elasticsearch|kibana):\d+",
                " ".join(f"={value}" for value in service.get("environment", {}).values()),
            )
        ) - {name}
        mounted = {volume.split(":")[0] for volume in service.get("volumes", [])}
        needed |= {"secrets"} & mounted - {name}
        needed |= {"setup"} if "keys" in mounted and name != "setup" else set()
        assert needed <= waits_for(name), name


def test_every_volume_is_declared_and_every_mounted_file_is_there(services: Services) -> None:
    declared = set(raw(PLAIN)["volumes"])
    mounts = [volume.split(":") for one in services.values() for volume in one.get("volumes", [])]
    for source, target, *_ in mounts:
        assert (ROOT / source).exists() if source.startswith(".") else source in declared
        assert target.startswith("/")
    assert {source for source, *_ in mounts if not source.startswith(".")} == declared


def test_every_file_of_the_secrets_that_is_named_is_made(
    services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [secrets] = python_commands(services["secrets"])
    arguments = [str(tmp_path) if one == "/secrets" else one for one in secrets[1:]]
    assert stack_main(arguments) == 0
    text = json.dumps(services)
    named = set(re.findall(r"/secrets/([\w.]+)", text))
    assert named
    assert named - BY_SETUP <= {path.name for path in tmp_path.iterdir()}
    given = services["setup"]["command"][2].rpartition("install")[2]
    assert set(re.findall(r"/keys/([\w.]+)", text)) <= set(re.findall(r"/secrets/([\w.]+)", given))


def test_only_the_servers_and_what_sets_them_up_see_the_passwords(services: Services) -> None:
    for name in STATIONS | CRAWLERS | PAGE:
        volumes = services[name].get("volumes", [])
        assert not any(volume.startswith("secrets:") for volume in volumes), name
        assert all(one.endswith(":ro") or one == "state:/state" for one in volumes), name
    for name in SERVERS | {"dashboards"}:
        secret = [one for one in services[name].get("volumes", []) if one.startswith("secrets:")]
        assert all(one.endswith(":ro") for one in secret), name


def test_no_secret_stands_in_the_environment(services: Services) -> None:
    for service in services.values():
        for name in service.get("environment", {}):
            secret = re.search(r"PASSWORD|API_KEY|TOKEN|ENCRYPTION", name)
            assert not secret or name.endswith("_FILE"), name


def test_every_setting_of_ours_exists_and_has_a_value_that_is_taken(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("elastic.password", "indexer.key", "reader.key", "ca.crt", "x", "youtube"):
        (tmp_path / name).write_text("x", encoding="utf-8")
        (tmp_path / name).chmod(0o600)
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in ONCE | STATIONS | CRAWLERS | PAGE:
        ours = services[name].get("environment", {})
        assert set(ours) <= known, name
        with monkeypatch.context() as context:
            for variable, value in ours.items():
                context.setenv(variable, re.sub("^/(secrets|keys|tokens)", str(tmp_path), value))
            settings = Settings()
        if "EMOSTREAM_KAFKA" in ours:
            assert settings.kafka == "kafka:9092"


def test_kafka_listens_where_it_is_asked(services: Services) -> None:
    kafka = services["kafka"]
    listens = kafka_listeners(kafka, "KAFKA_LISTENERS")
    advertised = kafka_listeners(kafka, "KAFKA_ADVERTISED_LISTENERS")
    assert advertised["CLIENT"] == ("kafka", listens["CLIENT"][1])
    assert f"kafka:{listens['CLIENT'][1]}" == services["indexer"]["environment"]["EMOSTREAM_KAFKA"]
    assert kafka["ports"] == [f"127.0.0.1:{advertised['HOST'][1]}:{listens['HOST'][1]}"]
    for private in ("LOCAL", "CONTROLLER"):  # they have no TLS, so nothing outside may reach them
        assert listens[private][0] == "localhost"
    assert f"localhost:{listens['LOCAL'][1]}" in kafka["healthcheck"]["test"][1]
    port = listens["CONTROLLER"][1]
    assert kafka["environment"]["KAFKA_CONTROLLER_QUORUM_VOTERS"] == f"1@localhost:{port}"


@pytest.mark.parametrize("name", ["elasticsearch", "kibana"])
def test_elasticsearch_and_kibana_are_asked_at_their_own_ports(
    services: Services, name: str
) -> None:
    service, port = services[name], DEFAULT_PORTS[name]
    assert not {"http.port", "SERVER_PORT"} & set(service["environment"])
    scheme = "https" if "/secrets/ca.crt" in service["healthcheck"]["test"][1] else "http"
    assert f"{scheme}://localhost:{port}/" in service["healthcheck"]["test"][1]
    published = env_file()[f"{name.upper()}_PORT"]
    assert service["ports"] == [f"127.0.0.1:{published}:{port}"]
    setting = f"EMOSTREAM_{name.upper()}"
    clients = [one["environment"] for one in services.values() if "environment" in one]
    asked = {client[setting] for client in clients if setting in client}
    assert asked == {f"{scheme}://{name}:{port}"}


def test_elasticsearch_and_kibana_have_one_version(plain: Services) -> None:
    version = env_file()["ELASTIC_VERSION"]
    assert plain["elasticsearch"]["image"] == f"elasticsearch:{version}"
    assert plain["kibana"]["image"] == f"kibana:{version}"


def test_nothing_can_do_more_than_it_must(services: Services) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name
        assert service["mem_limit"] and service["stop_grace_period"], name
        assert not {"privileged", "cap_add", "user", "pid", "devices"} & set(service), name


def test_stations_can_be_scaled(services: Services) -> None:
    assert all("container_name" not in service for service in services.values())
    assert all("ports" not in services[name] for name in ONCE | STATIONS | CRAWLERS)
    page = (ROOT / "docs" / "docker.md").read_text(encoding="utf-8")
    assert f"{Settings().partitions} partitions" in page


def megabytes(text: str) -> int:
    return int(text[:-1]) * {"m": 1, "g": 1024}[text[-1]]


def test_the_page_says_how_much_memory_the_limits_add_up_to(plain: Services) -> None:
    total = sum(megabytes(plain[name]["mem_limit"]) for name in STATIONS | SERVERS | PAGE)
    page = (ROOT / "docs" / "docker.md").read_text(encoding="utf-8")
    assert f"add up to {total / 1024:g} GB" in page


def test_the_page_is_reached_from_this_machine_alone_and_only_reads(services: Services) -> None:
    web = services["web"]
    assert web["ports"] == [f"127.0.0.1:{env_file()['WEB_PORT']}:8000"]
    assert "://localhost:8000/healthz" in web["healthcheck"]["test"][3]
    key = web["environment"]["EMOSTREAM_ELASTICSEARCH_API_KEY_FILE"]
    assert key == "/keys/reader.key"
    encrypted = "--certificate" in web["command"]
    assert ("https://localhost" in web["healthcheck"]["test"][3]) == encrypted
    assert encrypted == ("EMOSTREAM_KAFKA_CA_FILE" in web["environment"])


@pytest.mark.parametrize("name", ["KAFKA", "ELASTICSEARCH"])
def test_a_container_has_at_least_twice_the_memory_of_its_heap(name: str) -> None:
    heap, memory = env_file()[f"{name}_HEAP"], env_file()[f"{name}_MEMORY"]
    assert megabytes(memory) >= 2 * megabytes(heap)


def kibana_settings() -> dict[str, Any]:
    text = (ROOT / "docker" / "kibana.yml").read_text(encoding="utf-8")
    read: dict[str, Any] = yaml.safe_load(text)
    return read


def test_kibana_opens_with_a_dashboard_that_is_imported() -> None:
    route = kibana_settings()["uiSettings.overrides.defaultRoute"]
    objects = [json.loads(line) for line in DASHBOARDS.read_text(encoding="utf-8").splitlines()]
    dashboards = {one.get("id") for one in objects if one.get("type") == "dashboard"}
    prefix, _, dashboard = route.rpartition("/")
    assert prefix == "/app/dashboards#/view"
    assert dashboard in dashboards


def test_kibana_offers_to_read_without_a_password_and_to_log_in() -> None:
    providers = kibana_settings()["xpack.security.authc.providers"]
    anonymous, basic = providers["anonymous.explore"], providers["basic.administrator"]
    assert anonymous["credentials"] == {"username": "analyst", "password": "${ANALYST_PASSWORD}"}
    assert anonymous["order"] != basic["order"]


def test_the_page_names_every_variable_of_the_env_file() -> None:
    page = (ROOT / "docs" / "docker.md").read_text(encoding="utf-8")
    assert [name for name in env_file() if f"`{name}`" not in page] == []
