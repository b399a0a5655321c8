"""The rules of consent, pure: what entries add up to, and whether something may be said.

`fold` does not depend on the order in which entries arrive, only on when things were said. Of things said in the same
instant the more restrictive counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from unisono.customers.consent.model import (
    ANY,
    OBJECTIONS,
    PERSON_CHANNELS,
    Action,
    Allowed,
    Entry,
    Legal,
    MessagePurpose,
    Refused,
    RegisterCheck,
    Standing,
    State,
    Status,
    Suppression,
)
from unisono.kit.marking import N_
from unisono.kit.reasons import Reason

_WEIGHT: dict[Action, int] = {
    "requested": 0,
    "granted": 1,
    "confirmed": 2,
    "expired": 3,
    "refused": 4,
    "withdrawn": 5,
}
"""Of entries of one instant the heavier comes later, and so counts."""


def _order(entry: Entry) -> tuple[datetime, int, bool, str]:
    return entry.at, _WEIGHT[entry.action], entry.basis == "soft_opt_in", entry.key


class _Folding:
    """One identifier, purpose and channel, entry by entry in the order of what was said."""

    def __init__(self) -> None:
        self.objection: Entry | None = None
        self.consent: Entry | None = None
        self.expired: Entry | None = None
        self.requested: Entry | None = None
        self.soft: list[Entry] = []

    def take(self, entry: Entry) -> None:
        if entry.action in OBJECTIONS:
            # Whoever says no has said it of everything: also of the sale he could be told about until now.
            self.objection = entry
            self.consent = self.expired = self.requested = None
            self.soft.clear()
        elif entry.action == "requested":
            self.requested = entry
        elif entry.action == "expired":
            self._expire(entry)
        elif entry.basis == "soft_opt_in":
            if self.objection is None:
                self.soft.append(entry)
        else:
            self.consent, self.objection, self.expired, self.requested = entry, None, None, None

    def _expire(self, entry: Entry) -> None:
        ends = self.consent.expires_at if self.consent else None
        if ends is not None and ends <= entry.at:
            self.consent, self.expired = None, entry

    def state(self) -> State | None:
        if self.objection:
            return _state(self.objection, "refused" if self.objection.action == "refused" else "withdrawn")
        if self.consent:
            return _state(self.consent, "granted", expires_at=self.consent.expires_at)
        if self.soft:
            return _state(self.soft[0], "granted", categories=self.soft)
        if self.requested:
            return _state(self.requested, "requested")
        return _state(self.expired, "expired") if self.expired else None


def _state(
    entry: Entry, status: Status, *, expires_at: datetime | None = None, categories: Iterable[Entry] = ()
) -> State:
    return State(
        node_id=entry.node_id,
        purpose=entry.purpose,
        channel=entry.channel,
        status=status,
        basis=entry.basis,
        since=entry.at,
        entry_id=entry.id,
        expires_at=expires_at,
        categories=tuple(sorted({one.category for one in categories if one.category})),
    )


def fold(entries: Iterable[Entry]) -> State | None:
    """What the entries of one identifier, purpose and channel add up to; None when there are none that count.

    The latest thing said wins. A request becomes a grant by its confirmation. A soft opt-in never lifts an objection;
    only a new consent does. An expiry ends only the consent whose time it is.
    """
    folding = _Folding()
    for entry in sorted(entries, key=_order):
        folding.take(entry)
    return folding.state()


def alive(state: State, at: datetime) -> State:
    """The state as it is at an instant: an expiry counts from its instant on, noticed or not."""
    if state.status == "granted" and not state.holds(at):
        return State(
            node_id=state.node_id,
            purpose=state.purpose,
            channel=state.channel,
            status="expired",
            basis=state.basis,
            since=state.expires_at or state.since,
            entry_id=state.entry_id,
        )
    return state


_RANK: dict[Status, int] = {"withdrawn": 5, "refused": 4, "granted": 3, "requested": 2, "expired": 1}


def person_state(states: Iterable[State], at: datetime) -> State | None:
    """What holds for a person on one purpose and channel, of the states of all his identifiers.

    An objection under one identifier counts for all of them, until he consents again under that one or everywhere
    (RULES R9). Otherwise the best he gave. Of equal ones the latest.
    """
    return max(
        (alive(state, at) for state in states),
        key=lambda state: (_RANK[state.status], state.since, state.entry_id),
        default=None,
    )


def of(states: Iterable[State], purpose: str, channel: str) -> list[State]:
    """The states of one purpose and channel."""
    return [state for state in states if state.purpose == purpose and state.channel == channel]


def marketing_states(states: Iterable[State], channel: str) -> list[State]:
    """What was said of marketing on a channel: of that channel, and objections to every channel that no later consent
    to this one has lifted."""
    states = list(states)
    said = of(states, "marketing", channel)
    lifted = max(
        (state.since for state in said if state.status == "granted" and state.basis == "consent"), default=None
    )
    everywhere = [state for state in of(states, "marketing", ANY) if channel != ANY and state.status in OBJECTIONS]
    return said + [state for state in everywhere if lifted is None or state.since >= lifted]


def allowed(
    standing: Standing,
    *,
    address: int,
    channel: str,
    purpose: MessagePurpose,
    at: datetime,
    legal: Legal,
    category: str | None = None,
    profiled: bool = False,
) -> Allowed | Refused:
    """Whether a message may go to an address at an instant.

    ``standing`` is of the whole person, ``address`` the identifier written to; ``category`` is what a message is about,
    for a soft opt-in; ``profiled`` says that it was chosen by a profile.
    """
    block = _suppressed(standing.suppressions, address, channel, purpose)
    if block:
        return Refused(block)
    if purpose == "transactional":
        return Allowed("contract")
    if purpose == "service":
        return Allowed("service")
    return _marketing(standing, address, channel, at, legal, category, profiled)


def _suppressed(
    suppressions: Iterable[Suppression], address: int, channel: str, purpose: MessagePurpose
) -> Reason | None:
    for one in suppressions:
        if one.lifted_at is not None or one.node_id != address or one.channel not in (channel, ANY):
            continue
        if one.purposes == "all" or purpose == "marketing":
            return Reason(
                f"suppressed_{one.reason}",
                _SUPPRESSED[one.reason],
                {"channel": channel, "since_at": one.at.isoformat(), "source": one.source},
            )
    return None


_SUPPRESSED = {
    "hard_bounce": N_("The address does not exist: a message came back on {since_at}."),
    "complaint": N_("The person complained of a message on {since_at}: nothing is sent to this address any more."),
    "opt_out": N_("The address was taken off the list on {since_at} ({source})."),
    "register": N_("The address stands in the opposition register since the look of {since_at}."),
    "gone": N_("The address ended on {since_at}."),
    "manual": N_("The address was blocked by hand on {since_at}."),
}


def _marketing(
    standing: Standing,
    address: int,
    channel: str,
    at: datetime,
    legal: Legal,
    category: str | None,
    profiled: bool,
) -> Allowed | Refused:
    said = marketing_states(standing.states, channel)
    against = person_state([state for state in said if state.status in OBJECTIONS], at)
    if against is not None:
        return Refused(objection(against))
    if profiled and legal.separate_profiling:
        profiling = person_state(of(standing.states, "profiling", ANY), at)
        if profiling is None or profiling.status != "granted":
            return Refused(Reason("no_profiling_consent", "The message was chosen by a profile he has not agreed to."))
    if channel in legal.register_channels:
        stale = _register(standing.registers, address, channel, at, legal)
        if stale:
            return Refused(stale)
    if channel not in legal.consent_channels:
        return Allowed("none_needed")
    # A letter and a device have no identifier of their own: there the person's consent counts, whichever it is under.
    mine = said if channel in PERSON_CHANNELS else [state for state in said if state.node_id == address]
    return _granted(mine, channel, at, legal, category)


def objection(state: State) -> Reason:
    """Why an objection forbids it."""
    values = {"since_at": state.since.isoformat(), "channel": state.channel, "entry": state.entry_id}
    if state.status == "refused":
        return Reason("consent_refused", "He refused it on {since_at}.", values)
    return Reason("consent_withdrawn", "He withdrew his consent on {since_at}.", values)


def _register(checks: Iterable[RegisterCheck], address: int, channel: str, at: datetime, legal: Legal) -> Reason | None:
    check = next((one for one in checks if one.node_id == address and one.channel == channel), None)
    if check is None:
        return Reason("register_not_checked", "The address was never held against the opposition register.")
    values = {"checked_at": check.checked_at.isoformat(), "days": legal.register_max_age_days}
    if check.listed:
        return Reason("register_listed", "The opposition register listed the address on {checked_at}.", values)
    if check.checked_at + legal.register_max_age < at:
        return Reason(
            "register_stale",
            "The last look into the opposition register, of {checked_at}, is over {days} days old.",
            values,
        )
    return None


def _granted(
    states: Sequence[State], channel: str, at: datetime, legal: Legal, category: str | None
) -> Allowed | Refused:
    state = person_state([one for one in states if one.channel == channel], at)
    if state is None:
        return Refused(Reason("no_consent", "There is no consent to marketing by {channel}.", {"channel": channel}))
    if state.status == "requested":
        return Refused(
            Reason(
                "consent_unconfirmed", "Asked on {since_at}, not confirmed yet.", {"since_at": state.since.isoformat()}
            )
        )
    if state.status == "expired":
        return Refused(
            Reason("consent_expired", "The consent ended on {since_at}.", {"since_at": state.since.isoformat()})
        )
    if state.basis != "soft_opt_in":
        return Allowed(state.basis, state.entry_id)
    if channel not in legal.soft_opt_in_channels:
        return Refused(Reason("soft_opt_in_off", "A sale alone is no consent by {channel}.", {"channel": channel}))
    if category is None or category not in state.categories:
        return Refused(
            Reason(
                "not_similar",
                "Without consent only what is like the things he bought may be told about: {categories}.",
                {"categories": ", ".join(state.categories), "category": category or ""},
            )
        )
    return Allowed("soft_opt_in", state.entry_id)


def may_track(states: Collection[State], at: datetime, legal: Legal) -> bool:
    """Whether we may know that the person opened a message or followed a link of it."""
    if not legal.tracking_needs_consent:
        state = person_state(of(states, "tracking", ANY), at)
        return state is None or state.status not in OBJECTIONS
    state = person_state(of(states, "tracking", ANY), at)
    return state is not None and state.status == "granted"
