"""Letters: what is on the paper, to whom, and that each is made and printed once."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pypdf
import pytest
from reportlab.lib.units import mm

from tests.support.consent import Somebody, people
from tests.support.reaching import account, outgoing
from unisono.customers.profiles.rules import Trait
from unisono.engagement.channels.adapters.letter import LetterAdapter, LetterSender
from unisono.engagement.channels.model import AccountInvalid
from unisono.engagement.channels.paper import service
from unisono.engagement.channels.paper.addresses import address_lines
from unisono.engagement.channels.paper.drawing import Letter, draw, printable, qr
from unisono.kit.database import Connection, Pool
from unisono.kit.errors import NotFound
from unisono.kit.http import Http

NOW = datetime(2026, 3, 2, 22, 30, tzinfo=UTC)
LINK = "https://shop.example/l/AbCdEfGhIjKlMnOp"
SETTINGS = {"sender": "Negozio Srl · Via Roma 1 · 20121 Milano", "foot": "P. IVA 01234567890"}

LETTER = Letter(
    code="ABCDEFGH23",
    address=("Maria Rossi", "Via Garibaldi 7", "20121 Milano MI"),
    sender=SETTINGS["sender"],
    date="2 marzo 2026",
    subject="Le novità di primavera",
    text="Cara Maria,\n\nperché non passi a trovarci?\n\nA presto",
    link=LINK,
    invitation="Inquadra il codice",
    foot="P. IVA 01234567890",
    language="it",
)


def pages(document: bytes) -> list[pypdf.PageObject]:
    """The sheets of a PDF."""
    return list(pypdf.PdfReader(io.BytesIO(document)).pages)


def squares(page: pypdf.PageObject) -> set[tuple[int, int]]:
    """The dark modules of the QR on a page: (row, column), read off the rectangles drawn."""
    content = page.get_contents()
    assert content is not None
    drawn = re.findall(rb"([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re", content.get_data())
    boxes = [tuple(map(float, found)) for found in drawn]
    side = boxes[0][3]
    left = min(x for x, _, _, _ in boxes)
    top = max(y for _, y, _, _ in boxes)
    return {
        (round((top - y) / side), round((x - left) / side) + more)
        for x, y, width, _ in boxes
        for more in range(round(width / side))
    }


def at(page: pypdf.PageObject, words: str) -> tuple[float, float]:
    """Where words begin on a page, in millimetres from the top left corner."""
    found: list[tuple[float, float]] = []

    def look(text: str, matrix: list[float], place: list[float], *_: Any) -> None:
        if words in text:
            found.append((place[4] / mm, 297 - place[5] / mm))

    page.extract_text(visitor_text=look)
    return found[0]


async def test_the_qr_on_paper_is_the_link() -> None:
    """Module for module the one a QR encoder makes of the link, and nothing else is drawn like it."""
    [page] = pages(draw([LETTER]))
    wanted = {(row, column) for row, line in enumerate(qr(LINK)) for column, dark in enumerate(line) if dark}
    assert squares(page) == wanted
    assert len(wanted) > 200


async def test_everything_is_on_the_sheet_and_the_address_in_the_window() -> None:
    """A4; the window of a DIN envelope is 45 to 90 mm from the top, 20 to 105 mm from the left."""
    [page] = pages(draw([LETTER]))
    assert [round(float(side) / mm) for side in page.mediabox[2:]] == [210, 297]
    text = page.extract_text()
    for words in ("Le novità di primavera", "perché non passi a trovarci?", "2 marzo 2026", "ABCDEFGH23", "P. IVA"):
        assert words in text
    for line in LETTER.address:
        left, down = at(page, line)
        assert 20 <= left <= 105, line
        assert 62.7 <= down <= 90, f"{line}: below the sender's line, inside the window"
    assert 45 < at(page, "Via Roma 1")[1] < 62.7


async def test_fonts_are_embedded() -> None:
    """Print shops refuse a document that leaves its fonts to them."""
    [page] = pages(draw([LETTER]))
    fonts = page["/Resources"]["/Font"]
    used = [font.get_object() for font in fonts.values() if font.get_object()["/Subtype"] == "/TrueType"]
    assert used
    assert all("/FontFile2" in font["/FontDescriptor"] for font in used)


async def test_a_long_letter_goes_on_and_each_begins_on_a_sheet_of_its_own() -> None:
    """No line is lost, none runs into the QR."""
    long = Letter(code="X", address=("A", "B", "C"), text="\n".join(f"riga {n}" for n in range(70)), link=LINK)
    found = pages(draw([long, LETTER]))
    assert len(found) == 4
    text = "\n".join(page.extract_text() for page in found[:3])
    assert [f"riga {n}" in text for n in range(70)] == [True] * 70
    assert "Maria Rossi" in found[3].extract_text()


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        pytest.param("perché è già così", "perché è già così", id="italian"),
        pytest.param("Łódź żółć", "Łódz zółć", id="polish"),
        pytest.param("e\u0301", "é", id="decomposed"),
        pytest.param("a\x00\x07b\u200b", "ab", id="controls"),
        pytest.param("日本", "??", id="no-glyph"),
    ],
)
def test_what_the_font_has_not_loses_its_marks(given: str, printed: str) -> None:
    """Rather a letter without its accent than an empty box in a name."""
    assert printable(given) == printed


async def test_a_word_longer_than_the_sheet_is_cut() -> None:
    """It ends on the next line, and the drawing ends at all."""
    [page] = pages(draw([Letter(code="X", address=("A",), text="x" * 500)]))
    assert page.extract_text().count("x") == 500


async def live_in(conn: Connection, node: int, **traits: Any) -> None:
    """Say where somebody lives."""
    source = await conn.fetchval("select min(id) from source")
    for name, value in traits.items():
        await conn.execute(
            "insert into trait (node_id, name, source_id, value, occurred_at) values ($1, $2, $3, $4, $5)",
            node,
            name,
            source,
            json.dumps(value),
            NOW,
        )


ADDRESS = {"street": "Via Garibaldi 7", "city": "Milano", "postalCode": "20121", "state": "mi", "country": "IT"}


async def post(conn: Connection, who: Somebody, *, number: int = 1, **more: Any) -> Any:
    """A letter to somebody."""
    made = account(LetterAdapter(), SETTINGS)
    sender = LetterSender(LetterAdapter().settings(made), more.pop("short", None), clock=lambda: NOW)
    given = {"message_id": number, "channel": "mail", "node_id": who.user, "language": "it", "url": LINK}
    return await sender.send(conn, outgoing(**(given | {"subject": "Ciao", "text": "Vieni?"} | more)))


async def test_a_letter_is_made_once_in_the_transaction_of_its_outcome(pool: Pool) -> None:
    """Rolled back it was never there; sent again it is the same."""
    async with pool.acquire() as conn:
        [who] = await people(conn, 1)
        await live_in(conn, who.email, address=ADDRESS, firstName="Maria", lastName="Rossi")
        undone = conn.transaction()
        await undone.start()
        assert (await post(conn, who)).outcome == "accepted"
        await undone.rollback()
        assert await service.letters(conn, now=NOW) == []
        assert (await post(conn, who)).outcome == "accepted"
        assert (await post(conn, who)).outcome == "accepted"
        [kept] = await service.letters(conn, now=NOW)
    assert kept.letter.address == ("Maria Rossi", "Via Garibaldi 7", "20121 Milano MI")
    assert kept.letter.date == "2 marzo 2026", "22:30 in London is 23:30 in Rome, still the second"
    assert (kept.letter.link, len(kept.letter.code)) == (LINK, service.CODE_LENGTH)


@pytest.mark.parametrize(
    ("traits", "lines"),
    [
        pytest.param({"address": ADDRESS}, ("Via Garibaldi 7", "20121 Milano MI"), id="whole"),
        pytest.param(
            {"address.street": "Rue X 1", "address.city": "Nice", "address.postal_code": 6000, "address.country": "FR"},
            ("Rue X 1", "6000 Nice", "FRANCIA"),
            id="parts-abroad",
        ),
        pytest.param(
            {"address": "Via Po 1", "city": "Torino", "zip": "10123"}, ("Via Po 1", "10123 Torino"), id="text"
        ),
        pytest.param(
            {"address": {**ADDRESS, "country": "Italia"}}, ("Via Garibaldi 7", "20121 Milano MI"), id="by-name"
        ),
        pytest.param({"address": {"city": "Milano", "postalCode": "20121"}}, (), id="no-street"),
        pytest.param({"address": ["x"]}, (), id="nonsense"),
        pytest.param({}, (), id="nothing"),
    ],
)
def test_an_address_is_read_however_clients_send_it(traits: dict[str, Any], lines: tuple[str, ...]) -> None:
    """What would not arrive is no address."""
    said = {name: Trait(value, NOW, None, 1) for name, value in traits.items()}
    assert address_lines(said, home="IT", language="it") == lines


async def test_without_an_address_or_words_there_is_no_letter(pool: Pool) -> None:
    """Refused with its reason, and nothing kept."""
    async with pool.acquire() as conn:
        [who] = await people(conn, 1)
        assert (await post(conn, who)).code == "no_address"
        assert (await post(conn, who, text=" ")).code == "empty"
        given = await post(conn, who, data={"address": ["Ditta Rossi", "Via Po 1", "10123 Torino"]})
        assert given.outcome == "accepted"
        assert len(await service.letters(conn, now=NOW)) == 1


async def test_the_qr_of_each_letter_is_its_own(pool: Pool) -> None:
    """A short link with the letter's code, and back from the code to where it leads; made-up codes lead nowhere."""
    async with pool.acquire() as conn:
        [who] = await people(conn, 1)
        for number in (1, 2):
            address = {"address": ["Ditta Rossi", "Via Po 1", "10123 Torino"]}
            await post(conn, who, number=number, data=address, short="https://shop.example/q/")
        one, two = await service.letters(conn, now=NOW)
        assert one.letter.link == f"https://shop.example/q/{one.letter.code}" != two.letter.link
        found = await service.scanned(conn, two.letter.code)
        assert found is not None
        assert (found.target, found.message_id) == (LINK, 2)
        for code in ("", "ABCDEFGH23", "abc", "x" * 5000, "é" * 10, one.letter.code.lower()):
            assert await service.scanned(conn, code) is None


async def test_letters_leave_the_list_when_printed_or_over(pool: Pool) -> None:
    """Marked twice it counts once; what ended before it was printed is not printed."""
    async with pool.acquire() as conn:
        [who] = await people(conn, 1)
        await live_in(conn, who.user, address=ADDRESS)
        for number in (1, 2, 3):
            await post(conn, who, number=number, ends_at=NOW + timedelta(hours=1) if number == 3 else None)
        first, second, third = await service.letters(conn, now=NOW)
        assert await service.mark_printed(conn, [first.id], now=NOW) == 1
        assert await service.mark_printed(conn, [first.id], now=NOW) == 0
        later = NOW + timedelta(hours=1)
        assert [kept.id for kept in await service.letters(conn, now=later)] == [second.id]
        assert [kept.id for kept in await service.letters(conn, printed=True, now=later)] == [first.id]
        assert [kept.id for kept in await service.letters_by_id(conn, [third.id, first.id])] == [first.id, third.id]
        with pytest.raises(NotFound):
            await service.letters_by_id(conn, [10**9])


async def test_an_account_needs_its_sender_and_a_zone() -> None:
    """A letter without a sender comes back to nobody."""
    for wrong in ({}, SETTINGS | {"timezone": "Mars/Olympus"}):
        with pytest.raises(AccountInvalid):
            account(LetterAdapter(), wrong)
    http = Http(private=False)
    sender = await LetterAdapter().open(account(LetterAdapter(), SETTINGS), http)
    await http.close()
    with pytest.raises(ValueError, match="transaction"):
        await sender.send(None, outgoing())
