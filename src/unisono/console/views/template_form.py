"""The editor of templates: its fields by channel, the pieces of an e-mail, and what a pressed button makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from unisono.console.contexts import BlockCard, Choice, VoiceField
from unisono.console.words import Words
from unisono.engagement.brand.model import Kit
from unisono.engagement.templates.blocks import body_of
from unisono.engagement.templates.errors import BadTemplate
from unisono.engagement.templates.model import Block, ChannelContent
from unisono.kit.marking import N_

Form = Mapping[str, str]

_TEXTS: Final = ("text", "image_url", "buttons", "data")
_PUSH: Final = ("title", "body", "url", "image_url", "buttons", "data")

FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "email": ("subject", "preheader", "mjml", "text"),
    "text": _TEXTS,
    "sms": ("text", "data"),
    "whatsapp": _TEXTS,
    "messenger": _TEXTS,
    "instagram": _TEXTS,
    "telegram": _TEXTS,
    "chat": _TEXTS,
    "push": _PUSH,
    "web_push": _PUSH,
    "app_push": _PUSH,
    "onsite": ("slot", *_PUSH),
    "mail": ("subject", "text", "url", "data"),
    "call": ("title", "body"),
    "clerk": ("title", "body"),
    "till": ("title", "body", "url", "data"),
    "webhook": ("subject", "title", "body", "text", "url", "data"),
    "ads": ("data",),
    "other": ("subject", "text"),
}
"""What is written on each channel."""

_LABELS: Final[dict[str, tuple[str, str]]] = {
    "subject": (N_("Subject"), ""),
    "preheader": (N_("Preview line"), N_("What mail programs show after the subject.")),
    "mjml": (N_("Design (MJML)"), N_("Sections alone are enough: the brand's colours and logo are around them.")),
    "text": (N_("Text"), ""),
    "title": (N_("Title"), ""),
    "body": (N_("Text"), ""),
    "url": (N_("Leads to"), ""),
    "image_url": (N_("Picture, its address"), ""),
    "slot": (N_("Slot"), N_("Where on the site: inbox, or the name of a banner's place.")),
    "data": (N_("Further fields (JSON)"), N_("What only this channel knows, as the name of an approved template.")),
}

BLOCKS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "heading": (N_("Heading"), ("text",)),
    "text": (N_("Paragraph"), ("text",)),
    "image": (N_("Picture"), ("image_url", "text", "url")),
    "button": (N_("Button"), ("text", "url")),
    "products": (N_("Products"), ("of",)),
    "divider": (N_("Line"), ()),
    "spacer": (N_("Space"), ()),
    "block": (N_("Kept block"), ("code",)),
}
"""Piece of an e-mail -> its name and what it asks; all may have a condition."""

_BLOCK_LABELS: Final[dict[tuple[str, str], str]] = {
    ("image", "text"): N_("In words, for who cannot see it"),
    ("image", "url"): N_("Leads to"),
    ("button", "text"): N_("On it stands"),
}
_PART_LABELS: Final[dict[str, str]] = {
    "text": N_("Text"),
    "url": N_("Leads to"),
    "image_url": N_("Picture, its address"),
    "of": N_("Which"),
    "code": N_("Code of the block"),
    "show_if": N_("Only if"),
}

LISTS: Final = {
    "products": N_("those that come with the message"),
    "cart.lines": N_("what lies in the open cart"),
    "order.lines": N_("what was ordered"),
}
"""What a piece of products goes through; English msgids."""

MOST_BUTTONS: Final = 4
_MOST_BLOCKS: Final = 100


def fields_of(content: ChannelContent, channel: str, words: Words) -> list[VoiceField]:
    """The fields of a channel; of an e-mail made of pieces without its MJML."""
    made: list[VoiceField] = []
    for name in FIELDS.get(channel, ("title", "body", "text", "url", "data")):
        if name == "buttons":
            made += _button_fields(content, words)
        elif name != "mjml" or content.mjml:
            made.append(_field(content, channel, name, words))
    return made


def _field(content: ChannelContent, channel: str, name: str, words: Words) -> VoiceField:
    label, hint = _LABELS[name]
    value: Any = getattr(content, name)
    if name == "data":
        value = msgspec.json.format(msgspec.json.encode(value), indent=2).decode() if value else ""
    if channel == "email" and name == "text":
        label, hint = N_("Text part"), N_("Leave it empty: it is made from the design.")
    code, long = name in ("mjml", "data"), name in ("text", "body")
    return VoiceField(
        name=name,
        label=words.gettext(label),
        hint=words.gettext(hint),
        value=value,
        kind="code" if code else "long" if long else "line",
        rows=18 if name == "mjml" else 4 if channel == "email" or code else 6,
    )


def _button_fields(content: ChannelContent, words: Words) -> list[VoiceField]:
    shown = [*content.buttons[:MOST_BUTTONS], None][:MOST_BUTTONS]
    made = []
    for place, button in enumerate(shown):
        values = (button.label, button.url) if button else ("", "")
        for part, label, value in zip(("label", "url"), (N_("Button %(num)s"), N_("leads to")), values, strict=True):
            text = words.gettext(label)
            made.append(
                VoiceField(
                    name=f"buttons.{place}.{part}",
                    label=text % {"num": place + 1} if "%(num)s" in text else text,
                    value=value,
                )
            )
    return made


def block_cards(content: ChannelContent, words: Words, kept: Sequence[tuple[str, str]]) -> list[BlockCard]:
    """The pieces of an e-mail, in order; ``kept`` are the blocks there are: code and name."""
    last = len(content.blocks) - 1
    return [
        BlockCard(
            number=place,
            kind=block.is_,
            title=words.gettext(BLOCKS[block.is_][0]),
            fields=_block_fields(block, place, words, kept),
            first=place == 0,
            last=place == last,
        )
        for place, block in enumerate(content.blocks)
    ]


def _block_fields(block: Block, place: int, words: Words, kept: Sequence[tuple[str, str]]) -> list[VoiceField]:
    made = []
    for name in (*BLOCKS[block.is_][1], "show_if"):
        value = getattr(block, name)
        choices = _block_choices(name, value, words, kept)
        long = name == "text" and block.is_ == "text"
        made.append(
            VoiceField(
                name=f"b{place}.{name}",
                label=words.gettext(_BLOCK_LABELS.get((block.is_, name), _PART_LABELS[name])),
                value=value,
                kind="select" if choices else "long" if long else "line",
                rows=3,
                hint=words.gettext(SHOW_IF) if name == "show_if" else "",
                choices=choices,
            )
        )
    return made


SHOW_IF: Final = N_('A condition of Liquid: segments contains "vip", or points.balance > 100.')


def _block_choices(name: str, value: str, words: Words, kept: Sequence[tuple[str, str]]) -> list[Choice]:
    """What there is to choose from; nothing for what is typed."""
    if name not in ("of", "code"):
        return []
    known = [(one, words.gettext(text)) for one, text in LISTS.items()]
    if name == "code":
        known = [("", words.gettext("choose one")), *kept]
    if value not in dict(known):
        known.append((value, value))
    return [Choice(value=one, label=text, selected=one == value) for one, text in known]


def block_kinds(words: Words) -> list[Choice]:
    """The pieces one may add."""
    return [Choice(value=kind, label=words.gettext(text)) for kind, (text, _) in BLOCKS.items()]


def content_of(form: Form, before: ChannelContent, channel: str) -> ChannelContent:
    """What a form says; what it has no field for stays. Raises BadTemplate."""
    raw: dict[str, Any] = msgspec.to_builtins(before)
    for name in FIELDS.get(channel, ("title", "body", "text", "url", "data")):
        if name == "buttons" and "buttons.0.label" in form:
            raw[name] = _buttons(form, before)
        elif name == "data" and name in form:
            raw[name] = data_typed(form[name])
        elif name in form:
            raw[name] = form[name].replace("\r\n", "\n")
    if "b.n" in form:
        raw["blocks"] = _blocks(form)
    try:
        return msgspec.convert(raw, ChannelContent)
    except msgspec.ValidationError as error:
        raise BadTemplate(f"It cannot be kept: {error}.") from error


def data_typed(text: str) -> dict[str, Any]:
    """An object typed as JSON, empty for nothing. Raises BadTemplate."""
    if not text.strip():
        return {}
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadTemplate(f"The further fields are no JSON: {error}", code="data_unreadable", field="data") from error
    if not isinstance(found, dict):
        raise BadTemplate("The further fields are a JSON object.", code="data_unreadable", field="data")
    return cast("dict[str, Any]", found)


def _buttons(form: Form, before: ChannelContent) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for place in range(MOST_BUTTONS):
        label = form.get(f"buttons.{place}.label", "").strip()
        if label:
            value = before.buttons[place].value if place < len(before.buttons) else ""
            made.append({"label": label, "url": form.get(f"buttons.{place}.url", "").strip(), "value": value})
    more: list[dict[str, Any]] = msgspec.to_builtins(list(before.buttons[MOST_BUTTONS:]))
    return made + more


def _blocks(form: Form) -> list[dict[str, Any]]:
    typed = form.get("b.n", "")
    number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 4 else 0
    made = []
    for place in range(min(number, _MOST_BLOCKS)):
        kind = form.get(f"b{place}.is", "")
        names = (*BLOCKS.get(kind, ("", ()))[1], "show_if")
        parts = {name: form.get(f"b{place}.{name}", "").replace("\r\n", "\n") for name in names}
        made.append({"is": kind, **{name: value for name, value in parts.items() if value}})
    return made


def pressed(content: ChannelContent, do: str, form: Form, kit: Kit) -> ChannelContent:
    """What a button of the pieces makes of an e-mail: ``add``, ``up:2``, ``down:2``, ``remove:2``, ``mjml``,
    ``pieces``; anything else leaves it. Raises BadTemplate."""
    pieces, (deed, _, number) = list(content.blocks), do.partition(":")
    if deed == "mjml":
        return msgspec.structs.replace(content, mjml=body_of(content.blocks, kit) or EMPTY_MJML, blocks=())
    if deed == "pieces":
        return msgspec.structs.replace(content, mjml="", blocks=())
    if deed == "add":
        kind = form.get("kind", "")
        if kind not in BLOCKS or len(pieces) >= _MOST_BLOCKS:
            raise BadTemplate("There is no such piece, or there are too many.")
        return msgspec.structs.replace(content, blocks=(*pieces, msgspec.convert({"is": kind}, Block)))
    at = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else -1
    if not 0 <= at < len(pieces):
        return content
    if deed == "remove":
        del pieces[at]
    elif deed in ("up", "down"):
        to = min(max(at + (1 if deed == "down" else -1), 0), len(pieces) - 1)
        pieces.insert(to, pieces.pop(at))
    return msgspec.structs.replace(content, blocks=tuple(pieces))


EMPTY_MJML: Final = "<mj-section>\n  <mj-column>\n    <mj-text></mj-text>\n  </mj-column>\n</mj-section>"
"""What an e-mail written as MJML begins with."""
