"""A line on servers of its own: what these tests do to a broker, no other test should meet."""

from collections.abc import Iterator

import pytest

from tests.chaos.line import Line, line


@pytest.fixture(scope="session")
def under_test(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with line(tmp_path_factory.mktemp("chaos")) as made:
        yield made
