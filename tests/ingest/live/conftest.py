"""The contract's asserts explain themselves as those of a test module do."""

import pytest

pytest.register_assert_rewrite("tests.ingest.live.contract")
