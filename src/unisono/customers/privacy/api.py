"""Privacy requests over the API: ask, look before, confirm, fetch the copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromQuery, JSONBody, QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.customers.identity import service as identity
from unisono.customers.privacy import service
from unisono.customers.privacy.copying import pieces
from unisono.customers.privacy.errors import ArchiveNotFound
from unisono.customers.privacy.model import Choice, ErasurePreview, Kind, PrivacyRequest, State
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.personal import PersonalData
from unisono.kit.web import MAX_ID, PROBLEMS, PathId

AnyRequest = Request[Any, Any, Any]

TAGS = ["Privacy"]
Reason = Annotated[str, msgspec.Meta(max_length=service.MAX_REASON)]
Id = Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]


class NewRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who asks for what: ``person_id``, or ``identifier`` as ``email:maria@example.it``."""

    kind: Kind
    person_id: Id | None = None
    identifier: Annotated[str, msgspec.Meta(max_length=400)] | None = None
    reason: Reason = ""
    language: Literal["en", "it"] = "en"
    """Of the page in the copy."""


class SharedDecision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether an identifier others use too goes."""

    node_id: Id
    choice: Choice


class Confirmation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Yes to exactly what the preview showed."""

    confirmation: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    shared: Annotated[tuple[SharedDecision, ...], msgspec.Meta(max_length=1000)] = ()
    despite_standing: bool = False
    """Orders, reservations and appointments that are not settled yet are given up."""


def _asking(parts: Sequence[PersonalData]) -> list[ControllerRouterHandler]:
    @post(
        "/api/privacy/requests",
        guards=[requires("privacy:manage")],
        tags=TAGS,
        responses=PROBLEMS,
        status_code=201,
        summary="Ask for a copy or an erasure",
    )
    async def ask_privacy(request: AnyRequest, data: JSONBody[NewRequest]) -> Response[PrivacyRequest]:
        """A copy is begun at once and can be fetched when the request is done, for 30 days. An erasure waits: look at
        its preview, then confirm it. Takes an Idempotency-Key."""
        actor, now = caller(request).actor, now_of(request)
        country = request.app.state.settings.country

        async def act(conn: Connection) -> PrivacyRequest:
            person = data.person_id
            if person is None:
                person = await identity.find(conn, data.identifier or "", country)
            return await service.ask(
                conn, data.kind, person, reason=data.reason, actor=actor, now=now, language=data.language
            )

        return await write(request, act, status=201)

    @get(
        "/api/privacy/requests/{request_id:int}/preview",
        guards=[requires("privacy:manage")],
        tags=TAGS,
        responses=PROBLEMS,
        summary="What an erasure would do",
    )
    async def preview_erasure(request: AnyRequest, request_id: PathId) -> ErasurePreview:
        """Whom it is about, how many rows of which table, what stays and why, identifiers others use too, what is
        still to be settled, and the confirmation that says yes to it."""
        principal = caller(request)
        async with connection(request.app.state.pool) as conn:
            found = await service.preview(
                conn, request_id, parts, request.app.state.secret, contacts=principal.may("people:contact")
            )
            await audit.record(
                conn, actor=principal.actor, action="privacy.preview", person_id=found.person_id, wait=False
            )
        return found

    @post(
        "/api/privacy/requests/{request_id:int}/confirm",
        guards=[requires("privacy:manage")],
        tags=TAGS,
        responses=PROBLEMS,
        status_code=200,
        summary="Confirm an erasure",
    )
    async def confirm_erasure(
        request: AnyRequest, request_id: PathId, data: JSONBody[Confirmation]
    ) -> Response[PrivacyRequest]:
        """Begin it: there is no way back. The confirmation fits only the person as the preview showed him. Takes an
        Idempotency-Key."""
        actor, now = caller(request).actor, now_of(request)

        async def act(conn: Connection) -> PrivacyRequest:
            return await service.confirm(
                conn,
                request_id,
                parts,
                request.app.state.secret,
                confirmation=data.confirmation,
                shared={one.node_id: one.choice for one in data.shared},
                despite_standing=data.despite_standing,
                actor=actor,
                now=now,
            )

        return await write(request, act)

    return [ask_privacy, preview_erasure, confirm_erasure]


@get(
    "/api/privacy/requests",
    guards=[requires("privacy:manage")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="Privacy requests",
)
async def list_privacy_requests(
    request: AnyRequest,
    where: Annotated[State | None, QueryParameter(name="state")] = None,
    kind: FromQuery[Kind | None] = None,
    before: Annotated[int | None, QueryParameter(ge=1, le=MAX_ID)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
) -> list[PrivacyRequest]:
    """Newest first, below the id ``before``."""
    async with connection(request.app.state.pool) as conn:
        return await service.requests(conn, state=where, kind=kind, before=before, limit=limit)


@get(
    "/api/privacy/requests/{request_id:int}",
    guards=[requires("privacy:manage")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="A privacy request",
)
async def read_privacy_request(request: AnyRequest, request_id: PathId) -> PrivacyRequest:
    """How far it is, and its receipt: what was done, counted by table; of an erasure nothing that names anybody."""
    async with connection(request.app.state.pool) as conn:
        return await service.request(conn, request_id)


@post(
    "/api/privacy/requests/{request_id:int}/refuse",
    guards=[requires("privacy:manage")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Refuse a privacy request",
)
async def refuse_privacy_request(request: AnyRequest, request_id: PathId) -> Response[PrivacyRequest]:
    """Settle it without doing it. An erasure that has begun cannot be refused. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> PrivacyRequest:
        return await service.refuse(conn, request_id, actor=actor, now=now)

    return await write(request, act)


@get(
    "/api/privacy/requests/{request_id:int}/archive",
    guards=[requires("privacy:manage")],
    tags=TAGS,
    responses=PROBLEMS,
    media_type="application/zip",
    summary="Fetch the copy",
)
async def fetch_archive(request: AnyRequest, request_id: PathId) -> Stream:
    """The zip of an access request: index.html to read, JSON Lines and CSV, their schema, a manifest with counts and
    SHA-256 of each file. Whoever fetches it is written down."""
    principal = caller(request)
    pool, secret = request.app.state.pool, request.app.state.secret
    async with connection(pool) as conn:
        found = await service.request(conn, request_id)
        if found.kind != "access" or found.state != "done" or found.expires_at is None:
            raise ArchiveNotFound(f"Request {request_id} has no copy to fetch.")
        await audit.record(
            conn,
            actor=principal.actor,
            action="privacy.copy_read",
            person_id=found.person_id,
            detail={"request_id": request_id},
        )
    headers = {
        "content-disposition": f'attachment; filename="privacy-{request_id}.zip"',
        "content-length": str(found.receipt["bytes"]),
        "cache-control": "no-store",
    }
    parts = pieces(pool, secret, request_id, int(found.receipt["pieces"]))
    return Stream(parts, media_type="application/zip", headers=headers)


def routes_with(parts: Sequence[PersonalData]) -> list[ControllerRouterHandler]:
    """Every route, for these rooms."""
    return [
        *_asking(parts),
        list_privacy_requests,
        read_privacy_request,
        refuse_privacy_request,
        fetch_archive,
    ]
