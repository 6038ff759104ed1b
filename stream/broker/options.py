"""How the clients connect, and the two sentences for when they cannot go on."""

from typing import Any

from kafka.errors import KafkaError

from stream.broker import times
from stream.errors import UserError
from stream.settings import Settings

COMPRESSION = "lz4"
LINGER_MS = 5
BATCH_BYTES = 131_072
RECORD_BYTES = 1_048_576
"""The largest record we send, and what a broker takes by default."""


def connection(settings: Settings) -> dict[str, Any]:
    """Gives the connection options of kafka-python."""
    return {
        "bootstrap_servers": settings.kafka.split(","),
        "bootstrap_timeout_ms": times.BOOTSTRAP_MS,
        "reconnect_backoff_max_ms": times.RECONNECT_MS,
        "security_protocol": settings.kafka_security_protocol,
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_username,
        "sasl_plain_password": _password(settings),
        "ssl_cafile": str(settings.kafka_ca_file) if settings.kafka_ca_file else None,
    }


def native_connection(settings: Settings) -> dict[str, Any]:
    """Gives the same options as librdkafka knows them."""
    options = {
        "bootstrap.servers": settings.kafka,
        "reconnect.backoff.max.ms": times.RECONNECT_MS,
        "socket.timeout.ms": times.REQUEST_MS,
        "security.protocol": settings.kafka_security_protocol,
        "sasl.mechanism": settings.kafka_sasl_mechanism,
        "sasl.username": settings.kafka_username,
        "sasl.password": _password(settings),
        "ssl.ca.location": str(settings.kafka_ca_file) if settings.kafka_ca_file else None,
        "enable.metrics.push": False,
        "log.connection.close": False,
    }
    return {name: value for name, value in options.items() if value is not None}


def unreachable(settings: Settings, error: KafkaError | str) -> UserError:
    """Says in one line that no broker answers, and the mend."""
    why = error if isinstance(error, str) else type(error).__name__
    return UserError(
        f"no Kafka broker answers at {settings.kafka} ({why}): start one "
        "(`python -m stack up`) or set EMOSTREAM_KAFKA"
    )


def refused(settings: Settings, why: str) -> UserError:
    """Says in one line that a broker answers and does not let us in, and the mend."""
    return UserError(
        f"Kafka at {settings.kafka} does not let us in ({why}): see EMOSTREAM_KAFKA_USERNAME, "
        "EMOSTREAM_KAFKA_PASSWORD, EMOSTREAM_KAFKA_SASL_MECHANISM and EMOSTREAM_KAFKA_CA_FILE"
    )


def missing(topic: str) -> UserError:
    """Says in one line that there is no such topic, and the mend."""
    return UserError(f"there is no topic {topic}: run `python -m stream topics`")


def _password(settings: Settings) -> str | None:
    password = settings.kafka_password
    return password.get_secret_value() if password else None
