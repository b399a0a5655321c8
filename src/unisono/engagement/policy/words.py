"""What the policy says, as reasons: one function a sentence, codes that stay."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from unisono.engagement.policy.limits import most
from unisono.engagement.policy.model import Budget, Cap, PlannedMessage, Trouble
from unisono.kit.marking import N_
from unisono.kit.reasons import Reason


def no_address(channel: str) -> Reason:
    """Nothing to write to."""
    return Reason("no_address", "No address for {channel} is known.", {"channel": channel})


def no_account(channel: str) -> Reason:
    """Nobody to carry it."""
    return Reason("no_account", "No account can send by {channel} at present.", {"channel": channel})


def excluded(channel: str, why: str) -> Reason:
    """Tried, and refused for good."""
    return Reason("channel_excluded", "{channel} cannot carry it any more: {why}.", {"channel": channel, "why": why})


def sharing(channel: str) -> Reason:
    """The person has not agreed that others get his data."""
    return Reason(
        "no_third_party_consent",
        "By {channel} his data would go to others; he has not agreed to that.",
        {"channel": channel},
    )


def quiet_hours(channel: str, until: datetime, zone: str) -> Reason:
    """It would disturb."""
    values = {"channel": channel, "until_at": until.isoformat(), "zone": zone}
    return Reason("quiet_hours", "Quiet hours on {channel} until {until_at} ({zone}).", values)


def always_quiet(channel: str) -> Reason:
    """Quiet hours without an end."""
    return Reason("quiet_always", "Quiet hours on {channel} do not end.", {"channel": channel})


def used_up(limit: Budget | Cap, used: int, channel: str, until: datetime) -> Reason:
    """A budget or a cap has no room now."""
    values = {**_named(limit), "used": used, "limit": most(limit), "channel": channel, "until_at": until.isoformat()}
    if isinstance(limit, Budget):
        return Reason(
            "budget_used", "The budget “{label}” is used up ({used} of {limit}); there is room from {until_at}.", values
        )
    return Reason(
        "cap_reached", "The cap “{label}” is reached ({used} of {limit}); there is room from {until_at}.", values
    )


def too_heavy(limit: Budget | Cap, units: int, channel: str) -> Reason:
    """It will never fit."""
    values = {**_named(limit), "units": units, "limit": most(limit), "channel": channel}
    if isinstance(limit, Budget):
        return Reason(
            "budget_too_small", "By {channel} it weighs {units}: the budget “{label}” has only {limit}.", values
        )
    return Reason("cap_zero", "The cap “{label}” allows none by {channel}.", values)


def _named(limit: Budget | Cap) -> dict[str, str]:
    return {"name": limit.name, "label": label_of(limit)}


def label_of(limit: Budget | Cap) -> str:
    """What people call a budget or a cap: its own words, ours for those of the package, else its name as words."""
    return limit.label or LABELS.get(limit.name) or limit.name.replace("_", " ")


LABELS: Final = {
    "week": N_("contacts a week"),
    "day": N_("promotions a day"),
    "three_a_week": N_("promotions a week"),
    "surveys": N_("surveys a week"),
}
"""Of the budgets and caps of the package; English msgids."""


def gives_way(limit: Budget | Cap, higher: PlannedMessage, channel: str) -> Reason:
    """A weightier message needs what is left."""
    values = {
        **_named(limit),
        "channel": channel,
        "message": higher.message_id,
        "priority": higher.priority,
        "planned_at": higher.at.isoformat(),
    }
    return Reason(
        "gives_way", "It leaves the rest of “{label}” to a weightier message planned for {planned_at}.", values
    )


def not_due(due: datetime, zone: str | None = None) -> Reason:
    """Its time has not come; ``zone`` is that of the person whose clock it waits for."""
    if zone is not None:
        values = {"due_at": due.isoformat(), "zone": zone}
        return Reason("not_due_local", "By the person's own clock it is due at {due_at}.", values)
    return Reason("not_due", "It is due at {due_at}.", {"due_at": due.isoformat()})


def too_late(not_after: datetime) -> Reason:
    """Its end has passed."""
    return Reason("too_late", "It was to go by {not_after_at}.", {"not_after_at": not_after.isoformat()})


def would_be_late(deadline: datetime) -> Reason:
    """Waiting does not help."""
    values = {"deadline_at": deadline.isoformat()}
    return Reason("would_be_too_late", "By then it is too late: it may wait until {deadline_at}.", values)


def not_needed(channel: str, chosen: str) -> Reason:
    """Another channel goes before."""
    values = {"channel": channel, "chosen": chosen}
    return Reason("not_needed", "{channel} is not needed: {chosen} goes before.", values)


def ground(channel: str, basis: str, entry: int | None) -> Reason:
    """What it may go on: the law's word for it, and the ledger's entry."""
    values = {"channel": channel, "basis": basis, "entry": entry}
    if basis in ("contract", "service"):
        return Reason("needs_no_consent", "It is no promotion, so it needs no consent.", values)
    if basis == "none_needed":
        return Reason("comes_to_us", "By {channel} the person comes to us, so it needs no consent.", values)
    if basis == "soft_opt_in":
        return Reason("soft_opt_in", "It is like what he bought, so his address of the sale may be used.", values)
    return Reason("consented", "There is a consent to marketing by {channel}.", values)


def muted(trouble: Trouble) -> Reason:
    """Help, do not sell."""
    values = {
        "since_at": trouble.since.isoformat(),
        "until_at": trouble.until.isoformat() if trouble.until else None,
        "reference": trouble.reference,
        "score": trouble.score,
    }
    return Reason(f"help_{trouble.kind}", _MUTED[trouble.kind].text, values)


_MUTED = {
    "complaint": Reason("help_complaint", "Help first: a complaint is open since {since_at}."),
    "settled": Reason(
        "help_settled", "Help first: a complaint was closed on {since_at}; promotion rests until {until_at}."
    ),
    "badly_settled": Reason(
        "help_badly_settled", "Help first: how a complaint was settled was judged {score} on {since_at}."
    ),
    "late_order": Reason("help_late_order", "Help first: an order is late since {since_at}."),
    "nps": Reason("help_nps", "Help first: he would not recommend us ({score} on {since_at})."),
    "csat": Reason("help_csat", "Help first: he was not satisfied ({score} on {since_at})."),
}
