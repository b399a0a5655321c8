"""Identity over the API: why somebody is one person, and what people decide about it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.params import JSONBody, Parameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, requires
from unisono.access.idempotency import run_once
from unisono.customers.identity import service as identity
from unisono.customers.identity.model import BlockedValue, Namespace
from unisono.kit.database import Connection, connection, transaction
from unisono.kit.errors import BadRequest
from unisono.kit.web import PROBLEMS, PathId

AnyRequest = Request[Any, Any, Any]

Limit = Annotated[int, Parameter(ge=1, le=200)]
Before = Annotated[int | None, Parameter(ge=1, le=2**63 - 1, description="Only those with a smaller id.")]


class IdentityNode(msgspec.Struct, frozen=True):
    """An identifier."""

    id: int
    namespace: str
    value: str
    shared: bool
    since: datetime
    source: str | None


class IdentityLink(msgspec.Struct, frozen=True):
    """Evidence that two identifiers are one person; ``refused_by`` is the rule that keeps it from counting."""

    a: int
    b: int
    strength: str
    reason: str
    first_at: datetime
    last_at: datetime
    refused_by: str | None
    source: str | None


class IdentityChange(msgspec.Struct, frozen=True):
    """Identifiers that came to a person (join) or left for one of their own (split)."""

    id: int
    at: datetime
    kind: str
    person_id: int
    other_id: int
    moved: list[int]
    kept: list[int]
    actor: str
    reason: str
    undone_at: datetime | None
    undone_by: str | None


class PersonIdentity(msgspec.Struct, frozen=True):
    """Why these identifiers are one person."""

    person_id: int
    nodes: list[IdentityNode]
    links: list[IdentityLink]
    changes: list[IdentityChange]


class Violation(msgspec.Struct, frozen=True):
    """A link a rule refused."""

    id: int
    rule: str
    strength: str
    reason: str
    at: datetime
    a: str
    a_person: int
    b: str
    b_person: int


class JoinRequest(msgspec.Struct, frozen=True):
    """Who is the same, and why."""

    person_id: int
    reason: str


class SplitRequest(msgspec.Struct, frozen=True):
    """Which identifiers leave, and why."""

    nodes: list[int]
    reason: str


class UndoRequest(msgspec.Struct, frozen=True):
    """Why."""

    reason: str


class JoinResult(msgspec.Struct, frozen=True):
    """The person they now are."""

    person_id: int


class SplitResult(msgspec.Struct, frozen=True):
    """The person that keeps the rest, and the new one."""

    person_id: int
    new_person_id: int


class HouseholdRequest(msgspec.Struct, frozen=True):
    """Who lives together, and how we know."""

    name: str
    people: list[int]
    reason: str


class MemberRequest(msgspec.Struct, frozen=True):
    """Who, and why."""

    person_id: int
    reason: str


class HouseholdChanged(msgspec.Struct, frozen=True):
    """The household that was made or changed."""

    household_id: int


class ChangeUndone(msgspec.Struct, frozen=True):
    """The join or split that is undone, and the persons its identifiers now belong to."""

    change_id: int
    people: list[int]


class RulesChanged(msgspec.Struct, frozen=True):
    """How many joins and splits the new rules made."""

    changes: int


class RulesRequest(msgspec.Struct, frozen=True):
    """Changes to the rules; what is not named stays."""

    reason: str
    namespaces: list[Namespace] = []
    block: list[BlockedValue] = []
    unblock: list[BlockedValue] = []


class Rules(msgspec.Struct, frozen=True):
    """The rules as they are."""

    version: int
    namespaces: list[Namespace]
    blocked: list[BlockedValue]


def change_of(row: Any) -> IdentityChange:
    """A row of the audit in the shape the API gives it."""
    return IdentityChange(
        row["id"],
        row["at"],
        row["kind"],
        row["person_id"],
        row["other_id"],
        list(row["moved"]),
        list(row["kept"]),
        row["actor"],
        row["reason"],
        row["undone_at"],
        row["undone_by"],
    )


@get(
    "/api/people/{person_id:int}/identity",
    guards=[requires("identity:read")],
    tags=["Identity"],
    responses=PROBLEMS,
    summary="Why somebody is one person",
)
async def person_identity(request: AnyRequest, person_id: PathId) -> PersonIdentity:
    """Why these identifiers are one person: evidence, refusals, joins and splits."""
    async with transaction(request.app.state.pool) as conn:
        person = await identity.resolve(conn, person_id)
        nodes = await identity.nodes_of(conn, person)
        ids = [row["id"] for row in nodes]
        links = await identity.links_of(conn, ids)
        changes = await identity.changes_of(conn, ids)
        await audit.record(conn, actor=caller(request).actor, action="person.identity", person_id=person)
    return PersonIdentity(
        person,
        [
            IdentityNode(
                row["id"], row["namespace"], row["value"], row["shared"], row["created_at"], row["source_name"]
            )
            for row in nodes
        ],
        [
            IdentityLink(
                row["node_a"],
                row["node_b"],
                row["strength"],
                row["reason"],
                row["first_at"],
                row["last_at"],
                row["refused_by"],
                row["source_name"],
            )
            for row in links
        ],
        [change_of(row) for row in changes],
    )


@post(
    "/api/people/{person_id:int}/join",
    guards=[requires("identity:undo")],
    tags=["Identity"],
    responses=PROBLEMS,
    status_code=200,
    summary="Join two persons",
)
async def join_people(request: AnyRequest, person_id: PathId, data: JSONBody[JoinRequest]) -> Response[JoinResult]:
    """Say that two persons are one. Takes an Idempotency-Key. Answers {"person_id": …}."""
    actor = caller(request).actor

    async def act(conn: Connection) -> JoinResult:
        person = await identity.join(conn, person_id, data.person_id, actor=actor, reason=data.reason)
        await audit.record(conn, actor=actor, action="person.join", person_id=person, detail={"reason": data.reason})
        return JoinResult(person)

    return await run_once(request, act)


@post(
    "/api/people/{person_id:int}/split",
    guards=[requires("identity:undo")],
    tags=["Identity"],
    responses=PROBLEMS,
    status_code=200,
    summary="Split a person",
)
async def split_person(request: AnyRequest, person_id: PathId, data: JSONBody[SplitRequest]) -> Response[SplitResult]:
    """Take identifiers out of a person. Takes an Idempotency-Key."""
    actor = caller(request).actor

    async def act(conn: Connection) -> SplitResult:
        stays, leaves = await identity.split(conn, person_id, data.nodes, actor=actor, reason=data.reason)
        await audit.record(conn, actor=actor, action="person.split", person_id=stays, detail={"reason": data.reason})
        return SplitResult(stays, leaves)

    return await run_once(request, act)


@get(
    "/api/identity/changes",
    guards=[requires("identity:read")],
    tags=["Identity"],
    responses=PROBLEMS,
    summary="Joins and splits",
)
async def identity_changes(request: AnyRequest, before: Before = None, limit: Limit = 50) -> list[IdentityChange]:
    """Joins and splits of everybody, newest first."""
    async with connection(request.app.state.pool) as conn:
        rows = await identity.recent_changes(conn, before=before, limit=limit)
    return [change_of(row) for row in rows]


@post(
    "/api/identity/changes/{change_id:int}/undo",
    guards=[requires("identity:undo")],
    tags=["Identity"],
    responses=PROBLEMS,
    status_code=200,
    summary="Undo a join or a split",
)
async def undo_change(request: AnyRequest, change_id: PathId, data: JSONBody[UndoRequest]) -> Response[ChangeUndone]:
    """Undo a join or a split. Takes an Idempotency-Key. Answers the persons it made."""
    actor = caller(request).actor

    async def act(conn: Connection) -> ChangeUndone:
        result = await identity.undo(conn, change_id, actor=actor, reason=data.reason)
        people = sorted(set(result.person_of.values()))
        await audit.record(conn, actor=actor, action="identity.undo", detail={"change": change_id, "people": people})
        return ChangeUndone(change_id, people)

    return await run_once(request, act)


@get(
    "/api/identity/violations",
    guards=[requires("identity:read")],
    tags=["Identity"],
    responses=PROBLEMS,
    summary="Refused links",
)
async def identity_violations(request: AnyRequest, before: Before = None, limit: Limit = 50) -> list[Violation]:
    """Links the rules refuse at present, newest first."""
    async with connection(request.app.state.pool) as conn:
        rows = await identity.refused_links(conn, before=before, limit=limit)
    return [
        Violation(
            row["id"],
            row["refused_by"],
            row["strength"],
            row["reason"],
            row["last_at"],
            f"{row['a_namespace']}:{row['a_value']}",
            row["a_person"],
            f"{row['b_namespace']}:{row['b_value']}",
            row["b_person"],
        )
        for row in rows
    ]


@get(
    "/api/identity/rules",
    guards=[requires("identity:read")],
    tags=["Identity"],
    responses=PROBLEMS,
    summary="The rules of identity",
)
async def identity_rules(request: AnyRequest) -> Rules:
    """The namespaces and blocked values in force."""
    async with connection(request.app.state.pool) as conn:
        book = await identity.rulebook(conn)
    return Rules(book.version, list(book.namespaces.values()), book.blocked)


@put(
    "/api/identity/rules",
    guards=[requires("identity:manage")],
    tags=["Identity"],
    responses=PROBLEMS,
    summary="Change the rules of identity",
)
async def change_identity_rules(request: AnyRequest, data: JSONBody[RulesRequest]) -> Response[RulesChanged]:
    """Change the rules; everybody is replayed by the new ones. Takes an Idempotency-Key."""
    actor = caller(request).actor
    if any(not item.pattern.strip() or "\x00" in item.pattern for item in data.block):
        raise BadRequest("A blocked value cannot be empty.", code="bad_pattern")

    async def act(conn: Connection) -> RulesChanged:
        result = await identity.change_rules(
            conn,
            namespaces=data.namespaces,
            blocked=[(item.namespace, item.pattern, item.reason) for item in data.block],
            unblocked=[(item.namespace, item.pattern) for item in data.unblock],
            actor=actor,
            reason=data.reason,
        )
        await audit.record(conn, actor=actor, action="identity.rules", detail={"reason": data.reason})
        return RulesChanged(len(result.changes))

    return await run_once(request, act)


@post(
    "/api/households",
    guards=[requires("identity:undo")],
    tags=["Identity"],
    responses=PROBLEMS,
    status_code=201,
    summary="Make a household",
)
async def group_household(request: AnyRequest, data: JSONBody[HouseholdRequest]) -> Response[HouseholdChanged]:
    """Group people as a household; nobody is merged. Takes an Idempotency-Key. Answers {"household_id": …}."""
    actor = caller(request).actor

    async def act(conn: Connection) -> HouseholdChanged:
        household = await identity.group_household(conn, data.name, data.people, actor=actor, reason=data.reason)
        await audit.record(conn, actor=actor, action="household.group", detail={"household": household})
        return HouseholdChanged(household)

    return await run_once(request, act, status=201)


@post(
    "/api/households/{household_id:int}/people",
    guards=[requires("identity:undo")],
    tags=["Identity"],
    responses=PROBLEMS,
    status_code=200,
    summary="Add to a household",
)
async def add_to_household(
    request: AnyRequest, household_id: PathId, data: JSONBody[MemberRequest]
) -> Response[HouseholdChanged]:
    """Add a person to a household. Takes an Idempotency-Key."""
    actor = caller(request).actor

    async def act(conn: Connection) -> HouseholdChanged:
        await identity.add_to_household(conn, household_id, data.person_id, actor=actor, reason=data.reason)
        return HouseholdChanged(household_id)

    return await run_once(request, act)


@delete(
    "/api/households/{household_id:int}/people/{person_id:int}",
    guards=[requires("identity:undo")],
    tags=["Identity"],
    responses=PROBLEMS,
    status_code=200,
    summary="Take out of a household",
)
async def remove_from_household(
    request: AnyRequest,
    household_id: PathId,
    person_id: PathId,
    reason: Annotated[str, Parameter(min_length=1, max_length=500)],
) -> Response[HouseholdChanged]:
    """Take a person out of a household. Takes an Idempotency-Key."""
    actor = caller(request).actor

    async def act(conn: Connection) -> HouseholdChanged:
        await identity.remove_from_household(conn, household_id, person_id, actor=actor, reason=reason)
        return HouseholdChanged(household_id)

    return await run_once(request, act)


routes: list[ControllerRouterHandler] = [
    person_identity,
    join_people,
    split_person,
    identity_changes,
    undo_change,
    identity_violations,
    identity_rules,
    change_identity_rules,
    group_household,
    add_to_household,
    remove_from_household,
]
