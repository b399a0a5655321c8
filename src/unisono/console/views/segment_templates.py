"""Ready segments to start from: what shops ask for first."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from unisono.customers.segments import presets
from unisono.customers.segments.model import PURCHASES, Rule, decode
from unisono.kit.marking import N_

DAY = 86_400


class Ready(NamedTuple):
    """A ready segment: its name (English msgid) and its rule."""

    name: str
    rule: Rule


def _bought(op: str, amount: int, days: int, **more: Any) -> dict[str, Any]:
    return {"is": "event", "names": [PURCHASES], "op": op, "amount": amount, "within": {"seconds": days * DAY}, **more}


def _all(*of: dict[str, Any]) -> Rule:
    return decode({"is": "all", "of": list(of)})


def _allows(channel: str) -> dict[str, Any]:
    return {"is": "consent", "purpose": "marketing", "channel": channel}


@cache
def ready() -> dict[str, Ready]:
    """All of them by key, in the order they are shown."""
    at_till = {"where": [{"path": "channel", "op": "is", "value": "store"}]}
    online = {"where": [{"path": "channel", "op": "one_of", "value": ["web", "app"]}]}
    return {
        "store-not-online": Ready(
            N_("Bought in a store, not online"),
            _all(_bought("at_least", 1, 90, **at_till), _bought("at_most", 0, 90, **online), _allows("sms")),
        ),
        "best": Ready(
            N_("Best customers of the year"),
            _all(_bought("at_least", 500, 365, measure="sum", path="total")),
        ),
        "asleep": Ready(
            N_("Used to buy, asleep for half a year"),
            _all(_bought("at_least", 1, 730), _bought("at_most", 0, 180)),
        ),
        "cart-left": Ready(N_("Left a cart an hour ago or more"), presets.fill("cart_left")),
        "new": Ready(
            N_("Bought for the first time this month"),
            _all({"is": "event", "names": [PURCHASES], "op": "exactly", "amount": 1}, _bought("at_least", 1, 30)),
        ),
        "birthday": Ready(
            N_("Birthday within a week, may get e-mail"),
            _all(
                {"is": "trait", "trait": "birthday", "op": "anniversary_within", "value": 7},
                _allows("email"),
            ),
        ),
    }
