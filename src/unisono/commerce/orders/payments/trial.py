"""The test provider: a counterpart of its own, for demos, rehearsals and the suite. No money moves.

What it does depends on the token alone, in any process: ``tok_approve``; ``tok_decline``; ``tok_slow`` (approves after
a second and a half); ``tok_unknown_then_approved``, ``tok_unknown_then_declined`` (the answer is lost on the way, a
look-up tells); ``tok_unknown_never_arrived`` (neither the call nor the answer came through); ``tok_capture_declined``
and ``tok_refund_declined`` (approved, then refused). Where ``UNISONO_TEST_PAYMENTS_JOURNAL`` names a file, each call it
receives is one line there, and look-ups are answered from it: what a real provider's books are.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Final

import msgspec

from unisono.commerce.orders.payments.port import Action, Answer, Ask, CannotPay, PaymentProvider

SLOW_SECONDS: Final = 1.5
TOKENS: Final = frozenset(
    {
        "tok_approve",
        "tok_decline",
        "tok_slow",
        "tok_unknown_then_approved",
        "tok_unknown_then_declined",
        "tok_unknown_never_arrived",
        "tok_capture_declined",
        "tok_refund_declined",
    }
)


class TrialProvider(PaymentProvider):
    """See the module: what happens is written in the token."""

    name = "test"
    method = "test"

    def check(self, ask: Ask) -> None:
        if ask.detail.get("token") not in TOKENS:
            raise CannotPay(f"The token is one of {', '.join(sorted(TOKENS))}.", code="bad_token")

    async def authorise(self, ask: Ask) -> Answer:
        return await self._receive("authorise", ask)

    async def capture(self, ask: Ask) -> Answer:
        return await self._receive("capture", ask)

    async def void(self, ask: Ask) -> Answer:
        return await self._receive("void", ask)

    async def refund(self, ask: Ask) -> Answer:
        return await self._receive("refund", ask)

    async def lookup(self, action: Action, ask: Ask) -> Answer | None:
        token = ask.detail.get("token")
        if token == "tok_unknown_never_arrived" and action == "authorise":  # noqa: S105 - it opens nothing
            return None
        journal = _journal()
        if journal is not None and not await asyncio.to_thread(_heard_of, journal, ask.key):
            return None
        return _verdict(action, ask)

    async def _receive(self, action: Action, ask: Ask) -> Answer:
        token = ask.detail.get("token")
        if token == "tok_unknown_never_arrived" and action == "authorise":  # noqa: S105 - it opens nothing
            return Answer(outcome="unknown", detail="the call was lost")
        journal = _journal()
        if journal is not None:
            await asyncio.to_thread(_note, journal, action, ask)
        if token == "tok_slow":  # noqa: S105 - it opens nothing
            await asyncio.sleep(SLOW_SECONDS)
        if str(token).startswith("tok_unknown_then") and action == "authorise":
            return Answer(outcome="unknown", detail="the answer was lost")
        return _verdict(action, ask)


def _verdict(action: Action, ask: Ask) -> Answer:
    token = ask.detail.get("token")
    refused = {
        "tok_decline": "authorise",
        "tok_unknown_then_declined": "authorise",
        "tok_capture_declined": "capture",
        "tok_refund_declined": "refund",
    }
    if refused.get(str(token)) == action:
        return Answer(outcome="declined", detail="refused by the issuer")
    return Answer(outcome="done", provider_id=f"test_{hashlib.blake2b(ask.key.encode(), digest_size=8).hexdigest()}")


def _journal() -> Path | None:
    named = os.environ.get("UNISONO_TEST_PAYMENTS_JOURNAL")
    return Path(named) if named else None


def _note(journal: Path, action: Action, ask: Ask) -> None:
    line = msgspec.json.encode({"action": action, "key": ask.key, "amount": ask.amount_minor}) + b"\n"
    # One write to a file opened for appending: lines of several processes never mix.
    file = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line)
    finally:
        os.close(file)


def _heard_of(journal: Path, key: str) -> bool:
    if not journal.exists():
        return False
    return any(msgspec.json.decode(line)["key"] == key for line in journal.read_bytes().splitlines())
