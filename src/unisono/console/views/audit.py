"""The audit's entries in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unisono.access.audit import AuditEntry
from unisono.console import links
from unisono.console.contexts import AuditRow, PersonLink
from unisono.console.marking import N_
from unisono.console.words import Words

ACTIONS: dict[str, str] = {
    "person.read": N_("Opened a person"),
    "person.timeline": N_("Read a timeline"),
    "person.identity": N_("Read why a person is one"),
    "people.search": N_("Searched people"),
    "people.list": N_("Read the list of people"),
    "event.raw": N_("Read the raw data of an event"),
    "failed_event.raw": N_("Read the raw data of a failed event"),
    "events.live": N_("Followed events as they arrive"),
    "events.stream": N_("Followed events as they arrive"),
    "identity.read": N_("Read the rules and joins"),
    "audit.read": N_("Read the audit"),
    "person.note": N_("Wrote a note"),
    "person.join": N_("Joined two people"),
    "person.split": N_("Split a person"),
    "identity.split": N_("Split a person"),
    "identity.undo": N_("Undid a join or a split"),
    "identity.redo": N_("Put a join or a split back"),
    "identity.rules": N_("Changed the identity rules"),
    "household.group": N_("Made a household"),
    "household.add": N_("Added somebody to a household"),
    "household.remove": N_("Took somebody out of a household"),
    "key.create": N_("Made a key"),
    "source.create": N_("Made a key"),
    "key.rotate": N_("Rotated a key"),
    "key.disable": N_("Disabled a key"),
    "key.enable": N_("Enabled a key"),
    "failed_event.replay": N_("Replayed failed events"),
    "events.replay": N_("Replayed failed events"),
    "failed_event.discard": N_("Set failed events aside"),
    "events.discard": N_("Set failed events aside"),
    "dead_letter.replay": N_("Replayed dead letters"),
    "product.save": N_("Changed products"),
    "category.save": N_("Changed categories"),
    "catalogue.import": N_("Imported products"),
    "price_list.create": N_("Made a price list"),
    "price_list.disable": N_("Switched a price list off"),
    "prices.set": N_("Set prices"),
    "prices.import": N_("Imported prices"),
    "category.exempt": N_("Exempted a category, or ended that"),
    "discount.announce": N_("Announced a discount"),
    "discount.withdraw": N_("Withdrew a discount"),
    "promotion.save": N_("Changed a promotion"),
    "promotion.status": N_("Started, paused or ended a promotion"),
    "coupons.make": N_("Made coupons"),
    "coupons.disable": N_("Made coupons worthless"),
    "incident.close": N_("Closed an incident"),
    "incident.reason": N_("Said why an incident is closed"),
    "message.read": N_("Opened a message"),
    "message.send": N_("Wrote to a person"),
    "message.cancel": N_("Kept a message from leaving"),
    "broadcast.save": N_("Wrote a broadcast"),
    "broadcast.step": N_("Launched, paused or stopped a broadcast"),
    "broadcast.test": N_("Sent a test"),
    "policy.save": N_("Changed the contact policy"),
    "policy.simulate": N_("Tried a message on a person"),
    "task.created": N_("Made a task"),
    "task.settled": N_("Settled a task"),
    "consent.read": N_("Read what a person agreed to"),
    "consent.say": N_("Recorded what a person said"),
    "consent.withdraw": N_("Withdrew a consent"),
    "consent.suppress": N_("Blocked an address"),
    "consent.unsuppress": N_("Unblocked an address"),
    "consent.proof": N_("Read a proof of consent"),
    "consent.text": N_("Published the words of a consent"),
    "consent.legal": N_("Switched a legal default"),
    "consent.register": N_("Took in looks into the opposition register"),
    "privacy.read": N_("Read a request of a person"),
    "privacy.asked": N_("Wrote down a request of a person"),
    "privacy.preview": N_("Looked at what an erasure would do"),
    "privacy.confirmed": N_("Confirmed an erasure"),
    "privacy.refused": N_("Refused a request of a person"),
    "privacy.erased": N_("Erased a person"),
    "privacy.copy_made": N_("Made the copy of a person's data"),
    "privacy.copy_read": N_("Fetched the copy of a person's data"),
    "account.first_run": N_("Set the installation up"),
    "account.create": N_("Made an account"),
    "account.disable": N_("Closed an account"),
    "account.enable": N_("Opened an account again"),
    "account.role": N_("Changed a role"),
    "account.reset_link": N_("Made a password link"),
    "account.sign_in": N_("Signed in"),
    "account.sign_in_refused": N_("Sign-in refused"),
    "account.sign_out": N_("Signed out"),
}
"""Action -> its sentence; English msgids. What is not here is shown by its code."""

DETAILS: dict[str, str] = {
    "reason": N_("reason"),
    "address": N_("from"),
    "account": N_("account"),
    "actor": N_("by whom"),
    "event": N_("event"),
    "key": N_("key"),
    "kind": N_("kind"),
    "channel": N_("channel"),
    "household": N_("household"),
    "other": N_("other person"),
    "role": N_("role"),
    "by": N_("by"),
    "found": N_("found"),
    "source": N_("source"),
    "sku": N_("sku"),
    "message": N_("message"),
    "broadcast": N_("broadcast"),
    "task": N_("task"),
    "outcome": N_("outcome"),
    "purpose": N_("purpose"),
    "text": N_("text"),
    "setting": N_("setting"),
    "request_id": N_("request"),
    "price_list": N_("price list"),
    "promotion": N_("promotion"),
    "status": N_("status"),
    "incident": N_("incident"),
    "created": N_("new"),
    "updated": N_("changed"),
    "rejected": N_("refused"),
    "rows": N_("rows"),
    "written": N_("written"),
    "batch": N_("batch"),
    "count": N_("number"),
    "version": N_("version"),
}
"""What the detail of an entry names -> its word; English msgids."""

DETAIL_LENGTH = 200


def actor_label(actor: str, words: Words) -> str:
    """Whose deed it was: an address as it is, keys and the system in words."""
    kind, _, rest = actor.partition(":")
    if kind == "key" and rest:
        return words.gettext("Key %(number)s") % {"number": rest}
    return words.gettext("Unisono") if actor == "system" else actor


def _detail(entry: AuditEntry, words: Words) -> str:
    said: Mapping[str, Any] = entry.detail
    parts = []
    if said.get("query"):
        parts.append(f"“{said['query']}”")
    shown = said.get("people")
    if isinstance(shown, list):
        parts.append(words.ngettext("%(num)s person shown", "%(num)s people shown", len(shown)))
    parts += [
        f"{words.gettext(DETAILS.get(name, name))}: {value}"
        for name, value in said.items()
        if name not in ("query", "people", "screen") and isinstance(value, (str, int)) and value not in ("", None)
    ]
    return " · ".join(parts)[:DETAIL_LENGTH]


def audit_row(entry: AuditEntry, names: Mapping[int, str | None], words: Words) -> AuditRow:
    """One deed."""
    person = None
    if entry.person_id is not None:
        name = names.get(entry.person_id) or words.gettext("Person %(number)s") % {"number": entry.person_id}
        person = PersonLink(person_id=entry.person_id, name=name)
    return AuditRow(
        entry_id=entry.id,
        at=entry.at,
        actor=actor_label(entry.actor, words),
        actor_href=links.with_query(links.AUDIT, {"actor": entry.actor}),
        action=words.gettext(ACTIONS.get(entry.action, entry.action)),
        detail=_detail(entry, words),
        person=person,
        person_href=links.person_audit(entry.person_id) if entry.person_id is not None else "",
    )
