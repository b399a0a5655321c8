"""The console for tests: the real application on a fresh database, people in it, somebody signed in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from litestar import Litestar

from tests.support.secret import TEST_KEY
from tests.support.shop import basic
from unisono.access import invitations, sessions
from unisono.access.keys import create_source
from unisono.app import create_app, install
from unisono.customers.timeline.worker import Worker
from unisono.kit.database import Pool, transaction
from unisono.kit.settings import Settings
from unisono.worker import all_readers

BASE = "http://console.test"
PASSWORD = "tazza-lampione-viola"
NOW = datetime.now(UTC).replace(microsecond=0)


class Site:
    """The running application, seen through one browser's cookies."""

    def __init__(self, app: Litestar, pool: Pool) -> None:
        self.app = app
        self.pool = pool
        self.client = self.browser()
        self.csrf = ""

    def browser(self) -> httpx.AsyncClient:
        """Another browser, without cookies."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=BASE)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        """Ask for a page."""
        return await self.client.get(path, **more)

    async def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
        """Send a form as the page would, with its token."""
        return await self.client.post(path, data={"_csrf_token": self.csrf, **(data or {})}, **more)

    async def sign_in_as(self, role: str, *stores: str) -> str:
        """Become somebody with this role; returns the e-mail address."""
        email = f"{role}@alpestre.example"
        now = datetime.now(UTC)
        async with transaction(self.pool) as conn:
            account = await conn.fetchval("select id from account where email = $1", email)
            if account is None:
                link = await invitations.invite(
                    conn, email=email, name=f"Anna {role}", role=role, store_ids=stores, actor="test", now=now
                )
                account = (await invitations.read_invitation(conn, link.token, now=now)).account_id
            assert account is not None
            token = await sessions.open_session(conn, account, now=now)
            session = await sessions.find_session(conn, token, now=now)
        assert session is not None
        self.client.cookies.clear()
        self.client.cookies.set(sessions.COOKIE, token)
        self.csrf = session.csrf
        return email

    async def send(self, *events: dict[str, Any], store: str | None = None) -> None:
        """Send events as a shop's server does, or as the till of a store."""
        async with transaction(self.pool) as conn:
            made = await create_source(
                conn,
                name=f"Till {store}" if store else "Web shop",
                kind="till" if store else "server",
                actor="test",
                store_id=store,
                till_id="1" if store else None,
            )
        answer = await self.client.post("/v1/batch", json={"batch": list(events)}, headers=basic(made.key))
        assert answer.status_code == 200, answer.text

    async def person(self, namespace: str, value: str) -> int:
        """The person of an identifier."""
        person = await self.pool.fetchval(
            "select person_id from node where namespace = $1 and value = $2", namespace, value
        )
        assert person is not None, f"nobody is {namespace}:{value}"
        return int(person)

    async def work(self) -> None:
        """Let the readers of the log take in what there is."""
        await Worker(self.pool, all_readers(self.app.state.settings)).drain()

    async def audit(self, action: str) -> list[Any]:
        """Entries of the audit, newest first."""
        return list(await self.pool.fetch("select * from audit_entry where action = $1 order by id desc", action))


def identify(user: str, **traits: Any) -> dict[str, Any]:
    """Somebody says who they are."""
    return {"type": "identify", "userId": user, "traits": traits, "timestamp": (NOW - timedelta(days=2)).isoformat()}


def track(user: str, event: str, *, ago: timedelta = timedelta(hours=1), **properties: Any) -> dict[str, Any]:
    """Something somebody did."""
    at = (NOW - ago).isoformat()
    return {"type": "track", "userId": user, "event": event, "properties": properties, "timestamp": at}


def text_of(html: str) -> str:
    """What a reader reads of a page: no tags, single spaces."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


_idle: list[Litestar] = []
"""Applications nobody uses: what makes one an installation is its state and its lifespan, new for each test; to put
its routes together takes half a second."""


@asynccontextmanager
async def console_site(dsn: str, **settings: Any) -> AsyncIterator[Site]:
    """The application on this database."""
    installation = Settings(database_url=dsn, **{"secret_key": TEST_KEY} | settings)
    if _idle:
        app = _idle.pop()
        install(app, installation, dsn)
    else:
        app = create_app(installation, dsn)
    ready, done = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        # The application's lifespan must end in the task it began in; a fixture's two halves are two tasks.
        async with app.lifespan():
            ready.set()
            await done.wait()

    life = asyncio.create_task(live())
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({life, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not ready.is_set():
        waiting.cancel()
        await life
    site = Site(app, app.state.pool)
    try:
        yield site
    finally:
        await site.client.aclose()
        done.set()
        await life
        _idle.append(app)
