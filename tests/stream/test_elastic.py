"""The client is made from the settings, and a command that cannot reach the node says so."""

import pytest
from pydantic import SecretStr

from stream.elastic import asking, connect, shown
from stream.errors import Backpressure, UserError
from stream.settings import Settings
from tests.indexer.fake_node import fake_node


def test_an_api_key_is_sent_as_such() -> None:
    with connect(Settings(elasticsearch_api_key=SecretStr("abc"))) as client:
        assert client._headers["authorization"] == "ApiKey abc"


def test_a_user_is_sent_as_basic_authentication() -> None:
    settings = Settings(elasticsearch_username="u", elasticsearch_password=SecretStr("p"))
    with connect(settings) as client:
        assert client._headers["authorization"] == "Basic dTpw"


def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(UserError, match=r"EMOSTREAM_ELASTICSEARCH=http://nonsense: .*port"):
        connect(Settings(elasticsearch="http://nonsense"))


@pytest.mark.parametrize(
    ("address", "printed"),
    [
        ("http://h:9200", "http://h:9200"),
        ("https://ann:hidden@h:9200/es", "https://h:9200/es"),
        ("http://a:1,https://ann:hid,d/e@n@h:2,http://b:3", "http://a:1,https://h:2,http://b:3"),
        ("ann:hidden@h:9200", "h:9200"),
    ],
)
def test_an_address_is_printed_without_user_and_password(address: str, printed: str) -> None:
    assert shown(address) == printed


def test_an_error_of_a_command_names_the_address_without_a_password() -> None:
    address = "http://ann:hidden@127.0.0.1:1"
    settings = Settings.model_construct(**(Settings().model_dump() | {"elasticsearch": address}))
    with pytest.raises(UserError) as error, asking(settings):
        raise Backpressure("no")
    assert str(error.value) == "Elasticsearch at http://127.0.0.1:1: no"


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
