"""An account's circuit: after failures in a row that are the account's own it is left alone, longer each time."""

from __future__ import annotations

from datetime import datetime, timedelta

from unisono.engagement.channels import accounts
from unisono.engagement.channels.model import Account, Sent
from unisono.engagement.delivery import rules
from unisono.kit.database import Connection


class Circuit:
    """How an account fares, as far as this worker knows; written with the account, for the others to see."""

    def __init__(self, account: Account) -> None:
        self._id = account.id
        self.failures = account.failures
        self.closed_until = account.closed_until
        self.last_error = account.last_error
        self.news = False
        """Something is to be written down."""

    @property
    def in_trouble(self) -> bool:
        """It is asked with one message at a time."""
        return self.failures >= rules.TROUBLE

    def is_open(self, now: datetime) -> bool:
        """Nothing is sent now."""
        return self.closed_until is not None and self.closed_until > now

    def renew(self, account: Account) -> None:
        """What another worker, or a person, made of it."""
        if not self.news:
            self.failures, self.closed_until = account.failures, account.closed_until
            self.last_error = account.last_error

    def learn(self, sent: Sent, now: datetime) -> None:
        """What an answer says of the account."""
        if sent.account_fault:
            # Those that were on their way together fail together: that is one rest, not several.
            if not self.is_open(now):
                self.trip(sent, now, most=self.failures + 1)
        elif sent.outcome == "accepted" and self.failures:
            self.failures, self.closed_until, self.last_error, self.news = 0, None, None, True

    def trip(self, sent: Sent, now: datetime, *, most: int | None = None) -> None:
        """A failure of the account; without ``most`` one that will not pass by itself."""
        self.failures = max(rules.TROUBLE, self.failures + 1) if most is None else most
        self.last_error = (sent.detail or sent.code or "no answer")[:300]
        rest = max(rules.rest_after(self.failures), min(sent.retry_after or 0.0, rules.BELIEVED))
        if rest:
            self.closed_until = now + timedelta(seconds=rest)
        self.news = True

    async def write(self, conn: Connection) -> None:
        """Write it down, inside the caller's transaction."""
        self.news = False
        if self.failures:
            await accounts.failed(conn, self._id, self.last_error or "", closed_until=self.closed_until)
        else:
            await accounts.succeeded(conn, self._id)
