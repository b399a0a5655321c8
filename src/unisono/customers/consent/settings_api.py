"""Texts, legal settings, suppressions and the opposition register over the API."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post, put
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, now_of, requires
from unisono.customers.consent import registers, service, texts
from unisono.customers.consent.api import TAGS, AnyRequest
from unisono.customers.consent.errors import BadConsent
from unisono.customers.consent.model import (
    ANY,
    CHANNELS,
    Blocked,
    Legal,
    LegalOverride,
    Purpose,
    Suppression,
    SuppressionReason,
    Text,
)
from unisono.customers.consent.proof import addresses_of, require_own
from unisono.customers.consent.registers import Uploaded
from unisono.customers.profiles.meeting import person_within
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.errors import TooLarge
from unisono.kit.web import PROBLEMS, PathId

Name = Annotated[str, PathParameter(min_length=1, max_length=80)]
MAX_FILE = 8 * 1024 * 1024
"""Bytes of a register file."""


class TextRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words, one body a language: other words than today's become the next version."""

    purpose: Purpose
    bodies: Annotated[dict[str, str], msgspec.Meta(min_length=1, max_length=40)]
    channels: tuple[str, ...] = ()
    """Which channels the words speak of; empty: of all, or of none."""


class Texts(msgspec.Struct, frozen=True):
    """Texts."""

    texts: list[Text]


class LegalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What counts, what the law has as default, and what was switched and why."""

    settings: Legal
    defaults: Legal
    overrides: list[LegalOverride]


class SettingRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The value (null: back to the default) and why."""

    value: Any
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class SuppressRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Block an address: for all messages or for marketing alone."""

    node_id: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    channel: str
    reason: SuppressionReason = "manual"
    purposes: Blocked = "marketing"
    detail: Annotated[str, msgspec.Meta(max_length=500)] | None = None


class LiftRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Unblock an address: one reason, or all of them. Say why: it stays in the audit."""

    node_id: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    channel: str
    reason: SuppressionReason | None = None
    why: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class Suppressions(msgspec.Struct, frozen=True):
    """The blocks of a person's addresses that are in force."""

    person_id: int
    suppressions: list[Suppression]


@get("/api/consents/texts", guards=[requires("consents:read")], tags=TAGS, responses=PROBLEMS, summary="Consent texts")
async def list_texts(request: AnyRequest) -> Texts:
    """The words people agree to, each text in its newest version and all languages."""
    async with connection(request.app.state.pool) as conn:
        return Texts(await texts.all_texts(conn))


@get(
    "/api/consents/texts/{text_id:str}",
    guards=[requires("consents:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="All versions of a text",
)
async def read_text(request: AnyRequest, text_id: Name) -> Texts:
    """Every version there ever was, newest first."""
    async with connection(request.app.state.pool) as conn:
        return Texts(await texts.versions_of(conn, text_id.replace("\x00", "")))


@put(
    "/api/consents/texts/{text_id:str}",
    guards=[requires("privacy:manage")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="Publish the words of a consent",
)
async def publish_text(request: AnyRequest, text_id: Name, data: JSONBody[TextRequest]) -> Response[Texts]:
    """Make the next version; the same words again change nothing. Who agreed to older words agreed to those."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> Texts:
        made = await texts.publish_text(
            conn, text_id, data.bodies, purpose=data.purpose, channels=data.channels, actor=actor, now=now
        )
        await audit.record(conn, actor=actor, action="consent.text", detail={"id": text_id, "version": made[0].version})
        return Texts(made)

    return await write(request, act)


async def _settings(conn: Connection) -> LegalSettings:
    overrides = await service.legal_overrides(conn)
    return LegalSettings(settings=await service.legal(conn), defaults=Legal(), overrides=overrides)


@get("/api/consents/legal", guards=[requires("consents:read")], tags=TAGS, responses=PROBLEMS, summary="Legal settings")
async def read_legal(request: AnyRequest) -> LegalSettings:
    """What the law asks here (Italy by default), and what somebody switched with a reason."""
    async with connection(request.app.state.pool) as conn:
        return await _settings(conn)


@put(
    "/api/consents/legal/{name:str}",
    guards=[requires("privacy:manage")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="Switch a legal default",
)
async def set_legal(request: AnyRequest, name: Name, data: JSONBody[SettingRequest]) -> Response[LegalSettings]:
    """Switch it, with a reason that is kept; null goes back to what the law has."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> LegalSettings:
        await service.set_legal(conn, name, data.value, reason=data.reason, actor=actor, now=now)
        return await _settings(conn)

    return await write(request, act)


async def _suppressions(conn: Connection, person: int) -> Suppressions:
    nodes = [address.node_id for address in await addresses_of(conn, person)]
    found = await service.suppressions_of(conn, nodes)
    return Suppressions(person, [one for mine in found.values() for one in mine])


async def _whose(conn: Connection, principal: Principal, person_id: int, data: SuppressRequest | LiftRequest) -> int:
    """The person whose address it is. Raises PersonNotFound, BadConsent."""
    person = await person_within(conn, principal, person_id)
    if data.channel not in (*CHANNELS, ANY):
        raise BadConsent(f"There is no channel {data.channel[:40]!r}.", hint=", ".join(CHANNELS))
    await require_own(conn, person, data.node_id)
    return person


@post(
    "/api/people/{person_id:int}/suppressions",
    guards=[requires("consents:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Block an address",
)
async def suppress(request: AnyRequest, person_id: PathId, data: JSONBody[SuppressRequest]) -> Response[Suppressions]:
    """Nothing, or no marketing, goes there from now on. A complaint or an opt-out withdraws the consent as well."""
    principal, now = caller(request), now_of(request)

    async def act(conn: Connection) -> Suppressions:
        person = await _whose(conn, principal, person_id, data)
        one = Suppression(
            node_id=data.node_id,
            channel=data.channel,
            reason=data.reason,
            purposes="all" if data.reason in ("hard_bounce", "complaint", "gone") else data.purposes,
            at=now,
            source=principal.actor,
            detail=data.detail.replace("\x00", "") if data.detail else None,
        )
        await service.suppress(conn, [one], now=now)
        detail = {"channel": data.channel, "reason": one.detail or ""}
        await audit.record(conn, actor=principal.actor, action="consent.suppress", person_id=person, detail=detail)
        return await _suppressions(conn, person)

    return await write(request, act)


@post(
    "/api/people/{person_id:int}/suppressions/lift",
    guards=[requires("privacy:manage")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Unblock an address",
)
async def lift(request: AnyRequest, person_id: PathId, data: JSONBody[LiftRequest]) -> Response[Suppressions]:
    """Messages may go there again; a withdrawn consent stays withdrawn."""
    principal, now = caller(request), now_of(request)

    async def act(conn: Connection) -> Suppressions:
        person = await _whose(conn, principal, person_id, data)
        chosen = {"reasons": [data.reason]} if data.reason else {}
        await service.lift(conn, [(data.node_id, data.channel)], actor=principal.actor, now=now, **chosen)
        detail = {"node_id": data.node_id, "channel": data.channel, "why": data.why}
        await audit.record(conn, actor=principal.actor, action="consent.unsuppress", person_id=person, detail=detail)
        return await _suppressions(conn, person)

    return await write(request, act)


@post(
    "/api/consents/register-checks",
    guards=[requires("privacy:manage")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Upload looks into the opposition register",
)
async def upload_checks(
    request: Request[Any, Any, Any],
    channel: FromQuery[Literal["call", "mail"]],
    source: Annotated[str, QueryParameter(min_length=1, max_length=80)] = "register",
) -> Response[Uploaded]:
    """A CSV (text/csv) with the columns ``value`` (a number; for letters an identifier ``namespace:value``),
    ``listed`` (yes or no) and, if wanted, ``checked_at``. A look is good for 15 days."""
    now = now_of(request)
    body = await request.body()
    if len(body) > MAX_FILE:
        raise TooLarge(f"A file has {MAX_FILE} bytes at the most.")
    try:
        lines = registers.read_csv(body.decode("utf-8"), now=now)
    except UnicodeDecodeError:
        raise BadConsent("The file is not in UTF-8.", code="bad_register_file") from None
    actor = caller(request).actor

    async def act(conn: Connection) -> Uploaded:
        done = await registers.upload(
            conn, lines, channel=channel, source=source, country=request.app.state.settings.country, now=now
        )
        detail = {"channel": channel, "lines": done.lines, "listed": done.listed}
        await audit.record(conn, actor=actor, action="consent.register", detail=detail)
        return done

    return await write(request, act)


routes: list[ControllerRouterHandler] = [
    list_texts,
    read_text,
    publish_text,
    read_legal,
    set_legal,
    suppress,
    lift,
    upload_checks,
]
