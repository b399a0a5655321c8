"""Why a message waits, is not sent, or nobody knows: what delivery itself finds, beside what the policy says."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from unisono.kit.marking import N_
from unisono.kit.reasons import Reason

BROADCAST_PAUSED: Final = Reason("broadcast_paused", "Its broadcast is paused.")
BROADCAST_STOPPED: Final = Reason("broadcast_stopped", "Its broadcast was stopped.")
ERASED: Final = Reason("erased", "The person was erased.")
NO_ACCOUNT: Final = Reason("no_account", "The account it was to leave by is not there any more.")
UNKNOWN: Final = Reason("unknown", "The connection was cut after it had begun to leave: it may have arrived.")
UNKNOWN_AGAIN: Final = Reason(
    "unknown_again", "It may have arrived. The provider recognises a second try, so it is tried once more."
)
OTHER_ADDRESS: Final = Reason("other_address", "It is for one address, and that one cannot be written to.")
BROKEN: Final = Reason("broken", "Something of ours broke on it: the log says what. It is tried again.")


def too_late(not_after: datetime, would_be: datetime) -> Reason:
    """It would leave after its end."""
    text = N_("It was of use until {not_after_at}; it could have left at {would_be_at}.")
    return Reason("too_late", text, {"not_after_at": not_after.isoformat(), "would_be_at": would_be.isoformat()})


def provider_down(account: str, until: datetime, error: str | None) -> Reason:
    """The circuit of its account is open."""
    text = N_("The account {account} does not work: {error}. It is asked again at {until_at}.")
    return Reason("provider_down", text, {"account": account, "error": error or "-", "until_at": until.isoformat()})


def account_paused(account: str) -> Reason:
    """Somebody paused its account."""
    return Reason("account_paused", "The account {account} is paused.", {"account": account})


def warm_up(account: str, most: int, until: datetime) -> Reason:
    """The account has sent as many as a young account may today."""
    text = N_("The account {account} is warming up: {most} messages were sent today, it goes on at {until_at}.")
    return Reason("warm_up", text, {"account": account, "most": most, "until_at": until.isoformat()})


def queue(account: str, ahead: int) -> Reason:
    """The account's rate is used up for now."""
    text = N_("{ahead} messages are before it at the account {account}.")
    return Reason("queue", text, {"account": account, "ahead": ahead})


def person_parked(account: str, until: datetime) -> Reason:
    """An earlier message to the same person waits for another try there."""
    text = N_("An earlier message to this person waits for another try at {account} until {until_at}.")
    return Reason("person_parked", text, {"account": account, "until_at": until.isoformat()})


def again(code: str | None, detail: str | None, until: datetime) -> Reason:
    """The provider did not take it now."""
    text = N_("The provider did not take it: {detail}. It is tried again at {until_at}.")
    return Reason("again", text, {"detail": detail or code or "-", "until_at": until.isoformat()})


def gave_up(attempts: int, detail: str | None) -> Reason:
    """Too many tries over too long a time."""
    text = N_("Given up after {attempts} tries over more than three hours: {detail}.")
    return Reason("gave_up", text, {"attempts": attempts, "detail": detail or "-"})


def refused(code: str | None, detail: str | None) -> Reason:
    """The provider refused it for good."""
    return Reason("refused", "The provider refused it: {detail}.", {"detail": detail or code or "-", "code": code})


def next_channel(channel: str, detail: str | None) -> Reason:
    """Refused for good on a channel; the others are asked."""
    text = N_("Refused on {channel}: {detail}. The next channel is tried.")
    return Reason("next_channel", text, {"channel": channel, "detail": detail or "-"})


def by_hand(verdict: str, actor: str, why: str) -> Reason:
    """Somebody knows what became of a message that was unknown, or wants it sent once more."""
    return Reason(_BY_HAND[verdict][0], _BY_HAND[verdict][1], {"actor": actor, "why": why})


_BY_HAND: Final = {
    "arrived": ("arrived_by_hand", N_("It arrived, says {actor}: {why}")),
    "lost": ("lost_by_hand", N_("It did not arrive, says {actor}: {why}")),
    "again": ("unknown_again", N_("It may have arrived, and is sent once more: so wants {actor}: {why}")),
}


def bad_content(detail: str) -> Reason:
    """It could not be rendered for this person."""
    return Reason("content", "It could not be written for this person: {detail}", {"detail": detail[:500]})


def bad_address(detail: str) -> Reason:
    """The address is none the channel can use."""
    return Reason("address_invalid", "The address cannot be used: {detail}", {"detail": detail[:200]})
