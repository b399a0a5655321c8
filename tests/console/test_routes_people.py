"""People: list, search, page, timeline, why, notes; and the audit of all of it."""

from __future__ import annotations

import re
from datetime import timedelta

from tests.support.console import Site, identify, text_of, track
from unisono.access.audit import record
from unisono.console.views.people import leaving


async def a_customer(site: Site) -> int:
    """Mario: seven events on the web, a purchase in a store."""
    await site.send(
        identify("mario", name="Mario Rossi", email="mario@example.it", phone="+393331234567"),
        *[track("mario", "Product Viewed", ago=timedelta(minutes=10 + n), name=f"Jacket {n}") for n in range(5)],
        track("mario", "Product Added", ago=timedelta(minutes=5), name="Trail jacket"),
    )
    await site.send(
        track("mario", "Order Completed", ago=timedelta(days=3), order_id="7", revenue=84, currency="EUR"),
        store="brera",
    )
    return await site.person("user_id", "mario")


async def test_somebody_is_found_by_any_part_and_an_empty_search_names_the_filter(site: Site) -> None:
    await a_customer(site)
    await site.sign_in_as("marketer")
    for query in ("rossi", "oss", "333 123", "mario@ex", "+39333"):
        assert "Mario Rossi" in (await site.get("/console/people", params={"q": query})).text, query
    nothing = text_of((await site.get("/console/people", params={"q": "zzz", "channel": "app"})).text)
    assert "Nothing matches" in nothing
    assert "contains “zzz”, seen in App" in nothing
    strange = await site.get("/console/people", params={"q": "<script>alert(1)</script>\x00%_\\"})
    assert strange.status_code == 200
    assert "<script>alert" not in strange.text


async def test_the_page_of_a_person_shows_every_channel_and_collapses_runs(site: Site) -> None:
    person = await a_customer(site)
    await site.sign_in_as("marketer")
    page = await site.get(f"/console/people/{person}")
    text = text_of(page.text)
    assert "Mario Rossi" in text
    assert "mario@example.it" in text
    assert "Viewed 5 products" in text
    assert "Placed an order of €84.00" in text
    assert 'class="staff"' in page.text
    italian = text_of((await site.get(f"/console/people/{person}?lang=it")).text)
    assert "Ha visto 5 prodotti" in italian


async def test_the_list_orders_by_last_seen_or_value_filters_and_tells_what_was_computed(site: Site) -> None:
    person = await a_customer(site)
    await site.send({"type": "track", "anonymousId": "visitor-1", "event": "Product Viewed"})
    await site.sign_in_as("marketer")
    assert "Nobody yet" in text_of((await site.get("/console/people")).text)
    never = text_of((await site.get(f"/console/people/{person}")).text)
    assert "Lifetime value not computed yet" in never
    await site.work()
    page = text_of((await site.get("/console/people")).text)
    assert "Mario Rossi" in page
    assert "2 of 2 people" in page
    assert "€84.00" in page
    assert "anonymous" in page
    known = text_of((await site.get("/console/people?known=yes&sort=value")).text)
    assert "Mario Rossi" in known
    assert "Somebody" not in known
    assert "anonymous" not in known
    computed = text_of((await site.get(f"/console/people/{person}?lang=it")).text)
    assert "Valore complessivo 84,00" in computed
    assert "Canale preferito" in computed


async def test_the_list_shows_what_was_spent_in_the_currency_it_was_spent_in(site: Site) -> None:
    for user, *spent in (("ann", ("USD", 120)), ("bob", ("USD", 500), ("EUR", 30)), ("eve", ("USD", 7), ("GBP", 90))):
        for currency, revenue in spent:
            await site.send(
                track(user, "Order Completed", order_id=currency + user, revenue=revenue, currency=currency)
            )
    await site.work()
    await site.sign_in_as("marketer")
    page = (await site.get("/console/people")).text
    for amount in (">$120.00<", ">€30.00<", ">£90.00<"):
        assert amount in page
    assert "€0.00" not in page


async def test_a_join_is_told_with_what_came_together_and_is_no_contact(site: Site) -> None:
    visit = track("x", "Product Viewed", ago=timedelta(hours=2), name="Socks")
    await site.send({**visit, "userId": None, "anonymousId": "browser-4417"})
    await site.send(track("mario", "Order Completed", ago=timedelta(hours=1), order_id="1", revenue=9, currency="EUR"))
    await site.send({**identify("mario"), "anonymousId": "browser-4417"})
    await site.work()
    person = await site.person("user_id", "mario")
    await site.sign_in_as("agent")
    page = text_of((await site.get(f"/console/people/{person}")).text)
    assert "Recognised: Browser …4417 joined" in page
    assert "Person Joined" not in page
    assert re.search(r"Last seen .{0,40}Web", page)
    assert "Riconosciuto: si aggiunge Browser …4417" in text_of(
        (await site.get(f"/console/people/{person}?lang=it")).text
    )
    assert f"/console/people/{person}/why" in (await site.get(f"/console/people/{person}")).text
    await site.send(track("mario", "Store Visited", ago=timedelta(minutes=9)), store="brera")
    await site.sign_in_as("clerk", "brera")
    for_a_clerk = (await site.get(f"/console/people/{person}")).text
    assert "Recognised" in for_a_clerk
    assert "/why" not in for_a_clerk


async def test_the_timeline_is_filtered_by_line_purchases_and_stretch_in_the_address(site: Site) -> None:
    person = await a_customer(site)
    await site.sign_in_as("marketer")

    async def timeline(query: str) -> str:
        page = (await site.get(f"/console/people/{person}?{query}")).text
        return text_of(page.split('id="timeline"')[1].split("</section>")[0])

    assert "Placed an order" in await timeline("channel=store")
    assert "product" not in await timeline("channel=store")
    assert "Placed an order" in await timeline("only=purchases")
    assert "Trail jacket" not in await timeline("only=purchases")
    assert "Nothing matches" in await timeline("channel=service")
    past = await timeline("from=2020-01-01&to=2020-01-31")
    assert "Only 1 Jan 2020 to 31 Jan 2020." in past
    assert (await site.get(f"/console/people/{person}?from=nonsense&channel=nowhere")).status_code == 200
    assert (await site.get(f"/console/people/{person}?before=nonsense")).status_code == 400


async def test_long_timelines_go_on_by_key_without_gap_or_repetition(site: Site) -> None:
    names = [f"Step {n:03}" for n in range(120)]
    await site.send(*[track("mario", name, ago=timedelta(minutes=n + 1)) for n, name in enumerate(names)])
    person = await site.person("user_id", "mario")
    await site.sign_in_as("marketer")
    seen: list[str] = []
    path: str | None = f"/console/people/{person}"
    while path:
        page = (await site.get(path)).text
        seen += re.findall(r"<h3>(Step \d+)", page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        path = f"/console/people/{person}{found[1].replace('&amp;', '&')}" if found else None
    assert seen == names


async def test_who_looked_at_whom_and_for_what_is_kept(site: Site) -> None:
    person = await a_customer(site)
    email = await site.sign_in_as("privacy_officer")
    await site.get(f"/console/people/{person}")
    await site.get(f"/console/people/{person}/why")
    event = await site.pool.fetchval("select id from event order by id limit 1")
    await site.get(f"/console/events/{event}/raw")
    await site.get("/console/palette?q=rossi")
    reads = await site.audit("person.read")
    assert [(entry["actor"], entry["person_id"]) for entry in reads] == [(email, person)] * 2
    assert (await site.audit("event.raw"))[0]["person_id"] == person
    assert str(person) in (await site.audit("people.search"))[0]["detail"]
    assert await site.audit("person.read") == reads


async def test_a_note_is_on_the_timeline_at_once_with_its_author(site: Site) -> None:
    person = await a_customer(site)
    await site.sign_in_as("agent")
    empty = await site.post(f"/console/people/{person}/notes", {"text": "  "})
    assert (empty.status_code, "The note is empty" in text_of(empty.text)) == (400, True)
    await site.post(f"/console/people/{person}/notes", {"text": "Asked for <b>size M</b>\x00"})
    page = await site.get(f"/console/people/{person}")
    assert "The note is on the timeline." in text_of(page.text)
    assert "Asked for &lt;b&gt;size M&lt;/b&gt;" in page.text
    assert "Anna agent" in page.text
    assert (await site.audit("person.note"))[0]["person_id"] == person


async def test_an_old_number_leads_to_the_person_of_now_and_a_join_is_undone_and_put_back(site: Site) -> None:
    """Anonymous visits, then an identify: joined with reason; undo parts the timelines, put back joins them."""
    seen = {"event": "Product Viewed", "properties": {"name": "Socks"}}
    await site.send({"type": "track", "anonymousId": "visitor-12345678", **seen})
    visitor = await site.person("anonymous_id", "visitor-12345678")
    await site.send({**identify("mario", name="Mario Rossi"), "anonymousId": "visitor-12345678"})
    person = await site.person("user_id", "mario")
    assert visitor != person
    await site.sign_in_as("agent")
    moved = await site.get(f"/console/people/{visitor}", follow_redirects=True)
    assert f"Number {visitor} now belongs to this person" in text_of(moved.text)
    assert "Socks" in moved.text
    why = await site.get(f"/console/people/{person}/why")
    change = await site.pool.fetchval("select id from identity_change order by id desc limit 1")
    assert f"/console/identity/links/{change}/undo" in why.text
    answer = await site.post(f"/console/identity/links/{change}/undo", {"next": f"/console/people/{person}"})
    assert answer.headers["location"] == f"/console/people/{person}"
    parted = await site.get(f"/console/people/{person}")
    assert "They are two people again." in text_of(parted.text)
    assert "Socks" not in parted.text.split('id="timeline"')[1]
    assert await site.person("anonymous_id", "visitor-12345678") == visitor
    again = await site.post(f"/console/identity/links/{change}/undo")
    assert (again.status_code, "undone already" in text_of(again.text)) == (409, True)
    await site.post(f"/console/identity/links/{change}/redo")
    assert await site.person("anonymous_id", "visitor-12345678") == person
    assert "Socks" in (await site.get(f"/console/people/{person}")).text
    assert len(await site.audit("identity.undo")) == 1


async def test_a_link_is_taken_back_where_it_stands_and_the_toast_undoes_it(site: Site) -> None:
    """One event named two identifiers, so no join is listed: the link itself can still be split."""
    await site.send({**track("mario", "Hello"), "anonymousId": "phone-of-luisa"})
    person = await site.person("user_id", "mario")
    assert await site.person("anonymous_id", "phone-of-luisa") == person
    await site.sign_in_as("agent")
    link = await site.pool.fetchval("select id from link")
    assert "Split here" in (await site.get(f"/console/people/{person}/why")).text
    await site.post(f"/console/people/{person}/split", {"link": link})
    assert await site.person("anonymous_id", "phone-of-luisa") != person
    page = await site.get(f"/console/people/{person}/why")
    assert "They are two people again." in text_of(page.text)
    undo = re.search(r'action="(/console/identity/links/\d+/undo)"', page.text)
    assert undo
    assert (await site.post(f"/console/people/{person}/split", {"link": link})).status_code == 404
    await site.post(undo[1])
    assert await site.person("anonymous_id", "phone-of-luisa") == person
    assert len(await site.audit("identity.split")) == 1


def test_taking_a_link_back_frees_what_only_it_held() -> None:
    """1 - 2 - 3 and 1 - 4: without 2 - 3 only 3 leaves, without 1 - 2 both, in a ring the weaker end alone."""

    def link(number: int, a: int, b: int) -> dict[str, object]:
        return {"id": number, "node_a": a, "node_b": b, "refused_by": None}

    chain = [link(1, 1, 2), link(2, 2, 3), link(3, 1, 4)]
    assert leaving(chain[1], chain, 1) == {3}
    assert leaving(chain[0], chain, 1) == {2, 3}
    assert leaving(chain[0], chain, 3) == {1, 4}
    ring = [*chain, link(4, 3, 1)]
    assert leaving(ring[0], ring, 1) == {2}
    refused = [*chain, {**link(4, 3, 1), "refused_by": "hint"}]
    assert leaving(refused[0], refused, 1) == {2, 3}


async def test_the_palette_finds_people_screens_and_actions_as_a_fragment(site: Site) -> None:
    await a_customer(site)
    await site.sign_in_as("owner")
    found = (await site.get("/console/palette?q=ros", headers={"hx-request": "true"})).text
    assert "<html" not in found
    assert "Mario Rossi" in found
    assert "Health" in (await site.get("/console/palette?q=heal")).text
    assert "Create a key" in (await site.get("/console/palette?q=create")).text
    assert "Nothing found" in (await site.get("/console/palette?q=zzzz")).text
    assert "Mario Rossi" in (await site.get("/console/search?q=ros")).text


async def test_what_no_database_can_keep_is_refused_as_a_page(site: Site) -> None:
    """Half characters and numbers beyond a column are the sender's mistake, not ours."""
    await site.sign_in_as("owner")
    assert (await site.post("/console/sources/keys/99999999999/disable")).status_code in (400, 404)
    assert (await site.post("/console/team/99999999999/disable")).status_code in (400, 404)
    for path in (
        "/console/people?q=%ED%A0%80%ED%A0%80",
        "/console/palette?q=%FF%FE",
        "/console/live?reason=%ED%A0%80&tab=failed",
    ):
        assert (await site.get(path)).status_code in (200, 400), path


async def test_a_person_who_is_not_there_is_a_page_not_a_crash(site: Site) -> None:
    await site.sign_in_as("owner")
    for number in ("0", "999999", "9223372036854775808", "99999999999999999999999"):
        answer = await site.get(f"/console/people/{number}")
        assert answer.status_code == 404, number
        assert "text/html" in answer.headers["content-type"]


async def test_the_privacy_officer_reads_who_looked_at_somebody_and_nobody_else_does(site: Site) -> None:
    person = await a_customer(site)
    agent = await site.sign_in_as("agent")
    assert (await site.get("/console/audit")).status_code == 403
    page = (await site.get(f"/console/people/{person}")).text
    assert "Who has looked" not in page
    await site.get("/console/people?q=rossi")
    await site.sign_in_as("privacy_officer")
    page = (await site.get(f"/console/people/{person}")).text
    assert f'href="/console/audit?person={person}"' in page
    for asked in (str(person), "mario@example.it"):
        about = text_of((await site.get("/console/audit", params={"person": asked, "actor": agent})).text)
        assert "Who has looked at Mario Rossi" in about
        assert "Opened a person" in about
        assert "Searched people" not in about
    everything = text_of((await site.get("/console/audit", params={"actor": agent})).text)
    assert "Searched people “rossi” · 1 person shown" in everything
    for nobody in ("999999", "zzz", "<x>\x00"):
        nothing = await site.get("/console/audit", params={"person": nobody})
        assert nothing.status_code == 200
        assert "Nothing matches" in nothing.text
    assert "Audit" in text_of((await site.get("/console/palette?q=aud")).text)
    assert (await site.audit("audit.read"))[0]["actor"] == "privacy_officer@alpestre.example"


async def test_the_audit_goes_on_by_key_without_gap_or_repetition(site: Site) -> None:
    await site.sign_in_as("owner")
    for number in range(120):
        await record(site.pool, actor="robot", action=f"test.{number:03}")
    seen: list[str] = []
    path: str | None = "/console/audit?actor=robot"
    while path:
        page = (await site.get(path)).text
        seen += re.findall(r">test\.(\d+)<", page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        path = found[1].replace("&amp;", "&") if found else None
    assert seen == [f"{number:03}" for number in reversed(range(120))]


async def two_marios(site: Site) -> tuple[int, int]:
    """The same man under two accounts."""
    await site.send(identify("mario", name="Mario Rossi"), identify("m.rossi", name="Mario Rossi bis"))
    return await site.person("user_id", "mario"), await site.person("user_id", "m.rossi")


async def test_an_agent_joins_two_people_with_a_reason_and_takes_it_back(site: Site) -> None:
    mario, bis = await two_marios(site)
    await site.sign_in_as("agent")
    address = f"/console/people/{mario}/together"
    assert address in (await site.get(f"/console/people/{mario}")).text
    found = (await site.get(address, params={"q": "rossi"})).text
    assert f'value="{bis}"' in found
    assert f'id="other-{mario}"' not in found
    wish = {"other": str(bis), "deed": "join", "q": "rossi", "sure": "yes"}
    refused = await site.post(address, {**wish, "reason": " "})
    assert refused.status_code == 400
    assert "Say why" in refused.text
    assert "Check who they are first" in (await site.post(address, {**wish, "reason": "x", "sure": ""})).text
    done = await site.post(address, {**wish, "reason": "showed his card"})
    assert done.status_code == 303
    one = await site.person("user_id", "m.rossi")
    assert one == await site.person("user_id", "mario")
    page = text_of((await site.get(f"/console/people/{one}")).text)
    assert re.search(r"Joined by hand: User id m(\.rossi|ario)", page)
    assert "showed his card" in page
    assert (await site.audit("person.join"))[0]["actor"] == "agent@alpestre.example"
    undo = await site.pool.fetchval("select max(id) from identity_change")
    await site.post(f"/console/identity/links/{undo}/undo")
    assert await site.person("user_id", "m.rossi") != await site.person("user_id", "mario")


async def test_a_household_is_made_grows_and_is_left_with_a_way_back(site: Site) -> None:
    mario, bis = await two_marios(site)
    await site.sign_in_as("agent")
    address = f"/console/people/{mario}/together"
    wish = {"other": str(bis), "deed": "household", "q": "rossi", "sure": "yes", "reason": "same address"}
    assert (await site.post(address, wish)).status_code == 400
    assert (await site.post(address, {**wish, "name": "Rossi"})).status_code == 303
    assert await site.person("user_id", "m.rossi") == bis
    assert "Mario Rossi bis" in text_of((await site.get(f"/console/people/{mario}")).text)
    household = await site.pool.fetchval("select id from household")
    await site.post(f"/console/households/{household}/people/{bis}/remove", {"reason": "moved out"})
    assert "Left a household" in text_of((await site.get(f"/console/people/{bis}")).text)
    assert await site.pool.fetchval("select count(*) from household_member") == 1
    await site.post(f"/console/households/{household}/people/{bis}/add")
    assert await site.pool.fetchval("select count(*) from household_member") == 2
    assert [len(await site.audit(f"household.{deed}")) for deed in ("group", "remove", "add")] == [1, 1, 1]


async def test_only_those_who_may_join_people_are_offered_it(site: Site) -> None:
    mario, bis = await two_marios(site)
    await site.sign_in_as("marketer")
    assert "/together" not in (await site.get(f"/console/people/{mario}")).text
    assert (await site.get(f"/console/people/{mario}/together")).status_code == 403
    assert (await site.post(f"/console/people/{mario}/together", {"other": str(bis)})).status_code == 403
    assert (await site.post(f"/console/households/1/people/{bis}/add")).status_code == 403
    await site.sign_in_as("agent")
    assert (await site.get("/console/people/999999/together")).status_code == 404
    assert (await site.post("/console/households/999/people/999999/add")).status_code == 404


async def test_an_id_of_before_a_join_leads_to_the_person_of_now_and_says_so(site: Site) -> None:
    mario, bis = await two_marios(site)
    await site.sign_in_as("agent")
    wish = {"other": str(bis), "deed": "join", "sure": "yes", "reason": "same"}
    await site.post(f"/console/people/{mario}/together", wish)
    now = await site.person("user_id", "mario")
    old = ({mario, bis} - {now}).pop()
    await site.get(f"/console/people/{now}")
    answer = await site.get(f"/console/people/{old}?only=purchases")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/console/people/{now}?only=purchases&was={old}")
    assert f"Number {old} now belongs to this person." in text_of((await site.get(answer.headers["location"])).text)
    assert (await site.get("/console/people/999999")).status_code == 404
    assert "now belongs" not in (await site.get(f"/console/people/{now}?was=<b>")).text
