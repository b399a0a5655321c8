"""Letters as print-ready PDF: A4, the address in the window of a DIN envelope (DIN 5008, form B), a personal QR.

Fonts are embedded, as print shops ask. Distances are millimetres from the top left corner of the sheet.
"""

from __future__ import annotations

import functools
import io
import itertools
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import segno
from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]
from reportlab.lib.units import mm  # type: ignore[import-untyped]
from reportlab.pdfbase import pdfmetrics  # type: ignore[import-untyped]
from reportlab.pdfbase.ttfonts import TTFont  # type: ignore[import-untyped]
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]

LEFT: Final = 25.0
RIGHT: Final = 190.0
WINDOW_TOP: Final = 45.0
"""Of the address field; it is 85 wide and 45 high and begins 20 from the left edge."""
RETURN_LINE: Final = WINDOW_TOP + 14.0
"""Base line of the sender's own line over the address."""
ADDRESS_TOP: Final = WINDOW_TOP + 17.7
ADDRESS_LINES: Final = 6
TEXT_TOP: Final = 103.4
NEXT_TOP: Final = 27.0
"""Where text begins on the second page and after."""
TEXT_END: Final = 235.0
"""Below it are the QR and the foot."""
FOLDS: Final = (105.0, 148.5, 210.0)
"""The upper fold, the mark for the punch, the lower fold."""
QR_SIDE: Final = 28.0
QR_LEFT: Final = RIGHT - QR_SIDE
QR_TOP: Final = 240.0
FOOT: Final = 285.0

SIZE: Final = 10.5
LEADING: Final = 5.0
"""Of the text, in millimetres."""
SMALL: Final = 7.0

FONT: Final = "Unisono"
BOLD: Final = "Unisono-Bold"


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A letter, complete: drawn again it is the same."""

    code: str
    """Under the QR, to be typed where nothing can scan."""
    address: tuple[str, ...]
    sender: str = ""
    """One line, over the address in the window."""
    date: str = ""
    subject: str = ""
    text: str = ""
    """Paragraphs, divided by empty lines."""
    link: str | None = None
    """What the QR says: this letter's own short link, or the target itself."""
    target: str | None = None
    """Where the short link leads."""
    invitation: str = ""
    """Beside the QR."""
    foot: str = ""
    language: str = "en"


@functools.cache
def _fonts() -> frozenset[int]:
    """Register the fonts, once a process; the characters they have."""
    plain = TTFont(FONT, "Vera.ttf")
    pdfmetrics.registerFont(plain)
    pdfmetrics.registerFont(TTFont(BOLD, "VeraBd.ttf"))
    return frozenset(plain.face.charToGlyph)


def printable(text: str) -> str:
    """A text in characters the font has: others lose their marks (ș becomes s), and what is left becomes a ?."""
    known = _fonts()

    def one(char: str) -> str:
        if char == "\n" or ord(char) in known:
            return char
        bare = "".join(part for part in unicodedata.normalize("NFKD", char) if ord(part) in known)
        return bare or ("" if unicodedata.category(char).startswith("C") else "?")

    return "".join(map(one, unicodedata.normalize("NFC", text)))


def draw(letters: Sequence[Letter]) -> bytes:
    """One PDF of these letters, each on a sheet of its own."""
    _fonts()
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, invariant=1, pageCompression=1)
    canvas.setTitle("Letters")
    canvas.setCreator("Unisono")
    for letter in letters:
        _draw(canvas, letter)
    canvas.save()
    return file.getvalue()


def _draw(canvas: Any, letter: Letter) -> None:
    _head(canvas, letter)
    down = TEXT_TOP
    if letter.subject:
        for line in _wrapped(printable(letter.subject), BOLD, SIZE, RIGHT - LEFT):
            _text(canvas, LEFT, down, line, BOLD, SIZE)
            down += LEADING
        down += LEADING
    for line in _wrapped(printable(letter.text), FONT, SIZE, RIGHT - LEFT):
        if down > TEXT_END:
            canvas.showPage()
            down = NEXT_TOP
        _text(canvas, LEFT, down, line, FONT, SIZE)
        down += LEADING
    _end(canvas, letter)
    canvas.showPage()


def _head(canvas: Any, letter: Letter) -> None:
    canvas.setLineWidth(0.3)
    for place in FOLDS:
        canvas.line(0, _y(place), 6 * mm if place == FOLDS[1] else 4 * mm, _y(place))
    if letter.sender:
        line = next(_wrapped(printable(letter.sender), FONT, SMALL, 80.0))
        _text(canvas, LEFT, RETURN_LINE, line, FONT, SMALL)
        canvas.line(LEFT * mm, _y(RETURN_LINE + 1.2), (LEFT + 80) * mm, _y(RETURN_LINE + 1.2))
    for place, line in enumerate(letter.address[:ADDRESS_LINES]):
        cut = next(_wrapped(printable(line), FONT, SIZE, 80.0), "")
        _text(canvas, LEFT, ADDRESS_TOP + 4.2 + place * 4.4, cut, FONT, SIZE)
    if letter.date:
        canvas.setFont(FONT, SIZE)
        canvas.drawRightString(RIGHT * mm, _y(TEXT_TOP - 9), printable(letter.date))


def _end(canvas: Any, letter: Letter) -> None:
    if letter.link:
        draw_qr(canvas, letter.link, QR_LEFT, QR_TOP, QR_SIDE)
        canvas.setFont(FONT, SMALL)
        canvas.drawCentredString((QR_LEFT + QR_SIDE / 2) * mm, _y(QR_TOP + QR_SIDE + 3), letter.code)
        lines = list(_wrapped(printable(letter.invitation), FONT, SIZE, QR_LEFT - LEFT - 8))
        for place, line in enumerate(lines[:5]):
            _text(canvas, LEFT, QR_TOP + 6 + place * LEADING, line, FONT, SIZE)
    for place, line in enumerate(list(_wrapped(printable(letter.foot), FONT, SMALL, RIGHT - LEFT))[:3]):
        _text(canvas, LEFT, FOOT + place * 3, line, FONT, SMALL)


def draw_qr(canvas: Any, link: str, left: float, top: float, side: float) -> None:
    """A QR as vectors, with the white border scanners want inside ``side`` millimetres."""
    matrix = qr(link)
    border = 4
    step = side / (len(matrix) + 2 * border)
    modules = canvas.beginPath()
    for row, line in enumerate(matrix):
        for first, length in _runs(line):
            across, down = left + (first + border) * step, top + (row + border + 1) * step
            modules.rect(across * mm, _y(down), length * step * mm, step * mm)
    canvas.drawPath(modules, stroke=0, fill=1)


def _runs(line: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Where dark begins in a row, and for how long."""
    place = 0
    for dark, modules in itertools.groupby(line):
        length = len(list(modules))
        if dark:
            yield place, length
        place += length


def qr(link: str) -> tuple[tuple[bool, ...], ...]:
    """The modules of a link's QR, true is dark; error correction M, as paper gets creased."""
    return tuple(tuple(bool(module) for module in row) for row in segno.make_qr(link, error="m").matrix)


def _wrapped(text: str, font: str, size: float, width: float) -> Iterator[str]:
    """Lines of at most ``width`` millimetres; a word longer than a line is cut."""
    most = width * mm
    space = _width(" ", font, size)
    for paragraph in text.split("\n"):
        line, used = "", 0.0
        for word in paragraph.split():
            rest, needed = word, _width(word, font, size)
            if line and used + space + needed > most:
                yield line
                line, used = "", 0.0
            while needed > most:
                fits = _fitting(rest, font, size, width)
                yield rest[:fits]
                rest = rest[fits:]
                needed = _width(rest, font, size)
            line, used = (f"{line} {rest}", used + space + needed) if line else (rest, needed)
        yield line


@functools.lru_cache(20_000)
def _width(word: str, font: str, size: float) -> float:
    """Of a word in points; there is no kerning, so a line is as wide as its words and spaces."""
    return float(pdfmetrics.stringWidth(word, font, size))


def _fitting(word: str, font: str, size: float, width: float) -> int:
    """How many characters of a long word fit into a line; one at least."""
    fits = 1
    while fits < len(word) and pdfmetrics.stringWidth(word[: fits + 1], font, size) <= width * mm:
        fits += 1
    return fits


def _text(canvas: Any, left: float, top: float, text: str, font: str, size: float) -> None:
    canvas.setFont(font, size)
    canvas.drawString(left * mm, _y(top), text)


def _y(top: float) -> float:
    """PDF counts from the bottom, in points."""
    return float(A4[1] - top * mm)
