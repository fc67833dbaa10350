"""Who people are: their names, looked up once an hour, and their addresses where an operator trusts the workspace."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from channels.contract import ChannelError
from channels.slack.api import Api
from channels.slack.inbound import Person, Us

log = logging.getLogger(__name__)

KEPT: Final = 3600.0
UNKNOWN_KEPT: Final = 60.0
"""Seconds until somebody is asked for again whose name could not be had."""
AT_MOST: Final = 5000
WITHIN: Final = 1.0
"""Seconds that a message waits for names; it matters more than they do."""


class People:
    """A bounded memory of profiles."""

    def __init__(self, api: Api, *, trust_email: bool) -> None:
        self._api = api
        self._trust_email = trust_email
        self._known: OrderedDict[str, tuple[float, Person]] = OrderedDict()

    def known(self, users: Iterable[str]) -> Mapping[str, Person]:
        """Those that need not be asked for."""
        return {user: self._known[user][1] for user in users if user in self._known}

    async def look(self, users: Iterable[str], us: Us) -> Mapping[str, Person]:
        """Everybody who can be found in time. Never raises."""
        wanted = list(dict.fromkeys(users))
        missing = [user for user in wanted if self._is_old(user)]
        if missing:
            tasks = [asyncio.create_task(self._fetch(user, us)) for user in missing]
            try:
                await asyncio.wait(tasks, timeout=WITHIN)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        return self.known(wanted)

    def _is_old(self, user: str) -> bool:
        entry = self._known.get(user)
        return entry is None or time.monotonic() >= entry[0]

    async def _fetch(self, user: str, us: Us) -> None:
        try:
            found = (await self._api.call("users_info", user=user)).get("user")
            person = self._person(found if isinstance(found, dict) else {}, us)
            keep = KEPT
        except ChannelError as error:
            log.debug("no profile of %s: %s", user, error)
            before = self._known.get(user)
            person, keep = before[1] if before is not None else Person(), UNKNOWN_KEPT
        self._known[user] = (time.monotonic() + keep, person)
        self._known.move_to_end(user)
        while len(self._known) > AT_MOST:
            self._known.popitem(last=False)

    def _person(self, found: Mapping[str, Any], us: Us) -> Person:
        profile = found.get("profile")
        profile = profile if isinstance(profile, dict) else {}
        names = (profile.get("display_name"), profile.get("real_name"), found.get("real_name"), found.get("name"))
        name = next((each for each in names if isinstance(each, str) and each), "")
        # A guest from another workspace: its admins vouch for the address, ours do not.
        ours = not us.team or found.get("team_id", us.team) == us.team
        email = profile.get("email")
        trusted = self._trust_email and ours and not found.get("is_stranger") and found.get("is_email_confirmed", True)
        return Person(
            name=name,
            email=email if trusted and isinstance(email, str) and "@" in email else None,
            is_bot=found.get("is_bot") is True,
        )
