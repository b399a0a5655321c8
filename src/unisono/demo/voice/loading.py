"""The voice of the demo, made where it is missing: what people changed since stays theirs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from unisono.customers.consent import texts
from unisono.customers.consent.reader import ConsentReader
from unisono.customers.segments import files as segment_files
from unisono.customers.segments import service as segments
from unisono.customers.segments.filling import SegmentFill, log_end
from unisono.customers.segments.live import SegmentsReader
from unisono.customers.segments.yaml_io import load_yaml
from unisono.customers.timeline.readers import start_lanes
from unisono.customers.timers.worker import TimerWorker
from unisono.demo import dataset
from unisono.demo.loading import ACTOR, Progress, Tell
from unisono.demo.voice import broadcast, consents, ledger
from unisono.engagement.brand import service as brands
from unisono.engagement.brand.model import Kit
from unisono.engagement.notices import service as notices
from unisono.engagement.notices.reader import NoticeReader
from unisono.engagement.policy import service as policies
from unisono.engagement.policy.defaults import default_policy
from unisono.engagement.policy.model import Policy
from unisono.engagement.policy.staff import ContactReader
from unisono.engagement.templates import files as template_files
from unisono.engagement.templates import service as templates
from unisono.kit.database import Pool, connection, transaction
from unisono.kit.settings import Settings
from unisono.kit.sql import load

_sql = load("unisono.demo")

POLICY_REASON: Final = "The demo: an e-mail may lie in its box at night; what rings or lights up waits for the morning."
NOT_OF_THE_PAST: Final = (SegmentsReader.name, ConsentReader.name, ContactReader.name, NoticeReader.name)
LIGHT: Final = "email"
"""The channel the demo's policy lets through at night."""


class VoiceReport(msgspec.Struct, frozen=True, kw_only=True):
    """What there is in the database after a load, counted there."""

    entries: int
    """Of the ledger, by the rule."""
    granted: int
    """E-mail addresses that may be written to: consents, soft opt-ins."""
    withdrawn: int
    refused: int
    requested: int
    templates: int
    segments: int
    """Live ones."""
    members: Mapping[str, int] = {}
    """Segment to how many are in it."""
    seconds: float = 0.0


async def load_voice(
    pool: Pool,
    settings: Settings,
    *,
    limit_households: int | None,
    shift_days: int,
    progress: Tell,
    folder: Path | None = None,
    now: datetime | None = None,
) -> VoiceReport:
    """Consents, brand, templates, policy, segments of these households (None: of everybody), after `load_year`.

    ``shift_days`` is how far the year was moved. Calling it again goes on where it was broken off and then makes
    nothing. Raises NotFound without the data, Unavailable when the database goes away.
    """
    began = time.monotonic()
    folder, now = folder or dataset.package_folder(), now or datetime.now(UTC)
    await _load_words(pool, settings, now)
    await _start_readers(pool, settings)
    await _load_consents(pool, settings, folder, limit_households, timedelta(days=shift_days), now, progress)
    async with connection(pool) as conn:
        # Freshly loaded tables have no figures yet: without them counting segments takes the wrong way.
        await _sql.analyze_tables(conn)
    await _load_segments(pool, settings, now, progress)
    await broadcast.prepare(pool, now=now)
    return msgspec.structs.replace(await count_voice(pool), seconds=time.monotonic() - began)


async def count_voice(pool: Pool) -> VoiceReport:
    """What there is of the voice."""
    async with connection(pool) as conn:
        row = await _sql.voice_counts(conn, source=consents.SOURCE)
        members = await _sql.segment_sizes(conn)
    return VoiceReport(**dict(row), members={one["code"]: one["members"] for one in members})


def told_by(progress: Tell, name: str) -> Any:
    """How a part of the load tells how far it is."""
    began = time.monotonic()

    def tell(done: int, total: int) -> None:
        rate = done / max(time.monotonic() - began, 1e-6)
        progress(Progress(name, done, total, rate, (total - done) / rate if rate else None))

    tell(0, 0)
    return tell


def _file(name: str) -> str:
    return (resources.files("unisono.demo.voice") / name).read_text("utf-8")


async def _start_readers(pool: Pool, settings: Settings) -> None:
    """Let readers that would find nothing in the year begin behind it: no segment lives yet, nobody was asked yet.

    A reader that ran already stays where it is.
    """
    async with transaction(pool) as conn:
        end = await log_end(conn)
        for reader in NOT_OF_THE_PAST:
            await start_lanes(conn, reader, settings.readers, end)


# Words ----------------------------------------------------------------------------------------------------


async def _load_words(pool: Pool, settings: Settings, now: datetime) -> None:
    """Consent texts, brand, templates, policy."""
    async with transaction(pool) as conn:
        for text_id, text in yaml.safe_load(_file("texts.yaml")).items():
            if not await texts.latest_texts(conn, text_id):
                await texts.publish_text(conn, text_id, text["body"], purpose=text["purpose"], actor=ACTOR, now=now)
        if (await brands.get(conn)).version == 0:
            kit = msgspec.convert(yaml.safe_load(_file("brand.yaml")), Kit)
            await brands.save(conn, kit, actor=ACTOR, now=now)
        if (await policies.current(conn)).version == 0:
            await policies.save(conn, demo_policy(), actor=ACTOR, reason=POLICY_REASON, now=now)
    await _load_templates(pool, settings, now)


async def _load_templates(pool: Pool, settings: Settings, now: datetime) -> None:
    folder = resources.files("unisono.demo.voice") / "templates"
    every = sorted(template_files.read(folder), key=lambda one: (one[1].kind != "block", one[0]))
    async with transaction(pool) as conn:
        known = {row["code"] for row in await _sql.template_codes(conn)}
        for code, new in every:
            if code not in known:
                await templates.save(conn, code, new, actor=ACTOR, now=now)
                await templates.publish(conn, code, actor=ACTOR, now=now, settings=settings, note="demo")
        # Order ready, reservation kept …: of use to whoever has an address, and never about what is long past.
        ours = [one.code for one in await notices.state(conn) if one.builtin]
        await notices.enable(conn, ours, actor=ACTOR, now=now, settings=settings)


def demo_policy() -> Policy:
    """The package's policy, but e-mails keep no quiet hours: whoever sleeps does not hear them."""
    policy = default_policy()
    quiet = tuple(
        msgspec.structs.replace(one, channels=tuple(name for name in one.channels if name != LIGHT))
        for one in policy.quiet
    )
    return msgspec.structs.replace(policy, quiet=quiet)


# Consents -------------------------------------------------------------------------------------------------


async def _load_consents(
    pool: Pool,
    settings: Settings,
    folder: Path,
    limit: int | None,
    shift: timedelta,
    now: datetime,
    progress: Tell,
) -> None:
    tell = told_by(progress, "consents")
    every = await asyncio.to_thread(dataset.read, folder, "transactions", ["household_id", "transaction_timestamp"])
    households = dataset.households_of(every, limit)
    ends = dataset.last_instant(every)
    histories = await asyncio.to_thread(consents.histories, folder, households)
    said = [one for history in histories for one in consents.said_by(history, ends)]
    await ledger.load_consents(pool, said, shift=shift, now=now, tell=tell)
    await ledger.load_register(pool, said, country=settings.country, now=now)


# Segments -------------------------------------------------------------------------------------------------


async def _load_segments(pool: Pool, settings: Settings, now: datetime, progress: Tell) -> None:
    """Make those that are missing, and count them as the worker would."""
    tell = told_by(progress, "segments")
    documents = segment_files.in_order(load_yaml(_file("segments.yaml")))
    async with transaction(pool) as conn:
        known = await segments.known_codes(conn, [one.code for one in documents])
        new = [one for one in documents if one.code not in known]
        await segment_files.apply_documents(conn, new, actor=ACTOR, now=now, publish=True)
    await TimerWorker(pool, [SegmentFill(settings)]).drain()
    tell(len(documents), len(documents))
