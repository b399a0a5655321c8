"""HTML and MJML read as tags, in one pass; what is refused in them; an HTML's text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from typing import Final, NamedTuple

from unisono.engagement.templates.errors import BadTemplate

MAX_DEPTH: Final = 80
"""Tags within tags: the compiler of MJML calls itself for each."""
SCHEMES: Final = ("http://", "https://", "mailto:", "tel:")
"""How an address may begin."""
ADDRESSES: Final = frozenset({"href", "src", "background", "action", "poster", "srcset", "data", "cite"})
"""Attributes that hold one."""
FILLED: Final = frozenset({"href", "src", "background"})
"""Those of them that somebody's value may begin: they are looked at again when it is filled in."""
REFUSED: Final = frozenset({
    "script", "iframe", "object", "embed", "form", "base", "applet", "frame", "frameset", "svg", "math",
    "mj-include",
})  # fmt: skip
UNWRITTEN: Final = frozenset({
    "meta", "title", "textarea", "xmp", "plaintext", "noscript", "noembed", "noframes", "listing",
})  # fmt: skip
"""What an author does not write though the compiler may: it leads away, or a mail program reads no tags within it."""
VOID: Final = frozenset(["area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])
ENDING: Final = frozenset({
    "mj-text", "mj-button", "mj-table", "mj-raw", "mj-preview", "mj-title", "mj-style", "mj-navbar-link",
    "mj-social-element", "mj-accordion-text", "mj-accordion-title", "mj-html-attributes",
})  # fmt: skip
"""Elements of MJML whose content is HTML, in which Liquid may stand anywhere."""

_STOP = re.compile(r"[\"'>]").search
_NAME = re.compile(r"</?([A-Za-z][\w:-]*)").match
# A name is tried where one begins and nowhere else: a hundred thousand letters without a value are no minutes of work.
_ATTRIBUTE = re.compile(r"(?<![^\s=/\"'<>])([^\s=/\"'<>]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_SPACE = re.compile(r"\s+")


class Tag(NamedTuple):
    """A tag as it stands in a source."""

    start: int
    end: int
    name: str
    closing: bool
    alone: bool
    """Nothing is within it."""


def tags(source: str) -> Iterator[Tag]:
    """Every tag, comments left out but looked into where they are for one mail program. Raises BadTemplate for one
    that never ends."""
    at = 0
    while (start := source.find("<", at)) >= 0:
        if source.startswith("<!--", start):
            at = _after_comment(source, start)
        elif source.startswith(("<!", "<?"), start):
            at = _end(source, start, ">")
        elif (name := _NAME(source, start)) is None:
            at = start + 1
        else:
            at = _tag_end(source, name.end())
            lowered = name.group(1).lower()
            alone = source[at - 2] == "/" or lowered in VOID
            yield Tag(start, at, lowered, source[start + 1] == "/", alone)


def _after_comment(source: str, start: int) -> int:
    if source.startswith("<!--[if", start):
        return _end(source, start, "]>") if source.find("]>", start, start + 80) > 0 else _end(source, start, "-->")
    return _end(source, start, "-->")


def _end(source: str, start: int, closing: str) -> int:
    end = source.find(closing, start)
    if end < 0:
        raise BadTemplate(f"What begins in line {_line(source, start)} never ends: {source[start : start + 20]!r}.")
    return end + len(closing)


def _tag_end(source: str, at: int) -> int:
    begin = at
    while (stop := _STOP(source, at)) is not None:
        if stop.group() == ">":
            return stop.end()
        at = _end(source, stop.end(), stop.group())
    raise BadTemplate(f"A tag of line {_line(source, begin)} never ends.")


def _line(source: str, at: int) -> int:
    return source.count("\n", 0, at) + 1


def attributes(tag: str) -> Iterator[tuple[str, str]]:
    """Name and value of each attribute of a tag."""
    for found in _ATTRIBUTE.finditer(tag):
        yield found.group(1).lower(), unescape(found.group(2) if found.group(2) is not None else found.group(3))


def check_source(mjml: str) -> None:
    """Refuse what must not reach the compiler: files, document types, entities, tags too deep. Raises BadTemplate."""
    lowered = mjml.lower()
    for sign, what in (("<mj-include", "mj-include"), ("<!doctype", "a document type"), ("<!entity", "an entity")):
        if sign in lowered:
            raise BadTemplate(f"MJML may not have {what}.", code="template_unsafe")
    inside: list[str] = []
    for tag in tags(mjml):
        if tag.name in REFUSED or tag.name in UNWRITTEN:
            raise BadTemplate(f"<{tag.name}> is not allowed in a message.", code="template_unsafe")
        _check_values(mjml, tag)
        if tag.closing:
            if tag.name not in VOID and (not inside or inside.pop() != tag.name):
                raise BadTemplate(f"</{tag.name}> in line {_line(mjml, tag.start)} closes what is not open.")
        elif not tag.alone:
            inside.append(tag.name)
            if len(inside) > MAX_DEPTH:
                raise BadTemplate(f"Its tags are nested more than {MAX_DEPTH} deep.", code="template_too_large")


def _check_values(mjml: str, tag: Tag) -> None:
    """A value in which a reader less strict than ours could see the end of it, or another tag."""
    for found in _ATTRIBUTE.finditer(mjml, tag.start, tag.end):
        if '"' in (found.group(3) or ""):
            raise BadTemplate('Within the value of an attribute write &quot; instead of ".', code="template_unsafe")
        if "<" in found.group():
            raise BadTemplate("Within the value of an attribute write &lt; instead of <.", code="template_unsafe")


def check_html(html: str, token: re.Pattern[str]) -> None:
    """Refuse what runs, or a value where escaping does not help: in the name of a tag or an attribute, in a style
    sheet, in an attribute that runs. Addresses that stand in it must be http, https, mailto or tel. Raises
    BadTemplate (``template_unsafe``)."""
    style_from = -1
    for tag in tags(html):
        if tag.name in REFUSED:
            raise BadTemplate(f"<{tag.name}> is not allowed in a message.", code="template_unsafe")
        if tag.name == "style":
            if tag.closing and style_from >= 0 and token.search(html, style_from, tag.start):
                raise BadTemplate("A style sheet may not hold Liquid.", code="template_unsafe")
            style_from = -1 if tag.closing else tag.end
        if not tag.closing:
            _check_tag(html[tag.start : tag.end], token)


def _check_tag(text: str, token: re.Pattern[str]) -> None:
    bare = _ATTRIBUTE.sub(lambda found: found.group(1), text)
    if token.search(bare):
        raise BadTemplate("Liquid within a tag stands in the value of an attribute.", code="template_unsafe")
    for name, value in attributes(text):
        if name.startswith("on") or name in ("srcdoc", "formaction"):
            raise BadTemplate(f"The attribute {name} is not allowed in a message.", code="template_unsafe")
        if name not in ADDRESSES:
            continue
        filled = name in FILLED and f' {name}="' in text and token.match(value.strip())
        if not filled and not allowed(value):
            raise BadTemplate(f"{value[:80]!r} is not an http, https, mailto or tel address.", code="template_unsafe")


def allowed(address: str) -> bool:
    """Whether an address is one we let into a message: empty, within the page, or of an allowed scheme."""
    text = address.strip().lower()
    return not text or text.startswith(("#", *SCHEMES))


class _Text(HTMLParser):
    """Collects the text of an HTML: lines by blocks, addresses behind their labels."""

    BLOCKS: Final = frozenset({
        "p", "div", "tr", "table", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "hr",
        "section", "header", "footer", "article", "center",
    })  # fmt: skip
    SILENT: Final = frozenset(["head", "style", "title", "script", "noscript"])

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.silent = 0
        self.hidden = 0
        self.links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A line where one begins; the label of an address remembered."""
        given = dict(attrs)
        if self.hidden or "display:none" in _SPACE.sub("", given.get("style") or ""):
            self.hidden += tag not in VOID
            return
        if tag in self.SILENT:
            self.silent += 1
        elif tag in self.BLOCKS or tag == "br":
            self.parts.append("\n")
        elif tag == "li":
            self.parts.append("\n- ")
        elif tag == "a":
            self.links.append((given.get("href") or "", len(self.parts)))
        elif tag == "img" and not self.silent and (given.get("alt") or "").strip():
            self.parts.append(f" {given['alt']} ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """As its beginning, and its end where one is expected."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """A line where one ends; the address behind its label."""
        if self.hidden:
            self.hidden -= tag not in VOID
        elif tag in self.SILENT:
            self.silent = max(0, self.silent - 1)
        elif tag == "p" or tag in ("h1", "h2", "h3", "table"):
            self.parts.append("\n\n" if tag != "table" else "\n")
        elif tag in self.BLOCKS:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append("  ")
        elif tag == "a" and self.links:
            self._link(*self.links.pop())

    def _link(self, address: str, begin: int) -> None:
        label = "".join(self.parts[begin:]).strip()
        bare = address.removeprefix("mailto:").removeprefix("tel:")
        if bare and bare != label and not address.startswith("#"):
            self.parts.append(f" ({bare})" if label else bare)

    def handle_data(self, data: str) -> None:
        """Text, its white space as HTML shows it."""
        if not self.silent and not self.hidden:
            self.parts.append(_SPACE.sub(" ", data))


def text_of_html(html: str) -> str:
    """The text of an HTML document, Liquid in it left where it is."""
    parser = _Text()
    parser.feed(html)
    parser.close()
    return tidy("".join(parser.parts))


_GAPS = re.compile(r"\n{3,}")
_RUNS = re.compile(r"[ \t]{3,}")


def tidy(text: str) -> str:
    """A text without blanks at the ends of lines and with at most one empty line in a row."""
    # Line by line: an expression that looks for blanks before a line's end goes through a long run once a blank.
    lines = (line.lstrip(" \t").rstrip(" \t\xa0") for line in _RUNS.sub("  ", text).split("\n"))
    return _GAPS.sub("\n\n", "\n".join(lines)).strip()
