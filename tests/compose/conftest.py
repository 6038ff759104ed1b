"""The compose files, alone and with TLS on top."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compose.composefile import PLAIN, TLS, load

Services = dict[str, Any]


@pytest.fixture(params=[(PLAIN,), (PLAIN, TLS)], ids=["plain", "tls"])
def services(request: pytest.FixtureRequest) -> Services:
    """Every test that asks for the services runs for both ways to start them."""
    return load(*request.param)


@pytest.fixture
def plain() -> Services:
    return load(PLAIN)


@pytest.fixture
def tls() -> Services:
    return load(PLAIN, TLS)
