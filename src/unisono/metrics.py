"""``/metrics``: what every room has to tell Prometheus. Counts and ages alone, nothing of any person.

The counters are of this process since its start; Prometheus adds processes up. What stands in the database is the
same whichever process is asked.
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from litestar import Request, Response, get

from unisono.commerce.coherence import measures as commerce
from unisono.customers.collect import failed
from unisono.customers.collect.committer import Committer
from unisono.customers.timeline.readers import reader_status
from unisono.kit.database import connection
from unisono.kit.errors import Unavailable
from unisono.kit.metrics import CONTENT_TYPE, REQUEST_SECONDS, Measure, Metrics, Reading

log = structlog.get_logger("unisono.metrics")

BELIEVED = 2.0
"""Seconds a reading of the database is given again: asking often costs the database nothing."""

ACCEPTED = Measure("unisono_events_accepted_total", "counter", "Events written to the timeline by this process.")
DUPLICATES = Measure(
    "unisono_events_duplicate_total", "counter", "Events that were on the timeline already, by their message id."
)
FAILED = Measure("unisono_events_failed_total", "counter", "Events kept as failed events, with the reason.")
CHANGES = Measure("unisono_identity_changes_total", "counter", "Times that events made persons come together or apart.")
QUEUE = Measure("unisono_queue_events", "gauge", "Events that wait to be written in this process.")
DATABASE = Measure("unisono_database_up", "gauge", "1 when the database answers, 0 when it does not.")
OPEN = Measure("unisono_failed_events_open", "gauge", "Failed events that were neither replayed nor discarded.")
PROCESSED = Measure(
    "unisono_reader_events_total", "counter", "Events a reader of the log has taken in since it exists.", ("reader",)
)
BEHIND = Measure(
    "unisono_reader_behind_events",
    "gauge",
    "Events a reader has not taken in yet, counted up to 10,000 a lane.",
    ("reader",),
)
LAG = Measure(
    "unisono_reader_behind_seconds", "gauge", "Age of the oldest event a reader has not taken in yet.", ("reader",)
)
PARKED = Measure(
    "unisono_reader_parked_events", "gauge", "Events that wait for another try of their reader.", ("reader",)
)
DEAD = Measure("unisono_reader_dead_letters", "gauge", "Events a reader gave up on, not replayed since.", ("reader",))

MEASURES = (
    ACCEPTED, DUPLICATES, FAILED, CHANGES, QUEUE, DATABASE, OPEN, PROCESSED, BEHIND, LAG, PARKED, DEAD,
    *commerce.MEASURES, REQUEST_SECONDS,
)  # fmt: skip
"""Every measure of ours, in the order of the reference."""


def of_process(committer: Committer) -> list[Reading]:
    """What this process counted."""
    totals = committer.totals
    return [
        Reading(ACCEPTED, totals.accepted),
        Reading(DUPLICATES, totals.duplicates),
        Reading(FAILED, totals.failed),
        Reading(CHANGES, totals.joined),
        Reading(QUEUE, committer.waiting),
    ]


async def of_database(pool: Any) -> list[Reading]:
    """What stands in the database; that it is away, when it is."""
    try:
        async with connection(pool) as conn:
            readings = [Reading(DATABASE, 1)]
            open_failures = await failed.count_failed(conn)
            readings.append(Reading(OPEN, sum(count for _, count, _ in open_failures)))
            for status in await reader_status(conn):
                reader = (status.reader,)
                readings += [
                    Reading(PROCESSED, status.processed, reader),
                    Reading(BEHIND, status.behind, reader),
                    Reading(LAG, status.behind_seconds, reader),
                    Reading(PARKED, status.parked, reader),
                    Reading(DEAD, status.dead, reader),
                ]
            readings += await commerce.readings(conn)
    except Unavailable as error:
        log.warning("metrics.database_away", error=error.detail)
        return [Reading(DATABASE, 0)]
    return readings


@get("/metrics", tags=["Operations"], media_type="text/plain", summary="Figures for Prometheus")
async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Figures for Prometheus (text format 0.0.4); counts and ages alone, so no key is asked for."""
    state = request.app.state
    now = asyncio.get_running_loop().time()
    kept: tuple[float, list[Reading]] | None = state.get("metrics_read")
    if kept is None or now - kept[0] > BELIEVED:
        kept = (now, await of_database(state.pool))
        state.metrics_read = kept
    measured: Metrics = state.metrics
    return Response(
        measured.exposition([*of_process(state.committer), *kept[1]]), headers={"content-type": CONTENT_TYPE}
    )
