"""Sell or help, pure: what of a person's past mutes promotion, and until when (RULES G24)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from unisono.customers.timeline.vocabulary.facts import read
from unisono.engagement.policy.model import Help, Trouble

OPENED: Final = "Complaint Opened"
CLOSED: Final = "Complaint Closed"
ANSWERED: Final = "Survey Answered"
DELAYED: Final = "Order Delayed"
ARRIVED: Final = frozenset({"Order Delivered", "Order Collected", "Order Cancelled", "Order Refunded"})

HELP_EVENTS: Final = (OPENED, CLOSED, ANSWERED, DELAYED, *sorted(ARRIVED))

CSAT_TOP: Final = 5
_LAST_NUMBER: Final = re.compile(r"(\d{1,3})\D*$")


class Signal(msgspec.Struct, frozen=True):
    """An event that says how the person fares with us, or an order of ours past its promise."""

    at: datetime
    name: str
    properties: Mapping[str, Any] = {}


def troubles(signals: Iterable[Signal], settings: Help, now: datetime) -> tuple[Trouble, ...]:
    """What mutes promotion at an instant, worst first; the order of the signals does not matter."""
    if not settings.enabled:
        return ()
    said = sorted(
        (Signal(one.at, one.name, read(one.properties)) for one in signals if one.at <= now),
        key=lambda one: (one.at, HELP_EVENTS.index(one.name) if one.name in HELP_EVENTS else -1, repr(one.properties)),
    )
    found: list[Trouble] = []
    if settings.complaints:
        found += _complaints(said, settings)
    if settings.late_orders:
        found += _late_orders(said, settings)
    found += _scores(said, settings)
    counting = (one for one in found if one.until is None or one.until > now)
    return tuple(sorted(counting, key=lambda one: (_KINDS.index(one.kind), one.since, one.reference or "")))


_KINDS: Final = ("complaint", "late_order", "badly_settled", "nps", "csat", "settled")


def _text(properties: Mapping[str, Any], *names: str) -> str | None:
    """The first of these properties that is an identifier; what is none counts as missing."""
    for name in names:
        value = properties.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and 0 < len(str(value)) <= 200:
            return str(value)
    return None


def _complaints(said: Sequence[Signal], settings: Help) -> list[Trouble]:
    open_since: dict[str, datetime] = {}
    closed: dict[str, Signal] = {}
    for one in said:
        reference = _text(one.properties, "complaint_id", "conversation_id", "order_id") or ""
        if one.name == OPENED:
            open_since.setdefault(reference, one.at)
            closed.pop(reference, None)
        elif one.name == CLOSED:
            for name in _meant(reference, open_since):
                open_since.pop(name, None)
            closed[reference] = one
    found = [Trouble("complaint", since, reference=reference or None) for reference, since in open_since.items()]
    for reference, one in closed.items():
        found += _settled(one, reference, said, settings)
    return found


def _meant(reference: str, open_since: Mapping[str, datetime]) -> list[str]:
    """Which complaints a closing means: its own; without a name all; one nobody opened also those without a name."""
    if not reference:
        return list(open_since)
    return [reference] if reference in open_since else [reference, ""]


def _settled(closing: Signal, reference: str, said: Sequence[Signal], settings: Help) -> list[Trouble]:
    """A complaint that was closed still counts for a while, and longer when its settling was judged badly."""
    found = [
        Trouble("settled", closing.at, closing.at + timedelta(seconds=settings.settled_seconds), reference or None)
    ]
    conversation = _text(closing.properties, "conversation_id")
    judged: tuple[datetime, float] | None = None
    for one in said:
        about = _text(one.properties, "conversation_id")
        if one.name == ANSWERED and one.at >= closing.at and (about is None or conversation in (None, about)):
            score = _csat(one.properties)
            judged = (one.at, score) if score is not None else judged
    if judged is not None and judged[1] < settings.csat_least:
        until = judged[0] + timedelta(seconds=settings.score_seconds)
        found.append(Trouble("badly_settled", judged[0], until, reference or None, judged[1]))
    return found


def _late_orders(said: Sequence[Signal], settings: Help) -> list[Trouble]:
    late: dict[str, datetime] = {}
    for one in said:
        order = _text(one.properties, "order_id") or ""
        if one.name == DELAYED:
            late[order] = one.at
        elif one.name in ARRIVED:
            late.pop(order, None)
    lasting = timedelta(seconds=settings.late_seconds)
    return [Trouble("late_order", since, since + lasting, order or None) for order, since in late.items()]


def _scores(said: Sequence[Signal], settings: Help) -> list[Trouble]:
    """The newest answer of each kind counts, for as long as scores count."""
    newest: dict[str, tuple[datetime, float]] = {}
    for one in said:
        if one.name != ANSWERED:
            continue
        nps, csat = _nps(one.properties), _csat(one.properties)
        if nps is not None:
            newest["nps"] = (one.at, nps)
        if csat is not None:
            newest["csat"] = (one.at, csat)
    lasting = timedelta(seconds=settings.score_seconds)
    found = []
    if "nps" in newest and newest["nps"][1] <= settings.nps_most:
        found.append(Trouble("nps", newest["nps"][0], newest["nps"][0] + lasting, score=newest["nps"][1]))
    if "csat" in newest and newest["csat"][1] <= settings.csat_most:
        found.append(Trouble("csat", newest["csat"][0], newest["csat"][0] + lasting, score=newest["csat"][1]))
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _kind(properties: Mapping[str, Any]) -> str:
    return str(properties.get("kind", "")).strip().lower()


def _nps(properties: Mapping[str, Any]) -> float | None:
    score = _number(properties.get("score")) if _kind(properties) == "nps" else None
    return score if score is not None and 0 <= score <= 10 else None


def _csat(properties: Mapping[str, Any]) -> float | None:
    """A CSAT score of five; another scale (``1-10``, ``/7``) is brought to five."""
    score = _number(properties.get("score")) if _kind(properties) == "csat" else None
    if score is None or score < 0:
        return None
    end = _LAST_NUMBER.search(str(properties.get("scale", ""))[:40])
    top = int(end.group(1)) if end else CSAT_TOP
    if top <= 0 or score > top:
        return None
    return score if top == CSAT_TOP else round(score * CSAT_TOP / top, 2)
