"""What /metrics tells Prometheus of the running application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.postgres import base_folder
from tests.support.serving import serving
from tests.support.shop import Shop, fresh, open_shop, track
from unisono.kit.embedded import ensure_server
from unisono.kit.migrations import migrate
from unisono.metrics import BELIEVED, MEASURES


@pytest.fixture(scope="module")
async def shop(server_dsn: str, template_dsn: str) -> AsyncIterator[Shop]:
    async with open_shop(server_dsn) as opened:
        yield opened


async def readings(url: str) -> dict[str, float]:
    """Sample with its labels -> value."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{url}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_every_event_moves_the_counter_it_belongs_to(shop: Shop) -> None:
    """Accepted, duplicate, failed and joined are counted apart."""
    before = await readings(shop.url)
    anonymous = fresh("anon")
    seen = track(anonymousId=anonymous)
    known = track(anonymousId=anonymous, userId=fresh("user"))
    assert (await shop.send("/v1/batch", {"batch": [seen | {"type": "track"}, {"type": "track"}]})).status_code == 200
    assert (await shop.send("/v1/track", seen)).status_code == 200
    assert (await shop.send("/v1/track", known)).status_code == 200
    after = await readings(shop.url)
    moved = {name: after[name] - before[name] for name in before if name.startswith(("unisono_events", "unisono_id"))}
    assert moved == {
        "unisono_events_accepted_total[]": 2,
        "unisono_events_duplicate_total[]": 1,
        "unisono_events_failed_total[]": 1,
        "unisono_identity_changes_total[]": 1,
    }
    assert after["unisono_queue_events[]"] == 0
    assert after["unisono_database_up[]"] == 1


async def test_requests_are_measured_by_route_and_never_by_what_was_asked_for(shop: Shop) -> None:
    """A person's id in an address is not in a label; a refused request is counted as such."""
    assert (await shop.send("/v1/track", track())).status_code == 200
    async with httpx.AsyncClient(base_url=shop.url) as client:
        await client.get("/api/people/4711")
    found = await readings(shop.url)
    assert not [name for name in found if "4711" in name]
    counted = {name: value for name, value in found.items() if name.startswith("unisono_http_request_seconds_count")}
    assert counted["unisono_http_request_seconds_count['/v1/track', '2xx', 'POST']"] >= 1
    assert any("/api/people/{person_id" in name and "4xx" in name for name in counted)


async def test_the_process_answers_and_says_so_when_the_database_is_away() -> None:
    """A scrape during an outage still gives the process' own figures."""
    with base_folder() as folder:
        server = ensure_server(folder / "data")
        conn = await asyncpg.connect(server.dsn)
        await migrate(conn)
        await conn.close()
        with serving(server.dsn) as (web,):
            assert (await readings(web.url))["unisono_database_up[]"] == 1
            server.stop()
            await asyncio.sleep(BELIEVED)
            found = await readings(web.url)
    assert found["unisono_database_up[]"] == 0
    assert "unisono_failed_events_open[]" not in found
    assert found["unisono_events_accepted_total[]"] == 0


async def test_each_measure_has_a_name_of_its_own_and_a_meaning() -> None:
    """Names follow Prometheus: counters end in _total, seconds and events are units."""
    assert len({measure.name for measure in MEASURES}) == len(MEASURES)
    for measure in MEASURES:
        assert measure.name.startswith("unisono_")
        assert measure.meaning.endswith(".")
        assert (measure.kind == "counter") == measure.name.endswith("_total")
