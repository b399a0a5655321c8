"""The copy of an access request: everything of one person, nothing of others, readable and whole."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.private import Registry, converse, trade
from unisono.customers.privacy.copying import csv_line, sections_of
from unisono.customers.privacy.pages import Page
from unisono.personal import PARTS


async def copied(registry: Registry, person: int, **more: Any) -> zipfile.ZipFile:
    """The copy, as it is fetched."""
    number = (await registry.ask("access", person, **more))["id"]
    await registry.work()
    request = (await registry.api("GET", f"/api/privacy/requests/{number}")).json()
    assert request["state"] == "done", request
    answer = await registry.api("GET", f"/api/privacy/requests/{number}/archive")
    assert answer.status_code == 200, answer.text
    assert len(answer.content) == request["receipt"]["bytes"]
    return zipfile.ZipFile(io.BytesIO(answer.content))


async def test_the_copy_has_everything_and_says_what_it_is(registry: Registry) -> None:
    """Each section in JSON Lines and CSV with the same rows, a page, a schema, a manifest whose digests hold; no row of
    anybody else; and the archive in the database is unreadable."""
    who, other = await registry.customer(), await registry.customer()
    await trade(registry, who)
    await converse(registry, who)
    person = await registry.person(who)
    assert person is not None
    found = await copied(registry, person, language="it")
    assert found.testzip() is None
    names = set(found.namelist())
    assert names >= {"index.html", "schema.json", "manifest.json"}
    manifest = json.loads(found.read("manifest.json"))
    assert manifest["made_for"]["person_id"] == person
    assert f"email:{who.email}" in manifest["made_for"]["identifiers"]
    assert {one["name"] for one in manifest["files"]} == names - {"manifest.json"}
    for one in manifest["files"]:
        data = found.read(one["name"])
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (one["sha256"], one["bytes"]), one["name"]
    schema = json.loads(found.read("schema.json"))
    assert len(schema["sections"]) == len(sections_of(PARTS))
    filled = 0
    for section in schema["sections"]:
        lines, sheet = (found.read(name).decode() for name in section["files"])
        rows = [json.loads(line) for line in lines.splitlines()]
        table = list(csv.DictReader(io.StringIO(sheet)))
        assert len(rows) == len(table), section
        filled += bool(rows)
        for row in rows:
            assert list(row) == list(section["fields"]), section
    assert filled > 20
    everything = "".join(found.read(name).decode() for name in names)
    for value in (who.email, who.phone, who.name, who.street, who.device):
        assert value in everything, value
    assert other.email not in everything
    page = found.read("index.html").decode()
    assert '<html lang="it">' in page
    assert "<script" not in page
    sealed = await registry.conn.fetch("select data from privacy_archive")
    assert all(who.email.encode() not in row["data"] and b"PK\x03\x04" not in row["data"] for row in sealed)


async def test_an_erasure_takes_the_copies_along(registry: Registry) -> None:
    """Nobody fetches a copy of somebody who is gone; one that was asked for and not made is not made any more."""
    who = await registry.customer()
    person = await registry.person(who)
    assert person is not None
    done = (await registry.ask("access", person))["id"]
    await registry.work()
    number = await registry.begin(who)
    waiting = (await registry.ask("access", person))["id"]
    # The erasure was asked for first, and is worked first.
    await registry.conn.execute(
        "update timer set due_at = due_at + interval '1 minute', try_at = try_at + interval '1 minute' where key = $1",
        f"{waiting}:work",
    )
    await registry.work()
    await registry.work(timedelta(minutes=2))
    assert (await registry.api("GET", f"/api/privacy/requests/{number}")).json()["state"] == "done"
    assert (await registry.api("GET", f"/api/privacy/requests/{waiting}")).json()["state"] == "refused"
    assert (await registry.api("GET", f"/api/privacy/requests/{done}/archive")).status_code == 404
    await registry.work(timedelta(minutes=30))
    assert await registry.left(who) == []


async def test_only_those_who_answer_for_privacy_may(registry: Registry) -> None:
    """Every route asks for the permission; each fetch of a copy is written down."""
    key = registry.shop.keys.reader
    for method, path in (
        ("POST", "/api/privacy/requests"),
        ("GET", "/api/privacy/requests"),
        ("GET", "/api/privacy/requests/1"),
        ("GET", "/api/privacy/requests/1/preview"),
        ("POST", "/api/privacy/requests/1/confirm"),
        ("POST", "/api/privacy/requests/1/refuse"),
        ("GET", "/api/privacy/requests/1/archive"),
    ):
        answer = await registry.shop.client.request(method, path, json={}, headers={"authorization": f"Bearer {key}"})
        assert answer.status_code == 403, (method, path, answer.status_code)
    who = await registry.customer()
    person = await registry.person(who)
    assert person is not None
    await copied(registry, person)
    actions = await registry.conn.fetch("select action from audit_entry where person_id = $1", person)
    assert {row["action"] for row in actions} >= {"privacy.asked", "privacy.copy_made", "privacy.copy_read"}


async def test_an_erasure_wants_to_be_meant(registry: Registry) -> None:
    """Without the right confirmation, with something still owed, or after the person changed, nothing happens."""
    who = await registry.customer()
    await trade(registry, who)
    person = await registry.person(who)
    assert person is not None
    number = (await registry.ask("erasure", person))["id"]
    preview = (await registry.api("GET", f"/api/privacy/requests/{number}/preview")).json()
    assert preview["name"] == who.name
    assert {one["table"] for one in preview["counts"]} >= {"event", "sales_order", "trait"}
    assert preview["standing"]

    async def refused(body: dict[str, Any]) -> str:
        answer = await registry.api("POST", f"/api/privacy/requests/{number}/confirm", body)
        assert answer.status_code == 409, answer.text
        return str(answer.json()["code"])

    right = {"confirmation": preview["confirmation"]}
    assert await refused({"confirmation": "yes"}) == "person_changed"
    assert await refused(right) == "standing"
    assert await refused(right | {"despite_standing": True, "shared": [{"node_id": 1, "choice": "erase"}]}) == (
        "shared_undecided"
    )
    await registry.say({"type": "identify", "userId": who.user, "traits": {"email": f"new.{who.email}"}})
    assert await refused(right | {"despite_standing": True}) == "person_changed"
    assert (await registry.api("POST", f"/api/privacy/requests/{number}/refuse")).json()["state"] == "refused"
    assert await registry.person(who) == person


def test_a_sheet_runs_no_formulas() -> None:
    """What a spreadsheet would take for a formula is marked as text; numbers and phone numbers stay."""
    line = csv_line(["=1+1", "@x", "+39 333 1234567", "-5", "-cmd|x", None, {"a": 1}, True]).decode()
    assert next(csv.reader([line])) == ["'=1+1", "'@x", "+39 333 1234567", "-5", "'-cmd|x", "", '{"a":1}', "true"]


def test_the_page_shows_what_people_wrote_as_text() -> None:
    """Nothing somebody wrote becomes part of the page."""
    page = Page("en", datetime.now(UTC))
    assert "<script>" not in page.row({"body": "<script>alert(1)</script>", "more": {"<b>": ["<i>"]}})
