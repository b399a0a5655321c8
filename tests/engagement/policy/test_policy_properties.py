"""What holds of the law of contact whatever happens: caps, budgets, quiet hours, reasons, determinism."""

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.policy import LEGAL, NODE, NOON, granted, message, person, version
from unisono.customers.consent.model import Standing, Suppression
from unisono.engagement.policy import limits
from unisono.engagement.policy.defaults import default_policy
from unisono.engagement.policy.helping import HELP_EVENTS, Signal, troubles
from unisono.engagement.policy.model import (
    Asked,
    Budget,
    Cap,
    Contact,
    ContactFacts,
    Help,
    PlannedMessage,
    Policy,
    PolicyVersion,
    Preference,
    Quiet,
    Trouble,
)
from unisono.engagement.policy.rules import booked, decide, decide_all, quiet_now
from unisono.kit.localtime import Zone

CHANNELS = ("email", "sms", "whatsapp", "app_push", "call", "mail", "onsite")
HOUR = 3600

channel = st.sampled_from(CHANNELS)
purpose = st.sampled_from(["marketing", "service", "transactional"])
moments = st.integers(-15 * 24 * 60, 60).map(lambda minutes: NOON + timedelta(minutes=minutes))
clock = st.tuples(st.integers(0, 23), st.sampled_from([0, 30])).map(lambda pair: f"{pair[0]:02}:{pair[1]:02}")

contacts = st.builds(
    Contact,
    moments,
    channel,
    st.sampled_from(["marketing", "service", "transactional", "staff"]),
    st.integers(0, 5),
)
budgets = st.builds(
    Budget,
    name=st.just("budget"),
    limit=st.integers(0, 12),
    seconds=st.integers(1, 240).map(lambda hours: hours * HOUR),
    counts=st.just(("marketing", "service", "staff")),
)
caps = st.builds(
    Cap,
    name=st.just("cap"),
    purposes=st.sampled_from([("marketing",), ("marketing", "service")]),
    most=st.integers(0, 4),
    seconds=st.integers(1, 240).map(lambda hours: hours * HOUR),
    channels=st.none() | st.lists(channel, min_size=1, max_size=4, unique=True).map(tuple),
    staff=st.booleans(),
)
quiets = st.builds(
    Quiet,
    channels=st.lists(channel, min_size=1, max_size=7, unique=True).map(tuple),
    from_=clock,
    until=clock,
    weekdays=st.none() | st.just(("sat", "sun")),
    holidays=st.booleans(),
)
policies = st.builds(
    Policy,
    weights=st.just(default_policy().weights),
    budgets=st.lists(budgets, max_size=2).map(tuple),
    caps=st.lists(caps, max_size=3).map(tuple),
    quiet=st.lists(quiets, max_size=2).map(tuple),
    give_way=st.booleans(),
)
planned = st.builds(
    PlannedMessage,
    st.integers(1000, 1020),
    st.integers(0, 10 * 24).map(lambda hours: NOON + timedelta(hours=hours)),
    st.integers(0, 100),
    st.sampled_from(["marketing", "service"]),
    st.lists(channel, min_size=1, max_size=2).map(tuple),
)
zones = st.sampled_from(["Europe/Rome", "Asia/Tokyo", "America/New_York", "Australia/Lord_Howe"]).map(
    lambda name: Zone(name, "person", sure=True)
)


@st.composite
def people(draw: st.DrawFn) -> ContactFacts:
    agreed = draw(st.lists(channel, unique=True))
    dead = [
        Suppression(node_id=NODE, channel=one, reason="opt_out", purposes="marketing", at=NOON, source="test")
        for one in draw(st.lists(channel, unique=True, max_size=2))
    ]
    return person(
        draw(st.lists(channel, unique=True)),
        standing=Standing(states=tuple(granted(one) for one in agreed), suppressions=tuple(dead)),
        contacts=draw(st.lists(contacts, max_size=12)),
        planned=tuple(draw(st.lists(planned, max_size=4, unique_by=lambda one: one.message_id))),
        zone=draw(zones),
        preference=Preference(stated=draw(st.none() | channel), learned=draw(st.none() | channel)),
        troubles=tuple(draw(st.lists(st.just(Trouble("late_order", NOON)), max_size=1))),
    )


@st.composite
def messages(draw: st.DrawFn, number: int = 1) -> Asked:
    return message(
        number,
        purpose=draw(purpose),
        channels=tuple(draw(st.lists(channel, min_size=1, max_size=4, unique=True))),
        priority=draw(st.integers(0, 100)),
        profiled=draw(st.booleans()),
        due_at=NOON + timedelta(hours=draw(st.integers(-80, 5))),
        not_after=draw(st.none() | st.integers(-1, 100).map(lambda hours: NOON + timedelta(hours=hours))),
    )


@settings(deadline=None)
@given(messages(), people(), policies)
def test_what_is_held_is_held_until_an_instant_that_is_not_quiet(
    asked: Asked, facts: ContactFacts, policy: Policy
) -> None:
    """Later than now, outside quiet hours of its channel, and within the message's time."""
    decision = decide(asked, facts, version(policy), LEGAL, NOON)
    if decision.outcome != "hold":
        assert decision.hold_until is None
        return
    assert decision.hold_until is not None
    assert decision.channel is not None
    assert decision.hold_until > NOON
    assert asked.not_after is None or decision.hold_until <= asked.not_after
    if asked.purpose != "transactional":
        assert quiet_now(facts, policy, decision.channel, decision.hold_until) is None


@settings(deadline=None)
@given(messages(), people(), policies, st.randoms(use_true_random=False))
def test_the_order_of_facts_does_not_matter(
    asked: Asked, facts: ContactFacts, policy: Policy, shuffled: random.Random
) -> None:
    """Everything that is listed may come in any order; asked twice, the answer is the same."""

    def mixed(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(shuffled.sample(values, len(values)))

    other = msgspec.structs.replace(
        facts,
        contacts=mixed(facts.contacts),
        planned=mixed(facts.planned),
        addresses=mixed(facts.addresses),
        troubles=mixed(facts.troubles),
        standing=Standing(states=mixed(facts.standing.states), suppressions=mixed(facts.standing.suppressions)),
    )
    first = decide(asked, facts, version(policy), LEGAL, NOON)
    assert msgspec.json.encode(first) == msgspec.json.encode(decide(asked, other, version(policy), LEGAL, NOON))


@settings(deadline=None)
@given(messages(), people(), policies)
def test_every_channel_is_named_with_a_reason(asked: Asked, facts: ContactFacts, policy: Policy) -> None:
    """Taken, waited for or rejected: each channel asked for has its reasons, and all of them are in the decision."""
    decision = decide(asked, facts, version(policy), LEGAL, NOON)
    assert {verdict.channel for verdict in decision.channels} == set(asked.channels)
    assert all(verdict.reasons for verdict in decision.channels)
    assert {reason.code for verdict in decision.channels for reason in verdict.reasons} <= {
        reason.code for reason in decision.reasons
    }
    assert sum(verdict.outcome == "send" for verdict in decision.channels) == (decision.outcome == "send")


@settings(deadline=None)
@given(messages(), people(), policies)
def test_what_was_ordered_is_stopped_only_by_the_address(asked: Asked, facts: ContactFacts, policy: Policy) -> None:
    """Neither caps nor budgets nor quiet hours nor trouble hold a transactional message; a dead address does."""
    ordered = msgspec.structs.replace(asked, purpose="transactional", due_at=NOON, not_after=None)
    reachable = {address.channel for address in facts.addresses} & set(asked.channels)
    assert (decide(ordered, facts, version(policy), LEGAL, NOON).outcome == "send") == bool(reachable)
    dead = tuple(
        Suppression(node_id=NODE, channel=one, reason="hard_bounce", purposes="all", at=NOON, source="test")
        for one in CHANNELS
    )
    nobody = msgspec.structs.replace(facts, standing=Standing(suppressions=dead))
    assert decide(ordered, nobody, version(policy), LEGAL, NOON).outcome == "skip"


@settings(deadline=None)
@given(messages(), people(), policies, contacts, st.integers(0, 6))
def test_more_contacts_or_a_smaller_budget_never_allow_more(
    asked: Asked, facts: ContactFacts, policy: Policy, more: Contact, less: int
) -> None:
    """What was not sent before is not sent after either, and is not held for less long on any channel."""
    # A weightier message too heavy for the smaller budget leaves it to others: that is another case.
    asked = msgspec.structs.replace(asked, not_after=NOON + timedelta(days=300), due_at=NOON)
    alone = msgspec.structs.replace(facts, planned=())
    tighter = msgspec.structs.replace(
        policy,
        budgets=tuple(msgspec.structs.replace(budget, limit=max(0, budget.limit - less)) for budget in policy.budgets),
    )
    pressed = msgspec.structs.replace(alone, contacts=(*facts.contacts, more))
    before = {one.channel: one for one in decide(asked, alone, version(policy), LEGAL, NOON).channels}
    for now_policy, now_facts in ((policy, pressed), (tighter, alone)):
        after = decide(asked, now_facts, version(now_policy), LEGAL, NOON)
        if all(verdict.outcome != "send" for verdict in before.values()):
            assert after.outcome != "send"
        for verdict in after.channels:
            was = before[verdict.channel]
            if was.outcome == "hold" and verdict.outcome == "hold":
                assert verdict.until is not None
                assert was.until is not None
                assert verdict.until >= was.until


@st.composite
def sequences(draw: st.DrawFn) -> list[tuple[int, list[Asked]]]:
    """Batches of messages, with the minutes that pass before each."""
    batches, number = [], 0
    for _ in range(draw(st.integers(1, 12))):
        batch = []
        for _ in range(draw(st.integers(1, 3))):
            number += 1
            batch.append(draw(messages(number)))
        batches.append((draw(st.integers(0, 4000)), batch))
    return batches


@settings(max_examples=150, deadline=None)
@given(sequences(), people(), policies)
def test_caps_and_budgets_hold_over_any_sequence(
    batches: list[tuple[int, list[Asked]]], facts: ContactFacts, policy: Policy
) -> None:
    """Whatever is asked, when and by which channels: no window that ends with a message of ours holds too much."""
    now = NOON
    open_now = msgspec.structs.replace(facts, troubles=(), planned=())
    rules = version(policy)
    sent: list[tuple[Asked, datetime, str]] = []
    for minutes, batch in batches:
        now += timedelta(minutes=minutes)
        due = [msgspec.structs.replace(one, due_at=now, not_after=None, profiled=False) for one in batch]
        decisions = decide_all(due, {one.message_id: open_now for one in due}, rules, LEGAL, now)
        for one in sorted(due, key=lambda one: (-one.priority, one.due_at, one.message_id)):
            decision = decisions[one.message_id]
            if decision.outcome == "send" and decision.channel is not None:
                sent.append((one, now, decision.channel))
                _assert_room(one, decision.channel, open_now, rules, now)
            open_now = msgspec.structs.replace(booked(one, decision, open_now), planned=())
    # The same, from nothing but what was sent.
    for cap in policy.caps:
        bound = sorted(at for one, at, channel in sent if limits.binds(cap, one.purpose, channel))
        span = timedelta(seconds=cap.seconds)
        for begin in bound:
            assert sum(begin <= at < begin + span for at in bound) <= cap.most


def _assert_room(one: Asked, channel: str, facts: ContactFacts, rules: PolicyVersion, now: datetime) -> None:
    for limit in limits.limits_of(rules.policy, one.purpose, channel):
        own = limits.own_units(limit, limits.weight_of(rules.policy, channel))
        assert limits.used(limit, facts.contacts, now) + own <= limits.most(limit)


@settings(deadline=None)
@given(st.lists(contacts, max_size=10), caps | budgets, st.integers(0, 5))
def test_room_is_found_at_the_first_instant_there_is_some(had: list[Contact], limit: limits.Limit, weight: int) -> None:
    """Not a second before, and then for sure, if nothing else comes."""
    own = limits.own_units(limit, weight)
    free = limits.room_at(limit, had, own, NOON)
    if free is None:
        assert own > limits.most(limit)
        return
    assert free >= NOON
    assert limits.used(limit, had, free) + own <= limits.most(limit)
    if free > NOON:
        before = free - timedelta(seconds=1)
        assert limits.used(limit, had, before) + own > limits.most(limit)


signals = st.builds(
    Signal,
    st.integers(0, 60 * 24 * 60).map(lambda minutes: NOON - timedelta(minutes=minutes)),
    st.sampled_from(HELP_EVENTS),
    st.fixed_dictionaries(
        {},
        optional={
            "complaint_id": st.sampled_from(["C1", "C2", 3, None, True, ["x"]]),
            "order_id": st.sampled_from(["O1", "O2", "", None]),
            "kind": st.sampled_from(["nps", "csat", "CSAT", "ces", None, 4]),
            "score": st.one_of(
                st.integers(-5, 12), st.sampled_from(["3", "x", None, 1e308, float("nan"), float("inf"), "1e400"])
            ),
            "scale": st.sampled_from(["1-5", "10", "", None, "five", "0"]),
        },
    ),
)


@settings(deadline=None)
@given(st.lists(signals, max_size=12), st.randoms(use_true_random=False))
def test_trouble_is_a_function_of_what_happened(said: list[Signal], shuffled: random.Random) -> None:
    """The order of the events does not matter, nor does what they carry break it; none has ended already."""
    found = troubles(said, Help(), NOON)
    assert found == troubles(shuffled.sample(said, len(said)), Help(), NOON)
    assert all(trouble.until is None or trouble.until > NOON for trouble in found)
    assert all(trouble.since <= NOON for trouble in found)
    assert troubles(said, Help(enabled=False), NOON) == ()


def test_many_facts_are_decided_quickly() -> None:
    """A thousand persons with twenty contacts each, four channels: half a second of one core, here up to five."""
    facts = person(contacts=[Contact(NOON - timedelta(days=number), "email", "service", 1) for number in range(20)])
    asked = [message(number, channels=("email", "sms", "app_push", "call")) for number in range(1000)]
    everybody = {one.message_id: msgspec.structs.replace(facts, person_id=one.message_id) for one in asked}
    begun = time.process_time()
    decide_all(asked, everybody, version(), LEGAL, NOON)
    assert time.process_time() - begun < 5
