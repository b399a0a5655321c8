"""Coupons the till prints when it has recognised the person: kept in our own table, exactly once."""

from __future__ import annotations

from typing import ClassVar

from unisono.engagement.channels.adapters.local import LocalAdapter, LocalSender
from unisono.engagement.channels.model import Account, Capabilities, Outgoing, Sender, Sent
from unisono.engagement.channels.paper import service
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection
from unisono.kit.http import Http


class TillCoupon(LocalAdapter):
    """Coupons at the till."""

    kind: ClassVar[str] = "till_coupon"
    title: ClassVar[str] = "Coupons at the till"
    channels: ClassVar[tuple[str, ...]] = ("till",)
    capabilities: ClassVar[Capabilities] = Capabilities(
        max_text=600, receipts=True, needs_consent=False, idempotent=True
    )

    async def open(self, account: Account, http: Http) -> Sender:
        """A sender that writes."""
        return CouponSender()


class CouponSender(LocalSender):
    """Makes coupons."""

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock

    async def write(self, conn: Connection, message: Outgoing) -> Sent:
        """One coupon; ``data.coupon`` is the promotion's code, ``store_id`` the only store whose tills print it."""
        code = message.data.get("coupon")
        coupon = service.PrintedCoupon(
            title=message.title or message.subject or "",
            body=message.body or message.text or "",
            coupon=code if isinstance(code, str) else None,
            url=message.url,
            language=message.language,
        )
        if not (coupon.title or coupon.body):
            return Sent(outcome="refused", code="empty", detail="The coupon says nothing.")
        made = await service.keep_coupon(
            conn,
            coupon,
            node_id=message.node_id,
            message_id=message.message_id,
            store_id=message.store_id,
            ends_at=message.ends_at,
            now=self._clock(),
        )
        return Sent(outcome="accepted", provider_id=None if made is None else str(made))
