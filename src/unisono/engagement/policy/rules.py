"""The law of contact, pure: may this message go to this person now, by which channel; if not, why and until when.

Of the channels a message may take, in the order of preference, the first that is free now is taken. When none is free
the one that is free first is waited for. A decision is a function of what it is given and of nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from unisono.customers.consent.model import ANY, Allowed, Legal, Refused, Standing
from unisono.customers.consent.rules import allowed, of, person_state
from unisono.engagement.policy import limits, words
from unisono.engagement.policy.checking import hours_of
from unisono.engagement.policy.model import (
    Address,
    Asked,
    Contact,
    ContactFacts,
    Decision,
    MessagePurpose,
    Outcome,
    PlannedMessage,
    Policy,
    PolicyVersion,
    Verdict,
)
from unisono.engagement.policy.preferring import ordered
from unisono.kit.localtime import Hours, instant_of, is_holiday, quiet_until, resume_after_quiet
from unisono.kit.reasons import Reason


class _Case(msgspec.Struct, frozen=True):
    """One message before the policy, with what follows from it alone."""

    asked: Asked
    facts: ContactFacts
    policy: Policy
    legal: Legal
    now: datetime
    start: datetime
    """Not before this: due, by the company's or by the person's clock."""
    deadline: datetime
    """Not after this."""
    end: datetime | None
    """The end it was given; None: the policy's patience is its end."""


def decide_all(
    asked: Iterable[Asked],
    facts: Mapping[int, ContactFacts],
    policy: PolicyVersion,
    legal: Legal,
    now: datetime,
) -> dict[int, Decision]:
    """Decide messages of any number of persons; ``facts`` and the answer go by message id.

    Those of one person are decided in order, priority first, then due time, then id, each seeing what was booked
    for the ones before it. Raises KeyError when there are no facts for one.
    """
    decisions: dict[int, Decision] = {}
    known: dict[int, ContactFacts] = {}
    for one in sorted(asked, key=lambda one: (-one.priority, one.due_at, one.message_id)):
        person = facts[one.message_id].person_id
        before = known.get(person, facts[one.message_id])
        decision = decide(one, before, policy, legal, now)
        decisions[one.message_id] = decision
        known[person] = booked(one, decision, before)
    return decisions


def booked(asked: Asked, decision: Decision, facts: ContactFacts) -> ContactFacts:
    """The facts after a decision: sent is a contact, held is planned for then, skipped is neither."""
    others = tuple(one for one in facts.planned if one.message_id != asked.message_id)
    if decision.outcome == "send" and decision.channel is not None:
        contact = Contact(decision.at, decision.channel, asked.purpose, decision.weight)
        return msgspec.structs.replace(facts, planned=others, contacts=(*facts.contacts, contact))
    if decision.outcome == "hold" and decision.hold_until is not None:
        still = PlannedMessage(
            asked.message_id, decision.hold_until, asked.priority, asked.purpose, tuple(asked.channels)
        )
        return msgspec.structs.replace(facts, planned=(*others, still))
    return msgspec.structs.replace(facts, planned=others)


def decide(asked: Asked, facts: ContactFacts, policy: PolicyVersion, legal: Legal, now: datetime) -> Decision:
    """Decide one message. Never raises for whatever people wrote; deterministic."""
    case = _case(asked, facts, policy.policy, legal, now)
    whole = _of_the_message(case)
    looked_at = [_verdict(case, channel, whole) for channel in _channels(case)]
    chosen = _chosen(looked_at)
    outcome: Outcome = chosen.outcome if chosen else "skip"
    shown = [_passed(verdict, chosen) for verdict in looked_at]
    return Decision(
        message_id=asked.message_id,
        person_id=facts.person_id,
        outcome=outcome,
        at=now,
        channel=chosen.channel if chosen else None,
        address_node=chosen.address_node if chosen else None,
        account_code=chosen.account_code if chosen else None,
        hold_until=chosen.until if chosen and outcome == "hold" else None,
        weight=chosen.weight if chosen else 0,
        reasons=_reasons(chosen, shown, whole),
        channels=tuple(shown),
        facts=_used(case),
        policy_version=policy.version,
    )


def verdicts(asked: Asked, facts: ContactFacts, policy: Policy, legal: Legal, now: datetime) -> list[Verdict]:
    """What is to be said of each channel on its own, in the order of preference."""
    case = _case(asked, facts, policy, legal, now)
    whole = _of_the_message(case)
    return [_verdict(case, channel, whole) for channel in _channels(case)]


def _channels(case: _Case) -> list[str]:
    channels = limits.expanded(case.asked.channels, case.policy)
    return ordered(channels, case.facts.preference, case.policy.preferring)


def _case(asked: Asked, facts: ContactFacts, policy: Policy, legal: Legal, now: datetime) -> _Case:
    start = asked.due_at
    if asked.local_time is not None:
        start = max(start, instant_of(asked.local_time.date, asked.local_time.time, facts.zone.info))
    end = _end(asked, facts)
    deadline = end or start + timedelta(seconds=policy.patience_seconds)
    return _Case(asked, facts, policy, _beyond(legal, policy), now, start, deadline, end)


def _beyond(legal: Legal, policy: Policy) -> Legal:
    """The law, and what the company wants beyond it: channels that need a consent here."""
    wanted = legal.consent_channels | frozenset(policy.consent_also)
    return legal if wanted == legal.consent_channels else msgspec.structs.replace(legal, consent_channels=wanted)


def _end(asked: Asked, facts: ContactFacts) -> datetime | None:
    """The last instant at which it is of use, by the company's and by the person's clock."""
    ends = [asked.not_after] if asked.not_after is not None else []
    local = asked.local_time
    if local is not None and local.within_seconds is not None:
        ends.append(instant_of(local.date, local.time, facts.zone.info) + timedelta(seconds=local.within_seconds))
    return min(ends, default=None)


def _of_the_message(case: _Case) -> list[Reason]:
    """What forbids it by every channel."""
    if case.end is not None and case.now > case.end:
        return [words.too_late(case.end)]
    if case.asked.purpose == "marketing" and case.policy.help.enabled:
        return [words.muted(trouble) for trouble in case.facts.troubles]
    return []


def _chosen(looked_at: Sequence[Verdict]) -> Verdict | None:
    free = next((verdict for verdict in looked_at if verdict.outcome == "send"), None)
    if free:
        return free
    waiting = [verdict for verdict in looked_at if verdict.until is not None and verdict.outcome == "hold"]
    return min(waiting, key=lambda verdict: verdict.until or datetime.max, default=None)


def _passed(verdict: Verdict, chosen: Verdict | None) -> Verdict:
    """A channel that was free too, behind the one that was taken."""
    if chosen is None or verdict is chosen or verdict.outcome != "send":
        return verdict
    return msgspec.structs.replace(
        verdict, outcome="skip", reasons=(words.not_needed(verdict.channel, chosen.channel),)
    )


def _reasons(chosen: Verdict | None, shown: Sequence[Verdict], whole: Sequence[Reason]) -> tuple[Reason, ...]:
    """First what decided, then why each other channel was not taken; each sentence once.

    When none is taken, the channel that came furthest speaks first: a cap says more than a missing address.
    """
    first = list(chosen.reasons) if chosen else list(whole)
    others = shown if chosen else sorted(shown, key=_progress, reverse=True)
    rest = [reason for verdict in others if verdict is not chosen for reason in verdict.reasons]
    found: list[Reason] = []
    for reason in (*first, *rest):
        if reason not in found:
            found.append(reason)
    return tuple(found)


def _progress(verdict: Verdict) -> int:
    """How far a channel that was refused came: an address, a permission, an account, room."""
    codes = {reason.code for reason in verdict.reasons}
    if codes & {"no_address", "channel_excluded"}:
        return 0
    return 2 if codes & {"no_account", *_WAITS} else 1


_WAITS = ("would_be_too_late", "budget_too_small", "cap_zero", "quiet_always")


# One channel --------------------------------------------------------------------------------------------


def _verdict(case: _Case, channel: str, whole: Sequence[Reason]) -> Verdict:
    weight = limits.weight_of(case.policy, channel)
    account = case.facts.accounts.get(channel)
    address, answer = _address(case, channel)
    refused = [*whole, *_missing(case, channel, account, answer)]
    shown = partial(
        Verdict,
        channel=channel,
        address_node=address.node_id if address else None,
        account_code=account,
        weight=weight,
    )
    if refused or not isinstance(answer, Allowed):
        return shown(outcome="skip", reasons=tuple(refused))
    waits, never = _waits(case, channel, weight)
    if never:
        return shown(outcome="skip", reasons=tuple(never))
    if not waits:
        return shown(outcome="send", reasons=(words.ground(channel, answer.basis, answer.entry_id),))
    until = waits[0][0]
    reasons = tuple(reason for _, reason in waits)
    if until > case.deadline:
        return shown(outcome="skip", reasons=(*reasons, words.would_be_late(case.deadline)))
    return shown(outcome="hold", until=until, reasons=reasons)


def _address(case: _Case, channel: str) -> tuple[Address | None, Allowed | Refused | None]:
    """The best address that may be written to; when none may, the best one and why it may not."""
    # The address somebody named goes before the person's others.
    known = sorted(
        (one for one in case.facts.addresses if one.channel == channel),
        key=lambda one: (one.node_id != case.asked.node_id, one.rank, one.node_id),
    )
    answers = [(one, _permission(case, one)) for one in known]
    for one, answer in answers:
        if isinstance(answer, Allowed):
            return one, answer
    return answers[0] if answers else (None, None)


def _permission(case: _Case, address: Address) -> Allowed | Refused:
    return permitted(
        case.facts.standing,
        case.policy,
        case.legal,
        address=address.node_id,
        channel=address.channel,
        purpose=case.asked.purpose,
        at=case.now,
        category=case.asked.category,
        profiled=case.asked.profiled,
    )


def permitted(
    standing: Standing,
    policy: Policy,
    legal: Legal,
    *,
    address: int,
    channel: str,
    purpose: MessagePurpose,
    at: datetime,
    category: str | None,
    profiled: bool,
) -> Allowed | Refused:
    """Whether consents and blocks let a message go to an address: by law, and by what the company wants beyond it.

    Asked when a message is decided, and once more when it is handed over.
    """
    if purpose == "marketing" and channel in policy.sharing and not _shares(standing, at):
        return Refused(words.sharing(channel))
    return allowed(
        standing,
        address=address,
        channel=channel,
        purpose=purpose,
        at=at,
        legal=_beyond(legal, policy),
        category=category,
        profiled=profiled,
    )


def _shares(standing: Standing, at: datetime) -> bool:
    state = person_state(of(standing.states, "third_party", ANY), at)
    return state is not None and state.status == "granted"


def _missing(case: _Case, channel: str, account: str | None, answer: Allowed | Refused | None) -> list[Reason]:
    if channel in case.asked.excluded:
        return [words.excluded(channel, case.asked.excluded[channel])]
    if answer is None:
        return [words.no_address(channel)]
    if isinstance(answer, Refused):
        return [answer.reason]
    return [] if account else [words.no_account(channel)]


def _waits(case: _Case, channel: str, weight: int) -> tuple[list[tuple[datetime, Reason]], list[Reason]]:
    """Until when it has to wait on a channel and why, the longest wait first; and what makes it wait for ever."""
    waits: list[tuple[datetime, Reason]] = []
    never: list[Reason] = []
    if case.start > case.now:
        zone = case.facts.zone.name if case.start != case.asked.due_at else None
        waits.append((case.start, words.not_due(case.start, zone)))
    for limit in limits.limits_of(case.policy, case.asked.purpose, channel):
        _wait_for_room(case, channel, weight, limit, waits, never)
    if never or case.asked.purpose == "transactional":
        return waits, never
    reached = max((until for until, _ in waits), default=case.now)
    hours, holiday = _quiet(case.policy, channel), partial(is_holiday, case.facts.country)
    free = resume_after_quiet(reached, case.facts.zone.info, hours, holiday)
    if free is None:
        return waits, [words.always_quiet(channel)]
    if free > reached:
        waits.append((free, words.quiet_hours(channel, free, case.facts.zone.name)))
    return sorted(waits, key=lambda wait: wait[0], reverse=True), never


def _wait_for_room(
    case: _Case,
    channel: str,
    weight: int,
    limit: limits.Limit,
    waits: list[tuple[datetime, Reason]],
    never: list[Reason],
) -> None:
    own, contacts = limits.own_units(limit, weight), case.facts.contacts
    room = limits.room_at(limit, contacts, own, case.now)
    if room is None:
        never.append(words.too_heavy(limit, own, channel))
    elif room > case.now:
        waits.append((room, words.used_up(limit, limits.used(limit, contacts, case.now), channel, room)))
    elif case.policy.give_way and own:
        planned = (one for one in case.facts.planned if one.message_id != case.asked.message_id)
        higher = limits.rival(limit, case.asked, own, contacts, planned, case.policy, case.now)
        if higher is not None:
            waits.append((limits.after(higher, case.now), words.gives_way(limit, higher, channel)))


def _quiet(policy: Policy, channel: str) -> list[Hours]:
    return [hours_of(quiet) for quiet in policy.quiet if channel in quiet.channels]


def quiet_now(facts: ContactFacts, policy: Policy, channel: str, now: datetime) -> datetime | None:
    """The end of the quiet hours a channel is in for a person; None when it is in none."""
    return quiet_until(now, facts.zone.info, _quiet(policy, channel), partial(is_holiday, facts.country))


# What was used ------------------------------------------------------------------------------------------


def _used(case: _Case) -> dict[str, Any]:
    """The facts of a decision, for people to read later: numbers and names, no address."""
    facts, now = case.facts, case.now
    bound = {
        limit.name: limit
        for channel in _channels(case)
        for limit in limits.limits_of(case.policy, case.asked.purpose, channel)
    }
    return {
        "local_time": now.astimezone(facts.zone.info).isoformat(timespec="minutes"),
        "zone": facts.zone,
        "limits": [
            {
                "kind": limits.kind(limit),
                "name": limit.name,
                "label": words.label_of(limit),
                "used": limits.used(limit, facts.contacts, now),
                "limit": limits.most(limit),
                "seconds": limit.seconds,
            }
            for limit in bound.values()
        ],
        "preferred": {"stated": facts.preference.stated, "learned": facts.preference.learned},
        "troubles": list(facts.troubles),
        "planned": sorted(one.message_id for one in facts.planned if one.message_id != case.asked.message_id),
        "public_holiday": is_holiday(facts.country, _today(case)),
    }


def _today(case: _Case) -> date:
    return case.now.astimezone(case.facts.zone.info).date()
