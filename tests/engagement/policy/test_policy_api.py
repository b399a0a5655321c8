"""The contact policy over the API: read and change, versions, how a person stands, what would become of a message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.consent import Somebody, granted, people
from tests.support.log import new_event, write
from tests.support.shop import Shop, open_shop
from unisono.access.keys import create_source
from unisono.customers.consent import ledger


class Desk:
    """The shop, and keys of who reads and who writes the policy."""

    def __init__(self, shop: Shop, reader: str, writer: str) -> None:
        self.shop, self.reader, self.writer = shop, reader, writer

    async def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> Any:
        """Call the API; returns status and answer."""
        head = {"authorization": f"Bearer {key or self.writer}", **headers}
        answer = await self.shop.client.request(method, path, json=body, headers=head)
        return answer.status_code, answer.json()


@pytest.fixture(scope="module")
async def desk(server_dsn: str, template_dsn: str) -> AsyncIterator[Desk]:
    """One shop for all tests of this file, with an e-mail and an SMS account."""
    async with open_shop(server_dsn) as shop:
        reader = await create_source(
            shop.conn, name="r", kind="server", actor="t", scopes=frozenset({"people:read", "voice:read"})
        )
        writer = await create_source(
            shop.conn, name="w", kind="server", actor="t", scopes=frozenset({"people:read", "voice:write"})
        )
        await shop.conn.execute(
            "insert into channel_account (code, kind, channel, name, created_by) values"
            " ('mail', 'smtp', 'email', 'Mail', 't'), ('text', 'twilio_sms', 'sms', 'Text', 't')"
        )
        yield Desk(shop, reader.key, writer.key)


async def subscriber(desk: Desk) -> Somebody:
    """Somebody who agreed to e-mails."""
    (made,) = await people(desk.shop.conn, 1)
    async with desk.shop.conn.transaction():
        entry = granted(made.email, action="confirmed", at=datetime.now(UTC) - timedelta(days=30))
        await ledger.record(desk.shop.conn, [entry], now=datetime.now(UTC))
    return made


def noon(days: int = 1) -> str:
    """Midday in Rome, so many days ahead, past public holidays and Sundays no e-mail minds."""
    at = datetime.now(UTC).replace(hour=11, minute=0, second=0, microsecond=0) + timedelta(days=days)
    return at.isoformat()


async def test_the_policy_is_read_changed_and_compared(desk: Desk) -> None:
    """Another version, its reason, what differs; the same again is no version; an old base is refused."""
    status, present = await desk.ask("GET", "/api/policy", key=desk.reader)
    assert (status, present["version"]) == (200, 0)
    policy = {**present["policy"], "give_way": False}
    body = {"policy": policy, "reason": "Simpler", "version": 0}
    status, saved = await desk.ask("PUT", "/api/policy", body)
    assert (status, saved["policy"]["give_way"], saved["reason"]) == (200, False, "Simpler")
    assert (await desk.ask("PUT", "/api/policy", {**body, "version": None}))[1]["version"] == saved["version"]
    status, refused = await desk.ask("PUT", "/api/policy", {**body, "policy": present["policy"]})
    assert (status, refused["code"]) == (409, "policy_changed")
    status, found = await desk.ask("GET", f"/api/policy/differences?from=0&to={saved['version']}")
    assert found["changes"] == [{"path": "give_way", "before": True, "after": False}]
    status, versions = await desk.ask("GET", "/api/policy/versions")
    assert [one["version"] for one in versions] == [saved["version"], 0]
    assert (await desk.ask("GET", "/api/policy/versions/0"))[1]["policy"] == present["policy"]
    assert (await desk.ask("GET", "/api/policy/versions/99999"))[0] == 404
    audited = await desk.shop.conn.fetchval("select count(*) from audit_entry where action = 'policy.save'")
    assert audited == 2


async def test_who_may_only_read_changes_nothing(desk: Desk) -> None:
    """And who may neither reads nothing."""
    _, present = await desk.ask("GET", "/api/policy")
    body = {"policy": present["policy"], "reason": "x"}
    assert (await desk.ask("PUT", "/api/policy", body, key=desk.reader))[0] == 403
    assert (await desk.ask("GET", "/api/policy", key=desk.shop.keys.secret))[0] == 403


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"weights": {"fax": 1}}, "bad_policy"),
        ({"unknown": 1}, "bad_request"),
        ({"caps": [{"name": "x", "purposes": ["marketing"], "most": -1, "seconds": 5}]}, "bad_request"),
        ({"quiet": [{"channels": ["email"], "from": "21:00:00", "until": "9"}]}, "bad_request"),
        ({"budgets": [{"name": "x", "limit": 5, "seconds": 60, "counts": []}]}, "bad_policy"),
        ({"budgets": [{"name": "x", "limit": 5, "seconds": 60, "counts": ["phone"]}]}, "bad_request"),
        (
            {"caps": [{"name": "x", "label": "a\u0000b", "purposes": ["service"], "most": 1, "seconds": 5}]},
            "bad_policy",
        ),
    ],
    ids=["channel", "field", "negative", "time", "counts nothing", "counts what there is not", "label"],
)
async def test_a_bad_policy_is_refused_and_nothing_changed(desk: Desk, change: dict[str, Any], code: str) -> None:
    """With what is wrong."""
    _, present = await desk.ask("GET", "/api/policy")
    status, problem = await desk.ask("PUT", "/api/policy", {"policy": present["policy"] | change, "reason": "x"})
    assert status == 400, problem
    assert problem["code"] == code or code == "bad_request"
    assert (await desk.ask("GET", "/api/policy"))[1] == present


async def test_how_a_person_stands(desk: Desk) -> None:
    """Budget used, what is free when, why a channel is not, and after a complaint why promotion is mute."""
    person = await subscriber(desk)
    await desk.shop.conn.execute(
        "insert into contact (key, node_id, at, channel, purpose, weight, origin)"
        " values ('c1', $1, now() - interval '1 hour', 'call', 'staff', 5, 'staff')",
        person.phone,
    )
    status, found = await desk.ask("GET", f"/api/people/{person.phone}/contact", key=desk.reader)
    assert (status, found["person_id"], found["mode"]) == (200, person.person, "sell")
    used = {one["name"]: (one["used"], one["left"]) for one in found["limits"]}
    assert (used["week"], used["day"]) == ((5, 5), (1, 0))
    channels = {one["channel"]: one for one in found["channels"]}
    assert channels["email"]["allowed_at"] > datetime.now(UTC).isoformat()
    assert channels["sms"]["reasons"][0]["code"] == "no_consent"
    assert channels["telegram"]["allowed_at"] is None
    assert found["contacts"][0]["channel"] == "call"
    await write(desk.shop.conn, [new_event(person.email, "Complaint Opened", complaint_id="C1")])
    _, found = await desk.ask("GET", f"/api/people/{person.user}/contact", **{"accept-language": "en"})
    assert (found["mode"], found["muted"][0]["code"]) == ("help", "help_complaint")
    assert "{" not in found["muted"][0]["text"]
    assert (await desk.ask("GET", "/api/people/999999999/contact"))[0] == 404


async def test_a_message_is_simulated_without_a_trace(desk: Desk) -> None:
    """At noon it goes, at midnight it waits, under a stricter policy it waits too; nothing is booked."""
    person = await subscriber(desk)
    email = await desk.shop.conn.fetchval("select value from node where id = $1", person.email)
    thought = {"identifier": f"email:{email}", "channels": ["sms", "email"], "at": noon()}
    status, decision = await desk.ask("POST", "/api/policy/simulate", thought, key=desk.reader)
    assert (status, decision["outcome"], decision["channel"], decision["account_code"]) == (
        200,
        "send",
        "email",
        "mail",
    )
    assert [one["code"] for one in decision["reasons"]] == ["consented", "no_consent"]
    night = (datetime.fromisoformat(noon()) + timedelta(hours=12)).isoformat()
    _, decision = await desk.ask("POST", "/api/policy/simulate", thought | {"at": night})
    assert (decision["outcome"], decision["reasons"][0]["code"]) == ("hold", "quiet_hours")
    _, present = await desk.ask("GET", "/api/policy")
    strict = present["policy"] | {"caps": [{"name": "none", "purposes": ["marketing"], "most": 0, "seconds": 60}]}
    _, decision = await desk.ask("POST", "/api/policy/simulate", thought | {"policy": strict})
    assert (decision["outcome"], decision["reasons"][0]["code"]) == ("skip", "cap_zero")
    wall = {"date": noon()[:10], "time": "18:30"}
    _, decision = await desk.ask("POST", "/api/policy/simulate", thought | {"local_time": wall})
    assert decision["reasons"][0]["code"] == "not_due_local"
    assert await desk.shop.conn.fetchval("select count(*) from contact where origin = 'message'") == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "recipient_missing"),
        ({"person": 1, "identifier": "email:a@b.it"}, "recipient_missing"),
        ({"identifier": "email:nobody@example.it"}, "person_not_found"),
        ({"identifier": "\x00"}, "bad_identifier"),
        ({"person": 2**63 - 1}, "person_not_found"),
        ({"person": 1, "channels": ["fax"]}, "channel_unknown"),
        ({"person": 1, "at": "2026-11-18T10:00:00"}, "time_without_zone"),
        ({"person": 1, "at": "9999-12-31T23:59:59Z"}, "bad_time"),
        ({"person": 1, "local_time": {"date": "9999-12-31", "time": "24:00"}}, "bad_time"),
        ({"person": 1, "not_after": "0001-01-01T00:00:00+14:00"}, "bad_time"),
    ],
    ids=["nobody", "both", "unknown", "nul", "biggest", "channel", "zone", "far", "end", "begin"],
)
async def test_a_thought_that_makes_no_sense_is_refused(desk: Desk, body: dict[str, Any], code: str) -> None:
    """Clearly."""
    status, problem = await desk.ask("POST", "/api/policy/simulate", body)
    assert (status in (400, 404), problem["code"]) == (True, code)
