"""Failed assertions in the shared cases show their values, as those in test files do."""

import pytest

pytest.register_assert_rewrite(
    "tests.contracts.harness", "tests.contracts.inbound_cases", "tests.contracts.outbound_cases"
)
