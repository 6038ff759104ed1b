"""The client is made from the settings, and a command that cannot reach the node says so."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from indexer.client import asking, connect
from stream.errors import UserError
from stream.settings import Settings
from tests.indexer.fake_node import fake_node


def test_an_api_key_is_sent_as_such() -> None:
    with connect(Settings(elasticsearch_api_key=SecretStr("abc"))) as client:
        assert client._headers["authorization"] == "ApiKey abc"


def test_a_user_is_sent_as_basic_authentication() -> None:
    settings = Settings(elasticsearch_username="u", elasticsearch_password=SecretStr("p"))
    with connect(settings) as client:
        assert client._headers["authorization"] == "Basic dTpw"


def test_a_missing_certificate_file_is_named() -> None:
    settings = Settings(elasticsearch_ca_file=Path("/nowhere/ca.pem"))
    with pytest.raises(UserError, match="there is no file /nowhere"):
        connect(settings)


def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(UserError, match="EMOSTREAM_ELASTICSEARCH=nonsense"):
        connect(Settings(elasticsearch="nonsense"))


@pytest.mark.wire
def test_a_node_that_does_not_answer_is_one_line() -> None:
    settings = Settings(elasticsearch="http://127.0.0.1:1")
    with pytest.raises(UserError) as error, asking(settings), connect(settings) as client:
        client.cluster.health()
    assert str(error.value) == (
        "no Elasticsearch answers at http://127.0.0.1:1 (ConnectionError): start one "
        "(`python -m stack up`) or set EMOSTREAM_ELASTICSEARCH"
    )


@pytest.mark.wire
def test_something_else_at_the_address_is_recognised() -> None:
    with fake_node() as node:
        node.product = None
        settings = Settings(elasticsearch=node.address)
        refused = pytest.raises(UserError, match="is not Elasticsearch")
        with refused, asking(settings), connect(settings) as client:
            client.mget(index="i", ids=["1"])
