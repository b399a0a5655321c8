"""What the parts of a dispatcher share: the pool, the clock, the accounts, and how full the lanes are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from unisono.engagement.channels.model import Account
from unisono.engagement.policy.facts import Company
from unisono.kit.clock import Clock
from unisono.kit.database import Pool
from unisono.kit.secret import Secret
from unisono.kit.settings import Settings

LEASE: Final = timedelta(seconds=60)
"""How long a claimed message is left to its worker; renewed when it is handed over."""


class Desk:
    """The shared things. Lanes are asked for room through ``ahead``: account id to messages waiting there."""

    def __init__(self, pool: Pool, settings: Settings, secret: Secret, clock: Clock, lease: timedelta = LEASE) -> None:
        self.pool = pool
        self.settings = settings
        self.secret = secret
        self.clock = clock
        self.lease = lease
        self.company = Company.of(settings)
        self.zone = ZoneInfo(settings.timezone)
        self.accounts: Mapping[str, Account] = {}
        """By code; active and paused ones."""
        self.ahead: dict[int, int] = {}
        self.paused = False
        self.handed = 0
        """Messages handed over by this worker."""

    def carriers(self) -> dict[str, str]:
        """Channel to the account that carries it: the lowest active rank; a paused one where there is no other, so that
        messages wait for it rather than being given up."""
        found: dict[str, str] = {}
        usable = [one for one in self.accounts.values() if one.status != "disabled"]
        for account in sorted(usable, key=lambda one: (one.status != "active", one.rank, one.id)):
            found.setdefault(account.channel, account.code)
        return found

    def room(self, account: Account) -> int:
        """How many more messages the account's lane takes: a good deal less than it sends within a lease."""
        within = account.per_second * self.lease.total_seconds() / 4
        return int(min(MOST_AHEAD, max(LEAST_AHEAD, within))) - self.ahead.get(account.id, 0)

    def tomorrow(self, now: datetime) -> datetime:
        """The company's next midnight: allowances of a day begin anew."""
        local = now.astimezone(self.zone)
        return (local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0) + timedelta(days=1)).astimezone(
            now.tzinfo
        )


MOST_AHEAD: Final = 800
LEAST_AHEAD: Final = 4
"""Messages rendered and waiting for one account at the most and the least."""
