"""The law of the counter, pure: which step may follow which, what a code reads as."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from unisono.commerce.orders.pickup.model import FulfilmentState

BEFORE: Final[Mapping[FulfilmentState, tuple[FulfilmentState, ...]]] = {
    "picking": ("planned",),
    "ready": ("planned", "picking"),
    "handed_over": ("planned", "picking", "ready"),
    "shipped": ("planned", "picking", "ready"),
    "delivered": ("shipped",),
    "not_collected": ("cancelled",),
}
"""What a parcel may have been before it becomes this. What nobody came for is cancelled first, as any order is."""

PREFIX: Final = "pickup:"
"""Before the code in a QR picture, so that a scanner tells it from products and carts."""

_MISREAD: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})
_CODE: Final = re.compile(r"[0-9A-HJKMNP-TV-Z]{8}")


def read_code(text: str) -> str | None:
    """The code somebody typed, read aloud or scanned; None when it is none."""
    code = re.sub(r"[\s\-]", "", text[:100].strip().removeprefix(PREFIX)).upper().translate(_MISREAD)
    return code if _CODE.fullmatch(code) else None
