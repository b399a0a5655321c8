"""The counter over HTTP: a clerk's four calls, the own store alone, what is refused, papers and calendars."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import icalendar
import pytest

from tests.support.console import Site, console_site
from tests.support.counter import make_person, make_place, make_variant, stock_up
from unisono.access.keys import create_source
from unisono.commerce.orders.documents import words
from unisono.commerce.orders.documents.rendering import STATIC
from unisono.kit.database import transaction

ROME = ZoneInfo("Europe/Rome")
ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


class Counter:
    """Milano and Roma, a server with a key, a clerk of Milano."""

    def __init__(self, site: Site, key: str, identifier: str) -> None:
        self.site = site
        self.headers = {"authorization": f"Bearer {key}"}
        self.identifier = identifier

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """As the company's own server."""
        return await self.site.client.request(method, path, json=body, headers=self.headers | headers)

    async def clerk(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """As the clerk of Milano."""
        return await self.site.client.request(method, path, json=body, headers={"x-csrftoken": self.site.csrf})

    async def reserve(self, store: str = "milano", **more: Any) -> dict[str, Any]:
        """A reservation, with the code the customer gets."""
        body = {"code": "SHOE-42", "store_id": store, "identifier": self.identifier, "channel": "app", **more}
        answer = await self.ask("POST", "/api/reservations", body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def order(self, number: str = "W-1", **more: Any) -> str:
        """A paid order to be collected in Milano; returns its number."""
        body = {
            "source": "web",
            "source_order_id": number,
            "lines": [
                {"sku": "SHOE-42", "quantity": 1, "unit_minor": 8000, "tax_rate_bp": 2200, "name": "<b>Shoe</b>"}
            ],
            "identifier": self.identifier,
            "fulfilment": "pickup",
            "location": "milano",
            "payment": {"provider": "cash"},
            **more,
        }
        answer = await self.ask("POST", "/api/orders", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["number"])


@pytest.fixture
async def counter(dsn: str) -> AsyncIterator[Counter]:
    async with console_site(dsn) as site:
        variant = await make_variant(site.pool)
        for code in ("milano", "roma"):
            await stock_up(site.pool, variant, await make_place(site.pool, code, opening=ALWAYS), 5)
        (node,) = await make_person(site.pool)
        async with transaction(site.pool) as conn:
            scopes = frozenset({"commerce:read", "commerce:write"})
            made = await create_source(conn, name="shop", kind="server", actor="test", scopes=scopes)
        await site.sign_in_as("clerk", "milano")
        whose = await site.pool.fetchval("select namespace || ':' || value from node where id = $1", node)
        yield Counter(site, made.key, whose)


async def test_a_reservation_is_handed_over_in_four_calls(counter: Counter) -> None:
    """The list of the store, the thing itself, the code, the hand-over."""
    made = await counter.reserve()
    (waiting,) = (await counter.clerk("GET", "/api/pickups")).json()
    assert (waiting["kind"], waiting["lines"][0]["sku"], waiting["until"]) == (
        "reservation",
        "SHOE-42",
        made["deadline"],
    )
    opened = (await counter.clerk("GET", f"/api/reservations/{waiting['id']}")).json()
    assert (opened["state"], opened["code"]) == ("held", "")
    found = (await counter.clerk("GET", f"/api/pickups/by-code?code={made['code'].lower()}")).json()
    assert found["reservation"]["id"] == opened["id"]
    done = await counter.clerk("POST", f"/api/reservations/{opened['id']}/hand-over", {"code": made["code"]})
    assert (done.status_code, done.json()["state"]) == (200, "collected")
    assert (await counter.clerk("GET", "/api/pickups")).json() == []


async def test_a_pick_up_is_handed_over_in_four_calls(counter: Counter) -> None:
    """Made ready before; the list, the thing itself, the code, the hand-over."""
    await counter.order()
    (waiting,) = (await counter.clerk("GET", "/api/pickups?store_id=milano")).json()
    address = f"/api/pickups/{waiting['id']}"
    for step in ("picking", "ready"):
        assert (await counter.clerk("POST", f"{address}/{step}")).json()["state"] == step
    code = await counter.site.pool.fetchval("select code from fulfilment")
    opened = await counter.clerk("GET", address)
    assert code not in opened.text
    assert (await counter.clerk("POST", f"{address}/check", {"code": code})).json() == {"matches": True}
    done = await counter.clerk("POST", f"{address}/hand-over", {"code": code})
    assert (done.status_code, done.json()["state"]) == (200, "handed_over")


async def test_a_clerk_stands_at_the_own_counter_only(counter: Counter) -> None:
    """What waits in Roma is not there for the clerk of Milano, by list, id, code or write."""
    made = await counter.reserve("roma")
    assert (await counter.clerk("GET", "/api/pickups?store_id=roma")).json() == []
    assert (await counter.clerk("GET", "/api/reservations")).json()["reservations"] == []
    paths = [
        ("GET", f"/api/reservations/{made['id']}", None),
        ("GET", f"/api/pickups/by-code?code={made['code']}", None),
        ("GET", f"/api/reservations/{made['id']}/slip", None),
        ("GET", f"/api/reservations/{made['id']}/calendar.ics", None),
        ("POST", f"/api/reservations/{made['id']}/hand-over", {"code": made["code"]}),
        ("POST", f"/api/reservations/{made['id']}/cancel", {"reason": "no"}),
        ("POST", "/api/reservations", {"code": "SHOE-42", "store_id": "roma", "identifier": counter.identifier}),
        ("GET", "/api/slots?store_id=roma&kind=pickup", None),
        ("GET", "/api/slots/rules?store_id=roma", None),
    ]
    for method, path, body in paths:
        answer = await counter.clerk(method, path, body)
        assert answer.status_code == 404, (path, answer.text)
    assert (await counter.ask("GET", f"/api/reservations/{made['id']}")).json()["state"] == "held"


async def test_golden_g11_the_same_key_five_times_is_one_reservation(counter: Counter) -> None:
    """Five identical answers, the code included."""
    body = {"code": "SHOE-42", "store_id": "milano", "identifier": counter.identifier}
    answers = [await counter.ask("POST", "/api/reservations", body, **{"idempotency-key": "k"}) for _ in range(5)]
    assert {(answer.status_code, answer.text) for answer in answers} == {(201, answers[0].text)}
    assert await counter.site.pool.fetchval("select count(*) from reservation") == 1


async def test_the_life_of_a_reservation_over_the_api(counter: Counter) -> None:
    """Ready, extended once, cancelled; the person's record; the pages of the list."""
    made = await counter.reserve()
    address = f"/api/reservations/{made['id']}"
    assert (await counter.ask("POST", f"{address}/ready")).json()["state"] == "ready"
    longer = (await counter.ask("POST", f"{address}/extend", {})).json()["deadline"]
    assert datetime.fromisoformat(longer) - datetime.fromisoformat(made["deadline"]) == timedelta(days=1)
    assert (await counter.ask("POST", f"{address}/extend", {})).json()["code"] == "reservation_state"
    assert (await counter.ask("POST", f"{address}/cancel", {"reason": "found nearer"})).json()["state"] == "cancelled"
    listed = (await counter.ask("GET", f"/api/reservations?person_id={made['person_id']}&state=cancelled")).json()
    assert [one["id"] for one in listed["reservations"]] == [made["id"]]
    record = (await counter.ask("GET", f"/api/people/{made['person_id']}/no-show")).json()
    assert (record["score"], record["track"]["cancelled"], record["allowed_open"]) == (None, 1, 5)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"quantity": -1}, 400, "bad_quantity"),
        ({"quantity": 10**9}, 400, "bad_quantity"),
        ({"quantity": 6}, 409, "not_enough_stock"),
        ({"code": "nothing"}, 404, "sku_unknown"),
        ({"code": "a\x00b"}, 404, "sku_unknown"),
        ({"store_id": "nowhere"}, 404, "place_unknown"),
        ({"identifier": "undefined"}, 400, "bad_identifier"),
        ({"identifier": None}, 400, "person_missing"),
        ({"until": "2020-01-01T00:00:00Z"}, 400, "bad_deadline"),
        ({"until": "2099-01-01T00:00:00"}, 400, "time_without_zone"),
        ({"note": "\x00"}, 400, "bad_text"),
    ],
)
async def test_a_bad_wish_gets_a_clear_answer_and_changes_nothing(
    counter: Counter, body: dict[str, Any], status: int, code: str
) -> None:
    """No hold, no row."""
    wish = {"code": "SHOE-42", "store_id": "milano", "identifier": counter.identifier, **body}
    answer = await counter.ask("POST", "/api/reservations", wish)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert await counter.site.pool.fetchval("select count(*) from hold") == 0


async def test_slots_and_appointments_over_the_api(counter: Counter) -> None:
    """A rule, what is offered, a booking that takes it, a second one that is told what is left, a calendar entry."""
    rule = {"store_id": "milano", "kind": "appointment", "resource": "anna", "slot_minutes": 30, "capacity": 1}
    assert (await counter.clerk("PUT", "/api/slots/rules", rule)).status_code == 200
    tomorrow = (datetime.now(ROME) + timedelta(days=1)).date()
    ask = f"/api/slots?store_id=milano&kind=appointment&day={tomorrow}&minutes=60"
    offers = (await counter.ask("GET", ask)).json()["offers"]
    wish = {"store_id": "milano", "resource": "anna", "minutes": 60, "starts_at": offers[3]["starts_at"]}
    booked = await counter.ask("POST", "/api/appointments", {**wish, "identifier": counter.identifier})
    assert booked.status_code == 201, booked.text
    again = await counter.ask("POST", "/api/appointments", {**wish, "identifier": counter.identifier})
    assert (again.status_code, again.json()["code"]) == (409, "slot_taken")
    left = (await counter.ask("GET", ask)).json()["offers"]
    assert len(offers) - len(left) == 3
    address = f"/api/appointments/{booked.json()['id']}"
    entry = icalendar.Calendar.from_ical((await counter.ask("GET", f"{address}/calendar.ics")).text)
    (event,) = entry.walk("VEVENT")
    assert event.decoded("dtstart") == datetime.fromisoformat(offers[3]["starts_at"])
    assert (await counter.ask("POST", f"{address}/keep")).json()["state"] == "kept"
    assert (await counter.ask("POST", f"{address}/cancel", {"reason": "x"})).json()["code"] == "appointment_state"
    listed = await counter.ask("GET", "/api/appointments?store_id=milano")
    assert [one["state"] for one in listed.json()] == ["kept"]
    dropped = await counter.ask("DELETE", "/api/slots/rules?store_id=milano&kind=appointment&resource=anna")
    assert dropped.json() == {"dropped": True}
    assert (await counter.ask("GET", ask)).json()["code"] == "no_slot_rule"


async def test_ordered_ahead_only_with_goods_and_hands(counter: Counter) -> None:
    """Too many pairs: no time is offered, and the reason says how many are left."""
    rule = {"store_id": "milano", "kind": "ahead", "slot_minutes": 60, "capacity": 60, "days_ahead": 1}
    await counter.clerk("PUT", "/api/slots/rules", rule)
    tomorrow = (datetime.now(ROME) + timedelta(days=1)).date()
    ask = f"/api/slots?store_id=milano&kind=ahead&day={tomorrow}&item=SHOE-42:"
    assert (await counter.ask("GET", f"{ask}5")).json()["offers"]
    short = (await counter.ask("GET", f"{ask}6")).json()
    assert (short["offers"], short["reasons"][0]["code"]) == ([], "not_enough_stock")
    assert short["reasons"][0]["values"]["available"] == 5
    for bad in ("0", "-1", "x", "1" * 40):
        assert (await counter.ask("GET", f"{ask}{bad}")).json()["code"] == "bad_items"


class Page(HTMLParser):
    """What is on a page: tags, and the text a reader reads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(word for word in self.words if word)).replace("\xa0", " ")


async def test_papers_print_in_both_languages_without_scripts(counter: Counter) -> None:
    """Receipt, pick-up slip, reservation slip: escaped, styled by the two sheets alone, with a QR picture."""
    number = await counter.order()
    (parcel,) = (await counter.ask("GET", f"/api/orders/{number}/shipments")).json()
    made = await counter.reserve()
    said = {
        f"/api/orders/{number}/receipt": ("Of which VAT 22 %", "Di cui IVA 22 %"),
        f"/api/pickups/{parcel['id']}/slip": ("Show this code at the counter", "Mostra questo codice in cassa"),
        f"/api/reservations/{made['id']}/slip": ("Kept for you until", "Tenuto da parte fino a"),
    }
    for path, phrases in said.items():
        for language, phrase in zip(("en", "it"), phrases, strict=True):
            answer = await counter.ask("GET", path, **{"accept-language": language})
            assert answer.status_code == 200, answer.text
            page = Page(answer.text)
            assert phrase in page.text
            names = [tag for tag, _ in page.tags]
            assert not {"script", "style", "img", "iframe", "b"} & set(names)
            assert not any(name.startswith("on") or name == "style" for _, attrs in page.tags for name in attrs)
            assert "svg" in names
            assert dict(page.tags)["html"] == {"lang": language}
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            sheets = [attrs["href"] for tag, attrs in page.tags if tag == "link"]
            for sheet in sheets:
                assert (await counter.site.client.get(str(sheet))).headers["content-type"].startswith("text/css")
    receipt = Page((await counter.ask("GET", f"/api/orders/{number}/receipt?language=it")).text)
    assert "<b>Shoe</b>" in receipt.text
    assert "80,00 €" in receipt.text
    assert "Pagato (contanti)" in receipt.text
    assert made["code"][:4] in Page((await counter.ask("GET", f"/api/reservations/{made['id']}/slip")).text).text
    assert await counter.site.pool.fetchval("select count(*) from audit_entry where action like 'document.%'") >= 8


async def test_a_slip_that_is_over_says_so_and_shows_no_code(counter: Counter) -> None:
    """A cancelled reservation is no ticket."""
    made = await counter.reserve()
    await counter.ask("POST", f"/api/reservations/{made['id']}/cancel", {"reason": "x"})
    answer = await counter.ask("GET", f"/api/reservations/{made['id']}/slip?language=it")
    assert "Non più valido: annullato" in Page(answer.text).text
    assert made["code"][:4] not in answer.text
    entry = await counter.ask("GET", f"/api/reservations/{made['id']}/calendar.ics")
    assert "STATUS:CANCELLED" in entry.text


async def test_calendar_entries_are_ones_a_calendar_reads(counter: Counter) -> None:
    """Stable uid, growing sequence, instants in UTC, place and code, an alarm."""
    made = await counter.reserve()
    address = f"/api/reservations/{made['id']}"
    answer = await counter.ask("GET", f"{address}/calendar.ics?language=it")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    (event,) = icalendar.Calendar.from_ical(answer.text).walk("VEVENT")
    assert event.decoded("dtend") == datetime.fromisoformat(made["deadline"])
    assert (str(event["summary"]), str(event["location"])) == (
        "Prenotato: 1 x Product SHOE-42",
        "Milano, Via Torino 1, 20123 Milano",
    )
    assert made["code"] in str(event["description"])
    assert len(event.walk("VALARM")) == 1
    await counter.ask("POST", f"{address}/extend", {})
    (later,) = icalendar.Calendar.from_ical((await counter.ask("GET", f"{address}/calendar.ics")).text).walk("VEVENT")
    assert later["uid"] == event["uid"]
    assert later["sequence"] > event["sequence"]
    number = await counter.order()
    (parcel,) = (await counter.ask("GET", f"/api/orders/{number}/shipments")).json()
    early = await counter.ask("GET", f"/api/pickups/{parcel['id']}/calendar.ics")
    assert early.json()["code"] == "pickup_state"
    await counter.ask("POST", f"/api/pickups/{parcel['id']}/ready")
    assert "BEGIN:VEVENT" in (await counter.ask("GET", f"/api/pickups/{parcel['id']}/calendar.ics")).text


async def test_shipments_over_the_api(counter: Counter) -> None:
    """Sent with a number, delivered; a second time is refused."""
    await counter.site.pool.execute("update location set ships = true")
    number = await counter.order(fulfilment="ship", location=None)
    (parcel,) = (await counter.ask("GET", f"/api/orders/{number}/shipments")).json()
    address = f"/api/orders/{number}/shipments/{parcel['id']}"
    sent = await counter.ask("POST", f"{address}/shipped", {"carrier": "SDA", "tracking": "IT1"})
    assert (sent.status_code, sent.json()["tracking"]) == (200, "IT1")
    assert (await counter.ask("POST", f"{address}/delivered")).json()["state"] == "delivered"
    assert (await counter.ask("POST", f"{address}/delivered")).json()["code"] == "pickup_state"


def test_the_words_on_paper_are_there_in_both_languages() -> None:
    """With the same places to fill."""
    for key, (english, italian) in words.WORDS.items():
        assert english and italian, key
        assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", italian)), key


def test_documents_take_colours_and_lengths_from_their_tokens() -> None:
    """No raw one outside tokens.css, and every one used is defined."""
    tokens = (STATIC / "tokens.css").read_text("utf-8")
    sheet = re.sub(r"/\*.*?\*/", "", (STATIC / "document.css").read_text("utf-8"), flags=re.DOTALL)
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|\brgb\(|(?<![\w-])\d*\.?\d+(?:px|mm|rem)\b", sheet) == []
    assert set(re.findall(r"var\((--[\w-]+)", sheet)) <= set(re.findall(r"(--[\w-]+):", tokens))
    assert not list(Path(STATIC).glob("*.js"))
