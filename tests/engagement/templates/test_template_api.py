"""Templates over the API and the command line: from a draft to a version, previews, tests, files in git."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.console import Site, console_site
from tests.support.log import make_nodes
from unisono.access.keys import create_source
from unisono.cli.main import main
from unisono.engagement.templates import ports
from unisono.engagement.templates.model import UsedBy
from unisono.kit.database import Connection, Pool, transaction

SECTION = "<mj-section><mj-column><mj-text>{}</mj-text></mj-column></mj-section>"


class Api:
    """The application and keys: one for all that has to do with templates, one that may only look at them."""

    def __init__(self, site: Site, key: str, reader: str) -> None:
        self.site = site
        self.key = key
        self.reader = reader

    async def ask(self, method: str, path: str, body: Any = None, *, key: str = "", **headers: str) -> httpx.Response:
        """Ask with a key."""
        return await self.site.browser().request(
            method, path, json=body, headers={"authorization": f"Bearer {key or self.key}", **headers}
        )


@pytest.fixture
async def api(dsn: str, pool: Pool) -> AsyncIterator[Api]:
    """The application on a fresh database."""
    keys = []
    for name, scopes in (
        ("writer", {"voice:read", "voice:write", "messages:send", "people:read"}),
        ("reader", {"voice:read"}),
    ):
        async with transaction(pool) as conn:
            keys.append((await create_source(conn, name=name, kind="server", actor="t", scopes=frozenset(scopes))).key)
    async with console_site(dsn) as site:
        yield Api(site, *keys)


def template(text: str = "Ciao {{ person.first_name }}", **more: Any) -> dict[str, Any]:
    """What is sent to be kept."""
    content = {"email": {"it": {"subject": "Ciao", "mjml": SECTION.format(text)}}, "text": {"it": {"text": text}}}
    return {"name": "Prova", "purpose": "service", "content": content, **more}


async def test_from_a_draft_to_a_version(api: Api) -> None:
    """Write, publish, change, compare, archive; each deed once for each Idempotency-Key."""
    made = await api.ask("PUT", "/api/templates/prova", template(), **{"idempotency-key": "a"})
    assert (made.status_code, made.json()["version"]) == (200, 0), made.text
    assert (
        await api.ask("PUT", "/api/templates/prova", template(), **{"idempotency-key": "a"})
    ).content == made.content
    published = await api.ask("POST", "/api/templates/prova/publish", {"note": "prima"})
    assert published.json()["version"] == 1
    await api.ask("PUT", "/api/templates/prova", template("Salve"))
    assert (await api.ask("GET", "/api/templates/prova")).json()["changed"] is True
    diff = (await api.ask("GET", "/api/templates/prova/diff")).json()
    assert {one["field"] for one in diff} == {"mjml", "text"}
    assert (await api.ask("GET", "/api/templates/prova/diff?before=1&after=1")).json() == []
    stale = await api.ask("PUT", "/api/templates/prova?seen=2020-01-01T00:00:00Z", template("X"))
    assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")
    assert [one["note"] for one in (await api.ask("GET", "/api/templates/prova/versions")).json()] == ["prima"]
    assert (await api.ask("POST", "/api/templates/prova/archive")).json()["archived_at"] is not None
    codes = [one["code"] for one in (await api.ask("GET", "/api/templates")).json()["templates"]]
    assert "prova" not in codes
    assert "welcome" in codes
    deeds = await api.site.pool.fetch("select action from audit_entry where action like 'template.%' order by id")
    done = ["template.save", "template.publish", "template.save", "template.archive"]
    assert [row["action"] for row in deeds] == done


async def test_pages_go_through_all(api: Api) -> None:
    """By code, ours among them, each once."""
    for code in ("a-first", "prova", "z-last"):
        await api.ask("PUT", f"/api/templates/{code}", template())
    seen, after = [], ""
    while True:
        page = (await api.ask("GET", f"/api/templates?limit=2{after}")).json()
        seen += [one["code"] for one in page["templates"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == sorted(set(seen))
    assert {"a-first", "prova", "z-last", "order-ready"} <= set(seen)


async def test_a_mistake_is_answered_with_its_place(api: Api) -> None:
    """Channel and language of what cannot be compiled; what cannot be read at all is 400 too."""
    await api.ask("PUT", "/api/templates/prova", template("{{ x | nofilter }}"))
    answer = await api.ask("POST", "/api/templates/prova/publish", {})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["language"]) == (400, "bad_template", "it")
    for bad in ({"name": ""}, template(purpose="spam"), template() | {"content": {"text": {"it!": {}}}}, {"x": 1}):
        assert (await api.ask("PUT", "/api/templates/prova", bad)).status_code == 400
    assert (await api.ask("GET", "/api/templates/nobody")).status_code == 404
    assert (await api.ask("PUT", "/api/templates/Bad Code", template())).status_code in (400, 404)
    assert (await api.ask("PUT", "/api/templates/x", template(), key=api.reader)).status_code == 403


async def test_a_preview_as_a_person_shows_his_data_to_who_may_see_it(api: Api, pool: Pool) -> None:
    """Nobody in particular for everybody; a person only for who may see people, and it is written down."""
    async with transaction(pool) as conn:
        node = (await make_nodes(conn, 1))[0]
    await api.ask("PUT", "/api/templates/prova", template())
    path = "/api/templates/prova/preview"
    nobody = await api.ask("POST", path, {"language": "it"}, key=api.reader)
    assert nobody.status_code == 200, nobody.text
    assert nobody.json()["missing"] == ["person.first_name"]
    assert (await api.ask("POST", path, {"person_id": node}, key=api.reader)).status_code == 403
    answer = await api.ask("POST", path, {"person_id": node, "channel": "sms"})
    assert answer.json()["rendered"]["text"] == "Ciao"
    assert await pool.fetchval("select count(*) from audit_entry where action = 'template.preview'") == 1
    bomb = {"text": {"it": {"text": "{% for i in (1..1000) %}{% for j in (1..1000) %}x{% endfor %}{% endfor %}"}}}
    refused = await api.ask("POST", "/api/templates/preview", {"content": bomb, "channel": "sms"})
    assert (refused.status_code, refused.json()["code"]) == (409, "render_limit")


async def test_other_rooms_say_what_uses_a_template_and_send_tests(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through ports: a template in use is not archived, a test is a message of theirs."""
    seen: list[ports.TestSend] = []

    async def users(conn: Connection, code: str) -> list[UsedBy]:
        return [UsedBy(kind="broadcast", code="news", name="News")] if code == "prova" else []

    async def send(conn: Connection, wanted: ports.TestSend) -> int:
        seen.append(wanted)
        return 42

    monkeypatch.setattr(ports, "_users", [users])
    monkeypatch.setattr(ports, "_senders", [])
    await api.ask("PUT", "/api/templates/prova", template())
    body = {"to": "email:a@b.example", "channel": "email"}
    assert (await api.ask("POST", "/api/templates/prova/test", body)).json()["code"] == "test_unavailable"
    ports.give(test_send=send)
    sent = await api.ask("POST", "/api/templates/prova/test", body, **{"idempotency-key": "t"})
    assert (sent.status_code, sent.json()) == (201, {"message_id": 42})
    assert seen[0].to == "email:a@b.example"
    assert [one["code"] for one in (await api.ask("GET", "/api/templates/prova/used-by")).json()] == ["news"]
    refused = await api.ask("POST", "/api/templates/prova/archive")
    assert (refused.status_code, refused.json()["code"]) == (409, "template_used")


def test_templates_go_to_files_and_come_back(dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exported, changed, applied and published: what is written is what is read; a mistake writes nothing."""
    folder = tmp_path / "templates"
    base = ["--database-url", dsn, "templates"]
    assert main([*base, "export", str(folder), "--all"]) == 0
    assert "templates written" in capsys.readouterr().out
    mine = folder / "mine"
    mine.mkdir()
    (mine / "template.yaml").write_text(
        "name: Mia\npurpose: service\ncontent:\n  email:\n    it: {subject: Ciao, mjml: email.it.mjml}\n", "utf-8"
    )
    (mine / "email.it.mjml").write_text(SECTION.format("Ciao {{ person.first_name }}"), "utf-8")
    assert main([*base, "apply", str(folder), "--publish"]) == 0
    assert "mine: new, version 1" in capsys.readouterr().out
    assert main([*base, "apply", str(folder), "--publish"]) == 0
    assert "mine: unchanged\n" in capsys.readouterr().out
    again = tmp_path / "again"
    assert main([*base, "export", str(again)]) == 0
    assert (again / "mine" / "email.it.mjml").read_text("utf-8") == SECTION.format("Ciao {{ person.first_name }}")
    for bad in ("mjml: ../../etc/x.mjml", "mjml: missing.mjml", "subjekt: x", "subject: [a"):
        (mine / "template.yaml").write_text(f"name: Mia\ncontent:\n  email:\n    it: {{{bad}}}\n", "utf-8")
        assert main([*base, "apply", str(folder)]) == 2
    assert main([*base, "apply", str(tmp_path / "nowhere")]) == 2
