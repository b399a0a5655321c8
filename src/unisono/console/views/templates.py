"""Templates as their screens show them: rows, versions, differences, previews, what Liquid may name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from unisono.console import links
from unisono.console.contexts import (
    Badge,
    Choice,
    DiffRow,
    NamedRow,
    PreviewCard,
    TemplateRow,
    TemplateVersionRow,
    VoiceField,
)
from unisono.console.views.voice import (
    CHANNELS,
    PURPOSES,
    channel_word,
    choices_of,
    finding_rows,
    languages,
    plain_choices,
    purpose_choices,
)
from unisono.console.words import Words
from unisono.customers.segments.wording import event_called
from unisono.engagement.templates.builtin import builtins
from unisono.engagement.templates.model import (
    Content,
    Template,
    TemplateChange,
    TemplatePreview,
    TemplateVersion,
    UsedBy,
)
from unisono.kit.marking import N_

KINDS: Final = {"message": N_("Message"), "block": N_("Block of other templates")}

VARIABLES: Final[tuple[tuple[str, str], ...]] = (
    ('{{ person.first_name | default: "…" }}', N_("any trait of the person, with what to say when it is unknown")),
    ("{{ points.balance | number }}", N_("points of the loyalty card")),
    ('{% if segments contains "vip" %}…{% endif %}', N_("only for who is in a segment")),
    ('{{ product["SKU"].price }}', N_("a product by its sku: name, price, before, percent, stock, url, image_url")),
    ("{% for item in products %}…{% endfor %}", N_("the products that came with the message")),
    ("{{ cart.total }}", N_("the open cart: lines, total, count")),
    ("{{ order.number }}", N_("the order: number, lines, total, status, placed_at")),
    ("{{ store.name }}", N_("the store: name, address_line, opening")),
    ("{{ data.code }}", N_("whatever came with the message")),
    ("{{ links.unsubscribe }}", N_("unsubscribe, preferences, confirm")),
    ("{{ brand.name }}", N_("name, contact, site_url of the brand")),
    ('{{ 1290 | money: "EUR" }}', N_("amounts and days in the reader's language: money, number, date")),
    ('{% block "code" %}', N_("a kept block, put in here")),
)
"""What Liquid may name, and what it is; English msgids."""

_USERS: Final = {
    "template": N_("Template"),
    "broadcast": N_("Broadcast"),
    "journey": N_("Journey"),
    "notice": N_("Notice"),
}

_FIELDS: Final = {
    "subject": N_("subject"),
    "preheader": N_("preview line"),
    "mjml": N_("design"),
    "blocks": N_("pieces"),
    "text": N_("text"),
    "title": N_("title"),
    "body": N_("text"),
    "url": N_("link"),
    "image_url": N_("picture"),
    "buttons": N_("buttons"),
    "data": N_("further fields"),
    "slot": N_("slot"),
}


def badge_of(one: Template, words: Words) -> Badge:
    """Whether it is sent, and whether the draft says something else."""
    if one.archived_at is not None:
        return Badge(text=words.gettext("out of use"), tone="off")
    if one.builtin:
        return Badge(text=words.gettext("ready-made"), meaning=words.gettext("It comes with Unisono; change it freely"))
    if not one.version:
        return Badge(text=words.gettext("draft"))
    text = words.gettext("changed since version %(number)s") if one.changed else words.gettext("version %(number)s")
    return Badge(text=text % {"number": one.version}, tone="neutral" if one.changed else "good")


def template_row(one: Template, words: Words) -> TemplateRow:
    """A template in the list."""
    languages = sorted({language for said in one.draft.values() for language in said})
    return TemplateRow(
        code=one.code,
        name=one.name,
        href=links.template(one.code),
        badge=badge_of(one, words),
        kind=words.gettext(KINDS[one.kind]) if one.kind == "block" else "",
        purpose=words.gettext(PURPOSES[one.purpose]),
        channels=[channel_word(channel, words) for channel in CHANNELS if channel in one.draft],
        languages=languages,
        changed_at=None if one.builtin else one.draft_at,
        changed_by="" if one.builtin else one.draft_by,
        notice=event_called(one.notice, words.language) if one.notice else "",
    )


def general_fields(one: Template, brands: Iterable[str], words: Words) -> list[VoiceField]:
    """Name, purpose, brand, and the event it answers."""
    known = sorted({*brands, one.brand})
    made = [
        VoiceField(name="name", label=words.gettext("Name"), value=one.name, required=True),
        VoiceField(
            name="purpose",
            label=words.gettext("Purpose"),
            kind="select",
            choices=purpose_choices(one.purpose, words),
        ),
    ]
    if len(known) > 1:
        chosen = plain_choices(known, one.brand)
        made.append(VoiceField(name="brand", label=words.gettext("Brand"), kind="select", choices=chosen))
    if one.kind == "message":
        made.append(
            VoiceField(
                name="notice",
                label=words.gettext("Answers this event by itself"),
                value=one.notice or "",
                hint=words.gettext("Transactional and service alone: Order Ready for Pickup, for example."),
                choices=[Choice(value=name, label=event_called(name, words.language)) for name in _answered()],
            )
        )
    return made


def _answered() -> list[str]:
    """Events that messages answer which come with Unisono; others may be answered too."""
    return sorted({new.notice for new in builtins().values() if new.notice})


def new_fields(typed: dict[str, str], language: str, words: Words) -> list[VoiceField]:
    """The form of a new template."""
    channels = [Choice(value=one, label=channel_word(one, words), selected=one == typed.get("channel", "email"))
                for one in CHANNELS]  # fmt: skip
    return [
        VoiceField(name="name", label=words.gettext("Name"), value=typed.get("name", ""), required=True),
        VoiceField(
            name="code",
            label=words.gettext("Code"),
            value=typed.get("code", ""),
            hint=words.gettext("Small letters, digits and dashes; empty, it is made from the name."),
        ),
        VoiceField(
            name="kind",
            label=words.gettext("Kind"),
            kind="select",
            choices=choices_of(KINDS.items(), typed.get("kind", "message"), words),
        ),
        VoiceField(
            name="purpose",
            label=words.gettext("Purpose"),
            kind="select",
            choices=purpose_choices(typed.get("purpose", "marketing"), words),
        ),
        VoiceField(name="channel", label=words.gettext("First channel"), kind="select", choices=channels),
        VoiceField(
            name="language",
            label=words.gettext("First language"),
            value=typed.get("language", language),
            choices=languages(words),
        ),
    ]


def missing_channels(content: Content, words: Words) -> list[Choice]:
    """Channels it could speak on as well."""
    return [Choice(value=one, label=channel_word(one, words)) for one in CHANNELS if one not in content]


def diff_rows(changes: Iterable[TemplateChange], words: Words) -> list[DiffRow]:
    """Each field that differs, line by line; the marks of hunks become gaps."""
    return [
        DiffRow(
            where=f"{channel_word(one.channel, words)} · {one.language} · {words.gettext(_FIELDS[one.field])}",
            lines=[("…", "") if line.startswith("@@") else (line[:1].strip(), line[1:]) for line in one.lines],
        )
        for one in changes
    ]


def version_rows(found: list[TemplateVersion], chosen: str, here: str) -> list[TemplateVersionRow]:
    """What was published, newest first."""
    return [
        TemplateVersionRow(
            version=one.version,
            at=one.at,
            actor=one.actor,
            note=one.note,
            diff_href=f"{here}&diff={one.version}#versions",
            chosen=chosen == str(one.version),
        )
        for one in found
    ]


def named_rows(users: Iterable[UsedBy], words: Words) -> list[NamedRow]:
    """What uses it."""
    pages = {"template": links.template, "broadcast": links.broadcast}
    return [
        NamedRow(
            kind=words.gettext(_USERS.get(one.kind, one.kind)),
            name=one.name,
            href=pages[one.kind](one.code) if one.kind in pages else None,
        )
        for one in users
    ]


def preview_card(found: TemplatePreview, sender: str, words: Words) -> PreviewCard:
    """What somebody would get, without the frame it is shown in."""
    made = found.rendered
    return PreviewCard(
        subject=made.subject or "",
        preheader=made.preheader or "",
        sender=sender,
        title=made.title or "",
        text=made.text or made.body or "",
        url=made.url or "",
        image_url=made.image_url or "",
        buttons=[(one.label, one.url) for one in made.buttons],
        missing=found.missing,
        findings=finding_rows(found.findings, words),
        blocked=any(one.severity == "block" for one in found.findings),
    )
