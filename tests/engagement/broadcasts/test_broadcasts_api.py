"""Broadcasts over the API: written, looked at, launched, followed, stopped."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.broadcasting import Desk, desk_on
from tests.support.console import Site, console_site
from unisono.access.keys import create_source
from unisono.kit.database import Pool, transaction

SCOPES = {"broadcasts:send", "messages:send", "voice:read"}


class Api:
    """The application, a key, and a desk on the real clock."""

    def __init__(self, site: Site, desk: Desk, keys: dict[str, str]) -> None:
        self.site, self.desk, self.keys = site, desk, keys

    async def ask(self, method: str, path: str, body: Any = None, key: str = "all", **headers: str) -> httpx.Response:
        """Ask with a key."""
        given = {"authorization": f"Bearer {self.keys[key]}", **headers}
        return await self.site.browser().request(method, path, json=body, headers=given)

    async def press(self, deed: str, body: Any = None, code: str = "spring") -> httpx.Response:
        """Press a button."""
        return await self.ask("POST", f"/api/broadcasts/{code}/{deed}", body)


@pytest.fixture
async def api(dsn: str, pool: Pool, tmp_path: Any) -> AsyncIterator[Api]:
    """The application on a fresh database."""
    keys = {}
    for name, scopes in (("all", SCOPES), ("looks", {"voice:read"})):
        async with transaction(pool) as conn:
            made = await create_source(conn, name=name, kind="server", actor="t", scopes=frozenset(scopes))
            keys[name] = made.key
    async with desk_on(pool, dsn, tmp_path) as desk, console_site(dsn) as site:
        desk.now = datetime.now(UTC)
        yield Api(site, desk, keys)


def written(**more: Any) -> dict[str, Any]:
    """A broadcast to the Romans."""
    return {"name": "Spring", "segment": "romans", "template": "spring", "profiled": False, **more}


async def test_from_a_draft_to_a_table_of_reasons(api: Api) -> None:
    """Whom it would reach, a test, the launch, how far it is, and down to the person and his reason."""
    wanting, never = await api.desk.people(3), await api.desk.people(2, consents=())
    await api.desk.segment([*wanting, *never])
    assert (await api.ask("PUT", "/api/broadcasts/spring", written(), key="looks")).status_code == 403
    made = await api.ask("PUT", "/api/broadcasts/spring", written(), **{"idempotency-key": "w"})
    assert (made.status_code, made.json()["status"]) == (200, "draft"), made.text
    would = (await api.press("audience")).json()
    assert (would["members"], would["sample"], would["exact"]) == (5, 5, True)
    assert (would["now"], would["later"], would["never"], would["channels"]) == (3, 0, 2, {"email": 3})
    assert [(one["reason"]["code"], one["people"]) for one in would["why_not"]] == [("no_consent", 2)]
    assert (await api.ask("POST", "/api/broadcasts/audience", written())).json()["members"] == 5
    tried = await api.press("test", {"to": "email:p4@example.it"})
    assert tried.status_code == 201, tried.text
    assert (await api.press("launch", {"version": 7})).json()["code"] == "version_conflict"
    launched = (await api.press("launch", {"version": 1})).json()
    assert (launched["status"], launched["segment_version"], launched["template_version"]) == ("scheduled", 1, 1)
    api.desk.now = datetime.now(UTC)
    await api.desk.drive()
    await api.desk.drain()
    row = (await api.ask("GET", "/api/broadcasts/spring", key="looks", **{"accept-language": "it"})).json()
    found = row["progress"]
    assert (row["broadcast"]["phase"], found["audience"], found["sent"], found["not_sent"]) == ("finished", 5, 3, 2)
    people = (await api.ask("GET", "/api/messages?broadcast=spring&state=skipped&reason=no_consent")).json()["rows"]
    assert {one["message"]["person_id"] for one in people} == set(never)
    why = (await api.ask("GET", f"/api/messages/{people[0]['message']['id']}/why")).json()
    assert why["reasons"][0]["code"] == "no_consent"
    listed = (await api.ask("GET", "/api/broadcasts?limit=1")).json()
    assert ([one["broadcast"]["code"] for one in listed["broadcasts"]], listed["next"]) == (["spring"], None)
    assert len(api.desk.sink.mails) == 4
    deeds = await api.desk.pool.fetch("select action from audit_entry where action like 'broadcast.%' order by id")
    assert [row["action"] for row in deeds] == ["broadcast.save", "broadcast.test", "broadcast.launch"]


async def test_buttons(api: Api) -> None:
    """Each says what it did; pressed where it makes no sense it says so."""
    await api.desk.segment(await api.desk.people(2))
    await api.ask("PUT", "/api/broadcasts/spring", written())
    assert (await api.press("pause")).json()["code"] == "broadcast_state"
    later = {"at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
    for deed, body, status in (
        ("launch", {"schedule": later}, "scheduled"),
        ("pause", None, "paused"),
        ("resume", None, "scheduled"),
        ("unschedule", None, "draft"),
        ("launch", {"schedule": later}, "scheduled"),
        ("stop", None, "stopped"),
        ("stop", None, "stopped"),
    ):
        answer = await api.press(deed, body)
        assert (answer.status_code, answer.json()["status"]) == (200, status), answer.text
    assert (await api.press("resume")).status_code == 409
    assert (await api.ask("DELETE", "/api/broadcasts/spring")).json()["code"] == "broadcast_started"
    assert (await api.ask("PUT", "/api/broadcasts/spring", written())).json()["code"] == "broadcast_started"
    await api.ask("PUT", "/api/broadcasts/other", written())
    assert (await api.ask("DELETE", "/api/broadcasts/other")).status_code == 204
    assert (await api.ask("GET", "/api/broadcasts/other")).json()["code"] == "broadcast_not_found"


async def test_a_sample_is_said_to_be_one(api: Api) -> None:
    """Of a large audience some are asked; the figures are scaled to everybody."""
    wanting, never = await api.desk.people(60), await api.desk.people(60, consents=())
    await api.desk.segment([*wanting, *never])
    would = (await api.ask("POST", "/api/broadcasts/audience?sample=40", written())).json()
    assert (would["members"], would["sample"], would["exact"]) == (120, 40, False)
    assert would["now"] + would["never"] == 120
    assert 30 < would["now"] < 90


async def test_what_cannot_be_a_broadcast_says_why(api: Api) -> None:
    """A code for each."""
    wrong: list[tuple[dict[str, Any], int, str]] = [
        (written(segment="nothing"), 404, "segment_unknown"),
        (written(segment=None, template="nothing"), 404, "template_not_found"),
        (written(segment=None, channels=["pigeon"]), 400, "channel_unknown"),
        (written(segment=None, name="a\u0000"), 400, "bad_text"),
        (written(segment=None, data={"a": "\u0000"}), 400, "bad_data"),
        (written(segment=None, schedule={"at": "2026-01-01T10:00:00"}), 400, "time_without_zone"),
        (written(segment=None, schedule={"local": {"date": "9999-12-31", "time": "10:00"}}), 400, "bad_time"),
    ]
    answers = [await api.ask("PUT", "/api/broadcasts/spring", body) for body, _, _ in wrong]
    assert [(one.status_code, one.json().get("code")) for one in answers] == [
        (status, code) for _, status, code in wrong
    ]
    for code in ("Spring", "a%0a", "a%07b", "x" * 64):
        named = await api.ask("PUT", f"/api/broadcasts/{code}", written(segment=None))
        assert (named.status_code, named.json()["code"]) == (400, "bad_code"), code
    assert (await api.press("launch", {})).status_code == 404


async def test_what_people_did_needs_their_consent_to_profiling(api: Api) -> None:
    """A segment by events is profiling, by what somebody said of himself it is not."""
    await api.desk.segment(await api.desk.people(2))
    rule = {"is": "event", "names": ["Product Viewed"], "measure": "count", "op": "at_least", "amount": 1}
    await api.site.pool.execute("update segment set definition = $1::jsonb", f'{{"is": "all", "of": [{_json(rule)}]}}')
    would = (await api.ask("POST", "/api/broadcasts/audience", written(profiled=None))).json()
    assert [one["reason"]["code"] for one in would["why_not"]] == ["no_profiling_consent"]
    assert (await api.ask("POST", "/api/broadcasts/audience", written())).json()["now"] == 2


def _json(value: Any) -> str:
    return json.dumps(value)
