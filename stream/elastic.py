"""The connection to Elasticsearch, and what a request that failed means."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from elasticsearch import (
    ApiError,
    ConnectionTimeout,
    Elasticsearch,
    SSLError,
    TransportError,
    UnsupportedProductError,
)
from elasticsearch import ConnectionError as NoConnection
from elasticsearch.serializer import OrjsonSerializer

from stream.backoff import Backoff
from stream.errors import Backpressure, UserError
from stream.settings import Settings

REQUEST_SECONDS = 30.0

RETRIABLE = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses of a whole request that say: not now."""

USERINFO = re.compile(r"(^|://)(?:(?!://).)*@")
"""What stands before the host in a URL, whatever signs a password in it has."""


def shown(address: str) -> str:
    """Gives the addresses in a form to print: without the user and password that a URL may hold."""
    return USERINFO.sub(r"\1", address)


def connect(settings: Settings) -> Elasticsearch:
    """Makes the client; nothing is sent yet.

    Raises:
        UserError: the address cannot be used.
    """
    key, password = settings.elasticsearch_api_key, settings.elasticsearch_password
    basic = None
    if settings.elasticsearch_username and password and not key:
        basic = (settings.elasticsearch_username, password.get_secret_value())
    ca_file = settings.elasticsearch_ca_file
    trust: dict[str, Any] = {"ca_certs": str(ca_file)} if ca_file else {}
    try:
        return Elasticsearch(
            settings.elasticsearch.split(","),
            api_key=key.get_secret_value() if key else None,
            basic_auth=basic,
            serializer=OrjsonSerializer(),
            request_timeout=REQUEST_SECONDS,
            max_retries=0,  # what is repeated, and when, is decided in one place: bulk.py
            **trust,
        )
    except ValueError as error:
        address = shown(settings.elasticsearch)
        raise UserError(f"EMOSTREAM_ELASTICSEARCH={address}: {shown(str(error))}") from None


@contextmanager
def asking(settings: Settings) -> Iterator[None]:
    """Turns every failure of a command's requests into one line for the user.

    Raises:
        UserError: nothing answers, or it refuses us, or it is no Elasticsearch.
    """
    try:
        yield
    except Backpressure as pressure:
        raise UserError(f"Elasticsearch at {shown(settings.elasticsearch)}: {pressure}") from None
    except (ApiError, TransportError, UnsupportedProductError) as error:
        raise UserError(_sentence(error, shown(settings.elasticsearch))) from None


@contextmanager
def writing(backoff: Backoff) -> Iterator[None]:
    """Tells apart, for a station, the failures of whole requests.

    Raises:
        Backpressure: no connection, no answer in time, or a status that says: not now.
        UserError: we may not do this; no record is at fault.
        Exception: anything else, as it is: ours to mend.
    """
    try:
        yield
    except SSLError as error:
        raise UserError(_sentence(error, "the configured address")) from None
    except (NoConnection, ConnectionTimeout) as error:
        kind = type(error).__name__
        raise Backpressure(f"Elasticsearch does not answer ({kind})", backoff.next()) from error
    except ApiError as error:
        if error.status_code in RETRIABLE:
            reason = f"Elasticsearch says not now (status {error.status_code})"
            raise Backpressure(reason, backoff.next()) from error
        if error.status_code in (401, 403):
            raise UserError(_sentence(error, "the configured address")) from None
        raise


def _sentence(error: Exception, address: str) -> str:
    if isinstance(error, SSLError):
        return f"{error} at {address}: EMOSTREAM_ELASTICSEARCH_CA_FILE names the authority to trust"
    if isinstance(error, UnsupportedProductError):
        return f"what answers at {address} is not Elasticsearch: set EMOSTREAM_ELASTICSEARCH"
    if isinstance(error, TransportError):
        return (
            f"no Elasticsearch answers at {address} ({type(error).__name__}): start one "
            "(`python -m stack up`) or set EMOSTREAM_ELASTICSEARCH"
        )
    if isinstance(error, ApiError) and error.message == "index_closed_exception":
        index = error.body["error"]["root_cause"][0]["index"]
        return f"the index {index} at {address} is closed: open it (`POST /{index}/_open`)"
    status = error.status_code if isinstance(error, ApiError) else 0
    if status == 401:
        return (
            f"Elasticsearch at {address} does not know us (401): set "
            "EMOSTREAM_ELASTICSEARCH_API_KEY, or ..._USERNAME and ..._PASSWORD"
        )
    if status == 403:
        return f"Elasticsearch at {address} forbids this (403): {error}"
    return f"Elasticsearch at {address} refused a request: {error}"
