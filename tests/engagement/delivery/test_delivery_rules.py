"""The rules of delivery: what an answer means, when to try again, when to give up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.posting import NOON
from unisono.engagement.channels.model import Sent
from unisono.engagement.delivery import rules
from unisono.engagement.delivery.model import Claimed


def held(**more: Any) -> Claimed:
    """A message in the hands of a worker."""
    fields: dict[str, Any] = {
        "id": 1,
        "key": "k",
        "node_id": 1,
        "person_id": 1,
        "broadcast_id": None,
        "origin": "api",
        "purpose": "marketing",
        "profiled": False,
        "category": None,
        "template": None,
        "template_version": None,
        "content": None,
        "data": "{}",
        "language": None,
        "priority": 50,
        "not_after": None,
        "channel": "email",
        "address_node": 1,
        "account_code": "mail",
        "account_id": 1,
        "epoch": 1,
        "lease_until": NOON,
        "attempts": 0,
        "first_try_at": None,
        "again": False,
    }
    return Claimed(**{**fields, **more})


def settle(claimed: Claimed, outcome: Any, now: datetime = NOON, **more: Any) -> rules.Settled:
    sent = Sent(outcome=outcome, detail="because", retry_after=more.pop("retry_after", None))
    return rules.settle(
        claimed, sent, idempotent=more.pop("idempotent", False), others=more.pop("others", False), now=now
    )


def test_pauses_double_from_ten_seconds_to_three_hundred() -> None:
    """RULES R10."""
    assert [rules.pause_after(attempts) for attempts in range(1, 9)] == [10, 20, 40, 80, 160, 300, 300, 300]
    assert rules.pause_after(10_000) == 300


@given(st.integers(1, 50), st.integers(0, 600))
def test_nothing_is_given_up_before_three_attempts_and_three_hours(attempts: int, minutes: int) -> None:
    """Both, not one of them."""
    gone_by = NOON + timedelta(minutes=minutes)
    assert rules.hopeless(attempts, NOON, gone_by) == (attempts >= 3 and minutes >= 180)


def test_what_was_taken_is_over() -> None:
    """Accepted, and it weighs."""
    assert settle(held(), "accepted") == rules.Settled(state="accepted")


def test_marketing_of_unknown_fate_is_never_sent_again() -> None:
    """Also where the provider would recognise it."""
    settled = settle(held(), "unknown", idempotent=True)
    assert (settled.state, settled.release) == ("unknown", False)


@pytest.mark.parametrize(
    ("idempotent", "again", "state"),
    [(True, False, "planned"), (True, True, "unknown"), (False, False, "unknown")],
    ids=["once more", "not twice", "not where it would be a second message"],
)
def test_a_transactional_message_of_unknown_fate_has_one_second_try(idempotent: bool, again: bool, state: str) -> None:
    """Only with a provider that recognises it (RULES R3)."""
    settled = settle(held(purpose="transactional", again=again), "unknown", idempotent=idempotent)
    assert (settled.state, settled.release) == (state, False)


def test_what_surely_did_not_leave_waits_and_weighs_nothing() -> None:
    """Ten seconds and a little, more where the provider asks for it."""
    settled = settle(held(), "retry")
    assert settled.state == "planned"
    assert settled.release
    assert settled.try_at is not None
    assert timedelta(seconds=10) <= settled.try_at - NOON <= timedelta(seconds=12)
    asked = settle(held(), "retry", retry_after=120.0)
    assert asked.try_at == NOON + timedelta(seconds=120)


def test_a_provider_is_believed_for_an_hour_at_the_most() -> None:
    """Whatever it asks for."""
    assert settle(held(), "retry", retry_after=1e9).try_at == NOON + timedelta(hours=1)


def test_too_many_tries_over_too_long_a_time_end_it() -> None:
    """Or send it on to the next channel."""
    tired = held(attempts=5, first_try_at=NOON - timedelta(minutes=181))
    assert settle(tired, "retry").state == "refused"
    onward = settle(tired, "retry", others=True)
    assert (onward.state, onward.try_at) == ("planned", NOON)


def test_a_sure_refusal_goes_on_to_the_next_channel_if_there_is_one() -> None:
    """And is over if there is none."""
    assert settle(held(), "refused").state == "refused"
    onward = settle(held(), "refused", others=True)
    assert onward.reason is not None
    assert (onward.state, onward.reason.code, onward.release) == ("planned", "next_channel", True)


@pytest.mark.parametrize(("outcome", "state"), [("retry", "unknown"), ("refused", "refused"), ("unknown", "unknown")])
def test_a_second_try_that_fails_keeps_the_weight_of_the_first(outcome: str, state: str) -> None:
    """The first may have arrived: there is no third try, no other channel."""
    settled = settle(held(purpose="transactional", again=True), outcome, idempotent=True, others=True)
    assert (settled.state, settled.release) == (state, False)


@pytest.mark.parametrize(("failures", "rest"), [(4, 0), (5, 10), (6, 20), (10, 300), (50, 300)])
def test_an_account_rests_longer_and_longer(failures: int, rest: float) -> None:
    """From five failures in a row on."""
    assert rules.rest_after(failures) == rest
