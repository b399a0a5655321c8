"""Templates over the API: drafts, publishing, versions and what differs between them, previews, a test to oneself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post, put
from litestar.params import JSONBody, Parameter, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, now_of, requires
from unisono.customers.identity import service as identity
from unisono.customers.web import write
from unisono.engagement.templates import ports, service
from unisono.engagement.templates.errors import TemplateConflict
from unisono.engagement.templates.model import (
    Channel,
    Content,
    NewTemplate,
    Purpose,
    Template,
    TemplateChange,
    TemplatePreview,
    TemplateVersion,
    UsedBy,
)
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest, Forbidden
from unisono.kit.i18n import accepted
from unisono.kit.reasons import told
from unisono.kit.settings import Settings
from unisono.kit.web import MAX_ID, PROBLEMS

TAGS = ["Templates"]
AnyRequest = Request[Any, Any, Any]
Code = Annotated[str, PathParameter(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
Number = Annotated[int | None, Parameter(ge=0, le=2**31 - 1, description="A version; without it the draft.")]
After = Annotated[str | None, Parameter(max_length=63, description="The code of the last one seen.")]
Limit = Annotated[int, Parameter(ge=1, le=200)]
OfKind = Annotated[Literal["message", "block"] | None, QueryParameter(name="kind", description="Only these.")]
Archived = Annotated[bool, QueryParameter(name="archived", description="Also those out of use.")]
Seen = Annotated[
    datetime | None,
    QueryParameter(name="seen", description="`draft_at` one has read: a draft saved since is not written over."),
]


class PublishRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why."""

    note: Annotated[str, msgspec.Meta(max_length=500)] = ""


class TemplatePreviewRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For whom, on which channel, in which language, with what data; ``content`` instead of what is kept."""

    channel: Channel = "email"
    language: Annotated[str, msgspec.Meta(max_length=10)] | None = None
    person_id: Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)] | None = None
    identifier: Annotated[str, msgspec.Meta(max_length=400)] | None = None
    """Instead of ``person_id``: ``email:mario@example.it``."""
    version: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None
    data: dict[str, Any] = {}
    content: Content | None = None


class ContentPreview(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A content that is not kept, as a composer has it."""

    content: Content
    purpose: Purpose = "marketing"
    brand: Annotated[str, msgspec.Meta(max_length=63)] = "default"
    channel: Channel = "email"
    language: Annotated[str, msgspec.Meta(max_length=10)] | None = None
    person_id: Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)] | None = None
    identifier: Annotated[str, msgspec.Meta(max_length=400)] | None = None
    data: dict[str, Any] = {}


class TestRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To whom the draft goes: an identifier written ``namespace:value``."""

    to: Annotated[str, msgspec.Meta(min_length=3, max_length=400)]
    channel: Channel = "email"
    data: dict[str, Any] = {}


class TestSent(msgspec.Struct, frozen=True):
    """The message that was planned."""

    message_id: int


class TemplatePage(msgspec.Struct, frozen=True):
    """Some templates by code; ``next`` is the ``after`` of the following page."""

    templates: list[Template]
    next: str | None


async def _node(
    request: AnyRequest, conn: Connection, principal: Principal, person_id: int | None, identifier: str | None
) -> int | None:
    """The person a preview is for; looking at one is looking at his data. Raises Forbidden, PersonNotFound."""
    if person_id is None and identifier is None:
        return None
    if not (principal.may("people:read") and principal.may("people:contact")) or principal.stores is not None:
        raise Forbidden("A preview as a person shows his data: this needs people:read and people:contact.")
    if identifier is not None:
        settings: Settings = request.app.state.settings
        person = await identity.find(conn, identifier, settings.country)
    else:
        assert person_id is not None
        person = await identity.resolve(conn, person_id)
    await audit.record(conn, actor=principal.actor, action="template.preview", person_id=person, wait=False)
    return person


@get("/api/templates", guards=[requires("voice:read")], tags=TAGS, responses=PROBLEMS, summary="Templates")
async def list_templates(
    request: AnyRequest, kind: OfKind = None, archived: Archived = False, after: After = None, limit: Limit = 50
) -> TemplatePage:
    """Templates and blocks by code, those that come with the product among them."""
    async with connection(request.app.state.pool) as conn:
        found = await service.page(conn, kind=kind, archived=archived, after=after, limit=limit + 1)
    more = len(found) > limit
    return TemplatePage(found[:limit], found[limit - 1].code if more else None)


@get(
    "/api/templates/{code:str}", guards=[requires("voice:read")], tags=TAGS, responses=PROBLEMS, summary="One template"
)
async def read_template(request: AnyRequest, code: Code) -> Template:
    """A template with its draft; ``changed`` when the draft is not what is sent."""
    async with connection(request.app.state.pool) as conn:
        return await service.get(conn, code)


@put(
    "/api/templates/{code:str}",
    guards=[requires("voice:write")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="Write a draft",
)
async def save_template(
    request: AnyRequest, code: Code, data: JSONBody[NewTemplate], seen: Seen = None
) -> Response[Template]:
    """Make a template or change its draft: what is sent stays until it is published. Takes an Idempotency-Key.

    409 ``version_conflict`` when somebody saved it since ``seen``.
    """
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> Template:
        saved = await service.save(conn, code, data, actor=actor, now=now, seen=seen)
        await audit.record(conn, actor=actor, action="template.save", detail={"template": code})
        return saved

    return await write(request, act)


@post(
    "/api/templates/{code:str}/publish",
    guards=[requires("voice:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Publish a draft",
)
async def publish_template(request: AnyRequest, code: Code, data: JSONBody[PublishRequest]) -> Response[Template]:
    """Make the draft what is sent from now on. Takes an Idempotency-Key.

    Everything is compiled before: 400 ``bad_template`` names channel and language of what cannot be.
    """
    actor, now = caller(request).actor, now_of(request)
    settings: Settings = request.app.state.settings

    async def act(conn: Connection) -> Template:
        made = await service.publish(conn, code, actor=actor, now=now, settings=settings, note=data.note)
        detail = {"template": code, "version": made.version, "note": data.note}
        await audit.record(conn, actor=actor, action="template.publish", detail=detail)
        return made

    return await write(request, act)


@post(
    "/api/templates/{code:str}/archive",
    guards=[requires("voice:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Take a template out of use",
)
async def archive_template(request: AnyRequest, code: Code) -> Response[Template]:
    """It is offered no more. 409 ``template_used`` while something names it. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> Template:
        archived = await service.archive(conn, code, now=now)
        await audit.record(conn, actor=actor, action="template.archive", detail={"template": code})
        return archived

    return await write(request, act)


@get(
    "/api/templates/{code:str}/versions",
    guards=[requires("voice:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="What a template was",
)
async def read_versions(request: AnyRequest, code: Code) -> list[TemplateVersion]:
    """What was published, newest first, with who did it and why."""
    async with connection(request.app.state.pool) as conn:
        return await service.versions(conn, code)


@get(
    "/api/templates/{code:str}/diff",
    guards=[requires("voice:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="What differs between two versions",
)
async def read_diff(
    request: AnyRequest, code: Code, before: Number = None, after: Number = None
) -> list[TemplateChange]:
    """Field by field, as lines of a unified diff. Without ``before`` the published version, without ``after`` the
    draft."""
    async with connection(request.app.state.pool) as conn:
        found = await service.get(conn, code)
        old: Content = {}
        if (number := found.version if before is None else before) or found.builtin:
            old = (await service.version(conn, code, number)).content
        new = found.draft if after is None else (await service.version(conn, code, after)).content
    return service.diff(old, new)


@get(
    "/api/templates/{code:str}/used-by",
    guards=[requires("voice:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="What uses a template",
)
async def read_used_by(request: AnyRequest, code: Code) -> list[UsedBy]:
    """Templates that contain it, broadcasts and whatever else names it."""
    async with connection(request.app.state.pool) as conn:
        await service.get(conn, code)
        return await service.used_by(conn, code)


@post(
    "/api/templates/{code:str}/preview",
    guards=[requires("voice:read")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="What a person would get",
)
async def preview_template(request: AnyRequest, code: Code, data: JSONBody[TemplatePreviewRequest]) -> TemplatePreview:
    """The draft, a version or a content of one's own, for anybody or for nobody in particular: rendered with live
    prices and points, with what is empty in it and what the brand has against it. Nothing is sent."""
    async with connection(request.app.state.pool) as conn:
        found = await service.get(conn, code)
        content = data.content
        if content is None:
            content = found.draft if data.version is None else (await service.version(conn, code, data.version)).content
        return await _preview(request, conn, data, content, found.purpose, found.brand)


@post(
    "/api/templates/preview",
    guards=[requires("voice:read")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Preview a content",
)
async def preview_content(request: AnyRequest, data: JSONBody[ContentPreview]) -> TemplatePreview:
    """As the preview of a template, for a content nobody keeps. Nothing is sent."""
    async with connection(request.app.state.pool) as conn:
        return await _preview(request, conn, data, data.content, data.purpose, data.brand)


async def _preview(
    request: AnyRequest,
    conn: Connection,
    data: TemplatePreviewRequest | ContentPreview,
    content: Content,
    purpose: Purpose,
    brand: str,
) -> TemplatePreview:
    if data.person_id is not None and data.identifier is not None:
        raise BadRequest("Say person_id or identifier, not both.", code="person_twice")
    node = await _node(request, conn, caller(request), data.person_id, data.identifier)
    found = await service.preview(
        conn,
        content,
        purpose=purpose,
        brand=brand,
        channel=data.channel,
        language=data.language,
        node_id=node,
        data=data.data,
        settings=request.app.state.settings,
        now=now_of(request),
    )
    return told(found, accepted(request.headers.get("accept-language")) or "en")


@post(
    "/api/templates/{code:str}/test",
    guards=[requires("messages:send")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="Send a test",
)
async def send_test(request: AnyRequest, code: Code, data: JSONBody[TestRequest]) -> Response[TestSent]:
    """Send the draft to one address that is known. The contact policy is asked as for any service message. Takes an
    Idempotency-Key."""
    sender = ports.sender()
    if sender is None:
        raise TemplateConflict("This installation sends no messages.", code="test_unavailable")
    actor, now = caller(request).actor, now_of(request)
    key = request.headers.get("idempotency-key") or now.isoformat()

    async def act(conn: Connection) -> TestSent:
        found = await service.get(conn, code)
        wanted = ports.TestSend(
            to=data.to,
            channel=data.channel,
            content=found.draft,
            purpose=found.purpose,
            data=data.data,
            actor=actor,
            key=f"test:{code}:{actor}:{key}"[:255],
            now=now,
        )
        message = await sender(conn, wanted)
        await audit.record(conn, actor=actor, action="template.test", detail={"template": code, "message": message})
        return TestSent(message)

    return await write(request, act, status=201)


routes: list[ControllerRouterHandler] = [
    list_templates,
    preview_content,
    read_template,
    save_template,
    publish_template,
    archive_template,
    read_versions,
    read_diff,
    read_used_by,
    preview_template,
    send_test,
]
