"""Traits and search entries, written in the transaction of the event that brought them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from unisono.customers.identity.model import Namespace, Node
from unisono.customers.profiles.grams import fold, grams
from unisono.kit.arrays import int_list, text_list, word_list
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.customers.profiles")

MAX_TRAITS = 200
"""Traits one event may set; more are not a profile but a dump."""

NAME_TRAITS = {
    "name": "name",
    "firstName": "first_name",
    "first_name": "first_name",
    "lastName": "last_name",
    "last_name": "last_name",
    "company": "company",
}
"""Traits that are searched by their words."""


class TraitRow(NamedTuple):
    """One trait as one source said it of one node."""

    node_id: int
    name: str
    source_id: int
    value: Any
    occurred_at: datetime


async def write_traits(conn: Connection, rows: Iterable[TraitRow]) -> None:
    """Keep the latest value of each (node, trait, source); older news than what is known change nothing."""
    latest: dict[tuple[int, str, int], TraitRow] = {}
    for row in rows:
        key = (row.node_id, row.name, row.source_id)
        known = latest.get(key)
        if known is None or row.occurred_at >= known.occurred_at:
            latest[key] = row
    if not latest:
        return
    ordered = [latest[key] for key in sorted(latest)]
    await _sql.write_traits(
        conn,
        nodes=int_list(row.node_id for row in ordered),
        names=text_list(row.name for row in ordered),
        sources=int_list(row.source_id for row in ordered),
        values=text_list(msgspec.json.encode(row.value).decode() for row in ordered),
        ats=[row.occurred_at for row in ordered],
    )
    await _index(
        conn,
        {(row.node_id, NAME_TRAITS[row.name]): _words(row.value) for row in ordered if row.name in NAME_TRAITS},
    )


def _words(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("name")
    return fold(value) if isinstance(value, str) else ""


async def index_nodes(conn: Connection, nodes: Iterable[Node], namespaces: Mapping[str, Namespace]) -> None:
    """Make new identifiers searchable by their parts."""
    await _index(
        conn,
        {(node.id, "identifier"): fold(node.value) for node in nodes if namespaces[node.namespace].searchable},
    )


async def _index(conn: Connection, texts: Mapping[tuple[int, str], str]) -> None:
    entries = sorted((node, field, text) for (node, field), text in texts.items() if text)
    if not entries:
        return
    await _sql.write_search_entries(
        conn,
        nodes=int_list(node for node, _, _ in entries),
        fields=word_list(field for _, field, _ in entries),
        texts=text_list(text for _, _, text in entries),
        grams=text_list(int_list(grams(text)) for _, _, text in entries),
    )
