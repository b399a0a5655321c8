"""The brand over the API: read, change, versions, the check of a reply; who may and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.support.console import Site, console_site
from tests.support.database import own_database
from unisono.access.keys import create_source
from unisono.kit.database import open_pool, transaction


class Api:
    """The application and a key that may speak of the brand."""

    def __init__(self, site: Site, key: str) -> None:
        self.site = site
        self.key = key

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Ask with the key."""
        return await self.site.browser().request(
            method, path, json=body, headers={"authorization": f"Bearer {self.key}", **headers}
        )


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Api]:
    """The application on a database, and the key."""
    pool = await open_pool(dsn, 1)
    async with transaction(pool) as conn:
        made = await create_source(
            conn, name="m", kind="server", actor="test", scopes=frozenset({"voice:read", "voice:write"})
        )
    await pool.close()
    async with console_site(dsn) as site:
        yield Api(site, made.key)


@pytest.fixture
async def api(dsn: str) -> AsyncIterator[Api]:
    """On a fresh database."""
    async with opened(dsn) as made:
        yield made


@pytest.fixture(scope="module")
async def unchanged(server_dsn: str, template_dsn: str) -> AsyncIterator[Api]:
    """One for all tests that change nothing."""
    async with own_database(server_dsn) as dsn, opened(dsn) as made:
        yield made


async def test_the_brand_is_kept_with_its_versions(api: Api) -> None:
    """Whole; the same again is no change; whoever has seen another version is refused; a repeat is answered alike."""
    first = (await api.ask("GET", "/api/brand")).json()
    assert (first["version"], first["code"]) == (0, "default")
    kit = {"name": "Alpestre", "words": [{"word": "economico", "language": "it"}], "colours": {"accent": "#aa3322"}}
    saved = await api.ask("PUT", "/api/brand?version=0", kit, **{"idempotency-key": "k1"})
    assert (saved.status_code, saved.json()["version"]) == (200, 1)
    again = await api.ask("PUT", "/api/brand?version=0", kit, **{"idempotency-key": "k1"})
    assert again.content == saved.content
    assert (await api.ask("PUT", "/api/brand", kit)).json()["version"] == 1
    refused = await api.ask("PUT", "/api/brand?version=0", kit | {"name": "B"})
    assert (refused.status_code, refused.json()["code"]) == (409, "version_conflict")
    assert (await api.ask("PUT", "/api/brand?version=1", kit | {"name": "B"})).json()["version"] == 2
    versions = (await api.ask("GET", "/api/brand/versions")).json()
    assert [(one["version"], one["kit"]["name"]) for one in versions] == [(2, "B"), (1, "Alpestre")]
    deeds = await api.site.pool.fetch(
        "select detail ->> 'version' from audit_entry where action = 'brand.save' order by id"
    )
    assert [row[0] for row in deeds] == ["1", "1", "2"]


async def test_a_reply_is_checked_before_it_is_sent(api: Api) -> None:
    """Blocked with the rule named, in the language of whoever asks."""
    await api.ask("PUT", "/api/brand", {"words": [{"word": "economico", "instead": "conveniente"}]})
    body = {"channel": "chat", "language": "it", "text": "Questo è più economico!!"}
    report = (await api.ask("POST", "/api/brand/check", body)).json()
    assert report["blocked"] is True
    assert [one["rule"] for one in report["findings"]] == ["forbidden_word", "exclamation"]
    assert report["findings"][0]["reason"]["code"] == "brand_forbidden_word"
    fine = (await api.ask("POST", "/api/brand/check", {"channel": "chat", "text": "Va bene."})).json()
    assert fine == {"blocked": False, "findings": []}


@pytest.mark.parametrize(
    "bad",
    [
        {"name": "a\x00b"}, {"logo_url": "javascript:x"}, {"colours": {"ink": "red"}}, {"footer_fields": ["vat"]},
        {"words": [{"word": "x"}]}, {"severities": {"nothing": "block"}}, {"severities": {"colour": "maybe"}},
        {"unknown": 1}, {"footer": {"italiano!": "x"}}, {"words": [{"word": "ab", "language": "xx1"}]},
    ],
    ids=["nul", "logo", "colour", "footer field", "short word", "rule", "severity", "field", "language", "of a word"],
)  # fmt: skip
async def test_what_is_no_brand_is_refused(unchanged: Api, bad: dict[str, Any]) -> None:
    """With 400, nothing kept."""
    answer = await unchanged.ask("PUT", "/api/brand", bad)
    assert answer.status_code == 400, answer.text
    assert (await unchanged.ask("GET", "/api/brand")).json()["version"] == 0


async def test_another_brand_must_be_there(api: Api) -> None:
    """Only the default one is there before it is written."""
    assert (await api.ask("GET", "/api/brand?code=other")).status_code == 404
    assert (await api.ask("PUT", "/api/brand?code=other", {"name": "Altra"})).json()["version"] == 1
    assert (await api.ask("GET", "/api/brand?code=other")).json()["kit"]["name"] == "Altra"
    assert (await api.ask("POST", "/api/brand/check", {"text": "x", "brand": "nobody"})).status_code == 404
