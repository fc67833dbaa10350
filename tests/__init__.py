"""What is tested, by folder; `docs/testing.md` says how."""

import pytest

# Before anybody imports them: failed assertions in the shared cases show their values, as those in test files do.
pytest.register_assert_rewrite(
    "tests.contracts.harness", "tests.contracts.inbound_cases", "tests.contracts.outbound_cases"
)
