"""Who may be in an ad audience, and what advertisers get to know of him."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from unisono.customers.consent import rules
from unisono.customers.consent import service as consent
from unisono.customers.profiles.rules import Trait, TraitSaid, fold_traits, trait_said
from unisono.engagement.channels.audiences.formats import Identity
from unisono.kit.arrays import int_list
from unisono.kit.database import Connection
from unisono.kit.errors import NotFound
from unisono.kit.sql import load

_sql = load("unisono.engagement.channels.audiences")

_FIRST: Final = ("firstName", "first_name")
_LAST: Final = ("lastName", "last_name")
_CITY: Final = ("city", "town")
_REGION: Final = ("state", "province", "region")
_POSTCODE: Final = ("postalCode", "postal_code", "postcode", "zip")
_COUNTRY: Final = ("country", "countryCode", "country_code")
_NAMES: Final = (*_FIRST, *_LAST, *_CITY, *_REGION, *_POSTCODE, *_COUNTRY, "address")


async def consented(conn: Connection, persons: Collection[int], *, now: datetime) -> set[int]:
    """Those of these persons whose consent for third parties holds now, over all their identifiers."""
    found = set()
    for person, standing in (await consent.standings(conn, persons)).items():
        state = rules.person_state(rules.of(standing.states, "third_party", "any"), now)
        if state is not None and state.holds(now):
            found.add(person)
    return found


async def identities(conn: Connection, persons: Collection[int]) -> dict[int, Identity]:
    """What these persons may be matched by: two statements, however many they are."""
    ids = int_list(persons)
    known: dict[int, dict[str, str]] = {person: {} for person in persons}
    for row in await _sql.identifiers_of(conn, persons=ids):
        known[row["person_id"]].setdefault(row["namespace"], row["value"])
    said: dict[int, list[TraitSaid]] = {person: [] for person in persons}
    for row in await _sql.traits_of(conn, persons=ids, names=list(_NAMES)):
        said[row["person_id"]].append(trait_said(row))
    return {person: _identity(known[person], fold_traits(said[person])) for person in persons}


def _identity(known: Mapping[str, str], traits: Mapping[str, Trait]) -> Identity:
    values: dict[str, Any] = {name.removeprefix("address."): trait.value for name, trait in traits.items()}
    whole = values.pop("address", None)
    if isinstance(whole, dict):
        values |= whole
    country = _first(values, _COUNTRY)
    return Identity(
        email=known.get("email"),
        phone=known.get("phone"),
        first_name=_first(values, _FIRST),
        last_name=_first(values, _LAST),
        city=_first(values, _CITY),
        region=_first(values, _REGION),
        postcode=_first(values, _POSTCODE),
        country=country if country is not None and len(country) == 2 else None,
        external_id=known.get("user_id"),
    )


def _first(values: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = values.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip():
            return value
    return None


async def segment_page(conn: Connection, code: str, *, after: int, most: int) -> list[int]:
    """People of a segment by their ids, after one of them. Raises NotFound."""
    rows = await _sql.members_of(conn, code=code, after=after, most=most)
    if not rows and not await _sql.segment_exists(conn, code=code):
        raise NotFound(f"There is no segment {code[:80]}.", code="segment_not_found")
    return [row["person_id"] for row in rows]
