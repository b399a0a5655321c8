"""Messages in words: the outbox, one message, what it says, what came of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from unisono.console import links
from unisono.console.contexts import Badge, PersonLink, Tone
from unisono.console.contexts.sends import AttemptRow, Message, MessageLine, Moment
from unisono.console.views.saying import (
    ORIGINS,
    channel_name,
    channel_names,
    decision_card,
    instant,
    purpose_name,
)
from unisono.console.words import Words
from unisono.engagement.delivery.model import MessageRow
from unisono.engagement.messages.model import MessageDetail, OutboxRow
from unisono.kit.marking import N_
from unisono.kit.money import format_money
from unisono.kit.reasons import Reason

STATES: dict[str, tuple[str, Tone]] = {
    "planned": (N_("planned"), "neutral"),
    "claimed": (N_("leaving"), "neutral"),
    "handed_over": (N_("handed over"), "neutral"),
    "accepted": (N_("sent"), "good"),
    "refused": (N_("refused"), "warning"),
    "unknown": (N_("unknown"), "warning"),
    "skipped": (N_("not sent"), "neutral"),
    "cancelled": (N_("cancelled"), "off"),
}
"""Where a message stands -> its word and tone; English msgids."""

HAPPENED: dict[str, str] = {
    "planned": N_("Planned"),
    "claimed": N_("Taken by a worker"),
    "handed_over": N_("Handed over to the provider"),
    "accepted": N_("Taken by the provider"),
    "refused": N_("Refused"),
    "unknown": N_("Nobody knows whether it arrived"),
    "skipped": N_("Not sent"),
    "cancelled": N_("Cancelled"),
    "delivered": N_("Delivered"),
    "opened": N_("Opened"),
    "clicked": N_("A link was followed"),
    "failed": N_("Failed after it had left"),
}
"""What happens to a message; English msgids."""

OUTCOMES: dict[str, tuple[str, Tone]] = {
    "accepted": (N_("accepted"), "good"),
    "refused": (N_("refused"), "warning"),
    "retry": (N_("tried again"), "neutral"),
    "unknown": (N_("unknown"), "warning"),
}

PARTS: tuple[tuple[str, str], ...] = (
    ("subject", N_("Subject")),
    ("preheader", N_("Preview line")),
    ("title", N_("Title")),
    ("body", N_("Text")),
    ("text", N_("Text")),
    ("url", N_("Leads to")),
)

_PIXEL = re.compile(r"<img\b[^>]*/o/[^>]*>", re.IGNORECASE)
_HREF = re.compile(r"\bhref\s*=", re.IGNORECASE)


def state_badge(row: MessageRow, words: Words) -> Badge:
    """Where it stands; what is planned and has a reason is held."""
    if row.state == "planned" and row.reason:
        return Badge(text=words.gettext("held"), tone="warning")
    text, tone = STATES[row.state]
    return Badge(text=words.gettext(text), tone=tone)


def _when(row: MessageRow, words: Words) -> tuple[datetime, str]:
    _ = words.gettext
    if row.state == "planned":
        return row.try_at, _("will be tried")
    if row.state in ("accepted", "handed_over", "unknown"):
        return row.handed_over_at or row.settled_at or row.created_at, _("went out")
    return row.settled_at or row.created_at, _("settled") if row.settled_at else _("planned")


def _came(row: MessageRow, words: Words) -> str:
    """The best that came of it."""
    known = (
        (row.failed_at, "failed"),
        (row.clicked_at, "clicked"),
        (row.opened_at, "opened"),
        (row.delivered_at, "delivered"),
    )
    found = next((name for at, name in known if at is not None), "")
    said = {"failed": N_("went wrong"), "clicked": N_("clicked"), "opened": N_("opened"), "delivered": N_("delivered")}
    return words.gettext(said[found]) if found else ""


def reason_of(one: OutboxRow, kept: Mapping[str, Any] | None) -> Reason | None:
    """What decided, with its values where the message kept them; else the general words."""
    if one.why is None:
        return None
    for name in ("sending", "reason") if kept else ():
        found = kept[name] if kept else None
        if found:
            try:
                reason = msgspec.json.decode(found, type=Reason)
            except (msgspec.DecodeError, TypeError):
                continue
            if reason.code == one.message.reason:
                return reason
    return one.why


def message_line(
    one: OutboxRow,
    words: Words,
    *,
    people: Mapping[int, PersonLink],
    subjects: Mapping[int, str],
    templates: Mapping[str, str],
    reasons: Mapping[int, Mapping[str, Any]],
) -> MessageLine:
    """A message in a list."""
    row = one.message
    at, word = _when(row, words)
    named = templates.get(row.template, row.template) if row.template else words.gettext("Words of its own")
    return MessageLine(
        message_id=row.id,
        what=subjects.get(row.id) or named,
        href=links.message(row.id),
        badge=state_badge(row, words),
        channel=channel_name(row.channel, words) if row.channel else channel_names(row.channels[:3], words),
        purpose=purpose_name(row.purpose, words),
        at=at,
        when_word=word,
        person=people.get(row.person_id) if row.person_id is not None else None,
        reason=reason_of(one, reasons.get(row.id)),
        came=_came(row, words),
        from_=one.broadcast_name or words.gettext(ORIGINS.get(row.origin, row.origin)),
        from_href=links.broadcast(one.broadcast) if one.broadcast else None,
    )


# One message ----------------------------------------------------------------------------------------------


def _facts(found: MessageDetail, account: str, address: str, template: str, words: Words) -> list[tuple[str, str]]:
    _, row = words.gettext, found.message
    facts = [(_("What for"), purpose_name(row.purpose, words))]
    if row.channel:
        facts.append((_("Channel"), channel_name(row.channel, words)))
    else:
        facts.append((_("Channels, in order"), channel_names(row.channels, words)))
    if address:
        facts.append((_("To the address"), address))
    if account:
        facts.append((_("Through the account"), account))
    if row.template:
        facts.append((_("Template"), template))
    facts.append((_("Comes from"), found.broadcast_name or _(ORIGINS.get(row.origin, row.origin))))
    facts += [(_("By"), row.created_by), (_("Priority"), str(row.priority))]
    if row.not_after:
        facts.append((_("Of use until"), instant(row.not_after, words)))
    if row.cost_minor is not None and row.currency:
        facts.append((_("Cost"), format_money(row.cost_minor, row.currency, words.language)))
    return facts


def _moments(found: MessageDetail, words: Words) -> list[Moment]:
    known = [Moment(at=one.at, text=words.gettext(HAPPENED.get(one.state, one.state))) for one in found.states]
    row = found.message
    if row.state == "planned":
        known.append(Moment(at=row.try_at, text=words.gettext("It is tried"), future=True))
    return known


def _attempts(found: MessageDetail, accounts: Mapping[int, str], words: Words) -> list[AttemptRow]:
    rows = []
    for one in found.attempts:
        text, tone = OUTCOMES.get(one.outcome, (one.outcome, "neutral"))
        rows.append(
            AttemptRow(
                at=one.at,
                account=accounts.get(one.account_id, str(one.account_id)),
                channel=channel_name(one.channel, words),
                badge=Badge(text=words.gettext(text), tone=tone),
                detail=" ".join(part for part in (one.code, one.detail) if part),
                provider_id=one.provider_id or "",
            )
        )
    return rows


def parts_of(content: Mapping[str, Any] | None, words: Words) -> list[tuple[str, str]]:
    """What was said, part by part, each once; the HTML has a frame of its own, and says what the text says."""
    if not content:
        return []
    shown: dict[str, str] = {}
    for name, label in PARTS:
        said = content.get(name)
        if said and not (content.get("html") and name in ("body", "text")):
            shown.setdefault(str(said), words.gettext(label))
    return [(label, said) for said, label in shown.items()]


def harmless(html: str) -> str:
    """What was said, so that looking at it counts nothing: no pixel is fetched, no link leads anywhere."""
    return _HREF.sub("data-href=", _PIXEL.sub("", html))


def message_page(
    found: MessageDetail,
    words: Words,
    *,
    person: PersonLink | None,
    accounts: Mapping[int, str],
    address: str,
    template: str,
    contacts: bool,
    may_cancel: bool,
) -> Message:
    """One message: what was said, the decision with its facts, attempts, states."""
    row, content = found.message, found.content
    first: Sequence[Reason] = found.reasons[:1]
    title = (content or {}).get("subject") or (content or {}).get("title") or template
    return Message(
        message_id=row.id,
        title=str(title or words.gettext("Message %(number)s") % {"number": row.id}),
        badge=state_badge(row, words),
        facts=_facts(found, accounts.get(row.account_id or 0, ""), address, template, words),
        moments=_moments(found, words),
        person=person,
        reason=first[0] if first else None,
        sending=found.sending,
        decision=decision_card(found.decision, words) if found.decision else None,
        attempts=_attempts(found, accounts, words),
        parts=parts_of(content, words),
        said_href=links.message_said(row.id) if content and content.get("html") else None,
        expired=contacts and content is None and row.handed_over_at is not None,
        broadcast=found.broadcast_name or "",
        broadcast_href=links.broadcast(found.broadcast) if found.broadcast else None,
        can_cancel=found.can_cancel and may_cancel,
        can_settle=row.state == "unknown" and may_cancel,
    )
