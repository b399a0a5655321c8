"""Consents in words: what holds and why, what is blocked, what the law asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from unisono.console import links
from unisono.console.contexts import Badge, Choice, PersonLink, Tone
from unisono.console.contexts.consents import (
    AddressBlock,
    BlockedRow,
    EntryRow,
    HoldingRow,
    LawRow,
    TextRow,
    TextVersion,
)
from unisono.console.views.labels import brief
from unisono.console.views.saying import CHANNELS, channel_name, channel_names, choices
from unisono.console.words import Words
from unisono.customers.consent.model import ANY, Legal, LegalOverride, Suppression, Text
from unisono.customers.consent.model import CHANNELS as BOUND
from unisono.customers.consent.overview import Holding, PersonConsents
from unisono.customers.consent.proof import ACTION_WORDS, PURPOSE_WORDS
from unisono.kit.marking import N_
from unisono.kit.names import SOURCES

STATUSES: dict[str, tuple[str, Tone]] = {
    "granted": (N_("agreed"), "good"),
    "requested": (N_("to be confirmed"), "warning"),
    "refused": (N_("refused"), "off"),
    "withdrawn": (N_("withdrawn"), "off"),
    "expired": (N_("run out"), "neutral"),
}
"""What holds -> its word and tone; English msgids."""

ACTIONS: dict[str, Tone] = {
    "granted": "good",
    "confirmed": "good",
    "requested": "warning",
    "refused": "off",
    "withdrawn": "off",
    "expired": "neutral",
}

REASONS: dict[str, str] = {
    "hard_bounce": N_("does not exist"),
    "complaint": N_("marked as spam"),
    "opt_out": N_("wants no more"),
    "register": N_("opposition register"),
    "gone": N_("gone"),
    "manual": N_("blocked by staff"),
}
"""Why an address is blocked; English msgids."""

BLOCKS: dict[str, str] = {"all": N_("nothing goes there"), "marketing": N_("no marketing goes there")}

BASES: dict[str, str] = {
    "consent": N_("consent"),
    "soft_opt_in": N_("soft opt-in"),
    "contract": N_("contract"),
    "legitimate_interest": N_("legitimate interest"),
    "legal_obligation": N_("legal obligation"),
}

LAW: dict[str, tuple[str, str]] = {
    "marketing_double_opt_in": (
        N_("E-mail marketing counts once it is confirmed"),
        N_("The owner of the address presses a button in a mail (Garante, 4 July 2013)."),
    ),
    "double_opt_in_channels": (N_("Channels whose consent is confirmed"), ""),
    "confirm_within_days": (N_("Days to confirm"), ""),
    "separate_profiling": (
        N_("Marketing by profile needs its own consent"),
        N_("Beside the one to marketing, when what a person did decides what they get."),
    ),
    "soft_opt_in_channels": (
        N_("Channels of the soft opt-in"),
        N_("Own similar products to customers without consent: e-mail alone (Codice privacy, art. 130(4))."),
    ),
    "consent_channels": (N_("Channels on which marketing needs a consent"), ""),
    "register_channels": (
        N_("Channels held against the opposition register"),
        N_("Their addresses are looked up first (DPR 26/2022)."),
    ),
    "register_max_age_days": (N_("Days a look into the register is good for"), ""),
    "tracking_needs_consent": (
        N_("Opens are counted only with a consent to tracking"),
        N_("Without it no pixel is in the message."),
    ),
    "purchases_profiling_months": (
        N_("Months the detail of purchases may profile"),
        N_("Garante, 24 February 2005."),
    ),
    "purchases_marketing_months": (
        N_("Months the detail of purchases may serve marketing"),
        N_("Garante, 24 February 2005."),
    ),
}
"""A legal setting -> its sentence and a hint; English msgids."""


def purpose_name(purpose: str, words: Words) -> str:
    """A purpose of a consent."""
    return words.gettext(PURPOSE_WORDS.get(purpose, purpose))


def place(purpose: str, channel: str, words: Words) -> str:
    """Purpose and channel: "Marketing, E-mail"."""
    if channel == ANY:
        return purpose_name(purpose, words)
    return f"{purpose_name(purpose, words)}, {channel_name(channel, words)}"


def source_name(source: str, words: Words) -> str:
    """Where it was said."""
    return words.gettext(SOURCES.get(source, source))


def status_badge(status: str | None, words: Words, *, meaning: str = "", text: str = "") -> Badge:
    """What holds as a badge; ``text`` instead of its word."""
    if status is None:
        return Badge(text=text or words.gettext("never asked"), tone="neutral", meaning=meaning)
    word, tone = STATUSES[status]
    return Badge(text=text or words.gettext(word), tone=tone, meaning=meaning)


def _address(node_id: int | None, found: PersonConsents, words: Words, *, contacts: bool) -> str:
    one = next((one for one in found.addresses if one.node_id == node_id), None)
    if one is None or one.value is None:
        return ""
    return brief(one.namespace, one.value, words, contacts=contacts).value


def holding_row(one: Holding, found: PersonConsents, words: Words, *, contacts: bool) -> HoldingRow:
    """What holds on one purpose and channel, and why."""
    _ = words.gettext
    blocked = next((each for each in found.suppressions if _hits(each, one)), None)
    badge, why = status_badge(one.status, words), []
    if one.basis and one.basis != "consent" and one.status == "granted":
        why.append(_(BASES.get(one.basis, one.basis)))
    if one.categories:
        why.append(", ".join(one.categories))
    under = _address(one.node_id, found, words, contacts=contacts) if one.status else ""
    if under and one.channel != ANY:
        why.append(under)
    if blocked is not None:
        badge = Badge(text=_("blocked"), tone="off")
        why.insert(0, _(REASONS[blocked.reason]))
    return HoldingRow(
        purpose=one.purpose,
        channel=one.channel,
        label=channel_name(one.channel, words) if one.channel != ANY else purpose_name(one.purpose, words),
        badge=badge,
        why=", ".join(why),
        since=blocked.at if blocked else one.since,
        expires_at=one.expires_at if one.status == "granted" else None,
        can_withdraw=one.status in ("granted", "requested", None),
    )


def _hits(block: Suppression, holding: Holding) -> bool:
    return holding.purpose == "marketing" and block.channel in (holding.channel, ANY)


def contact_badges(rows: Iterable[HoldingRow], words: Words, href: str) -> list[Badge]:
    """A badge for each channel the person said something about, or that is blocked."""
    found = []
    for row in rows:
        if row.badge.tone == "neutral":
            continue
        meaning = f"{row.label}: {row.badge.text}" + (f" ({row.why})" if row.why else "")
        found.append(Badge(text=row.label, tone=row.badge.tone, meaning=meaning, href=href))
    return found


def block_row(one: Suppression, found: PersonConsents, words: Words, *, contacts: bool) -> AddressBlock:
    """A block of one of a person's addresses."""
    return AddressBlock(
        node_id=one.node_id,
        channel_code=one.channel,
        channel=channel_name(one.channel, words),
        address=_address(one.node_id, found, words, contacts=contacts),
        badge=Badge(text=words.gettext(REASONS[one.reason]), tone="warning"),
        blocks=words.gettext(BLOCKS[one.purposes]),
        at=one.at,
        detail=one.detail or "",
    )


def _actor(row: Mapping[str, Any], words: Words) -> str:
    """Who said it or wrote it down; empty when its source says that already."""
    if row["actor"] == "customer":
        return words.gettext("the person")
    return "" if row["actor"] in ("system", row["source"]) else str(row["actor"])


def entry_row(
    row: Mapping[str, Any],
    words: Words,
    *,
    people: Mapping[int, PersonLink] | None = None,
    addresses: Mapping[int, tuple[str, int]] | None = None,
) -> EntryRow:
    """One entry of the ledger; ``row`` has the fields of an entry and perhaps ``person_id``."""
    text = f"{row['text_id']} {row['text_version']} {row['text_language']}" if row.get("text_id") else ""
    basis = row["basis"]
    action = words.gettext(ACTION_WORDS[row["action"]])
    told = action if basis in ("consent", "contract") else f"{action}, {words.gettext(BASES.get(basis, basis))}"
    person = row.get("person_id")
    return EntryRow(
        at=row["at"],
        badge=Badge(text=told, tone=ACTIONS[row["action"]]),
        what=place(row["purpose"], row["channel"], words),
        source=source_name(row["source"], words),
        actor=_actor(row, words),
        person=(people or {}).get(person) if person is not None else None,
        address=(addresses or {}).get(row["node_id"], ("", 0))[0],
        text=text,
        expires_at=row.get("expires_at"),
    )


def text_rows(texts: Sequence[Text], words: Words) -> list[TextRow]:
    """Texts in their newest version, one row each with all its languages."""
    by_id: dict[str, list[Text]] = {}
    for one in texts:
        by_id.setdefault(one.id, []).append(one)
    return [
        TextRow(
            text_id=name,
            href=links.with_query(links.CONSENT, {"text": name}),
            purpose=purpose_name(mine[0].purpose, words),
            channels=channel_names(mine[0].channels, words) or words.gettext("any channel"),
            version=mine[0].version,
            bodies=[(one.language, one.body) for one in mine],
            created_at=mine[0].created_at,
            created_by=mine[0].created_by,
        )
        for name, mine in by_id.items()
    ]


def version_rows(texts: Sequence[Text]) -> list[TextVersion]:
    """Every version of a text, newest first."""
    by_version: dict[int, list[Text]] = {}
    for one in texts:
        by_version.setdefault(one.version, []).append(one)
    return [
        TextVersion(
            version=number,
            bodies=[(one.language, one.body) for one in mine],
            created_at=mine[0].created_at,
            created_by=mine[0].created_by,
        )
        for number, mine in sorted(by_version.items(), reverse=True)
    ]


def blocked_row(
    row: Mapping[str, Any],
    words: Words,
    people: Mapping[int, PersonLink],
    addresses: Mapping[int, tuple[str, int]],
) -> BlockedRow:
    """A blocked address of the list."""
    person = row["person_id"]
    return BlockedRow(
        address=addresses.get(row["node_id"], (words.gettext("erased"), 0))[0],
        channel=channel_name(row["channel"], words),
        badge=Badge(text=words.gettext(REASONS[row["reason"]]), tone="neutral" if row["lifted_at"] else "warning"),
        blocks=words.gettext(BLOCKS[row["purposes"]]),
        at=row["at"],
        source=source_name(row["source"], words),
        detail=row["detail"] or "",
        person=people.get(person) if person is not None else None,
        lifted_at=row["lifted_at"],
        lifted_by=row["lifted_by"] or "",
    )


# The law ------------------------------------------------------------------------------------------------


def _value(value: Any, words: Words) -> str:
    if isinstance(value, bool):
        return words.gettext("Yes") if value else words.gettext("No")
    if isinstance(value, frozenset):
        return channel_names((one for one in BOUND if one in value), words) or words.gettext("none")
    return str(value)


def law_rows(legal: Legal, overrides: Sequence[LegalOverride], words: Words) -> list[LawRow]:
    """Every legal setting with its default and who switched it."""
    switched = {one.name: one for one in overrides}
    defaults, rows = Legal(), []
    for name in Legal.__struct_fields__:
        label, hint = LAW[name]
        value, mine = getattr(legal, name), switched.get(name)
        many = isinstance(value, frozenset)
        kind = "flag" if isinstance(value, bool) else ("channels" if many else "number")
        rows.append(
            LawRow(
                name=name,
                label=words.gettext(label),
                hint=words.gettext(hint),
                kind=kind,
                value=_value(value, words),
                default=_value(getattr(defaults, name), words),
                raw="" if many else (("yes" if value else "no") if kind == "flag" else str(value)),
                reason=mine.reason if mine else "",
                at=mine.at if mine else None,
                actor=mine.actor if mine else "",
                choices=choices(CHANNELS, value, words, BOUND) if many else (),
            )
        )
    return rows


def law_typed(rows: Sequence[LawRow], name: str, form: Mapping[str, str], channels: Sequence[str]) -> list[LawRow]:
    """The rows with what was typed into the form of one."""
    return [
        msgspec.structs.replace(
            row,
            raw=form.get("value", ""),
            choices=[msgspec.structs.replace(one, selected=one.value in channels) for one in row.choices],
            typed_reason=form.get("reason", ""),
        )
        if row.name == name
        else row
        for row in rows
    ]


def purpose_choices(words: Words, chosen: str = "marketing") -> list[Choice]:
    """Every purpose to choose from."""
    return [
        Choice(value=name, label=words.gettext(text), selected=name == chosen) for name, text in PURPOSE_WORDS.items()
    ]
