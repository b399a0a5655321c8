"""For tests of broadcasts: a segment with members, a template that is published, a broadcast of the two."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.posting import Office, check_ledger, settings_for, sinking
from unisono.customers.segments import service as segments
from unisono.customers.segments.service import NewSegment
from unisono.engagement.broadcasts import planning, progress, service
from unisono.engagement.broadcasts.model import Broadcast, BroadcastInput, BroadcastProgress
from unisono.engagement.templates import service as templates
from unisono.engagement.templates.model import ChannelContent, NewTemplate
from unisono.kit.database import Connection, Pool, connection, transaction

RULE = {"is": "trait", "trait": "city", "op": "is", "value": "Roma"}
MJML = "<mj-section><mj-column><mj-text>Good day {{ data.word }}</mj-text></mj-column></mj-section>"


class Desk(Office):
    """An office that also sends to segments."""

    portion = 2000

    async def template(self, code: str = "spring", **more: Any) -> None:
        """A template, published."""
        content = more.pop("content", None) or {
            "email": {"en": ChannelContent(subject="Spring", mjml=MJML)},
            "sms": {"en": ChannelContent(text="Spring")},
        }
        async with transaction(self.pool) as conn:
            new = NewTemplate(name=code, content=content, **more)
            await templates.save(conn, code, new, actor="test", now=self.now)
            await templates.publish(conn, code, actor="test", now=self.now, settings=self.settings)

    async def segment(self, members: Sequence[int], code: str = "romans") -> None:
        """A live segment with these members."""
        async with transaction(self.pool) as conn:
            made = await segments.create(conn, NewSegment(code=code, name=code, rule=RULE), actor="test", now=self.now)
            await conn.execute("update segment set status = 'live', filled_version = version where id = $1", made.id)
            await enter(conn, made.id, members)

    async def broadcast(self, code: str = "spring", **more: Any) -> Broadcast:
        """A broadcast of the template of the same code to the Romans, as a draft."""
        said = BroadcastInput(name=code, **{"segment": "romans", "template": "spring", "profiled": False, **more})
        async with transaction(self.pool) as conn:
            return await service.save(conn, code, said, actor="test", now=self.now)

    async def launch(self, code: str = "spring", **more: Any) -> Broadcast:
        """Launched."""
        async with transaction(self.pool) as conn:
            return await service.launch(conn, code, actor="test", now=self.now, settings=self.settings, **more)

    async def press(self, deed: str, code: str = "spring") -> Broadcast:
        """pause, resume, stop or unschedule."""
        async with transaction(self.pool) as conn:
            found: Broadcast = await getattr(service, deed)(conn, code, now=self.now)
            return found

    async def drive(self, code: str = "spring") -> None:
        """What its timer does."""
        async with connection(self.pool) as conn:
            found = await service.get(conn, code)
        await planning.drive(self.pool, found.id, settings=self.settings, clock=self.clock, portion=self.portion)

    async def get(self, code: str = "spring") -> Broadcast:
        """As it stands."""
        async with connection(self.pool) as conn:
            return await service.get(conn, code)

    async def progress(self, code: str = "spring") -> BroadcastProgress:
        """How far it is."""
        async with connection(self.pool) as conn:
            [row] = await progress.of(conn, [await service.get(conn, code)], now=self.now)
        return row.progress

    async def why_not(self, code: str = "spring") -> dict[str, int]:
        """Reason to persons."""
        return {one.reason.code: one.people for one in (await self.progress(code)).why_not}


async def enter(conn: Connection, segment_id: int, members: Sequence[int]) -> None:
    """Put members into a segment."""
    await conn.execute(
        "insert into segment_member (segment_id, person_id, since) "
        "select $1, unnest($2::bigint[]), now() on conflict do nothing",
        segment_id,
        list(members),
    )


@asynccontextmanager
async def desk_on(pool: Pool, dsn: str, folder: Path) -> AsyncIterator[Desk]:
    """A desk with an account, a free policy and the template; the ledger is checked at the end."""
    async with sinking() as sink:
        desk = Desk(pool, settings_for(dsn, folder), sink)
        await desk.free_policy()
        await desk.account()
        await desk.template()
        yield desk
        await check_ledger(pool)
