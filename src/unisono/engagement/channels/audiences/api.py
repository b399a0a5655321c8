"""Ad audiences over the API: the people of a segment to an advertiser, or as a file."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import JSONBody, Parameter, PathParameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.customers.identity import service as identity
from unisono.customers.web import unit
from unisono.engagement.channels import accounts
from unisono.engagement.channels.audiences import membership, service
from unisono.engagement.channels.audiences.formats import Identity, as_csv
from unisono.engagement.channels.audiences.model import MAX_MEMBERS, Action, AudienceAdapter
from unisono.engagement.channels.model import Account
from unisono.engagement.channels.registry import adapter_of
from unisono.kit.database import connection
from unisono.kit.errors import BadRequest, Conflict
from unisono.kit.http import Http
from unisono.kit.web import MAX_ID, PROBLEMS

AnyRequest = Request[Any, Any, Any]

GUARD = [requires("broadcasts:send", "people:contact")]
TAGS = ["Channels"]

Code = Annotated[str, PathParameter(max_length=63, description="Of the channel account.")]
Segment = Annotated[str, Parameter(max_length=63, description="Whose people.")]


class MembersChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whom to put in or take out: the people of a segment, a page at a time, or these persons."""

    action: Action = "add"
    segment: Annotated[str, msgspec.Meta(max_length=63)] | None = None
    after: Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)] = 0
    persons: Annotated[list[Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]], msgspec.Meta(max_length=MAX_MEMBERS)] = []


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. Go on with ``after`` = ``next`` until there is none."""

    asked: int
    """People looked at."""
    without_consent: int
    """Left out: their consent for third parties does not hold."""
    unmatchable: int
    """Left out: no e-mail address and no phone number."""
    sent: int
    outcome: str
    """accepted, retry, refused, unknown; ``none`` when nobody was left. Sent again it is the same."""
    detail: str | None = None
    received: int | None = None
    invalid: int | None = None
    next: int | None = None


class _Chosen(msgspec.Struct):
    members: dict[int, Identity]
    """By person."""
    asked: int
    without_consent: int
    unmatchable: int
    next: int | None


async def _choose(request: AnyRequest, data: MembersChange) -> _Chosen:
    """Who of those asked for may be told of. Whoever withdrew may always be taken out."""
    if (data.segment is None) == (not data.persons):
        raise BadRequest("Name a segment, or persons.", code="members_missing")
    async with connection(request.app.state.pool) as conn:
        if data.segment is not None:
            persons = await service.segment_page(conn, data.segment, after=data.after, most=MAX_MEMBERS)
            following = persons[-1] if len(persons) == MAX_MEMBERS else None
        else:
            persons = sorted(set((await identity.persons_of(conn, set(data.persons))).values()))
            following = None
        allowed = set(persons)
        if data.action == "add":
            allowed = await service.consented(conn, persons, now=now_of(request))
        known = await service.identities(conn, allowed)
    members = {person: known[person] for person in sorted(allowed) if known[person].known}
    return _Chosen(members, len(persons), len(persons) - len(allowed), len(allowed) - len(members), following)


async def _note(
    request: AnyRequest, account: Account, adapter: AudienceAdapter, chosen: _Chosen, segment: str | None
) -> list[int]:
    """Write down who is put in before the advertiser hears of it; the rows that are new."""
    matched = {person: adapter.matched(member) for person, member in chosen.members.items()}
    async with unit(request.app.state.pool) as conn:
        return await membership.note(conn, account.id, matched, segment=segment, now=now_of(request))


async def _audience(request: AnyRequest, code: str) -> tuple[Account, AudienceAdapter]:
    async with connection(request.app.state.pool) as conn:
        account = await accounts.account(conn, request.app.state.secret, code)
    adapter = adapter_of(account.kind)
    if not isinstance(adapter, AudienceAdapter):
        raise BadRequest(f"{code} is no ad audience.", code="not_an_audience")
    return account, adapter


@post(
    "/api/audiences/{code:str}/members",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Put people into an ad audience",
)
async def change_members(request: AnyRequest, code: Code, data: JSONBody[MembersChange]) -> Changed:
    """Hashed as the advertiser asks; only people whose consent for third parties holds are put in. At most 10,000 a
    call. Whoever leaves the segment, takes back that consent or is erased is taken out by itself."""
    account, adapter = await _audience(request, code)
    if account.status != "active":
        raise Conflict(f"The account {code} is {account.status}.", code="account_not_active")
    chosen = await _choose(request, data)
    counted = Changed(
        asked=chosen.asked,
        without_consent=chosen.without_consent,
        unmatchable=chosen.unmatchable,
        sent=len(chosen.members),
        outcome="none",
        next=chosen.next,
    )
    if not chosen.members:
        return counted
    noted = await _note(request, account, adapter, chosen, data.segment) if data.action == "add" else []
    http = Http(private=request.app.state.settings.provider_private_addresses)
    try:
        batch = await (await adapter.open_audience(account, http)).change(data.action, list(chosen.members.values()))
    finally:
        await http.close()
    detail = {"account": code, "segment": data.segment, "sent": len(chosen.members), "outcome": batch.sent.outcome}
    async with unit(request.app.state.pool) as conn:
        if batch.sent.outcome == "accepted" and data.action == "remove":
            await membership.forget(conn, account.id, chosen.members)
        elif batch.sent.outcome in ("refused", "retry"):
            await membership.drop(conn, noted)
        elif data.action == "add":
            await membership.put_in(conn, account.id, [adapter.matched(one) for one in chosen.members.values()])
        await audit.record(conn, actor=caller(request).actor, action=f"audience.{data.action}", detail=detail)
    return msgspec.structs.replace(
        counted,
        outcome=batch.sent.outcome,
        detail=batch.sent.detail,
        received=batch.received,
        invalid=batch.invalid,
    )


@get(
    "/api/audiences/{code:str}/members.csv",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    summary="An ad audience as a file",
    media_type="text/csv",
)
async def download_members(
    request: AnyRequest, code: Code, segment: Segment, after: Annotated[int, Parameter(ge=0, le=MAX_ID)] = 0
) -> Response[str]:
    """The people of a segment in the advertiser's columns, hashed, for an upload by hand; those with consent alone. At
    most 10,000 a call: the header ``x-next`` says where the next begins."""
    account, adapter = await _audience(request, code)
    chosen = await _choose(request, MembersChange(segment=segment, after=after))
    # Whoever fetches the file puts them in: they have to leave like the others.
    await _note(request, account, adapter, chosen, segment)
    detail = {"account": code, "segment": segment, "people": len(chosen.members)}
    async with unit(request.app.state.pool) as conn:
        await audit.record(conn, actor=caller(request).actor, action="audience.downloaded", detail=detail)
    headers = {"content-disposition": f'attachment; filename="{code}.csv"', "cache-control": "no-store"}
    if chosen.next is not None:
        headers["x-next"] = str(chosen.next)
    content = as_csv(adapter.columns, [adapter.row(member) for member in chosen.members.values()])
    return Response(content, media_type="text/csv", headers=headers)


@get(
    "/api/audiences/{code:str}",
    guards=GUARD,
    tags=TAGS,
    responses=PROBLEMS,
    summary="How an ad audience stands",
)
async def read_audience(request: AnyRequest, code: Code) -> membership.AudienceStanding:
    """How many were put in, and how many the advertiser is still to take out."""
    account, _ = await _audience(request, code)
    async with connection(request.app.state.pool) as conn:
        return await membership.standing(conn, account.id)


routes: list[ControllerRouterHandler] = [change_members, download_members, read_audience]
"""What marketers and their systems call."""
