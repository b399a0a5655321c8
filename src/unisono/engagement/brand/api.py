"""The brand over the API: read and change it, its versions, check a text against it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post, put
from litestar.params import JSONBody, Parameter, QueryParameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.customers.web import write
from unisono.engagement.brand import rules, service
from unisono.engagement.brand.model import Brand, BrandVersion, Finding, Kit, Said
from unisono.kit.database import Connection, connection
from unisono.kit.i18n import accepted
from unisono.kit.reasons import told
from unisono.kit.web import PROBLEMS

TAGS = ["Brand"]
AnyRequest = Request[Any, Any, Any]
Code = Annotated[str, QueryParameter(name="code", pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$", description="Which brand.")]
Version = Annotated[
    int | None, Parameter(ge=0, le=2**31 - 1, description="The version one has seen: another one refuses.")
]


class CheckRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text somebody wants to say."""

    channel: Annotated[str, msgspec.Meta(min_length=1, max_length=40)] = "email"
    language: Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")] = "en"
    purpose: Annotated[str, msgspec.Meta(pattern=r"^(marketing|transactional|service)$")] = "service"
    subject: Annotated[str, msgspec.Meta(max_length=2000)] | None = None
    text: Annotated[str, msgspec.Meta(max_length=100_000)] | None = None
    html: Annotated[str, msgspec.Meta(max_length=400_000)] | None = None
    evidence: bool = False
    """Somebody has the proof of its claims."""
    brand: Annotated[str, msgspec.Meta(max_length=63)] = service.DEFAULT


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found; ``blocked`` when it may not be said so."""

    blocked: bool
    findings: tuple[Finding, ...]


@get("/api/brand", guards=[requires("voice:read")], tags=TAGS, responses=PROBLEMS, summary="The brand")
async def read_brand(request: AnyRequest, code: Code = service.DEFAULT) -> Brand:
    """How the brand looks and speaks, its rules and how much each weighs. Version 0: nobody has written it yet."""
    async with connection(request.app.state.pool) as conn:
        return await service.get(conn, code)


@put("/api/brand", guards=[requires("voice:write")], tags=TAGS, responses=PROBLEMS, summary="Change the brand")
async def save_brand(
    request: AnyRequest, data: JSONBody[Kit], code: Code = service.DEFAULT, version: Version = None
) -> Response[Brand]:
    """Keep the brand as it is given, whole; the version before stays. Takes an Idempotency-Key.

    409 ``version_conflict`` when it is not the ``version`` one has seen.
    """
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> Brand:
        saved = await service.save(conn, data, actor=actor, now=now, code=code, expected_version=version)
        detail = {"brand": code, "version": saved.version}
        await audit.record(conn, actor=actor, action="brand.save", detail=detail)
        return saved

    return await write(request, act)


@get(
    "/api/brand/versions",
    guards=[requires("voice:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="What the brand was",
)
async def read_versions(request: AnyRequest, code: Code = service.DEFAULT) -> list[BrandVersion]:
    """Its versions, newest first, with who made each."""
    async with connection(request.app.state.pool) as conn:
        return await service.versions(conn, code)


@post(
    "/api/brand/check",
    guards=[requires("voice:read")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Check a text against the brand",
)
async def check_text(request: AnyRequest, data: JSONBody[CheckRequest]) -> CheckReport:
    """What the brand has against a text, the gravest first: for a reply to a customer as for a newsletter."""
    async with connection(request.app.state.pool) as conn:
        brand = await service.get(conn, data.brand)
    said = Said(
        channel=data.channel,
        language=data.language,
        purpose=data.purpose,
        subject=data.subject,
        text=data.text,
        html=data.html,
        evidence=data.evidence,
    )
    findings = rules.check(brand.kit, said)
    language = accepted(request.headers.get("accept-language")) or "en"
    return CheckReport(blocked=bool(rules.blocking(findings)), findings=told(findings, language))


routes: list[ControllerRouterHandler] = [read_brand, save_brand, read_versions, check_text]
