"""Every case that every adapter goes through. A subclass supplies a `harness` fixture and is done.

class TestTelegram(ChannelCases):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with TelegramHarness() as harness:
            yield harness
"""

from tests.contracts.inbound_cases import InboundCases
from tests.contracts.outbound_cases import OutboundCases


class ChannelCases(InboundCases, OutboundCases):
    """What the contract asks of a channel."""
