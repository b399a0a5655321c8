"""Small populations and all kinds of rules, drawn at random, and the database they are written into."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
from hypothesis import strategies as st

from unisono.customers.profiles import computed
from unisono.customers.profiles.declaring import Declaration, measure_of
from unisono.customers.profiles.folding import Folder
from unisono.customers.segments.model import ComputedTrait, Rule, World, decode
from unisono.customers.segments.values import time_of
from unisono.customers.timeline.model import Event as LogEvent

UNIT = timedelta(hours=6)
START = datetime(2026, 3, 1, tzinfo=UTC)
"""Everything happens at whole units from here, so that windows end where events are."""

NAMES = ("Order Completed", "Receipt Issued", "Product Viewed", "Product Added", "Something Else")
SOURCES = ("till", "server", "import", "browser", None)
NAMESPACES = ("user_id", "email", "anonymous_id")
CODES = ("vip", "asleep")

TEXTS = ("Milano", "milano", "MILANO", "Wien", "ÉTÉ", "été", "", " ", "12", "12.50", "007", "-3", "1e3", "NaN",
         "Infinity", "1" * 16, "0x1F", "１２", "ß", "İ", "Σας", "a'b", 'a"b', "a\\b", "ab", "true",
         "null", "x\ny")  # fmt: skip
NUMBERS = (
    0,
    1,
    2,
    3,
    12,
    12.5,
    -3,
    0.1,
    0.2,
    0.3,
    1e-7,
    99.99,
    999_999_999_999_999,
    10**15,
    10**30,
    1e300,
    5e-324,
    -0.0,
)
TIMES = ("2026-03-01", "2026-03-02", "2024-02-29", "1980-03-05", "2026-02-30", "2026-13-01", "2026-03-01T12:00:00Z",
         "2026-03-01 12:00", "2026-03-29T02:30:00+02:00", "2026-03-01T06:00:00.123456+0100", "0001-01-01",
         "2026-3-1", "2026-03-01T25:00", "2026-12-31", "2026-10-25")  # fmt: skip


def evenly(*strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One of these, each as often as the others, however many kinds it is itself made of."""
    return st.sampled_from(strategies).flatmap(lambda strategy: strategy)


scalars = st.one_of(st.sampled_from(TEXTS), st.sampled_from(NUMBERS), st.booleans(), st.none(), st.sampled_from(TIMES))
values = st.one_of(
    scalars, st.lists(scalars, max_size=3), st.just({}), st.just([[]]), st.fixed_dictionaries({"deep": scalars})
)
lines = st.fixed_dictionaries(
    {}, optional={"category": values, "price": scalars, "quantity": scalars, "tags": st.lists(scalars, max_size=2)}
)
payloads = st.fixed_dictionaries(
    {},
    optional={
        "total": scalars,
        "category": values,
        "products": st.one_of(st.lists(st.one_of(lines, scalars), max_size=3), scalars),
        "deep": st.fixed_dictionaries({}, optional={"er": values}),
        "currency": st.sampled_from(("EUR", "USD")),
    },
)
instants = st.integers(-8, 16).map(lambda n: START + n * UNIT) | st.integers(-9000, 40).map(lambda n: START + n * UNIT)
nows = st.integers(-2, 20).map(lambda n: START + n * UNIT) | st.integers(0, 10_000_000).map(
    lambda n: START + timedelta(seconds=n / 10)
)
events = st.fixed_dictionaries(
    {
        "name": st.sampled_from(NAMES),
        "at": instants | st.just(datetime(1969, 12, 31, tzinfo=UTC)),
        "channel": st.sampled_from(("web", "store", "Store")),
        "store_id": st.sampled_from(("MI-01", "mi-01", "007", None)),
        "properties": st.none() | payloads,
    }
)
_SAID = {"source": st.sampled_from(SOURCES), "at": st.sampled_from((START, START + UNIT))}
said = evenly(
    st.fixed_dictionaries({"name": st.sampled_from(("city", "email", "address", "seen")), "value": values, **_SAID}),
    st.fixed_dictionaries(
        {"name": st.sampled_from(("birthday", "seen")), "value": st.sampled_from(TIMES) | values, **_SAID}
    ),
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(("latitude", "longitude")),
            "value": st.sampled_from((1, "12", 12.5, 91)) | values,
            **_SAID,
        }
    ),
)
consents = st.fixed_dictionaries(
    {
        "purpose": st.sampled_from(("marketing", "profiling")),
        "channel": st.sampled_from(("email", "any")),
        "status": st.sampled_from(("requested", "granted", "granted", "granted", "refused", "withdrawn", "expired")),
        "basis": st.sampled_from(("consent", "consent", "soft_opt_in")),
        "expires_at": st.none() | instants,
        "since": st.integers(0, 3).map(lambda n: START - n * UNIT),
    }
)
nodes = st.fixed_dictionaries(
    {
        "namespace": st.sampled_from(NAMESPACES),
        "traits": st.lists(said, max_size=3) | st.lists(said, min_size=3, max_size=6),
        "consents": st.lists(consents, max_size=2),
        "events": st.lists(events, max_size=3) | st.lists(events, min_size=3, max_size=8),
    }
)
people = st.fixed_dictionaries(
    {"nodes": st.lists(nodes, min_size=1, max_size=3), "segments": st.sets(st.sampled_from((*CODES, "draft")))}
)
populations = st.lists(people, min_size=2, max_size=5)

_TEXT = evenly(
    st.sampled_from(("milano", "mil", "É", "12")), st.sampled_from([text for text in (*TEXTS, "zürich") if text])
)
_NUMBER = st.sampled_from((0, 1, 2, 3, 12, 12.5, 0.3, 99.99, -3, 1e-7))
_TIME = st.sampled_from([time for time in TIMES if time_of(time, "UTC") is not None])


def _plain_ops(path: st.SearchStrategy[str], key: str) -> st.SearchStrategy[dict[str, Any]]:
    def made(op: str, value: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries({key: path, "op": st.just(op), "value": value})

    one = _TEXT | _NUMBER | st.booleans()
    return st.one_of(
        [made(op, one) for op in ("is", "is_not")]
        + [made(op, st.lists(one, min_size=1, max_size=3)) for op in ("one_of", "none_of")]
        + [made(op, _TEXT) for op in ("contains", "starts_with")]
        + [made(op, _NUMBER) for op in ("at_least", "at_most", "more_than", "less_than")]
        + [made(op, st.none()) for op in ("known", "unknown")]
        + [made(op, _TIME) for op in ("before", "after")]
    )


_PATHS = st.sampled_from(
    ("total", "category", "deep.er", "deep.er.deep", "products[].category", "products[].price", "products[].tags[]",
     "products[].category.deep", "channel", "store_id", "hour", "weekday", "category[]", "products[]")
)  # fmt: skip
_WHERE = _plain_ops(_PATHS, "path")
wheres = evenly(st.just([]), st.lists(_WHERE, min_size=1, max_size=1), st.lists(_WHERE, max_size=3))
_NAMES = st.lists(st.sampled_from((*NAMES, "purchases")), min_size=1, max_size=3)
_SPANS = st.sampled_from([int((n * UNIT).total_seconds()) for n in (1, 2, 4, 8, 40)])
_TRAITS = st.sampled_from(
    ("city", "birthday", "email", "address.deep", "seen", "identified", "namespaces", "orders_count", "lifetime_value",
     "lifetime_value.USD", "favourite_category", "last_purchase_channel", "last_purchase_value.EUR", "nothing",
     "average_order", "pieces", "first_category")
)  # fmt: skip
_CLOCKS = st.sampled_from(("seen", "birthday", "last_purchase_at", "first_seen", "city"))

traits = _plain_ops(_TRAITS, "trait") | st.one_of(
    [
        st.fixed_dictionaries({"trait": _CLOCKS, "op": st.just(op), "value": _SPANS})
        for op in ("within_last", "not_within_last", "within_next")
    ]
    + [st.fixed_dictionaries({"trait": _CLOCKS, "op": st.just("anniversary_within"), "value": st.integers(0, 60)})]
)
_SEASONS = st.sampled_from(("easter", "carnival", "womens_day", "public_holidays"))
_WINDOWS = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"within": st.fixed_dictionaries({"seconds": _SPANS})}),
    st.fixed_dictionaries(
        {"between": st.fixed_dictionaries({}, optional={"from": st.sampled_from(("2026-02-28", "2026-03-01T12:00:00Z")),
                                                        "until": st.sampled_from(("2026-03-02", "2026-03-30"))})}
    ),
    st.fixed_dictionaries({"season": st.fixed_dictionaries({"name": _SEASONS, "years": st.integers(1, 3)})}),
)  # fmt: skip
_MEASURES = st.one_of(
    st.just({}),
    st.just({"measure": "days"}),
    st.fixed_dictionaries(
        {
            "measure": st.sampled_from(("sum", "distinct")),
            "path": st.sampled_from(("total", "products[].price", "category", "store_id", "products[].tags[]", "hour")),
        }
    ),
)
_COUNTS = st.fixed_dictionaries(
    {
        "op": st.sampled_from(("at_least", "at_most", "exactly", "more_than", "less_than")),
        "amount": st.sampled_from((0, 1, 1, 2, 3, 12, 0.3, 12.5, 25)),
    }
)
happenings = st.tuples(st.fixed_dictionaries({"names": _NAMES, "where": wheres}), _MEASURES, _COUNTS, _WINDOWS).map(
    lambda parts: {key: value for part in parts for key, value in part.items()}
)
patterns = st.fixed_dictionaries({"names": _NAMES, "where": wheres})
sequels = st.fixed_dictionaries(
    {"first": patterns, "then": patterns, "within": _SPANS, "negated": st.booleans(), "window": st.none() | _SPANS}
)


def _as(tag: str, strategy: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return strategy.map(lambda fields: {"is": tag, **fields})


consent_conditions = st.fixed_dictionaries(
    {
        "purpose": st.sampled_from(("marketing", "profiling")),
        "channel": st.sampled_from(("email", "any")),
        "status": st.sampled_from(("granted", "not_granted", "withdrawn")),
    }
)
members = st.fixed_dictionaries({"segment": st.sampled_from((*CODES, "draft")), "member": st.booleans()})
places = st.fixed_dictionaries(
    {
        "latitude": st.sampled_from((0, 12.5)),
        "longitude": st.sampled_from((1, 12)),
        "km": st.sampled_from((1, 500, 1500)),
    }
)
calendars = st.one_of(
    st.fixed_dictionaries({"season": _SEASONS}),
    st.sampled_from(({"from": "03-01", "until": "03-01"}, {"from": "12-01", "until": "03-02"})),
)
KINDS = {
    "trait": _as("trait", traits),
    "event": _as("event", happenings),
    "sequence": _as("sequence", sequels),
    "consent": _as("consent", consent_conditions),
    "segment": _as("segment", members),
    "near": _as("near", places),
    "calendar": _as("calendar", calendars),
}
"""Every kind of condition, by its tag."""
conditions = evenly(*KINDS.values(), KINDS["event"], KINDS["event"], KINDS["sequence"], KINDS["trait"])
plain_rules = st.recursive(
    conditions,
    lambda inner: evenly(
        *[
            _as(
                tag,
                st.fixed_dictionaries({"of": st.lists(inner, min_size=2, max_size=3) | st.lists(inner, max_size=3)}),
            )
            for tag in ("all", "any", "none")
        ]
    ),
    max_leaves=5,
)
rules: st.SearchStrategy[Rule] = plain_rules.map(decode)


def world_of(declaration: Declaration, **changes: Any) -> World:
    """The world with these computed traits, all of them counted."""
    return World(
        timezone="Europe/Rome",
        computed={
            name: ComputedTrait(
                msgspec.json.encode(trait).decode(),
                declaration.accumulator_of[name].key,
                trait.kind,
                measure_of(trait),
            )
            for name, trait in declaration.traits.items()
        },
        **changes,
    )


EXTRA = """
average_order: {kind: average, events: [purchases], property: $value}
pieces: {kind: sum, events: [purchases], property: "products[].quantity"}
first_category: {kind: first, events: [Product Viewed], property: category}
"""
"""Computed traits of the kinds the package has none of."""


async def furnish(conn: asyncpg.Connection, declaration: Declaration) -> None:
    """Sources, segments and computed traits; once a database."""
    await conn.executemany(
        "insert into source (name, kind, store_id, till_id) values ($1, $1, 'MI-01', 'T-1')",
        [(kind,) for kind in SOURCES if kind is not None],
    )
    await conn.executemany(
        "insert into segment (code, name, status, definition, created_by) values ($1, $1, $2, '{}', 'test')",
        [(code, "live") for code in CODES] + [("draft", "draft")],
    )
    await computed.declare(conn, declaration, filled=True)


async def populate(
    conn: asyncpg.Connection, population: Sequence[dict[str, Any]], declaration: Declaration
) -> list[int]:
    """Write a population; returns the ids of its persons."""
    source_ids = {row["kind"]: row["id"] for row in await conn.fetch("select id, kind from source")}
    segment_ids = {row["code"]: row["id"] for row in await conn.fetch("select id, code from segment")}
    number, persons = 0, []
    rows: dict[str, list[tuple[Any, ...]]] = {"node": [], "event": [], "trait": [], "consent": [], "member": []}
    log = []
    for person in population:
        first = number + 1
        persons.append(first)
        rows["member"] += [(segment_ids[code], first) for code in person["segments"]]
        for node in person["nodes"]:
            number += 1
            rows["node"].append((number, node["namespace"], f"v{number}", first))
            rows["trait"] += _trait_rows(number, node["traits"], source_ids)
            kept = {(state["purpose"], state["channel"]): state for state in node["consents"]}
            rows["consent"] += [
                (number, purpose, channel, state["status"], state["basis"], state["since"], state["expires_at"])
                for (purpose, channel), state in kept.items()
            ]
            for event in node["events"]:
                log.append(_logged(len(log) + 1, number, first, event))
    rows["event"] = [
        (e.node_id, e.name, e.channel, e.store_id, e.message_id, e.occurred_at,
         None if raw is None else json.dumps(raw)) for e, raw in log
    ]  # fmt: skip
    await _insert(conn, rows)
    await computed.add(conn, Folder(declaration).fold(event for event, _ in log))  # type: ignore[arg-type]
    return persons


def _logged(number: int, node: int, person: int, event: dict[str, Any]) -> tuple[LogEvent, Any]:
    raw = event["properties"]
    return LogEvent(
        1, number, node, person, "track", event["name"], event["channel"], event["store_id"], None, f"m{number}",
        event["at"], event["at"], json.loads(json.dumps(raw or {})),
    ), raw  # fmt: skip


def _trait_rows(node: int, said_of: Sequence[dict[str, Any]], source_ids: dict[str, int]) -> list[tuple[Any, ...]]:
    kept = {(one["name"], source_ids.get(one["source"], 0)): one for one in said_of}
    return [(node, name, source, json.dumps(one["value"]), one["at"]) for (name, source), one in kept.items()]


async def _insert(conn: asyncpg.Connection, rows: dict[str, list[tuple[Any, ...]]]) -> None:
    await conn.executemany(
        "insert into node (id, namespace, value, person_id, cluster_id) values ($1, $2, $3, $4, $4)", rows["node"]
    )
    await conn.executemany(
        "insert into trait (node_id, name, source_id, value, occurred_at) values ($1, $2, $3, $4::jsonb, $5)",
        rows["trait"],
    )
    await conn.executemany(
        "insert into consent_state (node_id, purpose, channel, status, basis, since, expires_at, entry_id)"
        " values ($1, $2, $3, $4, $5, $6, $7, 1)",
        rows["consent"],
    )
    await conn.executemany(
        "insert into segment_member (segment_id, person_id, since) values ($1, $2, now())", rows["member"]
    )
    await conn.executemany(
        "insert into event (lane, node_id, type, name, channel, store_id, message_id, occurred_at, received_at,"
        " properties) values (1, $1, 'track', $2, $3, $4, $5, $6, $6, $7::jsonb)",
        rows["event"],
    )
