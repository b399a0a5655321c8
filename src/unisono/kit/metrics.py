"""Figures for Prometheus: how long requests take, measured here, and what the rooms read when they are asked.

A registry a process, made with the application: nothing is global, so tests have their own. Labels are names of
routes, methods and readers, never of people.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)
"""Seconds. 0.02 is what a profile call may take at a till, 0.2 what a screen may."""


class Measure(msgspec.Struct, frozen=True):
    """A figure and what it means; the reference is made from these."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()


REQUEST_SECONDS = Measure(
    "unisono_http_request_seconds",
    "histogram",
    "How long requests took, by method, route (its template, never the address asked for) and class of the answer.",
    ("method", "route", "status"),
)


class Reading(NamedTuple):
    """A value of a measure now, with its labels' values in their order."""

    measure: Measure
    value: float
    labels: tuple[str, ...] = ()


class _Readings(Collector):
    """Hands readings over to Prometheus' own exposition."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings = list(readings)

    def collect(self) -> Iterator[Metric]:
        """One family a measure."""
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for measure, value, labels in self._readings:
            if measure.name not in families:
                make = CounterMetricFamily if measure.kind == "counter" else GaugeMetricFamily
                families[measure.name] = make(measure.name, measure.meaning, labels=measure.labels)
            families[measure.name].add_metric(labels, value)
        yield from families.values()


class Metrics:
    """What one process measures of itself."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.request_seconds = Histogram(
            REQUEST_SECONDS.name,
            REQUEST_SECONDS.meaning,
            REQUEST_SECONDS.labels,
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._timed: dict[tuple[str, str, int], Histogram] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request's time. Its histogram is kept at hand: finding it by its labels costs more than counting."""
        key = (method, route, status // 100)
        timed = self._timed.get(key)
        if timed is None:
            timed = self._timed[key] = self.request_seconds.labels(method, route, f"{key[2]}xx")
        timed.observe(seconds)

    def exposition(self, readings: Iterable[Reading]) -> bytes:
        """Everything as Prometheus reads it: what was measured here, and these readings."""
        read = CollectorRegistry()
        read.register(_Readings(readings))
        return generate_latest(read) + generate_latest(self._registry)


class RequestTimer:
    """ASGI middleware: how long each request takes until its answer is sent whole."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        metrics: Metrics = scope["litestar_app"].state.metrics
        status = 500
        started = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            metrics.observe(str(scope.get("method")), _route(scope), status, time.perf_counter() - started)


def _route(scope: Mapping[str, object]) -> str:
    template = scope.get("path_template")
    return template if isinstance(template, str) else "none"
