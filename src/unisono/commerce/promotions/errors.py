"""What can go wrong with promotions and coupons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from unisono.kit.errors import BadRequest, Conflict, NotFound
from unisono.kit.reasons import Reason


class BadPromotion(BadRequest):
    """A definition cannot be read or makes no sense; ``problems`` says where and why."""

    code = "bad_promotion"

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        told = "; ".join(f"{where}: {text}" for where, text in problems[:3])
        listed = [{"where": where, "detail": text} for where, text in problems]
        super().__init__(f"The promotion cannot be kept. {told}", problems=listed)


class BadBasket(BadRequest):
    """A basket that is none: no units, negative amounts, too many lines."""

    code = "bad_basket"


class BadCoupons(BadRequest):
    """Coupons cannot be made like this."""

    code = "bad_coupons"


class PromotionUnknown(NotFound):
    """There is no promotion of this code."""

    code = "promotion_unknown"

    def __init__(self, promotion: str) -> None:
        super().__init__(f"There is no promotion {promotion[:80]!r}.")


class CouponUnknown(NotFound):
    """There is no coupon of this code."""

    code = "coupon_unknown"

    def __init__(self, coupon: str) -> None:
        super().__init__(f"There is no coupon {coupon[:80]!r}.")


class PromotionConflict(Conflict):
    """What is asked of a promotion does not go with what it is, or with what was promised under it."""

    code = "promotion_conflict"


class _Refused(Conflict):
    def __init__(self, detail: str, *, promotion: str, reason: Reason, coupon: str | None = None) -> None:
        extra: dict[str, Any] = {"promotion": promotion, "reasons": [msgspec.to_builtins(reason)]}
        if coupon is not None:
            extra["coupon"] = coupon
        super().__init__(detail, **extra)
        self.promotion = promotion
        self.coupon = coupon
        self.reason = reason


class PromotionUsedUp(_Refused):
    """A promotion of the quote cannot be used any more: others were faster, or the person has used it."""

    code = "promotion_used_up"


class CouponTaken(_Refused):
    """A coupon of the quote was used in the meantime, or was disabled."""

    code = "coupon_taken"
