"""The law of reservations, pure: how long, how many, and how reliable somebody is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from unisono.commerce.carts.codes import read_code
from unisono.commerce.inventory.model import Location
from unisono.commerce.orders.reservations.errors import BadReservation
from unisono.commerce.orders.reservations.model import OPEN, NoShow, Policy, ReservationStatus, Track
from unisono.commerce.orders.slots.opening import closing_after, opening_time_before
from unisono.kit.reasons import Reason

PREFIX: Final = "reservation:"
"""Before the code in a QR picture, so that a scanner tells it from products and carts."""


def shown_code(text: str) -> str | None:
    """The code somebody typed or scanned; None when it is none."""
    return read_code(text[:100].strip().removeprefix(PREFIX))


def standing(state: ReservationStatus, deadline: datetime, now: datetime) -> ReservationStatus:
    """What a reservation is at an instant: from its deadline on it is expired, swept or not."""
    return "expired" if state in OPEN and deadline <= now else state


def deadline_of(location: Location, policy: Policy, *, wanted: datetime | None, now: datetime) -> datetime:
    """Until when units are kept: as asked for, else until the store closes on the policy's day of opening.

    Raises BadReservation for a deadline without a zone, past, or too far ahead.
    """
    if wanted is None:
        return closing_after(location, now, policy.days)
    if wanted.tzinfo is None:
        raise BadReservation("A deadline needs its time zone.", code="time_without_zone")
    if wanted <= now:
        raise BadReservation("The deadline is past.", code="bad_deadline")
    if wanted > now + timedelta(days=policy.longest_days):
        raise BadReservation(f"Units are kept {policy.longest_days} days at the most.", code="bad_deadline")
    return wanted


def extended(
    location: Location, policy: Policy, deadline: datetime, *, wanted: datetime | None, now: datetime
) -> datetime:
    """The later deadline: as asked for, else the closing of the next day of opening. Raises BadReservation."""
    later = (
        closing_after(location, deadline, 0)
        if wanted is None
        else deadline_of(location, policy, wanted=wanted, now=now)
    )
    if later <= deadline:
        raise BadReservation("The new deadline is not later than the present one.", code="bad_deadline")
    return later


def reminder_of(location: Location, policy: Policy, deadline: datetime, *, since: datetime) -> datetime | None:
    """When to remind: with so many hours of opening left; None when fewer were left from the beginning."""
    return opening_time_before(location, deadline, timedelta(hours=policy.reminder_hours), since=since)


def no_show(track: Track, policy: Policy) -> NoShow:
    """How often somebody does not come. Calling off in time is no fault; with fewer endings than the floor nobody is
    judged; a score at or over the bound leaves fewer reservations open at once."""
    ended = track.collected + track.expired
    score = None if ended < policy.floor else round(100 * track.expired / ended)
    unreliable = score is not None and score >= policy.unreliable_percent
    return NoShow(
        score=score, track=track, allowed_open=policy.most_open_unreliable if unreliable else policy.most_open
    )


def refusal(found: NoShow, policy: Policy) -> Reason | None:
    """Why one more is not granted; None: it is."""
    if found.track.open < found.allowed_open:
        return None
    values = {"open": found.track.open, "allowed": found.allowed_open, "score": found.score}
    if found.allowed_open < policy.most_open:
        return Reason(
            "reservations_missed",
            "{open} reservations are open, {allowed} is granted: {score} percent of the earlier ones were not fetched.",
            values,
        )
    return Reason("reservations_open", "{open} reservations are open, more than {allowed} are not granted.", values)
