"""E-mails put together from blocks, and kept blocks put into sources: both become MJML before it is compiled."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Final

from unisono.engagement.brand.model import Kit
from unisono.engagement.brand.words import in_language
from unisono.engagement.templates.errors import BadTemplate
from unisono.engagement.templates.model import Block, ChannelContent, Content

MAX_NESTED: Final = 5
"""Kept blocks within kept blocks."""
MAX_EXPANDED: Final = 300_000
"""Characters of a source with all its blocks in it."""

INK, PAPER, ACCENT, MUTED = "#1a1a1a", "#ffffff", "#1f4fd8", "#6b6b6b"
"""Colours where the brand names none."""

_CALL = re.compile(r"""\{%-?\s*block\s+["']([a-z0-9][a-z0-9_.-]{0,62})["']\s*-?%\}""")
_LIQUID = re.compile(r"(\{\{[^{}]*\}\}|\{%[^{}]*%\})")

FOOTERS: Final[dict[str, tuple[str, str]]] = {
    "it": ("Annulla l’iscrizione", "Le tue preferenze"),
    "en": ("Unsubscribe", "Your preferences"),
    "de": ("Abmelden", "Ihre Einstellungen"),
    "fr": ("Se désabonner", "Vos préférences"),
    "es": ("Darse de baja", "Sus preferencias"),
}
"""What the links of a marketing e-mail are called."""


def colour(kit: Kit, name: str, default: str) -> str:
    """A colour of the brand, or ours."""
    return kit.colours.get(name, default)


def _text(source: str) -> str:
    """Plain text with Liquid as HTML: the Liquid stays, the rest is escaped, line ends are kept."""
    pieces = [piece if place % 2 else escape(piece, quote=True) for place, piece in enumerate(_LIQUID.split(source))]
    return "".join(pieces).replace("\n", "<br />")


def _attribute(source: str) -> str:
    return _text(source).replace("<br />", " ")


def _heading(block: Block, kit: Kit) -> str:
    return f'<mj-text font-size="24px" font-weight="700" line-height="1.3">{_text(block.text)}</mj-text>'


def _paragraph(block: Block, kit: Kit) -> str:
    return f"<mj-text>{_text(block.text)}</mj-text>"


def _image(block: Block, kit: Kit) -> str:
    link = f' href="{_attribute(block.url)}"' if block.url else ""
    return f'<mj-image src="{_attribute(block.image_url)}" alt="{_attribute(block.text)}"{link} />'


def _button(block: Block, kit: Kit) -> str:
    back, ink = colour(kit, "accent", ACCENT), colour(kit, "paper", PAPER)
    return (
        f'<mj-button href="{_attribute(block.url)}" background-color="{back}" color="{ink}">{_text(block.text)}'
        "</mj-button>"
    )


def _products(block: Block, kit: Kit) -> str:
    accent = colour(kit, "accent", ACCENT)
    return (
        f"<mj-table>{{% for item in {block.of} %}}<tr>"
        '<td style="width:72px;padding:8px 12px 8px 0">{% if item.image_url %}'
        '<img src="{{ item.image_url }}" alt="" width="64" />{% endif %}</td>'
        f'<td style="padding:8px 0">{{% if item.url %}}<a href="{{{{ item.url }}}}" style="color:{accent}">'
        "{{ item.name }}</a>{% else %}{{ item.name }}{% endif %}"
        "{% if item.quantity %} × {{ item.quantity }}{% endif %}</td>"
        '<td style="padding:8px 0;text-align:right;white-space:nowrap">{{ item.price }}</td></tr>'
        "{% endfor %}</mj-table>"
    )


_MAKERS: Final[dict[str, Callable[[Block, Kit], str]]] = {
    "heading": _heading,
    "text": _paragraph,
    "image": _image,
    "button": _button,
    "products": _products,
    "divider": lambda block, kit: f'<mj-divider border-width="1px" border-color="{colour(kit, "muted", MUTED)}" />',
    "spacer": lambda block, kit: '<mj-spacer height="24px" />',
}


def body_of(blocks: tuple[Block, ...], kit: Kit) -> str:
    """Blocks as sections of MJML."""
    made = []
    for block in blocks:
        if block.is_ == "block":
            inner = f'{{% block "{block.code}" %}}'
        else:
            inner = f"<mj-section><mj-column>{_MAKERS[block.is_](block, kit)}</mj-column></mj-section>"
        made.append(f"{{% if {block.show_if} %}}{inner}{{% endif %}}" if block.show_if else inner)
    return "".join(made)


def page(body: str, kit: Kit) -> str:
    """A whole document around sections: the brand's type, colours and logo."""
    fonts = ", ".join(escape(font, quote=True) for font in kit.fonts) or "Helvetica, Arial, sans-serif"
    logo = ""
    if kit.logo_url:
        logo = (
            f'<mj-section><mj-column><mj-image width="160px" src="{escape(kit.logo_url, quote=True)}" '
            f'alt="{escape(kit.name, quote=True)}" /></mj-column></mj-section>'
        )
    return (
        f'<mjml><mj-head><mj-attributes><mj-all font-family="{fonts}" />'
        f'<mj-text font-size="16px" line-height="1.5" color="{colour(kit, "ink", INK)}" /></mj-attributes></mj-head>'
        f'<mj-body background-color="{colour(kit, "paper", PAPER)}">{logo}{body}</mj-body></mjml>'
    )


def footer_text(kit: Kit, language: str) -> str:
    """The legal footer in a language, and what of the company must be in it."""
    footer = in_language(kit.footer, language) or ""
    fields = {"company": kit.company, "vat": kit.vat, "address": kit.address}
    missing = [fields[name] for name in kit.footer_fields if fields[name] and fields[name] not in footer]
    return "\n".join(part for part in (footer, " · ".join(missing)) if part)


def footer(kit: Kit, language: str, *, text: bool, links: bool) -> str:
    """The section under an e-mail: who writes, and how to end it."""
    lines = as_html(footer_text(kit, language)) if text else ""
    if links:
        end, choose = FOOTERS.get(language.partition("-")[0], FOOTERS["en"])
        anchors = (
            f'<a href="{{{{ links.unsubscribe }}}}" style="color:inherit">{end}</a>'
            "{% if links.preferences %} · "
            f'<a href="{{{{ links.preferences }}}}" style="color:inherit">{choose}</a>{{% endif %}}'
        )
        lines = f"{lines}<br />{anchors}" if lines else anchors
    if not lines:
        return ""
    return (
        f'<mj-section><mj-column><mj-text font-size="12px" line-height="1.5" color="{colour(kit, "muted", MUTED)}">'
        f"{lines}</mj-text></mj-column></mj-section>"
    )


def as_html(text: str) -> str:
    """A text of the brand as HTML: no markup, no Liquid."""
    return escape(text, quote=True).replace("\n", "<br />").replace("{", "&#123;").replace("}", "&#125;")


def expand(source: str, channel: str, language: str, blocks: Mapping[str, Content], *, kit: Kit) -> str:
    """A source with every ``{% block "code" %}`` put in, in its language. Raises BadTemplate for one that does not
    exist, contains itself or grows too large."""
    whole: dict[str, str] = {}
    """Blocks with the blocks in them, each put together once however often it is named."""

    def put(text: str, inside: tuple[str, ...]) -> str:
        size = 0

        def one(found: re.Match[str]) -> str:
            nonlocal size
            code = found.group(1)
            if code in inside or len(inside) >= MAX_NESTED:
                raise BadTemplate(f"The block {code!r} contains itself, or blocks are nested too deeply.")
            if code not in whole:
                whole[code] = put(_source_of(code, channel, language, blocks, kit), (*inside, code))
            # Before it is put in: a block of the largest size ten thousand times is the machine's memory.
            size += len(whole[code])
            _check_size(size)
            return whole[code]

        expanded = _CALL.sub(one, text)
        _check_size(len(expanded))
        return expanded

    return put(source, ())


def _check_size(size: int) -> None:
    if size > MAX_EXPANDED:
        raise BadTemplate("With its blocks it is too long.", code="template_too_large")


def _source_of(code: str, channel: str, language: str, blocks: Mapping[str, Content], kit: Kit) -> str:
    kept = blocks.get(code)
    if kept is None:
        raise BadTemplate(f"There is no published block {code!r}.")
    said = kept.get(channel) or kept.get("email" if channel == "email" else "text") or {}
    found: ChannelContent | None = (
        said.get(language) or said.get(language.split("-", maxsplit=1)[0]) or next(iter(said.values()), None)
    )
    if found is None:
        raise BadTemplate(f"The block {code!r} says nothing on {channel}.")
    if channel == "email":
        return (
            found.mjml
            or body_of(found.blocks, kit)
            or f"<mj-section><mj-column>{_paragraph_of(found)}</mj-column></mj-section>"
        )
    return found.text or found.body


def _paragraph_of(content: ChannelContent) -> str:
    return f"<mj-text>{_text(content.text or content.body)}</mj-text>"


def named(content: Content) -> set[str]:
    """The kept blocks a content names, in its sources and among its pieces."""
    found: set[str] = set()
    for said in content.values():
        for one in said.values():
            found.update(_CALL.findall(one.mjml), _CALL.findall(one.text), _CALL.findall(one.body))
            found |= {block.code for block in one.blocks if block.is_ == "block"}
    return found
