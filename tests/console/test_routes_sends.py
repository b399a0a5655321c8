"""What is sent, in the console on the real database: policy, outbox, messages, broadcasts, tasks."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest

from tests.support.console import Site, identify, text_of
from unisono.console.routes.person_write import request_of
from unisono.console.sent import named
from unisono.customers.identity import service as identity
from unisono.engagement.channels.tasks import service as tasks
from unisono.engagement.channels.tasks.service import NewTask
from unisono.engagement.delivery import service as delivery
from unisono.engagement.delivery.model import NewMessage
from unisono.engagement.policy import service as policies
from unisono.kit.database import transaction


def read(html: str) -> str:
    return unescape(text_of(html))


async def mario(site: Site) -> int:
    await site.send(identify("mario", name="Mario Rossi", email="mario@example.it"))
    await site.work()
    return await site.person("email", "mario@example.it")


def fields(html: str) -> dict[str, Any]:
    """What a browser would send of the form of the policy, as it is."""
    form: dict[str, Any] = {}
    inside = html[html.index('action="/console/policy-form"') :]
    for tag in re.findall(r"<input[^>]*>", inside):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name is None or ('type="checkbox"' in tag and "checked" not in tag):
            continue
        form.setdefault(name[1], []).append(unescape(value[1]) if value else "")
    for name, body in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', inside, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', body) or re.search(r'value="([^"]*)"', body)
        form[name] = [chosen[1] if chosen else ""]
    return {name: values[0] if len(values) == 1 else values for name, values in form.items()}


async def test_the_policy_is_changed_with_a_reason_shows_what_changed_and_is_taken_back(site: Site) -> None:
    """The form sent as it is changes nothing; a change asks why, is a version with a diff, and can be undone."""
    await site.sign_in_as("marketer")
    page = read((await site.get("/console/policy")).text)
    assert "10 weights in any 7 days" in page
    assert "Promotion is mute while" in page
    form = fields((await site.get("/console/policy-form")).text)
    same = await site.post("/console/policy-form", {**form, "reason": "none"})
    assert same.status_code == 303, read(same.text)
    assert await site.pool.fetchval("select count(*) from contact_policy") == 0
    silent = await site.post("/console/policy-form", {**form, "weight-call": "8"})
    assert silent.status_code == 400
    assert "Say why" in read(silent.text)
    assert 'name="weight-call" inputmode="numeric" value="8"' in silent.text, "what was typed stays"
    bad = await site.post("/console/policy-form", {**form, "weight-call": "many", "reason": "x"})
    assert bad.status_code == 400
    done = await site.post("/console/policy-form", {**form, "weight-call": "8", "reason": "Fewer calls"})
    assert done.status_code == 303
    page = read((await site.get("/console/policy")).text)
    assert "Fewer calls" in page
    assert re.search(r"Weight Call: was 5 became 8", page), page
    stale = await site.post("/console/policy-form", {**form, "weight-call": "9", "reason": "late"})
    assert stale.status_code == 409
    assert (await site.post("/console/policy-restore", {"version": "0"})).status_code == 303
    assert "Back to version 0" in read((await site.get("/console/policy")).text)
    assert len(await site.audit("policy.save")) == 3
    await site.sign_in_as("analyst")
    assert (await site.get("/console/policy-form")).status_code == 403
    assert "Let it count again" not in (await site.get("/console/policy")).text


async def test_what_a_budget_counts_is_chosen_and_rows_come_and_go_by_what_is_ticked(site: Site) -> None:
    """A budget says what weighs in it; a new one is named in anybody's words; a ticked row goes."""
    await site.sign_in_as("marketer")
    form = fields((await site.get("/console/policy-form")).text)
    assert form["budget-0-counts"] == ["marketing", "service", "staff"]
    wanted = {**form, "budget-0-counts": ["marketing", "transactional"], "cap-0-remove": "yes", "reason": "Spring",
              "budget-1-name": "Più di così no!", "budget-1-limit": "3", "budget-1-span": "90",
              "budget-1-span_unit": "minutes", "budget-1-purposes": "service", "budget-1-counts": "staff"}  # fmt: skip
    done = await site.post("/console/policy-form", wanted)
    assert done.status_code == 303, read(done.text)
    async with transaction(site.pool) as conn:
        policy = (await policies.current(conn)).policy
    assert policy.budgets[0].counts == ("marketing", "transactional")
    new = policy.budgets[1]
    assert (new.name, new.label, new.limit, new.seconds) == ("piu-di-cosi-no", "Più di così no!", 3, 5400)
    assert policy.budgets[0].label == "", "a name nobody touched stays the package's, in every language"
    assert (new.binds, new.counts) == (("service",), ("staff",))
    assert "day" not in {cap.name for cap in policy.caps}
    told = read((await site.get("/console/policy")).text)
    assert "Budget Più di così no!: was – became 3 weights in any 90 minutes" in told
    assert "Cap promotions a day: was at most 1 in any 1 day: Marketing became –" in told
    assert "Budget week, What weighs in it: was Marketing, Service, Said by staff became" in told
    again = fields((await site.get("/console/policy-form")).text)
    assert (again["budget-1-span"], again["budget-1-span_unit"]) == ("90", "minutes")
    await site.post("/console/policy-form", {**again, "reason": "as it is"})
    async with transaction(site.pool) as conn:
        assert (await policies.current(conn)).policy == policy, "a form sent as it is changes nothing"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        pytest.param({"budget-1-limit": "5"}, "A name is missing", id="a-new-budget-without-a-name"),
        pytest.param({"cap-0-name": ""}, "A name is missing", id="a-name-emptied"),
        pytest.param({"budget-0-counts": []}, "Choose at least one purpose", id="a-budget-that-counts-nothing"),
        pytest.param({"quiet-0-from": "25:00"}, "This time of day cannot be read", id="an-hour-there-is-not"),
        pytest.param({"quiet-0-channels": []}, "Choose a channel", id="quiet-hours-of-no-channel"),
        pytest.param({"quiet-0-weekdays": []}, "Choose at least one day", id="quiet-hours-on-no-day"),
        pytest.param({"fallback-0": "", "fallback-1": "", "fallback-2": "", "fallback-3": ""}, "Choose a channel",
                     id="no-channel-to-fall-back-on"),
        pytest.param({"budget-1-name": "Day", "budget-1-limit": "1"}, "Two budgets or caps are called day.",
                     id="a-name-twice"),
    ],
)  # fmt: skip
async def test_a_policy_that_cannot_be_is_told_beside_its_field(site: Site, typed: dict[str, Any], said: str) -> None:
    """What is wrong is said in words without codes of programs, what was typed stays, and nothing counts."""
    await site.sign_in_as("marketer")
    form = fields((await site.get("/console/policy-form")).text)
    answer = await site.post("/console/policy-form", {**form, **typed, "reason": "try"})
    assert answer.status_code == 400
    assert said in read(answer.text)
    assert "$." not in answer.text
    assert "try" in answer.text
    if said.endswith("."):
        assert "The policy cannot count like this" in read(answer.text)
    else:
        assert answer.text.count('class="fault"') == 1
    assert await site.pool.fetchval("select count(*) from contact_policy") == 0


async def test_a_message_only_thought_of_is_decided_with_its_reasons(site: Site) -> None:
    """Nobody agreed to anything: a promotion does not go, and the page says why by channel."""
    await mario(site)
    await site.sign_in_as("marketer")
    page = read((await site.get("/console/policy-simulator?who=mario@example.it&purpose=marketing")).text)
    assert "It is not sent" in page
    assert "The facts used" in page
    assert (await site.get("/console/policy-simulator?who=nobody@example.it")).status_code == 404
    for odd in ("who=%00", "who=zz", "who=mario@example.it&at=9999-99-99", "who=mario@example.it&channels=zz"):
        assert (await site.get(f"/console/policy-simulator?{odd}")).status_code in (200, 400, 404), odd


async def plan(site: Site, person: int, **more: Any) -> int:
    now = datetime.now(UTC)
    wanted: dict[str, Any] = {
        "key": "k1",
        "node_id": person,
        "origin": "api",
        "purpose": "marketing",
        "channels": ("email",),
        "due_at": now,
        "created_by": "test",
        "content": {"email": {"en": {"subject": "Hi", "text": "Hello"}}},
    }
    async with transaction(site.pool) as conn:
        [made] = await delivery.plan(conn, [NewMessage(**{**wanted, **more})], now=now)
    return made.id


async def test_the_outbox_leads_to_a_message_its_reason_and_its_end(site: Site) -> None:
    """Listed with its person; opened with what is known; cancelled once; filters name themselves."""
    person = await mario(site)
    await site.sign_in_as("marketer")
    assert "Nothing has been said yet" in read((await site.get("/console/outbox")).text)
    number = await plan(site, person)
    page = (await site.get("/console/outbox")).text
    assert "Mario Rossi" in read(page)
    assert f'href="/console/outbox/{number}"' in page
    assert "Nothing matches" in read((await site.get("/console/outbox?state=skipped&channel=email")).text)
    for odd in ("state=zz", "channel=%00", "before=zz", "person=zz", "reason=zz", "broadcast=zz"):
        assert (await site.get(f"/console/outbox?{odd}")).status_code in (200, 404), odd
    one = read((await site.get(f"/console/outbox/{number}")).text)
    assert "Not decided yet" in one
    assert "It is written when it leaves" in one
    assert "Do not send it" in one
    assert (await site.post(f"/console/outbox/{number}/cancel")).status_code == 303
    one = read((await site.get(f"/console/outbox/{number}")).text)
    assert "cancelled" in one
    assert (await site.get(f"/console/outbox/{number}/frame")).status_code == 404
    assert (await site.get("/console/outbox/999")).status_code == 404
    assert await site.audit("message.read")


async def test_what_nobody_knows_somebody_may_say(site: Site) -> None:
    """On the message's own page, with a reason; once; and only of what is unknown."""
    number = await plan(site, await mario(site))
    await site.sign_in_as("marketer")
    path = f"/console/outbox/{number}"
    assert "Do you know what became of it?" not in read((await site.get(path)).text)
    await site.pool.execute("update message set state = 'unknown', reason = 'unknown' where id = $1", number)
    assert "Do you know what became of it?" in read((await site.get(path)).text)
    for missing in ({"verdict": "lost"}, {"verdict": "zz", "reason": "x"}, {"reason": "x"}):
        assert (await site.post(f"{path}/settle", missing)).status_code == 303
    assert await site.pool.fetchval("select state from message where id = $1", number) == "unknown"
    for _ in range(2):
        assert (await site.post(f"{path}/settle", {"verdict": "lost", "reason": "not in their log"})).status_code == 303
    one = read((await site.get(path)).text)
    assert "It did not arrive, says" in one
    assert "not in their log" in one
    assert len(await site.audit("message.settle")) == 1


async def test_what_was_said_is_shown_without_counting_or_leading_anywhere(site: Site) -> None:
    """The frame may do nothing: no pixel, no link, a policy of its own."""
    number = await plan(site, await mario(site))
    html = '<p>Ciao <a href="https://x/l/t">x</a><img src="https://x/o/t.gif" width="1"><img src="https://x/a.png">'
    await site.pool.execute(
        "insert into message_content (message_id, rendered)"
        " values ($1, jsonb_build_object('subject', 'S', 'html', $2::text))",
        number,
        html,
    )
    await site.sign_in_as("marketer")
    assert f'src="/console/outbox/{number}/frame"' in (await site.get(f"/console/outbox/{number}")).text
    said = await site.get(f"/console/outbox/{number}/frame")
    assert "/o/t.gif" not in said.text
    assert " href=" not in said.text
    assert "a.png" in said.text
    assert "sandbox" in said.headers["content-security-policy"]
    await site.sign_in_as("analyst")
    assert (await site.get(f"/console/outbox/{number}/frame")).status_code == 403
    assert "The message as it left" not in (await site.get(f"/console/outbox/{number}")).text


async def test_a_message_is_written_looked_at_and_only_what_would_leave_is_sent(site: Site) -> None:
    """A promotion without consent is shown as refused and not planned; a task for staff goes."""
    person = await mario(site)
    await site.sign_in_as("marketer")
    where = f"/console/people/{person}/write"
    assert "See what would become of it" in read((await site.get(where)).text)
    empty = await site.post(where, {"channel": "email", "purpose": "marketing", "text": "", "do": "look"})
    assert empty.status_code == 400
    words = {"channel": "email", "purpose": "marketing", "subject": "Hi", "text": "Hello {{ person.first_name }}"}
    looked = read((await site.post(where, {**words, "do": "look"})).text)
    assert "It is not sent" in looked
    assert "As things stand it would not leave" in looked
    refused = await site.post(where, {**words, "do": "send"})
    assert refused.status_code == 409
    assert await site.pool.fetchval("select count(*) from message") == 0
    await site.pool.execute(
        "insert into channel_account (code, name, channel, kind, status, created_by)"
        " values ('desk', 'Desk', 'clerk', 'clerk', 'active', 'test')"
    )
    task = {"channel": "clerk", "purpose": "service", "subject": "Say hello", "text": "Ask how the boots are."}
    assert "Send it" in read((await site.post(where, {**task, "do": "look"})).text)
    sent = await site.post(where, {**task, "do": "send", "once": "one"})
    assert sent.status_code == 303
    again = await site.post(where, {**task, "do": "send", "once": "one"})
    assert again.headers["location"] == sent.headers["location"], "a double click is one message"
    assert await site.pool.fetchval("select count(*) from message") == 1
    page = read((await site.get(f"/console/people/{person}")).text)
    assert "To come" in page
    assert "Word in the store" in page
    await site.sign_in_as("analyst")
    assert (await site.get(where)).status_code == 403


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (" mario@example.it ", "email:mario@example.it"),
        ("+39 333 111 2223", "phone:+39 333 111 2223"),
        ("loyalty_card:77", "loyalty_card:77"),
        ("Mario", "Mario"),
    ],
    ids=["mail", "phone", "named", "word"],
)
def test_mail_addresses_and_phone_numbers_need_no_namespace(typed: str, meant: str) -> None:
    assert named(typed) == meant


def test_an_empty_line_parts_a_mail_whoever_ends_the_lines() -> None:
    """Browsers send CR LF."""
    asked = request_of(1, {"channel": "email", "purpose": "service", "text": "One\r\ntwo\r\n\r\nthree"}, "en")
    assert asked.content is not None
    assert [block.text for block in asked.content["email"]["en"].blocks] == ["One\ntwo", "three"]


async def test_reasons_and_lists_speak_by_name_and_not_in_codes(site: Site) -> None:
    """A channel, a template and a broadcast are called by their names, in a reason too."""
    person = await mario(site)
    await site.sign_in_as("marketer")
    await site.pool.execute(
        "insert into template (code, name, kind, purpose, draft, draft_by, draft_at)"
        " values ('weekly', 'The week in short', 'message', 'marketing', '{}', 'test', now())"
    )
    await plan(site, person, template="weekly", content=None)
    assert "The week in short" in read((await site.get("/console/outbox")).text)
    page = read((await site.get("/console/policy-simulator?who=mario@example.it&purpose=marketing&channels=sms")).text)
    assert "No address for SMS is known." in page


async def test_a_call_written_down_names_the_number_to_call(site: Site) -> None:
    await site.send(identify("mario", name="Mario Rossi", email="mario@example.it", phone="+393331112223"))
    await site.work()
    await site.sign_in_as("agent")
    made = await site.post("/console/tasks", {"title": "Ring", "kind": "call", "who": "mario@example.it"})
    assert made.status_code == 303
    assert "+393331112223" in read((await site.get("/console/tasks")).text)


async def test_a_broadcast_is_written_reviewed_launched_paused_and_stopped(site: Site) -> None:
    """From the form to the end; each press says what it did, nothing leaves before the launch."""
    await mario(site)
    await site.sign_in_as("marketer")
    assert "No broadcast yet" in read((await site.get("/console/broadcasts")).text)
    made = await site.client.post(
        "/api/segments",
        json={
            "code": "all",
            "name": "Everybody",
            "rule": {"is": "trait", "trait": "identified", "op": "is", "value": True},
        },
        headers={"x-csrftoken": site.csrf},
    )
    assert made.status_code in (200, 201), made.text
    form = {"name": "Winter is here", "segment": "all", "template": "welcome", "do": "save"}
    nameless = await site.post("/console/broadcast-form", {**form, "name": ""})
    assert nameless.status_code == 400
    silent = await site.post("/console/broadcast-form", {**form, "template": ""})
    assert silent.status_code == 400
    assert "Choose a template" in read(silent.text)
    looked = await site.post("/console/broadcast-form", {**form, "do": "look"})
    assert "Whom it would reach" in read(looked.text), read(looked.text)
    kept = await site.post("/console/broadcast-form", form)
    assert kept.headers.get("location") == "/console/broadcasts/winter-is-here", read(kept.text)
    assert (await site.post("/console/broadcast-form", form)).status_code == 409
    review = read((await site.get("/console/broadcasts/winter-is-here")).text)
    assert "to everybody in “Everybody”" in review
    assert "Whom it would reach" in review
    step = "/console/broadcasts/winter-is-here/step"
    assert (await site.post(step, {"step": "launch", "when": "at", "at": ""})).status_code == 400
    assert (await site.post(step, {"step": "pause"})).status_code == 409
    day = {"step": "launch", "when": "local", "day": "2027-06-01", "time": "18:30"}
    launched = await site.post(step, day)
    assert launched.status_code == 303, read(launched.text)
    assert "scheduled" in read((await site.get("/console/broadcasts")).text)
    assert (await site.post(step, {"step": "pause"})).status_code == 303
    assert "Go on" in read((await site.get("/console/broadcasts/winter-is-here")).text)
    assert (await site.post(step, {"step": "resume"})).status_code == 303
    assert (await site.post(step, {"step": "stop"})).status_code == 303
    assert "stopped" in read((await site.get("/console/broadcasts/winter-is-here")).text)
    assert len(await site.audit("broadcast.step")) == 4
    await site.sign_in_as("agent")
    assert (await site.post(step, {"step": "stop"})).status_code == 403
    assert (await site.get("/console/broadcasts/absent")).status_code == 404


async def test_a_task_is_settled_once_and_who_wants_no_more_calls_is_not_called(site: Site) -> None:
    person = await mario(site)
    now = datetime.now(UTC)
    async with transaction(site.pool) as conn:
        node = await identity.resolve(conn, person)
        task = NewTask(kind="call", title="Call about the tent", body="Say sorry.", node_id=node, due_at=now)
        number = await tasks.create(conn, task, now=now)
        other = await tasks.create(conn, NewTask(kind="clerk", title="Boots", store_id="milano"), now=now)
    await site.sign_in_as("agent")
    page = read((await site.get("/console/tasks")).text)
    assert "Call about the tent" in page
    assert "Mario Rossi" in page
    unsaid = await site.post(f"/console/tasks/{number}/settle", {"outcome": ""})
    assert unsaid.status_code == 400
    typed = {"outcome": "reached", "minutes": "many", "note": "He laughed"}
    unclear = (await site.post(f"/console/tasks/{number}/settle", typed)).text
    assert '<option value="reached" selected>' in unclear, "what was chosen and typed stays"
    assert 'value="He laughed"' in unclear
    settled = await site.post(f"/console/tasks/{number}/settle", {"outcome": "do_not_contact", "minutes": "3"})
    assert settled.status_code == 303, read(settled.text)
    twice = await site.post(f"/console/tasks/{number}/settle", {"outcome": "reached"})
    assert twice.status_code == 409
    assert "Wants no more calls" in read((await site.get("/console/tasks?state=done")).text)
    await site.sign_in_as("clerk", "milano")
    page = read((await site.get("/console/tasks")).text)
    assert "Boots" in page
    assert "the tent" not in page
    assert (await site.post(f"/console/tasks/{number}/settle", {"outcome": "reached"})).status_code == 404
    assert '<option value="milano"' in (await site.get("/console/tasks")).text
    assert (await site.post("/console/tasks", {"title": "Ring", "kind": "call"})).status_code == 400
    assert (await site.post("/console/tasks", {"title": "Ring", "kind": "call", "store": "milano"})).status_code == 303
    assert (await site.post(f"/console/tasks/{other}/settle", {"outcome": "done"})).status_code == 303
    for odd in ("state=zz", "kind=zz", "after=zz"):
        assert (await site.get(f"/console/tasks?{odd}")).status_code == 200
