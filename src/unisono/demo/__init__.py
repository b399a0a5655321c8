"""The demo: a real retailer's year on the timelines, its shop as live objects, scenes that play live, a check.

Owns no table. The year (``retailer``) writes through the collector's own reader and committer, the shop (``live``)
through the doors of commerce; the scenes speak HTTP to a running engine as a browser, a till and a server would. Writes
Receipt Issued, Campaign Received, Coupon Redeemed, Traits Updated; what is invented is marked so
(``docs/how-to/demo.md``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SERVED_WITH: Final[Mapping[str, str]] = {
    "UNISONO_CURRENCY": "USD",
    "UNISONO_SHIPPING_MINOR": "499",
    "UNISONO_TEST_PAYMENTS": "true",
    "UNISONO_PROVIDER_PRIVATE_ADDRESSES": "true",
}
"""Settings the demo is served with, where the environment does not say otherwise: the retailer's currency, a price of
sending that promotions can take off, payments without money, and providers on this machine."""
