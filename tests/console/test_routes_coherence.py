"""Coherence in the console, on the real database: what was shown, what was true, who saw it, closed with a reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import unescape

from tests.support.console import Site, identify, text_of, track
from tests.support.pricing import make_list, make_variants, put
from unisono.kit.database import transaction


def read(html: str) -> str:
    return unescape(text_of(html))


async def show_wrongly(site: Site) -> None:
    """A costs 100; Mario sees it at 139 on the web, and at the right price too."""
    async with transaction(site.pool) as conn:
        await make_variants(conn, ["A"])
        await make_list(conn)
        await put(conn, "A", 10000, datetime.now(UTC) - timedelta(days=2), now=datetime.now(UTC), history=True)
    await site.send(
        identify("mario", name="Mario Rossi"),
        track("mario", "Product Viewed", sku="A", price=139, currency="EUR"),
        track("mario", "Product Viewed", sku="A", price=100, currency="EUR"),
    )
    await site.work()


async def test_an_incident_names_what_was_shown_what_was_true_and_who_saw_it(site: Site) -> None:
    await site.sign_in_as("marketer")
    assert "Nothing compared yet" in read((await site.get("/console/coherence")).text)
    await show_wrongly(site)
    page = read((await site.get("/console/coherence")).text)
    assert "shown: €139.00 → true: €100.00" in page
    assert "Mario Rossi" in page
    assert "50 %" in page
    assert "Nothing matches" in read((await site.get("/console/coherence?kind=offer")).text)
    assert "Nothing matches" in read((await site.get("/console/coherence?state=closed")).text)
    for odd in ("before=zz", "kind=zz", "channel=%00", "sku=ZZ"):
        assert (await site.get(f"/console/coherence?{odd}")).status_code in (200, 400)
    assert await site.audit("people.list"), "whose names were shown is kept"


async def test_an_incident_is_closed_only_with_a_reason_and_only_once(site: Site) -> None:
    await show_wrongly(site)
    await site.sign_in_as("owner")
    number = await site.pool.fetchval("select id from incident")
    silent = await site.post(f"/console/coherence/{number}/close")
    assert silent.status_code == 400
    assert "Say why" in read(silent.text)
    assert (await site.post(f"/console/coherence/{number}/close", {"reason": "label changed"})).status_code == 303
    assert "All channels tell the truth" in read((await site.get("/console/coherence")).text)
    assert "anna" not in read((await site.get("/console/coherence")).text)
    assert "€139.00" in read((await site.get("/console/coherence?state=closed")).text)
    again = await site.post(f"/console/coherence/{number}/close", {"reason": "twice"})
    assert "The incident is closed already" in read(again.text)
    assert (await site.post("/console/coherence/999/close", {"reason": "x"})).status_code == 404
    assert (await site.audit("incident.reason"))[0]["detail"].count("label changed") == 1


async def test_who_may_not_read_people_sees_how_many_and_who_may_not_price_cannot_close(site: Site) -> None:
    await show_wrongly(site)
    await site.sign_in_as("clerk", "milano")
    assert (await site.get("/console/coherence")).status_code == 403
    await site.sign_in_as("analyst")
    number = await site.pool.fetchval("select id from incident")
    page = await site.get("/console/coherence")
    assert "1 person" in read(page.text)
    assert "Close it" not in read(page.text)
    assert (await site.post(f"/console/coherence/{number}/close", {"reason": "x"})).status_code == 403
