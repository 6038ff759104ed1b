"""Asking a cluster how it is, within seconds, and what it means when it does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from elasticsearch import (
    ApiError,
    Elasticsearch,
    SSLError,
    TransportError,
    UnsupportedProductError,
)

from stream.doctor.findings import Finding, problem, warning
from stream.elastic import connect, shown
from stream.errors import UserError
from stream.settings import Settings

ANSWER_SECONDS = 3.0
NO_SUCH_API = (400, 404, 405, 410)
PLAIN = {"accept": "application/json"}
"""A node of another major version refuses the client's own."""


class Refused(Exception):
    """The node gave no answer to work with; says what that means."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.sentence)
        self.finding = finding


class Node:
    """Asks the cluster, and changes nothing."""

    def __init__(self, client: Elasticsearch, address: str) -> None:
        self.client = client.options(request_timeout=ANSWER_SECONDS)
        self.address = address

    def get(self, path: str) -> dict[str, Any]:
        """Asks one path.

        Raises:
            Refused: it is not answered.
        """
        with refusals(self.address, path):
            body = self.client.perform_request("GET", path, headers=PLAIN).body
            return body if isinstance(body, dict) else {}


@contextmanager
def opened(settings: Settings) -> Iterator[Node]:
    """Connects, for as long as the block lasts."""
    try:
        client = connect(settings)
    except UserError as error:
        raise Refused(
            problem("elasticsearch-unreachable", f"{error}", "set EMOSTREAM_ELASTICSEARCH")
        ) from None
    with client:
        yield Node(client, shown(settings.elasticsearch))


@contextmanager
def refusals(address: str, path: str) -> Iterator[None]:
    """Says of each way in which a request fails what it means; raises Refused."""
    try:
        yield
    except UnsupportedProductError:
        raise Refused(_not_elasticsearch(address)) from None
    except SSLError as error:
        raise Refused(
            problem(
                "tls-mistrusted",
                f"the certificate of {address} is not trusted: {error.message}",
                "set EMOSTREAM_ELASTICSEARCH_CA_FILE to the authority that signed it",
            )
        ) from None
    except TransportError as error:
        raise Refused(
            problem(
                "elasticsearch-unreachable",
                f"no Elasticsearch answers at {address} ({type(error).__name__})",
                "`python -m stack up`, or set EMOSTREAM_ELASTICSEARCH",
            )
        ) from None
    except ApiError as error:
        raise Refused(_meaning(error, address, path)) from None


def _meaning(error: ApiError, address: str, path: str) -> Finding:
    status = error.status_code
    if status == 401 and "expired" in f"{error.body}":
        return problem(
            "key-expired",
            f"the API key that {address} got has expired",
            "remove its file and run `python -m indexer setup --secrets FOLDER` as an "
            "administrator; then start the stations again",
        )
    if status == 401:
        return problem(
            "credentials-refused",
            f"Elasticsearch at {address} does not know us (401)",
            "set EMOSTREAM_ELASTICSEARCH_API_KEY, or ..._USERNAME and ..._PASSWORD",
        )
    if status == 403:
        return warning(
            "elasticsearch-forbids",
            f"we may not ask {path.partition('?')[0]}: what it would tell is left out",
            "run this with the indexer's key, or as an administrator",
        )
    if status in NO_SUCH_API and error.meta.headers.get("x-elastic-product") != "Elasticsearch":
        return _not_elasticsearch(address)
    return problem(
        "elasticsearch-unreachable",
        f"Elasticsearch at {address} answers {path.partition('?')[0]} with status {status}",
        "see its log",
    )


def _not_elasticsearch(address: str) -> Finding:
    return problem(
        "not-elasticsearch",
        f"what answers at {address} is not Elasticsearch",
        "set EMOSTREAM_ELASTICSEARCH",
    )
