"""MJML to HTML once a version: Liquid is taken out before the compiler sees it and put back where it stood.

So a comparison in a tag cannot break the XML, no value can become markup, and a tag the compiler would lose or double
is found here instead of in somebody's mailbox.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from html import escape
from typing import Final, NamedTuple

from mjml import mjml2html

from unisono.engagement.brand.model import Kit
from unisono.engagement.templates import blocks as pieces_of_mail
from unisono.engagement.templates.errors import BadTemplate
from unisono.engagement.templates.markup import ENDING, check_html, check_source, tags, text_of_html
from unisono.engagement.templates.model import ChannelContent, Content
from unisono.engagement.templates.sandbox import MAX_LIQUID, MAX_PIECES, pieces

MAX_HTML: Final = 400_000
"""Characters of the compiled HTML before anybody's values are in it."""

_BRAND = re.compile(r"\{\{-?\s*brand\.([a-z_]+)(?:\.([a-z0-9_]+))?\s*-?\}\}")
_FOOTER = re.compile(r"\{\{-?\s*brand\.footer\s*-?\}\}")
_HEAD = re.compile(r"<mj-head\b[^<>]*>", re.IGNORECASE)
_OPEN = re.compile(r"<mjml\b([^<>]*)>", re.IGNORECASE)
_LANGUAGE = re.compile(r"\blang\s*=", re.IGNORECASE)
_BODY_END = re.compile(r"</mj-body\s*>", re.IGNORECASE)


class Mail(NamedTuple):
    """An e-mail as Liquid: its HTML and its text."""

    html: str
    text: str


def compile_mail(
    content: ChannelContent, *, language: str, purpose: str, kit: Kit, blocks: Mapping[str, Content]
) -> Mail:
    """The Liquid of HTML and text of an e-mail, its blocks, brand, preheader and footer in it. Raises BadTemplate."""
    source = pieces_of_mail.expand(_document(content, kit), "email", language, blocks, kit=kit)
    placed = _FOOTER.search(source) is not None
    source = _branded(source, kit, language)
    source = _with_footer(source, language, purpose, kit, placed=placed)
    source = _with_preheader(source, content.preheader)
    source = _OPEN.sub(
        lambda found: (
            found.group() if _LANGUAGE.search(found.group(1)) else f'<mjml lang="{language}"{found.group(1)}>'
        ),
        source,
        count=1,
    )
    return _compiled(source)


def _document(content: ChannelContent, kit: Kit) -> str:
    source = content.mjml.strip()
    if not source:
        body = pieces_of_mail.body_of(content.blocks, kit)
        if not body:
            body = f"<mj-section><mj-column>{pieces_of_mail._paragraph_of(content)}</mj-column></mj-section>"
        return pieces_of_mail.page(body, kit)
    return source if _OPEN.search(source) else pieces_of_mail.page(source, kit)


def _branded(source: str, kit: Kit, language: str) -> str:
    """Plain outputs of the brand filled in: the compiler computes with widths and colours."""

    def value(found: re.Match[str]) -> str:
        name, part = found.group(1), found.group(2)
        if name == "footer" and part is None:
            return pieces_of_mail.as_html(pieces_of_mail.footer_text(kit, language))
        if name == "colours" and part is not None:
            return kit.colours.get(part, "")
        known = getattr(kit, name, None) if name in kit.__struct_fields__ else None
        return escape(known, quote=True).replace("{", "&#123;") if isinstance(known, str) and part is None else ""

    return _BRAND.sub(value, source)


def _with_footer(source: str, language: str, purpose: str, kit: Kit, *, placed: bool) -> str:
    has_links = "links.unsubscribe" in source
    links = purpose == "marketing" and not has_links
    footer = pieces_of_mail.footer(kit, language, text=not placed, links=links)
    ends = list(_BODY_END.finditer(source))
    if not ends:
        raise BadTemplate("The MJML has no </mj-body>.")
    at = ends[-1].start()
    return source[:at] + footer + source[at:]


def _with_preheader(source: str, preheader: str) -> str:
    if not preheader.strip() or "<mj-preview" in source:
        return source
    preview = f"<mj-preview>{pieces_of_mail._text(preheader)}</mj-preview>"
    if _HEAD.search(source):
        return _HEAD.sub(lambda found: found.group() + preview, source, count=1)
    return _OPEN.sub(lambda found: f"{found.group()}<mj-head>{preview}</mj-head>", source, count=1)


def _compiled(source: str) -> Mail:
    mark = f"zq{secrets.token_hex(4)}x"
    token = re.compile(rf"{mark}(\d+)z")
    taken: list[str] = []
    hidden, at = [], 0
    found = pieces(source)
    if len(found) > MAX_PIECES or sum(end - start for start, end in found) > MAX_LIQUID:
        raise BadTemplate(f"It has too much Liquid: {MAX_PIECES} outputs and tags at most.", code="template_too_large")
    for start, end in found:
        hidden += [source[at:start], f"{mark}{len(taken)}z"]
        taken.append(source[start:end])
        at = end
    bare = "".join([*hidden, source[at:]])
    check_source(bare)
    try:
        html = mjml2html(_wrapped(bare, token), include_loader=_no_files)
    except ValueError as error:
        raise BadTemplate(f"The MJML cannot be read: {_shown(str(error))}") from error
    if len(html) > MAX_HTML:
        raise BadTemplate(
            f"Its HTML is too long: {len(html)} characters, {MAX_HTML} at most.", code="template_too_large"
        )
    _check_kept(html, token, taken)
    check_html(html, token)

    def put_back(text: str) -> str:
        return token.sub(lambda one: taken[int(one.group(1))], text)

    return Mail(put_back(html), put_back(_without_tag_lines(text_of_html(html), token, taken)))


def _without_tag_lines(text: str, token: re.Pattern[str], taken: list[str]) -> str:
    """A text in which a line of tags alone is no line: a loop over products is not full of holes."""
    written = []
    for line in text.split("\n"):
        codes = [int(one.group(1)) for one in token.finditer(line)]
        only_tags = codes and not token.sub("", line).strip() and all(taken[code].startswith("{%") for code in codes)
        written.append(line.strip() if only_tags else f"{line}\n")
    return "".join(written)


def _no_files(path: str) -> str:
    raise ValueError(f"{path} may not be included")


def _shown(text: str) -> str:
    return " ".join(text.split())[:200]


def _wrapped(source: str, token: re.Pattern[str]) -> str:
    """Liquid between elements of MJML put into ``mj-raw``: there the compiler keeps it."""
    spots, inside, in_body, at = [], 0, False, 0
    for tag in tags(source):
        if in_body and not inside:
            spots.append((at, tag.start))
        if tag.name == "mj-body":
            in_body = not tag.closing
        elif tag.name in ENDING and not tag.alone:
            inside = max(0, inside + (-1 if tag.closing else 1))
        at = tag.end
    written, last = [], 0
    for start, end in spots:
        written += [source[last:start], token.sub(lambda one: f"<mj-raw>{one.group()}</mj-raw>", source[start:end])]
        last = end
    return "".join([*written, source[last:]])


def _check_kept(html: str, token: re.Pattern[str], taken: list[str]) -> None:
    counts = [0] * len(taken)
    for one in token.finditer(html):
        counts[int(one.group(1))] += 1
    for piece, count in zip(taken, counts, strict=True):
        # Comments and assignments may be dropped in the head; a loop or a branch without its end would break all.
        if count != 1 and piece.startswith("{%") and not piece.strip("{%- ").startswith(("comment", "endcomment", "#")):
            raise BadTemplate(f"{piece[:60]} stands where MJML has no place for it.", hint="Put it into mj-raw.")
