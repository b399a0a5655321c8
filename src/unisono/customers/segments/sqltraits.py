"""What is known of persons, in SQL: traits folded as ``profiles`` folds them, computed traits, consents, places.

Each function writes a query of (person_id, value) or (person_id, worth); persons who are not in it have nothing.
"""

# ruff: noqa: S608 - the texts are ours alone; whatever a rule says is a parameter.

from __future__ import annotations

from datetime import date, timedelta

import msgspec

from unisono.customers.consent.model import ANY
from unisono.customers.profiles.declaring import HOW_MANY, Declared
from unisono.customers.profiles.rules import BY_SOURCE, SOURCE_RANK
from unisono.customers.segments.model import CLOCKED, ComputedTrait, Consent, Near, Trait
from unisono.customers.segments.rules import EARTH_KM, FOREVER, SOFT, anniversary
from unisono.customers.segments.sqltext import Writer, always, worth_of
from unisono.customers.segments.values import number_of


def identity_sql(name: str, only: str) -> str:
    """``identified`` or ``namespaces``."""
    value = (
        "to_jsonb(bool_or(namespace.level = 'person'))"
        if name == "identified"
        else "jsonb_agg(distinct node.namespace)"
    )
    return (
        f"select node.person_id, {value} as value "
        f"from node join namespace on namespace.name = node.namespace {only} group by node.person_id"
    )


def said_sql(name: str, writer: Writer, only: str) -> str:
    """A trait as said: the latest, or for some the latest of the best source; ``profiles.rules.fold_traits``."""
    rank, source = "", ""
    if name in BY_SOURCE:
        ranks = " ".join(f"when '{kind}' then {place}" for kind, place in SOURCE_RANK.items() if kind is not None)
        source = "left join source on source.id = trait.source_id "
        rank = f"case source.kind {ranks} else 5 end, "
    return (
        "select distinct on (node.person_id) node.person_id, trait.value "
        f"from trait join node on node.id = trait.node_id {source}{only} "
        f"{'and' if only else 'where'} trait.name = {writer.arg(name, 'text')} "
        f'order by node.person_id, {rank}trait.occurred_at desc, trait.value::text collate "C"'
    )


def computed_sql(trait: ComputedTrait, writer: Writer, only: str) -> str:
    """A computed trait over all the person's nodes; ``profiles.computed.person_values``."""
    declared = msgspec.json.decode(trait.definition, type=Declared)
    rows = (
        "from computed_trait as part join node on node.id = part.node_id "
        f"{only} {'and' if only else 'where'} part.trait = {writer.arg(trait.partial, 'text')} "
    )
    if trait.kind == "count":
        return f"select node.person_id, to_jsonb(sum(part.count)) as value {rows}group by node.person_id"
    if trait.kind in ("first", "last"):
        return _edge_sql(trait.kind, declared, rows)
    if trait.kind == "favourite":
        return (
            "select distinct on (person_id) person_id, to_jsonb(key) as value from ("
            "select node.person_id, said.key, sum(said.amount::numeric) as amount "
            f"{rows.replace(' where ', ' cross join lateral jsonb_each_text(part.tally) as said (key, amount) where ')}"
            'group by node.person_id, said.key) as told order by person_id, amount desc, key collate "C"'
        )
    if trait.measure == "number":
        return f"select node.person_id, to_jsonb(sum(part.total)) as value {rows}group by node.person_id"
    return _money_sql(trait.kind, rows)


def _edge_sql(kind: str, declared: Declared, rows: str) -> str:
    direction, nulls = ("", "nulls first") if kind == "first" else ("desc", "nulls last")
    if not declared.paths:
        edge = "min" if kind == "first" else "max"
        return f"select node.person_id, to_jsonb({edge}(part.{kind}_at)) as value {rows}group by node.person_id"
    value = f"part.{kind}_value"
    return (
        "select person_id, case jsonb_typeof(value) when 'array' "
        "then jsonb_build_object(value ->> 1, value -> 0) else value end as value from ("
        f"select distinct on (node.person_id) node.person_id, {value} {rows}and part.{kind}_at is not null "
        f'order by node.person_id, part.{kind}_at {direction}, {value}::text collate "C" {direction} {nulls}'
        f") as edge (person_id, value)"
    )


def _money_sql(kind: str, rows: str) -> str:
    each = rows.replace(" where ", " cross join lateral jsonb_each_text(part.tally) as said (key, amount) where ")
    prefix = len(HOW_MANY)
    sums = (
        f"select node.person_id, said.key, sum(said.amount::numeric) as amount {each}group by node.person_id, said.key"
    )
    if kind == "sum":
        return (
            "select person_id, jsonb_object_agg(key, amount) as value "
            f"from ({sums}) as told where left(key, {prefix}) <> '{HOW_MANY}' group by person_id"
        )
    return (
        "select money.person_id, jsonb_object_agg(money.key, round(money.amount / times.amount)) as value "
        f"from ({sums}) as money join ({sums}) as times "
        f"on times.person_id = money.person_id and times.key = '{HOW_MANY}' || money.key and times.amount <> 0 "
        "group by money.person_id"
    )


def trait_worth(rule: Trait, writer: Writer, x: str) -> str:
    """A condition on a value, as its number."""
    if rule.op not in CLOCKED:
        return always(writer.compared(rule.op, rule.value, x))
    span = int(number_of(rule.value) or 0)
    item = writer.name("v")
    one = _clocked(rule.op, span, writer, f"{item}.v")
    return (
        f"coalesce((select max({one}) from jsonb_array_elements(case jsonb_typeof({x}) when 'array' then {x} "
        f"else jsonb_build_array({x}) end) as {item} (v)), -{FOREVER})"
    )


def _clocked(op: str, span: int, writer: Writer, x: str) -> str:
    if op == "anniversary_within":
        return _anniversary(span, writer, x)
    at, moved = "at.at", f"{writer.seconds(span)}"
    if op == "within_last":
        worth = _from_until("at.at", f"at.at + {moved}", writer)
    elif op == "within_next":
        worth = _from_until(f"at.at - {moved}", "at.at", writer)
    else:
        start = f"at.at + {moved}"
        worth = f"case when {writer.now} < {start} then -{worth_of(start)} else {FOREVER} end"
    return f"(select {worth} from (select {writer.instant(x)} offset 0) as at (at) where {at} is not null)"


def _from_until(start: str, end: str, writer: Writer) -> str:
    return (
        f"case when {writer.now} < {start} then case when {start} < {end} then -{worth_of(start)} else -{FOREVER} end "
        f"when {writer.now} < {end} then {worth_of(end)} else -{FOREVER} end"
    )


def _anniversary(days: int, writer: Writer, x: str) -> str:
    """Only month and day matter: the number of each of the 366 is worked out here, and looked up there."""
    numbers = [
        anniversary((date(2000, 1, 1) + timedelta(days=place)).isoformat(), days, writer.moment, writer.timezone)
        for place in range(366)
    ]
    place = "extract(doy from make_date(2000, extract(month from born.day)::int, extract(day from born.day)::int))::int"
    return (
        f"(select ({writer.arg(numbers, 'bigint[]')})[{place}] from (select {writer.day(x)} offset 0) as born (day) "
        "where born.day is not null)"
    )


def consents_sql(rule: Consent, writer: Writer, only: str) -> str:
    """(person_id, refused, granted until or null) of one purpose and channel; ``rules.said_of`` of whole persons."""
    purpose, channel = writer.arg(rule.purpose, "text"), writer.arg(rule.channel, "text")
    state, everywhere = "consent_state", f"'{ANY}'"
    objected = f"{state}.status in ('withdrawn', 'refused')"
    consented = f"{state}.channel = {channel} and {state}.status = 'granted' and {state}.basis <> '{SOFT}'"
    granted = f"{consented} and ({state}.expires_at is null or {state}.expires_at > {writer.now})"
    if rule.purpose == "marketing":
        channels = f"{state}.channel in ({channel}, {everywhere})"
        refused = (
            f"bool_or({state}.channel = {channel} and {objected}) or coalesce("
            f"max({state}.since) filter (where {state}.channel = {everywhere} and {objected}) "
            f">= coalesce(max({state}.since) filter (where {consented}), '-infinity'), false)"
        )
    else:
        channels, refused = f"{state}.channel = {channel}", f"bool_or({objected})"
    return (
        f"select node.person_id, {refused} as refused, "
        f"max(coalesce({state}.expires_at, 'infinity')) filter (where {granted}) as granted "
        f"from {state} join node on node.id = {state}.node_id {only} "
        f"{'and' if only else 'where'} {state}.purpose = {purpose} and {channels} group by node.person_id"
    )


def consent_worth(rule: Consent, source: str) -> str:
    """``rules._consent`` of a row of ``consents_sql``."""
    if rule.status == "withdrawn":
        return always(f"coalesce({source}.refused, false)")
    granted = (
        f"case when {source}.refused or {source}.granted is null then -{FOREVER} "
        f"else {worth_of(f'{source}.granted')} end"
    )
    return granted if rule.status == "granted" else f"-({granted})"


def near_worth(rule: Near, writer: Writer, latitude: str, longitude: str) -> str:
    """``rules.distance`` held against the rule's."""
    there = [writer.arg(float(value or 0), "float8") for value in (rule.latitude, rule.longitude)]
    arc = (
        "sin((radians(place.there_lat) - radians(place.lat)) / 2) ^ 2 + cos(radians(place.lat)) "
        "* cos(radians(place.there_lat)) * sin((radians(place.there_lon) - radians(place.lon)) / 2) ^ 2"
    )
    km = f"2 * {EARTH_KM}::float8 * asin(least(1, sqrt({arc})))"
    close = (
        f"(select abs(place.lat) <= 90 and abs(place.lon) <= 180 "
        f"and {km} <= {writer.arg(float(rule.km), 'float8')} "
        f"from (select ({writer.number(latitude)})::float8, ({writer.number(longitude)})::float8, "
        f"{there[0]}, {there[1]}) as place (lat, lon, there_lat, there_lon))"
    )
    return always(f"coalesce({close}, false)")
