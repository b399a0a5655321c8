"""Rendering: compiled once a version, channel and language; then only Liquid runs for each person.

Measured on one core of a 2-core machine: a marketing e-mail of 7.5 kB with name, three products, points, text part and
footer takes 0.35 ms, 2,850 a second; ``tests/engagement/templates/test_render_rate.py`` holds it to a floor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import unescape
from typing import Any, Final

from liquid import BoundTemplate
from markupsafe import escape

from unisono.engagement.brand.model import Kit
from unisono.engagement.templates import blocks as pieces_of_mail
from unisono.engagement.templates.compiling import compile_mail
from unisono.engagement.templates.errors import BadTemplate, ContentMissing, RenderFailed
from unisono.engagement.templates.filters import text_of
from unisono.engagement.templates.markup import allowed, tidy
from unisono.engagement.templates.model import SHARED, Button, ChannelContent, Content, Needs, Purpose, Rendered
from unisono.engagement.templates.sandbox import Allowance, compile_liquid, needs_of, run

MAX_LINE: Final = 2000
"""Characters of a line, values filled in; longer ones are cut."""
MOST: Final = {"subject": 400, "title": 400}
"""Those of which people see the beginning alone."""
MAX_DATA: Final = 200
"""Texts in a channel's further fields."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LINES = re.compile(r"\s+")
_URL = re.compile(r"https?://[^\s<>\"')\]]+")
_SCHEME = re.compile(r"[\s\x00-\x1f]*[a-z][\w+.\s\x00-\x1f-]{0,40}:", re.IGNORECASE).match
_OPENINGS: Final = (' href="', ' src="', ' background="')

Part = BoundTemplate | str
"""A text of a content: parsed, or as it is where it has no Liquid."""


class Renderer:
    """One content of a channel in a language, compiled. Raises BadTemplate when it cannot be."""

    def __init__(
        self,
        content: ChannelContent,
        *,
        channel: str,
        language: str,
        purpose: Purpose,
        kit: Kit,
        blocks: Mapping[str, Content] | None = None,
    ) -> None:
        self.channel = channel
        self.language = language
        self.purpose = purpose
        self._kit = _kit_values(kit, language)
        legal = purpose == "marketing" and (channel == "mail" or (channel == "email" and bool(content.text)))
        self._footer = pieces_of_mail.footer_text(kit, language) if legal else ""
        self._name = kit.name
        self._parts: list[BoundTemplate] = []
        self._blocks = blocks or {}
        self._kit_of_blocks = kit
        self._mail = channel == "email"
        self._html: Part = ""
        self._text: Part = ""
        if self._mail:
            mail = compile_mail(content, language=language, purpose=purpose, kit=kit, blocks=self._blocks)
            self._html = self._part(mail.html, html=True)
            self._text = self._part(content.text or mail.text, expand=bool(content.text))
        else:
            self._text = self._part(content.text, expand=True)
        self._lines = {
            name: self._part(getattr(content, name)) for name in ("subject", "preheader", "title", "url", "image_url")
        }
        self._body = self._part(content.body, expand=True)
        self._buttons = [(self._part(one.label), self._part(one.url), self._part(one.value)) for one in content.buttons]
        self._data = _compiled_data(content.data, self._part)
        if content.slot:
            self._data = {"slot": content.slot, **self._data}
        self.needs: Needs = needs_of(*self._parts)

    def _part(self, source: str, *, html: bool = False, expand: bool = False) -> Part:
        if expand and source:
            source = pieces_of_mail.expand(source, self.channel, self.language, self._blocks, kit=self._kit_of_blocks)
        if "{{" not in source and "{%" not in source:
            return source
        template = compile_liquid(source, self.language, html=html)
        self._parts.append(template)
        return template

    def render(self, context: Mapping[str, Any]) -> Rendered:
        """What one person gets. ``context`` is that of `facts.contexts`, plus ``links`` from the caller
        (unsubscribe, preferences, confirm). Raises RenderFailed when a limit is hit or a link is missing."""
        left = Allowance()
        values = {"brand": self._kit, **context}
        lines = {name: _line(_run(part, values, left), MOST.get(name, MAX_LINE)) for name, part in self._lines.items()}
        text = _clean(_run(self._text, values, left))
        body = _clean(_run(self._body, values, left))
        html = None
        if self._footer:
            text, body = (_with_line(one, self._footer) for one in (text, body))
        if self._mail:
            html, text = self._mail_parts(values, text, lines, left)
        elif not (text or body):
            text = body = lines["title"] or lines["subject"]
        url, image = _address(lines["url"]), _address(lines["image_url"])
        buttons = tuple(
            Button(label=_line(_run(label, values, left)), url=_address(_line(_run(to, values, left))) or "",
                   value=_line(_run(value, values, left)))
            for label, to, value in self._buttons
        )  # fmt: skip
        return Rendered(
            language=self.language,
            subject=lines["subject"] or (lines["title"] or None if self._mail else None),
            preheader=lines["preheader"] or None,
            html=html,
            text=text or body or None,
            title=lines["title"] or None,
            body=body or text or None,
            url=url,
            image_url=image,
            buttons=buttons,
            data=_filled(self._data, values, left) if self._data else {},
            links=_links(html, text if html is None else None, body, url, buttons),
        )

    def _mail_parts(
        self, values: Mapping[str, Any], text: str, lines: Mapping[str, str], left: Allowance
    ) -> tuple[str, str]:
        html = _CONTROL.sub("", _safe_addresses(_run(self._html, values, left)))
        text = tidy(text) or lines["preheader"] or lines["subject"] or self._name or "-"
        if self.purpose == "marketing":
            html, text = self._with_way_out(html, text, values)
        return html, text

    def _with_way_out(self, html: str, text: str, values: Mapping[str, Any]) -> tuple[str, str]:
        """A marketing e-mail can be ended, whatever its author did: a link within a comment or a branch that is not
        taken does not count."""
        links = values.get("links")
        url = text_of(links.get("unsubscribe")) if isinstance(links, Mapping) else ""
        if not url or not allowed(url):
            raise RenderFailed("A marketing e-mail needs the link by which it is ended.", code="unsubscribe_missing")
        label = pieces_of_mail.FOOTERS.get(self.language.split("-")[0], pieces_of_mail.FOOTERS["en"])[0]
        if f'href="{escape(url)}"' not in _COMMENT.sub("", html):
            line = f'<p style="font-size:12px;text-align:center"><a href="{escape(url)}">{escape(label)}</a></p>'
            at = html.rfind("</body>")
            html = html[:at] + line + html[at:] if at >= 0 else html + line
        if url not in text:
            text = f"{text}\n\n{label}: {url}"
        return html, text


_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def _kit_values(kit: Kit, language: str) -> dict[str, Any]:
    """What a template may say of its brand."""
    return {
        "name": kit.name,
        "company": kit.company,
        "vat": kit.vat,
        "address": kit.address,
        "contact": kit.contact,
        "site_url": kit.site_url,
        "logo_url": kit.logo_url,
        "colours": dict(kit.colours),
        "footer": pieces_of_mail.footer_text(kit, language),
    }


def _with_line(text: str, line: str) -> str:
    """A text that ends with a line, unless it says it already."""
    return text if not text or " ".join(line.split()) in " ".join(text.split()) else f"{text}\n\n{line}"


def _run(part: Part, values: Mapping[str, Any], left: Allowance) -> str:
    return part if isinstance(part, str) else run(part, values, left)


def _line(text: str, most: int = MAX_LINE) -> str:
    """One line: nobody's value begins a header of its own."""
    return _LINES.sub(" ", _CONTROL.sub("", text)).strip()[:most] if text else ""


def _clean(text: str) -> str:
    return tidy(_CONTROL.sub("", text)) if text else ""


def _address(text: str) -> str | None:
    return text if text and allowed(text) else None


def _safe_addresses(html: str) -> str:
    """The HTML, addresses of other schemes emptied: somebody's value may be ``javascript:...``."""
    for opening in _OPENINGS:
        pieces = html.split(opening)
        changed = False
        for place in range(1, len(pieces)):
            value, quote, rest = pieces[place].partition('"')
            # No attribute's value has a < in it: this is a text that says href=", unless it runs.
            value, tag, more = value.partition("<")
            if value.startswith(("https://", "http://")) or allowed(unescape(value)):
                continue
            if not tag or _SCHEME(unescape(value)):
                pieces[place], changed = f"#{tag}{more}{quote}{rest}", True
        if changed:
            html = opening.join(pieces)
    return html


def _links(
    html: str | None, text: str | None, body: str, url: str | None, buttons: Iterable[Button]
) -> tuple[str, ...]:
    found: dict[str, None] = {}
    if html is not None:
        for piece in html.split(' href="')[1:]:
            value, _, _ = piece.partition('"')
            if value.startswith(("http://", "https://")) and "<" not in value:
                found[unescape(value)] = None
    else:
        for one in (text or "", body):
            found.update(dict.fromkeys(_URL.findall(one)) if "://" in one else {})
    for address in (url, *(button.url for button in buttons)):
        if address:
            found[address] = None
    return tuple(one for one in found if not one.startswith("https://fonts.googleapis.com"))


def _compiled_data(data: Mapping[str, Any], part: Any) -> dict[str, Any]:
    count = 0

    def one(value: Any, depth: int) -> Any:
        nonlocal count
        count += 1
        if count > MAX_DATA or depth > 8:
            raise BadTemplate("Its further fields are too many.", code="template_too_large")
        if isinstance(value, str):
            return part(value)
        if isinstance(value, Mapping):
            return {str(name): one(inner, depth + 1) for name, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [one(inner, depth + 1) for inner in value]
        return value

    return {name: one(value, 0) for name, value in data.items()}


def _filled(value: Any, values: Mapping[str, Any], left: Allowance) -> Any:
    if isinstance(value, (str, BoundTemplate)):
        return _clean(_run(value, values, left))
    if isinstance(value, dict):
        return {name: _filled(inner, values, left) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, values, left) for inner in value]
    return value


class Renderers:
    """A version of a template with its brand and blocks: a `Renderer` for each channel and language, made at need."""

    def __init__(
        self,
        content: Content,
        *,
        purpose: Purpose,
        kit: Kit,
        blocks: Mapping[str, Content] | None = None,
        locale: str = "en",
        version: int = 0,
    ) -> None:
        self.content = content
        self.purpose = purpose
        self.kit = kit
        self.version = version
        self._blocks = blocks or {}
        self._locale = locale
        self._made: dict[tuple[str, str], Renderer] = {}
        own = {channel for channel, said in content.items() if said}
        self.channels: frozenset[str] = frozenset(own | {one for one, shared in SHARED.items() if shared in own})

    def languages(self, channel: str) -> tuple[str, ...]:
        """The languages it speaks on a channel."""
        return tuple(self._said(channel))

    def _said(self, channel: str) -> dict[str, ChannelContent]:
        said = self.content.get(channel) or self.content.get(SHARED.get(channel, ""), {})
        if not said:
            raise ContentMissing(f"The template says nothing on {channel}.")
        return said

    def of(self, channel: str, language: str | None) -> Renderer:
        """The renderer of a channel in the language nearest to the wanted one: it, its base, the company's, any.

        Raises ContentMissing when the template says nothing on the channel, BadTemplate when it cannot be compiled.
        """
        said = self._said(channel)
        chosen = nearest(said, language, self._locale)
        key = (channel, chosen)
        if key not in self._made:
            try:
                self._made[key] = Renderer(
                    said[chosen],
                    channel=channel,
                    language=chosen,
                    purpose=self.purpose,
                    kit=self.kit,
                    blocks=self._blocks,
                )
            except BadTemplate as error:
                error.extra |= {"channel": channel, "language": chosen}
                raise
        return self._made[key]

    def needs(self, channel: str | None = None) -> Needs:
        """What it names, in all languages; of one channel or of all."""
        channels = [channel] if channel is not None else list(self.content)
        found = [self.of(one, language).needs for one in channels for language in self.languages(one)]
        return Needs(
            names=frozenset().union(*(one.names for one in found)),
            skus=frozenset().union(*(one.skus for one in found)),
            paths=frozenset().union(*(one.paths for one in found)),
        )

    def check(self) -> None:
        """Compile everything. Raises BadTemplate, with channel and language, for the first that cannot be."""
        for channel, said in self.content.items():
            for language in said:
                self.of(channel, language)


def nearest(languages: Iterable[str], wanted: str | None, locale: str) -> str:
    """Of some languages the one a person understands best: the wanted, its base, a sister of it, the company's,
    English, the first."""
    known = list(languages)
    base = (wanted or "").split("-")[0]
    for one in (wanted, base, *(other for other in known if base and other.split("-")[0] == base), locale, "en"):
        if one in known:
            return one
    return known[0]
