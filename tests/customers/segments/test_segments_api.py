"""Segments over the API and from files: made, tried, changed, explained; bad input changes nothing."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response
from litestar import Litestar, Request
from litestar import Response as Answer
from litestar.datastructures import State

import unisono.commerce.app_part  # noqa: F401 - who knows where stores are
from tests.support.segmenting import ABANDONED, NOW, SETTINGS, Town, did
from tests.support.tree import ROOT
from unisono.access.keys import KeyRing, create_source
from unisono.cli import segments as command
from unisono.customers.segments import api
from unisono.kit.database import Pool, transaction
from unisono.kit.errors import UnisonoError

FULL = frozenset({"segments:write", "people:read"})


def problem(_: Request[Any, Any, Any], error: UnisonoError) -> Answer[dict[str, object]]:
    return Answer(error.problem(), status_code=error.status)


class Front:
    """A server's key, and the town behind it."""

    def __init__(self, client: AsyncClient, town: Town) -> None:
        self.client = client
        self.town = town

    async def post(self, path: str, status: int = 200, **body: Any) -> Any:
        answer = await self.client.post(f"/api/segments{path}", json=body)
        return self._read(answer, status)

    async def get(self, path: str, status: int = 200) -> Any:
        return self._read(await self.client.get(path), status)

    def _read(self, answer: Response, status: int) -> Any:
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
async def front(pool: Pool) -> AsyncIterator[Front]:
    async with transaction(pool) as conn:
        made = await create_source(conn, name="erp", kind="server", actor="test", scopes=FULL)
    state = State({"pool": pool, "clock": lambda: NOW, "key_ring": KeyRing(pool), "settings": SETTINGS})
    app = Litestar(api.routes, exception_handlers={UnisonoError: problem}, state=state)
    headers = {"authorization": f"Bearer {made.key}"}
    async with AsyncClient(transport=ASGITransport(app), base_url="http://shop.test", headers=headers) as client:
        yield Front(client, Town(pool))


async def test_a_segment_from_draft_to_rest(front: Front) -> None:
    """Made, published, counted, changed, read, archived; each version with who and why."""
    anna, bruno = await front.town.people(2)
    await front.town.does(anna, "Product Viewed")
    await front.town.does(bruno, "Order Completed")
    made = await front.post("", 201, code="some", name="Some", rule=did("Product Viewed"), note="first")
    assert (made["status"], made["version"], made["counting"], made["members"]) == ("draft", 1, False, None)
    published = await front.post("/some/publish")
    assert (published["status"], published["counting"]) == ("live", True)
    await front.town.timers.drain()
    assert (await front.get("/api/segments/some"))["members"] == 1
    changed = await front.post("/some?expected_version=1", rule=did("Order Completed"), note="orders count")
    assert (changed["version"], changed["counting"]) == (2, True)
    assert (await front.post("/some?expected_version=1", 409, name="Other"))["code"] == "version_conflict"
    await front.town.timers.drain()
    page = await front.get("/api/segments/some/members")
    assert ([member["person_id"] for member in page["members"]], page["next"]) == ([bruno], None)
    renamed = await front.post("/some", name="Buyers")
    assert (renamed["version"], renamed["counting"], renamed["name"]) == (3, False, "Buyers")
    versions = await front.get("/api/segments/some/versions")
    assert [(one["version"], one["note"]) for one in versions] == [(3, ""), (2, "orders count"), (1, "first")]
    assert [one["code"] for one in await front.get(f"/api/people/{bruno}/segments")] == ["some"]
    read = await front.town.pool.fetch("select person_id from audit_entry where action = 'segment.memberships'")
    assert [row["person_id"] for row in read] == [bruno]
    assert [one["code"] for one in await front.get("/api/segments?status=live")] == ["some"]
    assert (await front.post("/some/archive"))["status"] == "archived"
    assert await front.get(f"/api/people/{bruno}/segments") == []
    history = await front.get("/api/segments/some/history")
    assert [(day["members"], day["entered"]) for day in history["days"]] == [(1, 0)]


async def test_a_rule_is_tried_before_it_is_saved(front: Front) -> None:
    """Exact numbers, the funnel, some people, whom a channel reaches; nothing is written."""
    anna, bruno, carla = await front.town.people(3, "email")
    for person in (anna, bruno):
        await front.town.does(person, "Product Viewed")
    await front.town.does(anna, "Order Completed")
    await front.town.pool.execute(
        "insert into consent_state (node_id, purpose, channel, status, basis, since, entry_id)"
        " values ($1, 'marketing', 'email', 'granted', 'consent', $2, 1)",
        anna,
        NOW,
    )
    rule = {"is": "all", "of": [did("Product Viewed"), did("Order Completed")]}
    found = await front.post("/preview", rule=rule, samples=5, reach=True)
    assert (found["people"], found["members"]) == (3, 1)
    assert found["parts"] == [{"alone": 2, "together": 2}, {"alone": 1, "together": 1}]
    assert found["samples"] == [{"person_id": anna, "name": None}]
    looked = await front.town.pool.fetchval("select detail from audit_entry where action = 'segment.samples'")
    assert json.loads(looked) == {"people": [anna]}
    assert {"channel": "email", "people": 1, "exact": True} in found["reach"]
    assert "Product Viewed" in found["sentence"]
    assert await front.get("/api/segments") == []
    assert carla not in [one["person_id"] for one in found["samples"]]


async def test_why_somebody_is_in_or_out(front: Front) -> None:
    """The same steps for a saved rule and one nobody saved; when time may change it; any id he had."""
    await front.town.segment("left-cart", ABANDONED)
    anna, other = await front.town.people(2)
    await front.town.does(anna, "Product Added")
    await front.town.read()
    person = await front.town.join(anna, other)
    found = await front.get(f"/api/segments/left-cart/people/{other}?language=it")
    assert (found["person_id"], found["member"], found["since"]) == (person, False, None)
    assert found["until"] == "2026-05-13T11:00:00Z"
    assert (found["step"]["is"], found["step"]["holds"]) == ("sequence", False)
    tried = await front.post("/explain", rule=did("Product Added"), person_id=anna)
    assert (tried["member"], tried["since"]) == (True, None)
    assert (await front.post("/explain", 404, rule=did("Product Added"), person_id=10**9))["code"] == "person_not_found"


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"is": "nonsense"}, "bad_rule"),
        ({"is": "event", "names": ["A"], "op": "at_least", "amount": "many"}, "bad_rule"),
        ({"is": "all", "of": []}, "bad_rule"),
        ({"is": "segment", "segment": "nobody"}, "segment_unknown"),
        ({"is": "segment", "segment": "some"}, "segment_unknown"),
        ({"is": "near", "km": 5, "store": "nowhere"}, "store_unknown"),
        ({"is": "trait", "trait": "city", "op": "is", "value": "a\x00b"}, "bad_rule"),
    ],
    ids=["kind", "amount", "empty", "unknown segment", "itself", "unknown store", "nul"],
)
async def test_a_rule_that_cannot_be_meant_is_refused(front: Front, rule: dict[str, Any], code: str) -> None:
    """With its place, and nothing is kept."""
    assert (await front.post("", 400, code="some", name="Some", rule=rule))["code"] == code
    assert await front.get("/api/segments") == []


async def test_a_code_ends_where_it_ends(front: Front) -> None:
    """A line break after it is refused as any other sign."""
    refused = await front.post("", 400, code="some\n", name="Some", rule=did("X"))
    assert refused["code"] == "bad_segment"


async def test_circles_drafts_and_users_are_minded(front: Front) -> None:
    """No circle, however long; a live one asks about live ones; what is asked about stays."""
    await front.post("", 201, code="a", name="A", rule=did("X"))
    await front.post("", 201, code="b", name="B", rule={"is": "segment", "segment": "a"})
    await front.post("", 201, code="c", name="C", rule={"is": "none", "of": [{"is": "segment", "segment": "b"}]})
    assert (await front.post("/a", 400, rule={"is": "segment", "segment": "c"}))["code"] == "circle"
    assert (await front.post("/b/publish", 409))["code"] == "segment_not_live"
    assert (await front.post("/a/archive", 409))["code"] == "segment_used"
    assert [(one["kind"], one["code"]) for one in await front.get("/api/segments/a/used-by")] == [("segment", "b")]
    assert (await front.post("", 409, code="a", name="Again", rule=did("X")))["code"] == "segment_exists"
    for code in ("c", "b", "a"):
        assert (await front.post(f"/{code}/archive"))["status"] == "archived"


async def test_the_command_knows_stores_and_promotions(front: Front, dsn: str, tmp_path: Path) -> None:
    """In a process of its own `unisono segments` puts in where stores are, and says what else asks about a segment."""
    await front.town.pool.execute(
        "insert into location (code, name, kind, timezone, latitude, longitude)"
        " values ('milano', 'Milano Duomo', 'store', 'Europe/Rome', 45.464, 9.19)"
    )
    await front.town.pool.execute(
        "insert into price_list (code, name, currency, audience) values ('club', 'Club', 'EUR', 'near')"
    )
    file = tmp_path / "segments.yaml"
    file.write_text("segments:\n- {code: near, name: Near, rule: {is: near, km: 5, store: milano}}\n")

    async def unisono(*arguments: str) -> str:
        command = [sys.executable, "-m", "unisono.cli", "--database-url", dsn, "segments", *arguments]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert await unisono("apply", str(file)) == "near: made\n"
    assert "used by price_list club" in await unisono("show", "near")


async def test_a_store_becomes_its_place(front: Front) -> None:
    """Whoever saves the rule gets the store's coordinates in it."""
    await front.town.pool.execute(
        "insert into location (code, name, kind, timezone, latitude, longitude)"
        " values ('milano', 'Milano Duomo', 'store', 'Europe/Rome', 45.464, 9.19)"
    )
    rule = {"is": "all", "of": [{"is": "near", "km": 5, "store": "milano"}]}
    made = await front.post("", 201, code="near", name="Near", rule=rule)
    (near,) = made["rule"]["of"]
    assert (near["latitude"], near["longitude"], near["label"]) == (45.464, 9.19, "Milano Duomo")


async def test_a_file_applied_twice_changes_nothing_the_second_time(pool: Pool) -> None:
    """Those others ask about come first, whatever their order; a mistake leaves everything as it was."""
    text = """
segments:
  - code: both
    name: Both
    rule: {is: all, of: [{is: segment, segment: viewers}, {is: event, names: [Order Completed]}]}
  - code: viewers
    name: Viewers
    description: Looked at something
    rule: {is: event, names: [Product Viewed]}
"""
    tried = await command.apply(pool, text, publish=True, dry_run=True)
    assert tried == ["viewers: would be made and published", "both: would be made and published"]
    assert await pool.fetchval("select count(*) from segment") == 0
    made = await command.apply(pool, text, publish=True, dry_run=False)
    assert made == ["viewers: made and published", "both: made and published"]
    assert await command.apply(pool, text, publish=True, dry_run=False) == ["viewers: unchanged", "both: unchanged"]
    async with pool.acquire() as conn:
        written = await command.exported(conn)
        assert (await command.listed(conn))[0].startswith("both")
        assert any("used by segment both" in line for line in await command.shown(conn, "viewers", SETTINGS))
    assert await command.apply(pool, written, publish=False, dry_run=False) == [
        "viewers: unchanged",
        "both: unchanged",
    ]
    with pytest.raises(UnisonoError):
        await command.apply(
            pool, text.replace("Looked at", "Saw").replace("Order Completed", ""), publish=False, dry_run=False
        )
    assert await pool.fetchval("select max(version) from segment") == 1
