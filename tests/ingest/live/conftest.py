"""The contract's asserts explain themselves as those of a test module do."""

import pytest

for part in ("contract_reading", "contract_faults", "contract_stopping"):
    pytest.register_assert_rewrite(f"tests.ingest.live.{part}")
