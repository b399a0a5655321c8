"""Segments in the console, on the real database: built box by box without scripts, counted, explained, listed."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import msgspec

from tests.support.console import Site, identify, text_of, track
from unisono.console.views.boxes import Box
from unisono.console.views.segment_tree import Reader, box_of, press, read_box, root_of, sayable
from unisono.customers.segments import presets
from unisono.customers.segments import service as segments
from unisono.customers.segments.model import decode, encode
from unisono.customers.segments.service import Changes, NewSegment
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import transaction
from unisono.worker import all_timer_handlers

BUILDER = "/console/segment-builder"
LOOKERS = {"is": "event", "names": ["Product Viewed"], "op": "at_least", "amount": 1, "within": {"seconds": 86400}}


def read(html: str) -> str:
    return unescape(text_of(html))


def fields(html: str) -> dict[str, str]:
    """What a browser would send of the builder's form, without any button."""
    form = html[html.index('<form id="builder"') :]
    found: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name:
            found[name[1]] = unescape(value[1]) if value else ""
    for name, inside in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', inside) or re.search(r'value="([^"]*)"', inside)
        found[name] = chosen[1] if chosen else ""
    for name, inside in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        found[name] = unescape(inside)
    return found


async def push(site: Site, form: dict[str, str], do: str, **more: str) -> Any:
    return await site.post(BUILDER, {**form, **more, "do": do})


async def people(site: Site) -> None:
    """Mario bought in a store and allows SMS, Anna bought online, Bice only looked."""
    await site.send(
        identify("mario", name="Mario Rossi", city="Milano"),
        identify("anna", name="Anna Bianchi", city="Milano"),
        identify("bice", name="Bice Verdi", city="Como"),
        track("mario", "Product Viewed", name="Jacket", category="Jackets"),
        track("anna", "Order Completed", order_id="1", total=80, currency="EUR"),
        track("bice", "Product Viewed", name="Socks", category="Socks"),
    )
    await site.work()


async def keep(site: Site, code: str, rule: dict[str, Any], *, live: bool = True) -> None:
    """A segment, published and counted."""
    now = datetime.now(UTC)
    async with transaction(site.pool) as conn:
        await segments.create(conn, NewSegment(code=code, name=code.title(), rule=rule), actor="t", now=now)
        if live:
            await segments.publish(conn, code, now=now)
    if live:
        await fill(site)


async def fill(site: Site) -> None:
    """Let the timers that are due count what is to be counted."""
    handlers = all_timer_handlers(site.app.state.settings)
    await TimerWorker(site.pool, handlers).drain(datetime.now(UTC) + timedelta(seconds=1))


async def test_a_segment_is_built_box_by_box_without_scripts_counted_and_published(site: Site) -> None:
    await people(site)
    await site.sign_in_as("marketer")
    assert "No segment yet" in read((await site.get("/console/segments")).text)
    form = fields((await site.get(BUILDER)).text)
    form |= {"r.0.event": "Product Viewed", "r.0.span": "7", "r.0.unit": "days"}
    form = fields((await push(site, form, "add:r.0")).text)
    form |= {"r.0.0.path": "category", "r.0.0.op": "one_of", "r.0.0.value": "jackets, hats"}
    form = fields((await push(site, form, "add:r", **{"r.add": "none"})).text)
    form = fields((await push(site, form, "add:r.1", **{"r.1.add": "trait"})).text)
    form |= {"r.1.0.trait": "city", "r.1.0.value": "Como"}
    form = fields((await push(site, form, "add:r.1", **{"r.1.add": "consent"})).text)
    form = fields((await push(site, form, "up:r.1.1")).text)
    assert (form["r.1.0.kind"], form["r.1.1.kind"]) == ("consent", "trait")
    form = fields((await push(site, form, "remove:r.1.0")).text)
    counted = read((await push(site, form, "count")).text)
    assert "1 of 3 people" in counted
    assert "Product Viewed happened where category is one of jackets, hats in the last 7 days" in counted
    done = await push(site, form, "publish", name="Città: lookers!", note="for the letter")
    assert done.headers["location"] == "/console/segments/citta-lookers"
    kept = await site.pool.fetchrow("select * from segment")
    assert (kept["name"], kept["status"], kept["version"]) == ("Città: lookers!", "live", 1)
    assert decode(msgspec.json.decode(kept["definition"])) == decode(
        {"is": "all", "of": [
            {"is": "event", "names": ["Product Viewed"], "within": {"seconds": 604800},
             "where": [{"path": "category", "op": "one_of", "value": ["jackets", "hats"]}]},
            {"is": "none", "of": [{"is": "trait", "trait": "city", "op": "is", "value": "Como"}]},
        ]}
    )  # fmt: skip
    assert (await site.audit("segment.publish"))[0]["actor"] == "marketer@alpestre.example"
    await fill(site)
    shown = read((await site.get("/console/segments/citta-lookers")).text)
    assert "It is live: its members are being counted." in shown
    assert "Mario Rossi" in shown
    assert "for the letter" in shown


async def test_what_is_missing_is_marked_and_what_was_typed_is_kept(site: Site) -> None:
    await site.sign_in_as("marketer")
    form = fields((await site.get(BUILDER)).text) | {"r.0.amount": "a lot", "r.0.event": ""}
    answer = await push(site, form, "save", name="Half")
    assert answer.status_code == 400
    page = read(answer.text)
    assert "See the marked fields." in page
    assert "This cannot be read." in page
    assert 'value="a lot"' in answer.text
    empty = await push(site, {"r.kind": "all", "r.n": "0"}, "save", name="Nobody")
    assert "Add a condition to this box" in read(empty.text)
    bad = fields((await site.get(BUILDER)).text)
    assert (await push(site, bad, "save", name="Fine", code="No Good")).status_code == 400
    assert (await push(site, bad, "save")).status_code == 400
    day = {"r.n": "1", "r.0.kind": "trait", "r.0.trait": "birthday", "r.0.op": "before", "r.0.value": "soon"}
    refused = await push(site, day, "save", name="Soon")
    assert "needs a day such as" in read(refused.text)
    circle = {"r.n": "1", "r.0.kind": "segment", "r.0.segment": "nobody"}
    assert "There is no such segment" in read((await push(site, circle, "save", name="X")).text)
    assert await site.pool.fetchval("select count(*) from segment") == 0


STRANGE: list[dict[str, str]] = [
    {"r.n": "999", "r.0.kind": "zebra", "do": "add:r.0.0"},
    {"r.kind": "where", "r.n": "x", "do": "up:r"},
    {"r.kind": "all", "r.n": "1", "r.0.kind": "sequence", "r.0.n": "9", "do": "remove:r.0.0"},
    {"r.n": "1", "r.0.kind": "event", "r.0.event": "\x00", "r.0.unit": "eons", "r.0.span": "1e9", "do": "people"},
    {"mode": "yaml", "yaml": "is: [", "do": "count"},
    {"mode": "yaml", "yaml": "is: trait\n", "do": "as_boxes", "version": "99999999999"},
    {"r.n": "1", "r.0.kind": "near", "r.0.latitude": "NaN", "r.0.km": "-1", "do": "save", "name": "x" * 500},
    {"r.n": "1", "r.0.kind": "calendar", "r.0.season": "doomsday", "do": "save", "name": "D"},
    {"do": "match:99999999999999999999", "who": "\x00", "r.n": "1", "r.0.kind": "consent"},
    {"do": "match:999999999999999999", "r.n": "1", "r.0.kind": "consent"},
    {"do": "match", "who": "999999999999999999", "r.n": "1", "r.0.kind": "consent"},
    {"do": "add:r", "r.add": "preset:nothing"},
    {"do": "down:r.0.0.0.0.0"},
    {"do": "count", "r.n": "1", "r.0.kind": "trait", "r.0.trait": "a\"b.[c", "r.0.value": "'"},
    {"do": "count", "r.n": "1", "r.0.kind": "event", "r.0.event": "X", "r.0.n": "1", "r.0.0.kind": "where",
     "r.0.0.path": 'x".y[].\\', "r.0.0.op": "zebra", "r.0.0.value": "v"},
    {"do": "count", "r.n": "1", "r.0.kind": "event", "r.0.event": "X", "r.0.op": "zebra", "r.0.when": "between",
     "r.0.from": "yesterday"},
]  # fmt: skip


async def test_what_makes_no_sense_is_told_in_words_beside_the_number_and_at_its_box(site: Site) -> None:
    """While one counts, the mistake stands where the number would; when one saves, on top; no path of a program."""
    await people(site)
    await site.sign_in_as("marketer")
    form = fields((await site.get(BUILDER)).text)
    form = fields((await push(site, form, "add:r", **{"r.add": "near"})).text)
    form |= {"r.1.latitude": "200", "r.1.longitude": "9", "r.1.km": "5"}
    counted = (await push(site, form, "count")).text
    beside = counted[counted.index('id="live"') :]
    assert "-90 to 90 degrees" in read(beside[: beside.index("</section>")])
    box = counted[counted.index("Near a place") :]
    assert "-90 to 90 degrees" in read(box[: box.index("</fieldset>")])
    assert "$.of" not in counted
    saved = await push(site, form, "save", name="Near")
    assert saved.status_code == 400
    assert saved.text.index("The rule cannot be like this") < saved.text.index("Everybody for whom")
    yaml = {**form, "mode": "yaml", "yaml": "is: none\nof: []\n"}
    told = read((await push(site, yaml, "count")).text)
    assert "A group needs at least one condition ($.of)" in told


async def test_a_name_nobody_has_heard_is_warned_of(site: Site) -> None:
    """An event or a trait that is spelt like none there is may be a mistake; one of the vocabulary is none."""
    await people(site)
    await site.sign_in_as("marketer")
    form = fields((await site.get(BUILDER)).text)
    warned = read((await push(site, form, "count", **{"r.0.event": "Prodct Viewed"})).text)
    assert "No event Prodct Viewed was found: is it spelt like this?" in warned
    assert "is it spelt" not in read((await push(site, form, "count", **{"r.0.event": "Order Refunded"})).text)
    form = fields((await push(site, form, "add:r", **{"r.add": "trait"})).text) | {
        "r.1.trait": "citty",
        "r.1.value": "x",
    }
    assert "a trait citty: is it spelt like this?" in read((await push(site, form, "count")).text)
    assert "is it spelt" not in read((await push(site, form | {"r.1.trait": "city"}, "count")).text)


async def test_a_code_that_is_taken_is_told_at_its_field_and_the_count_stays(site: Site) -> None:
    await people(site)
    await keep(site, "lookers", LOOKERS, live=False)
    await site.sign_in_as("marketer")
    form = fields((await site.get(BUILDER)).text)
    taken = await push(site, form, "save", name="Lookers")
    assert taken.status_code == 409
    assert 'id="code-fault"' in taken.text
    assert "of 3 people" in read(taken.text)


async def test_a_strange_form_is_answered_and_changes_nothing(site: Site) -> None:
    await site.sign_in_as("marketer")
    answers = [(await site.post(BUILDER, form)).status_code for form in STRANGE]
    assert set(answers) <= {200, 400}, list(zip(answers, STRANGE, strict=True))
    assert await site.pool.fetchval("select count(*) from segment") == 0


async def test_every_preset_goes_into_the_boxes_and_back(site: Site) -> None:
    for code, preset in presets.presets().items():
        rule = encode(presets.fill(code, {name: "x" for name, one in preset.fields.items() if one.default == ""}))
        assert sayable(rule), code
        assert decode(Reader().rule(root_of(rule)) or {}), code
    root = Box("all")
    assert press(root, {"r.add": "preset:cart_left"}, "add:r") == "r.0"
    assert [half.kind for half in root.inner[0].inner] == ["first", "then"]
    commas = {"is": "trait", "trait": "city", "op": "one_of", "value": ["a, b", "c"]}
    assert not sayable(commas)
    near = {"is": "near", "km": 5, "store": "MI-01", "latitude": 1.0, "longitude": 2.0, "label": "Brera"}
    assert sayable(near)
    assert box_of(near).typed["store"] == "MI-01"
    await site.sign_in_as("marketer")
    form = fields((await push(site, {"r.kind": "all", "r.n": "0"}, "add:r", **{"r.add": "preset:spent"})).text)
    assert (form["r.0.measure"], form["r.0.path"], form["r.0.amount"]) == ("sum", "total", "200")


def test_a_deep_form_ends_somewhere() -> None:
    """Boxes in boxes without end are cut."""
    form = {}
    for depth in range(60):
        path = "r" + ".0" * depth
        form |= {f"{path}.kind": "all", f"{path}.n": "1"}
    depth, box = 0, read_box(form)
    while box.inner:
        depth, box = depth + 1, box.inner[0]
    assert depth <= 11


async def test_yaml_says_what_boxes_cannot_and_goes_back_when_they_can(site: Site) -> None:
    await site.sign_in_as("marketer")
    form = fields((await site.get(f"{BUILDER}?template=best")).text)
    assert form["name"] == "Best customers of the year"
    form = fields((await push(site, form, "as_yaml")).text)
    assert "measure: sum" in form["yaml"]
    form["yaml"] = "is: trait\ntrait: city\nop: one_of\nvalue: ['Reggio, Emilia', Como]\n"
    stays = fields((await push(site, form, "as_boxes")).text)
    assert stays["mode"] == "yaml"
    done = await push(site, stays, "save", name="Emilia")
    assert done.headers["location"] == "/console/segments/emilia"
    again = await site.get(f"{BUILDER}?code=emilia")
    assert "Reggio, Emilia" in again.text
    plain = {**stays, "yaml": "is: trait\ntrait: city\nop: known\n"}
    assert fields((await push(site, plain, "as_boxes")).text)["mode"] == "boxes"
    assert (await push(site, {**stays, "yaml": "is: nonsense"}, "save", name="N")).status_code == 400


async def test_a_change_is_a_version_with_its_note_and_another_s_change_is_not_overwritten(site: Site) -> None:
    await people(site)
    await keep(site, "lookers", LOOKERS)
    await site.sign_in_as("marketer")
    form = fields((await site.get(f"{BUILDER}?code=lookers")).text)
    assert form["r.0.unit"] == "days"
    async with transaction(site.pool) as conn:
        await segments.change(conn, "lookers", Changes(name="Lookers two"), actor="t", now=datetime.now(UTC))
    refused = await push(site, {**form, "r.0.amount": "2"}, "save")
    assert refused.status_code == 409
    form = fields((await site.get(f"{BUILDER}?code=lookers")).text)
    done = await push(site, {**form, "r.0.amount": "2"}, "save", note="one look is nothing")
    assert done.status_code == 303
    shown = read((await site.get("/console/segments/lookers")).text)
    assert "version 3" in shown
    assert "one look is nothing" in shown
    assert "was Product Viewed happened in the last 1 day. became Product Viewed happened at least 2 times" in shown
    assert "live, being counted" in shown


async def test_who_would_match_is_asked_while_building(site: Site) -> None:
    await people(site)
    await site.sign_in_as("marketer")
    form = fields((await site.get(BUILDER)).text) | {"r.0.event": "Product Viewed"}
    mario = read((await push(site, form, "match", who="mario")).text)
    assert "is in Mario Rossi" in mario
    assert "Counted: 1." in mario
    anna = await site.person("user_id", "anna")
    chosen = read((await push(site, form, f"match:{anna}")).text)
    assert "is not in Anna Bianchi" in chosen
    assert "Nobody we know is called so." in read((await push(site, form, "match", who="zacharias")).text)
    seen = read((await push(site, form, "people")).text)
    assert "Whom marketing reaches" in seen
    assert "Bice Verdi" in seen
    assert (await site.audit("segment.explain"))[0]["person_id"] == anna
    assert await site.audit("segment.samples")


async def test_values_are_completed_from_what_there_is_with_counts(site: Site) -> None:
    await people(site)
    await site.sign_in_as("marketer")
    rule = {"r.n": "2", "r.0.kind": "trait", "r.0.trait": "city", "r.1.kind": "event", "r.1.event": "Product Viewed",
            "r.1.n": "1", "r.1.0.kind": "where", "r.1.0.path": "category"}  # fmt: skip
    html = (await push(site, rule, "shape")).text
    assert '<option value="Milano">2</option>' in html
    assert '<option value="Jackets">1</option>' in html
    assert '<option value="Product Viewed">2</option>' in html
    assert re.search(r'<datalist id="r.1.0.path-known">.*?value="category"', html, re.DOTALL)


async def test_the_list_tells_sizes_and_what_uses_them(site: Site) -> None:
    await people(site)
    await keep(site, "lookers", LOOKERS)
    await keep(site, "both", {"is": "all", "of": [{"is": "segment", "segment": "lookers"}]}, live=False)
    await site.pool.execute(
        "insert into segment_count (segment_id, day, members) select id, current_date - 8, 7 from segment "
        "where code = 'lookers'"
    )
    await site.sign_in_as("analyst")
    page = await site.get("/console/segments")
    told = read(page.text)
    assert "Lookers Product Viewed happened in the last 1 day. 2 −5" in told
    assert "Both Is in the segment lookers." in told
    assert 'class="trend trend-small"' in page.text
    assert re.search(r"Members over 30 days.*?Both", page.text, re.DOTALL)
    assert "Ready to start from" in told
    assert "Count them" in told, "the list does not wait for six rules to be counted"
    assert "people now" not in told
    assert "0 people now" in read((await site.get("/console/segments?sizes=yes")).text)
    assert "0 people now" in read((await site.get("/console/segments")).text), "they are remembered"
    assert read((await site.get("/console/segments?status=archived")).text).count("Clear the filter") == 1
    assert "Segments Lookers lookers" in read((await site.get("/console/palette?q=look")).text)
    one = read((await site.get("/console/segments/lookers")).text)
    assert "2 of 3 people" in one
    assert "Used by Both segment" in one
    assert "in a week: −5" in one


async def test_members_are_listed_exported_and_explained(site: Site) -> None:
    await people(site)
    await keep(site, "lookers", LOOKERS)
    await site.sign_in_as("marketer")
    mario, anna = await site.person("user_id", "mario"), await site.person("user_id", "anna")
    assert "Mario Rossi" in read((await site.get("/console/segments/lookers/members")).text)
    later = read((await site.get(f"/console/segments/lookers/members?after={10**17}")).text)
    assert "Mario Rossi" not in later
    table = await site.get("/console/segments/lookers/members.csv")
    assert table.headers["content-disposition"] == 'attachment; filename="segment-lookers.csv"'
    rows = list(csv.reader(io.StringIO(table.text)))
    assert rows[0] == ["person_id", "name", "since"]
    assert {row[1] for row in rows[1:]} == {"Mario Rossi", "Bice Verdi"}
    why = read((await site.get(f"/console/segment-why?code=lookers&person={mario}")).text)
    assert "is in Mario Rossi since" in why
    assert "That may change" in why
    whynot = read((await site.get(f"/console/segment-why?code=lookers&person={anna}")).text)
    assert "is not in Anna Bianchi" in whynot
    one = await site.get("/console/segment-why?code=lookers&q=verdi")
    assert "is in Bice Verdi since" in read((await site.get(one.headers["location"])).text), (
        "one found is the one meant"
    )
    several = read((await site.get("/console/segment-why?code=lookers&q=bi")).text)
    assert "Whom do you mean?" in several
    assert "Bice Verdi" in several and "Anna Bianchi" in several
    assert (await site.get("/console/segment-why?code=nothing&person=1")).status_code == 404
    person = await site.get(f"/console/people/{mario}")
    assert f"/console/segment-why?code=lookers&amp;person={mario}" in person.text
    assert 'id="why-not"' not in person.text
    assert 'id="why-not"' in (await site.get(f"/console/people/{anna}")).text
    assert len(await site.audit("segment.export")) == 1


async def test_names_in_a_table_are_no_formulas(site: Site) -> None:
    await site.send(identify("eve", name="=cmd()"), track("eve", "Product Viewed"))
    await site.work()
    await keep(site, "lookers", LOOKERS)
    await site.sign_in_as("marketer")
    assert "'=cmd()" in (await site.get("/console/segments/lookers/members.csv")).text


async def test_a_segment_rests_with_a_note_and_an_undo_and_one_in_use_does_not(site: Site) -> None:
    await people(site)
    await keep(site, "lookers", LOOKERS)
    await site.sign_in_as("marketer")
    done = await site.post("/console/segments/lookers/move/archive", {"note": "over"})
    assert done.headers["location"] == "/console/segments/lookers"
    page = await site.get("/console/segments/lookers")
    assert "It rests: nobody is in it any more." in read(page.text)
    assert "/console/segments/lookers/move/publish" in page.text
    assert msgspec.json.decode((await site.audit("segment.archive"))[0]["detail"])["note"] == "over"
    await site.post("/console/segments/lookers/move/publish")
    await keep(site, "more", {"is": "all", "of": [{"is": "segment", "segment": "lookers"}]}, live=False)
    await site.post("/console/segments/lookers/move/archive")
    assert "Something in force asks about it" in read((await site.get("/console/segments/lookers")).text)
    assert await site.pool.fetchval("select status from segment where code = 'lookers'") == "live"
    assert (await site.post("/console/segments/lookers/move/sideways")).status_code == 404


async def test_who_may_not_write_sees_no_buttons_and_clerks_see_nothing(site: Site) -> None:
    await people(site)
    await keep(site, "lookers", LOOKERS)
    await site.sign_in_as("agent")
    page = (await site.get("/console/segments/lookers")).text
    assert "/move/" not in page
    assert BUILDER not in page
    assert (await site.get(BUILDER)).status_code == 403
    assert (await site.post("/console/segments/lookers/move/archive")).status_code == 403
    await site.sign_in_as("clerk", "MI-01")
    for path in ("", "/lookers", "/lookers/members", "/lookers/members.csv"):
        assert (await site.get(f"/console/segments{path}")).status_code == 403
