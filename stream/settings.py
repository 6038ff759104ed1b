"""Settings from the environment and a file; `python -m stream config` prints them.

In this order, the first that has a value wins: environment variables `EMOSTREAM_*`, the file
`emostream.toml`, the addresses that `python -m stack up` left in `.stack/stack.env`, the default.
Every secret has a twin, `..._FILE`, that names the file which holds it: the two are one setting.
"""

import os
import re
import stat
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from stream import crash
from stream.codec import explain
from stream.errors import UserError

PREFIX = "EMOSTREAM_"
FILE = "emostream.toml"
FILE_TWIN = "_file"
SECRET = SecretStr | None
LAST_PORT = 65_535
_IN_A_HEADER = re.compile("[!-~]+")
MOUNTED_SECRETS = Path("/run/secrets")

STACK_ONLY = frozenset(
    PREFIX + name
    for name in (
        "STACK_DIR",
        "CACHE_DIR",
        "KAFKA_HEAP",
        "ELASTICSEARCH_HEAP",
        "STACK_FREE_DISK",
        "JAVA_OPTIONS",
        "MAVEN_REPOSITORY",
    )
)
"""Variables of `python -m stack`, which shares no code with the stations."""


class _Below(PydanticBaseSettingsSource):
    """A source in which a secret, as value or file, gives way to one of either in those above."""

    def __call__(self) -> dict[str, Any]:
        above = self.current_state
        taken = {name for name in secrets() if above.get(name) or above.get(name + FILE_TWIN)}
        own: dict[str, Any] = super().__call__()  # type: ignore[safe-super]
        return {k: value for k, value in own.items() if k.removesuffix(FILE_TWIN) not in taken}


class _Environment(_Below, EnvSettingsSource):
    pass


class _File(_Below, TomlConfigSettingsSource):
    pass


class _Stack(_Below, DotEnvSettingsSource):
    pass


class Settings(BaseSettings):
    """Every setting of every station, one flat list: docs/settings.md describes each."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    kafka: str = Field("127.0.0.1:9092", description="bootstrap servers, comma-separated")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how to speak with Kafka"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="needed with SASL_PLAINTEXT and SASL_SSL"
    )
    kafka_username: str | None = Field(None, description="SASL user")
    kafka_password: SecretStr | None = Field(None, description="SASL password")
    kafka_password_file: Path | None = Field(None, description="file that holds the password")
    kafka_ca_file: Path | None = Field(None, description="certificate authority for SSL")
    kafka_client: Literal["auto", "confluent-kafka", "kafka-python"] = Field(
        "auto", description="what reads and writes records; auto: the first that is installed"
    )
    session_seconds: float = Field(
        10.0, ge=1, le=300, description="silence after which a worker's partitions go to others"
    )
    replication_factor: int = Field(1, ge=1, description="of topics that we create")
    partitions: int = Field(
        6, ge=1, le=10_000, description="of topics that we create; the most workers of a station"
    )

    elasticsearch: str = Field("http://127.0.0.1:9200", description="node URLs, comma-separated")
    elasticsearch_api_key: SecretStr | None = Field(None, description="sent as `ApiKey`")
    elasticsearch_api_key_file: Path | None = Field(None, description="file that holds the key")
    elasticsearch_username: str | None = Field(None, description="basic authentication")
    elasticsearch_password: SecretStr | None = Field(None, description="basic authentication")
    elasticsearch_password_file: Path | None = Field(
        None, description="file that holds the password"
    )
    elasticsearch_ca_file: Path | None = Field(None, description="certificate authority for https")
    retention_months: int | None = Field(
        None,
        ge=1,
        description="whole months that posts are kept, by their own time; for ever if unset",
    )

    kibana: str = Field("http://127.0.0.1:5601", description="URL, with base path if it has one")
    kibana_username: str | None = Field(None, description="basic authentication")
    kibana_password: SecretStr | None = Field(None, description="basic authentication")
    kibana_password_file: Path | None = Field(None, description="file that holds the password")
    kibana_ca_file: Path | None = Field(None, description="certificate authority for https")

    x_bearer_token: SecretStr | None = Field(None, description="of an app in X's console")
    x_bearer_token_file: Path | None = Field(None, description="file that holds the token")
    x_api: str = Field("https://api.x.com", description="address of the X API v2")
    x_dollars_per_post: float = Field(
        0.005, ge=0, description="what X bills for one post, for the budget; see your console"
    )

    bluesky_jetstream: str = Field(
        "wss://jetstream2.us-east.bsky.network,wss://jetstream2.us-west.bsky.network,"
        "wss://jetstream1.us-east.bsky.network,wss://jetstream1.us-west.bsky.network",
        description="Jetstream servers, comma-separated; the next is asked when one fails",
    )
    mastodon: str | None = Field(
        None,
        description="the Mastodon instance whose public posts are read; its terms must allow it",
    )
    mastodon_token: SecretStr | None = Field(None, description="a user token of that instance")
    mastodon_token_file: Path | None = Field(None, description="file that holds the token")

    youtube_api_key: SecretStr | None = Field(None, description="of the YouTube Data API v3")
    youtube_api_key_file: Path | None = Field(None, description="file that holds the key")
    youtube_api: str = Field(
        "https://youtube.googleapis.com", description="address of the YouTube Data API"
    )
    youtube_units_a_day: int = Field(10_000, ge=1, description="the project's daily quota")
    youtube_searches_a_day: int = Field(100, ge=0, description="its bucket for searches")

    state_dir: Path = Field(
        Path(".emostream"), description="where live crawls keep how far they have read"
    )

    batch_records: int = Field(
        2000, ge=1, le=1_000_000, description="most records a station takes at once"
    )
    bulk_actions: int = Field(500, ge=1, description="most actions in one bulk request")
    bulk_bytes: int = Field(5_000_000, ge=1000, description="most bytes in one bulk request")
    bulk_in_flight: int = Field(
        4,
        ge=1,
        description="most bulk requests of one batch under way; fewer while Elasticsearch refuses",
    )
    bulk_seconds: float = Field(
        0.5, ge=0, description="most seconds a record waits for its bulk request to fill"
    )
    retry_seconds: float = Field(
        1.0, gt=0, le=5, description="first wait after Elasticsearch refused; doubles up to 5 s"
    )

    dead_letter_run: int = Field(
        100, ge=0, description="failures in a row that stop a station; 0: no number does"
    )
    dead_letter_ratio: float = Field(
        0.5, gt=0, le=1, description="share of the last thousand records; more failures stop it"
    )

    model: Path | None = Field(None, description="artifact folder; the shipped one if unset")
    data_dir: Path = Field(Path("data"), description="public data sets, or a local copy of them")
    thresholds: Literal["balanced", "precise"] = Field(
        "balanced", description="labels at their best F1, or fewer of which most are right"
    )
    threads: int = Field(1, ge=1, description="threads for torch; one is fastest for short texts")
    recogniser: str | None = Field(
        None, description="what finds names in texts: spacy:MODEL or python:MODULE.NAME"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="how much a station tells"
    )
    log_format: Literal["text", "ecs"] = Field(
        "text", description="lines for people, or JSON in the Elastic Common Schema"
    )
    metrics: str | None = Field(
        None, description="port, or host:port, where a station serves its metrics and its health"
    )
    web_keys: Path | None = Field(
        None, description="file with the API's keys, hashed; without one everybody may ask"
    )
    web_rate: float | None = Field(
        None, gt=0, description="texts a second for each key, or each address without keys"
    )
    web_hosts: str | None = Field(
        None, description="names that the page answers to, beside its own; * for any"
    )
    web_origins: str | None = Field(
        None, description="sites whose pages may ask the API, comma-separated; * for all"
    )
    crash_at: str | None = Field(
        None, description="for tests: the crash point where the process kills itself"
    )
    health_dir: Path | None = Field(
        None, description="folder with a file for each loop that works, for `stream health`"
    )

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Takes each secret from the file that its `..._file` names."""
        read = {
            name: _read_secret(name, Path(file), values.get(name))
            for name in secrets()
            if (file := values.get(name + FILE_TWIN)) and isinstance(file, str | Path)
        }
        return values | read

    @field_validator("kafka")
    @classmethod
    def _is_servers(cls, servers: str) -> str:
        for server in servers.split(","):
            host, _colon, port = server.strip().rpartition(":")
            if not host or not port.isdigit() or int(port) > LAST_PORT:
                raise ValueError("must be host:port, several with commas between")
        return servers

    @field_validator("metrics")
    @classmethod
    def _is_listened_on(cls, address: str | None) -> str | None:
        if address is not None:
            host_and_port(address)
        return address

    @field_validator("crash_at")
    @classmethod
    def _is_crash_point(cls, crash_at: str | None) -> str | None:
        if crash_at is not None:
            crash.parse(crash_at)
        return crash_at

    @field_validator("elasticsearch")
    @classmethod
    def _is_addresses(cls, addresses: str) -> str:
        for address in addresses.split(","):
            _check_address(address.strip(), "elasticsearch")
        return addresses

    @field_validator("kibana")
    @classmethod
    def _is_address(cls, address: str) -> str:
        if "," in address:
            raise ValueError("must be one address")
        _check_address(address.strip(), "kibana")
        return address.strip().rstrip("/")

    @field_validator("bluesky_jetstream")
    @classmethod
    def _is_sockets(cls, servers: str) -> str:
        for server in servers.split(","):
            parts = urlsplit(server.strip())
            if parts.scheme not in ("ws", "wss") or not parts.hostname or "@" in parts.netloc:
                raise ValueError("must be wss://host or ws://host:port, several with commas")
        return servers

    @field_validator("web_hosts")
    @classmethod
    def _is_names(cls, names: str | None) -> str | None:
        for name in names.split(",") if names else ():
            if not re.fullmatch(r"\*|[\w.-]+", name.strip()):
                raise ValueError("must be names without scheme and port, or *")
        return names

    @field_validator("web_origins")
    @classmethod
    def _is_origins(cls, origins: str | None) -> str | None:
        for origin in origins.split(",") if origins and origins != "*" else ():
            parts = urlsplit(origin.strip())
            if not parts.hostname or origin.strip() != f"{parts.scheme}://{parts.netloc}":
                raise ValueError("must be https://host, several with commas between, or *")
        return origins

    @field_validator("x_bearer_token", "mastodon_token", "elasticsearch_api_key")
    @classmethod
    def _fits_a_header(cls, secret: SECRET) -> SECRET:
        if secret is not None and not _IN_A_HEADER.fullmatch(secret.get_secret_value()):
            raise ValueError(
                "must be of ASCII letters, digits and signs, without spaces and line feeds: was it "
                "copied whole, and from where dashes stay dashes?"
            )
        return secret

    @field_validator("mastodon", "youtube_api", "x_api")
    @classmethod
    def _is_instance(cls, address: str | None) -> str | None:
        if address is None:
            return None
        parts = urlsplit(address.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("must be https://host, without a user")
        return address.strip().rstrip("/")

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        if self.kafka_security_protocol.startswith("SASL") and not self.kafka_sasl_mechanism:
            raise ValueError("kafka_sasl_mechanism: is needed with SASL_PLAINTEXT and SASL_SSL")
        for name in ("kafka_ca_file", "elasticsearch_ca_file", "kibana_ca_file"):
            file: Path | None = getattr(self, name)
            if file and not file.is_file():
                raise ValueError(f"{name}: there is no file {file}")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - part of the interface
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Orders the sources as the module says."""
        return (
            init_settings,
            _Environment(settings_cls),
            _File(settings_cls, settings_file()),
            _Stack(settings_cls, stack_file()),
        )


def secrets() -> list[str]:
    """Names the settings that are secret; each has a twin that names a file instead."""
    return [name for name, field in Settings.model_fields.items() if field.annotation == SECRET]


def settings_file() -> Path:
    """The settings file: `emostream.toml` here, or the one EMOSTREAM_SETTINGS names.

    Raises:
        UserError: EMOSTREAM_SETTINGS names a file that is not there.
    """
    named = os.environ.get(PREFIX + "SETTINGS")
    if named and not Path(named).is_file():
        raise UserError(f"{PREFIX}SETTINGS: there is no file {named}")
    return Path(named or FILE)


def stack_file() -> Path:
    """The addresses of the local servers, written by `python -m stack up`."""
    return Path(os.environ.get(PREFIX + "STACK_DIR", ".stack")) / "stack.env"


@cache
def load_settings() -> Settings:
    """Reads the settings once.

    Raises:
        UserError: naming each setting that is wrong, and where settings come from.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise UserError(
            f"settings: {explain(error, name_unknown=True)} (see docs/settings.md; they come from "
            f"{PREFIX}* variables and {settings_file()})"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{settings_file()}: not TOML: {error}") from None
    except RecursionError:
        raise UserError(f"{settings_file()}: nested too deeply") from None
    except UnicodeDecodeError:
        raise UserError(f"{settings_file()} or {stack_file()}: is not UTF-8") from None


def unknown_variables() -> list[str]:
    """Names variables that look like settings and are none: most often a typing error."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | STACK_ONLY
    known.add(PREFIX + "SETTINGS")
    return sorted(n for n in os.environ if n.startswith(PREFIX) and n not in known)


def described(settings: Settings) -> list[tuple[str, str, str]]:
    """Lists every setting as (variable, value with secrets masked, meaning)."""
    return [
        (PREFIX + name.upper(), _shown(getattr(settings, name)), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def host_and_port(address: str) -> tuple[str, int]:
    """Parts `port`, `host:port` or `[host]:port`; without a host it is this machine alone.

    Raises:
        ValueError: it is none of these.
    """
    host, _colon, port = address.strip().rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > LAST_PORT:
        raise ValueError("must be a port, or host:port")
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


def _read_secret(name: str, file: Path, given: object) -> str:
    variable = PREFIX + name.upper()
    twin = variable + FILE_TWIN.upper()
    if given:
        raise ValueError(f"{variable} and {twin} are both set: unset one")
    try:
        secret = file.read_text(encoding="utf-8").strip()
        _refuse_open_to_others(twin, file)
    except FileNotFoundError:
        raise ValueError(f"{twin}: there is no file {file}") from None
    except OSError as error:
        raise ValueError(f"{twin}: {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{twin}: {file} is not text") from None
    if len(secret.splitlines()) != 1:
        raise ValueError(f"{twin}: {file} must hold the secret on one line, and nothing else")
    return secret


def _refuse_open_to_others(twin: str, file: Path) -> None:
    """Refuses a file of ours on which others have rights, as ssh does with a private key.

    One that somebody else owns is for them to guard; one in `/run/secrets` is Docker's or
    Podman's, readable by all users of a container and by nobody outside it.
    """
    status, others = file.stat(), stat.S_IRWXG | stat.S_IRWXO
    if status.st_uid != os.geteuid() or not status.st_mode & others:
        return
    if not file.resolve().is_relative_to(MOUNTED_SECRETS):
        raise ValueError(
            f"{twin}: others may read or change {file} (mode {stat.S_IMODE(status.st_mode):04o}): "
            f"`chmod 600 {file}`"
        )


def _check_address(address: str, setting: str) -> None:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be http://host:port or https://..., several with commas")
    if "@" in parts.netloc:
        key = ", or elasticsearch_api_key" if setting == "elasticsearch" else ""
        raise ValueError(
            f"must not hold a user or password: use {setting}_username and {setting}_password{key}"
        )


def _shown(value: object) -> str:
    return "" if value is None else str(value)
