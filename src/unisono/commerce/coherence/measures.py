"""What commerce has to tell Prometheus: how fast changes propagate, how webhooks go, what channels show wrongly."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from unisono.commerce.changes import service as changes
from unisono.commerce.changes.webhooks import service as webhooks
from unisono.commerce.coherence import service
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection
from unisono.kit.metrics import Measure, Reading

WINDOW: Final = timedelta(minutes=5)

PROPAGATION = Measure(
    "unisono_propagation_seconds",
    "gauge",
    "How long changes of the last five minutes took to reach a subscriber: what that share of them stayed within.",
    ("channel", "quantile"),
)
PROPAGATED = Measure(
    "unisono_propagated_changes", "gauge", "Changes that reached a subscriber in the last five minutes.", ("channel",)
)
WEBHOOK_UP = Measure("unisono_webhook_up", "gauge", "1 for a webhook that is at work, 0 once disabled.", ("webhook",))
WEBHOOK_PENDING = Measure(
    "unisono_webhook_pending", "gauge", "Deliveries of a webhook that wait to be taken.", ("webhook",)
)
WEBHOOK_DEAD = Measure("unisono_webhook_dead", "gauge", "Deliveries of a webhook that were given up.", ("webhook",))
INCIDENTS = Measure("unisono_incidents_open", "gauge", "Open incidents of what a channel shows wrongly.", ("kind",))

MEASURES = (PROPAGATION, PROPAGATED, WEBHOOK_UP, WEBHOOK_PENDING, WEBHOOK_DEAD, INCIDENTS)
"""In the order of the reference."""


async def readings(conn: Connection, *, clock: Clock = system_clock) -> list[Reading]:
    """All of them, as they stand in the database: the same whichever process is asked."""
    now = clock()
    found = []
    for one in await changes.propagation(conn, now - WINDOW):
        if one.kind is None:
            channel = one.channel or "all"
            found.append(Reading(PROPAGATED, one.seen, (channel,)))
            for quantile, bound in (("0.5", one.p50_ms), ("0.95", one.p95_ms), ("0.99", one.p99_ms)):
                found.append(Reading(PROPAGATION, bound / 1000, (channel, quantile)))
    backlogs = await webhooks.backlogs(conn)
    for endpoint in await webhooks.endpoints(conn, now=now):
        backlog = backlogs.get(endpoint.id, webhooks.Backlog())
        webhook = (str(endpoint.id),)
        found.append(Reading(WEBHOOK_UP, endpoint.disabled_at is None, webhook))
        found.append(Reading(WEBHOOK_PENDING, backlog.pending, webhook))
        found.append(Reading(WEBHOOK_DEAD, backlog.dead, webhook))
    by_kind = await service.open_by_kind(conn)
    return [*found, *(Reading(INCIDENTS, by_kind.get(kind, 0), (kind,)) for kind in ("price", "offer", "availability"))]
