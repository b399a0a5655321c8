"""The part of a person's page about contact: consents by channel with why, what was said, what is to come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from unisono.access.guards import caller
from unisono.console import links
from unisono.console.contexts import Badge
from unisono.console.contexts.consents import PersonContact
from unisono.console.pages import AnyRequest, settings_of, words_of
from unisono.console.routes.message_lines import lines
from unisono.console.views import consents as views
from unisono.console.views.saying import reason_words
from unisono.customers.consent.overview import overview
from unisono.customers.profiles.service import Profile
from unisono.engagement.delivery.model import Filters
from unisono.engagement.messages import service as messages
from unisono.engagement.policy import asking
from unisono.engagement.policy.facts import Company
from unisono.kit.database import Connection

LATEST = 6
COMING = 4


async def contact_of(conn: Connection, request: AnyRequest, profile: Profile, now: datetime) -> PersonContact | None:
    """What the reader may see of it; None when that is nothing."""
    principal = caller(request)
    words = words_of(request, principal)
    if not principal.may("consents:read"):
        return None
    contacts = principal.may("people:contact")
    found = await overview(conn, profile.id, now=now)
    rows = [views.holding_row(one, found, words, contacts=contacts) for one in found.holdings]
    marketing = [row for row in rows if row.purpose == "marketing"]
    href = links.person_consents(profile.id)
    view = PersonContact(
        badges=views.contact_badges(marketing, words, href),
        holdings=[row for row in rows if row.badge.tone != "neutral"],
        consents_href=href,
        write_href=links.person_write(profile.id) if principal.may("messages:send") else None,
    )
    if not principal.may("voice:read"):
        return view
    nodes = tuple(one.node_id for one in profile.identifiers)
    coming = await messages.future(conn, profile.id, limit=COMING)
    waiting = {one.message.id for one in coming}
    latest = await messages.outbox(conn, Filters(nodes=nodes), limit=LATEST + COMING)
    past = [one for one in latest.rows if one.message.id not in waiting][:LATEST]
    told = await lines(conn, [*coming, *past], principal, words)
    standing = await asking.standing(conn, profile.id, company=Company.of(settings_of(request)), now=now)
    muted = [reason_words(one, words) for one in standing.muted] if standing else []
    return msgspec.structs.replace(
        view,
        messages=told[len(coming) :],
        coming=told[: len(coming)],
        all_href=links.with_query(links.OUTBOX, {"person": profile.id}) if told else None,
        simulate_href=links.with_query(links.POLICY_SIMULATOR, {"who": profile.id}),
        mode=muted,
    )


def badges_of(contact: PersonContact | None, before: Sequence[Badge]) -> list[Badge]:
    """The badges of the header: what was there, and a badge a channel."""
    return [*before, *(contact.badges if contact else ())]
