"""What tests of several folders share."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from bot import log
from models.encoder import Encoder, load_encoder
from tests import databases

# Before a test imports them: failed assertions in the shared cases show their values, as those in test files do.
pytest.register_assert_rewrite(
    "tests.contracts.harness", "tests.contracts.inbound_cases", "tests.contracts.outbound_cases"
)

# A busy machine is no fault: an example may take as long as it takes.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

_set_up = log.set_up


def _unsettled(level: str, *, readable: bool | None = None, settled: bool = True) -> None:
    """Whoever sets up logs in a test leaves loggers that other tests can still listen to."""
    _set_up(level, readable=readable, settled=False)


log.set_up = _unsettled


def pytest_unconfigure() -> None:
    databases.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was skipped, and why: nobody should believe that it was tested."""
    reasons = Counter(str(report.longrepr[2]) for report in terminalreporter.getreports("skipped"))
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"{count} skipped. {reason.removeprefix('Skipped: ')}", yellow=True)


@pytest.fixture(autouse=True)
def plain_logs() -> None:
    """One line of JSON for each event, whatever the test before has set up: drawn tracebacks cost seconds."""
    log.set_up("warning", readable=False)


@pytest.fixture(scope="session")
def encoder() -> Iterator[Encoder]:
    """The standard encoder, int8. Kept between runs in WARMLINE_TEST_HOME, so that it is downloaded once."""
    home = Path(os.environ.get("WARMLINE_TEST_HOME") or Path(__file__).parent.parent / "var" / "test-home")
    opened = load_encoder(home)
    yield opened
    opened.close()
