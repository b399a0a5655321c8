"""A notification to all devices of a person: one message, one outcome, each device asked once a try."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from unisono.engagement.channels.model import Outgoing, Sent

Send = Callable[[Outgoing], Awaitable[Sent]]
"""One notification to one device."""


async def to_all(message: Outgoing, send: Send) -> Sent:
    """Send to the message's address and to its other ``devices``, side by side; what that is for the message."""
    if not message.devices:
        return await send(message)
    targets = [
        message,
        *(
            msgspec.structs.replace(message, address=one.address, data={**message.data, "keys": one.keys})
            for one in message.devices
        ),
    ]
    answers = await asyncio.gather(*(send(one) for one in targets))
    return together([one.address for one in targets], answers)


def together(addresses: Sequence[str], answers: Sequence[Sent]) -> Sent:
    """The answers for several devices as one.

    Taken by one it is accepted: the others are not tried again, or the one would show it twice. In doubt about one it
    is unknown. Only when surely none took it may it be tried again, if another try may go well anywhere.
    """
    order = ("accepted", "unknown", "retry", "refused")
    best = min(answers, key=lambda one: order.index(one.outcome))
    dead = tuple(address for address, one in zip(addresses, answers, strict=True) if one.gone)
    return msgspec.structs.replace(best, gone=len(dead) == len(answers), dead=dead)
