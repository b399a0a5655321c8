"""What a room keeps about people: how it is shown to them, how it is forgotten.

Each room that keeps something about people has a module ``personal.py`` with one `PersonalData`: its tables, whose
their rows are, what their columns say, and what an erasure does to them. Most of it is said, not programmed, so that a
test can hold the whole schema against it and the statements cannot differ from what people are told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from unisono.kit.database import Connection
from unisono.kit.marking import N_

WHEN = N_("When")
CHANNEL = N_("Channel")
STORE = N_("Store")
STATE = N_("State")
IDENTIFIER = N_("Identifier no.")
REASON = N_("Reason")
MADE = N_("Made")
AMOUNT = N_("Amount in cents")
CURRENCY = N_("Currency")
QUANTITY = N_("Quantity")
SETTLED = N_("Settled")
KIND = N_("Kind")
NOTE = N_("Note")

BY_NODE = "node_id = any($1::bigint[])"
"""Rows of identifiers."""

BY_PERSON = "person_id = any($1::bigint[])"
"""Rows of persons: a person's id is that of one of his identifiers."""


def of_their(table: str, column: str = "") -> str:
    """Rows that hang on rows of identifiers, by ``column`` (without: that table's name and ``_id``)."""
    return f"{column or table + '_id'} in (select id from {table} where {BY_NODE})"  # noqa: S608 - names of ours


NAMES = frozenset(
    {
        "name",
        "fullname",
        "firstname",
        "lastname",
        "surname",
        "middlename",
        "nickname",
        "email",
        "phone",
        "mobile",
        "telephone",
        "street",
        "address",
        "address1",
        "address2",
        "line1",
        "line2",
        "street1",
        "street2",
        "taxid",
        "taxcode",
        "fiscalcode",
        "vat",
        "vatnumber",
        "birthday",
        "birthdate",
        "dateofbirth",
        "iban",
        "recipient",
        "contact",
        "instructions",
    }
)
"""Under such names (case and underscores aside) facts about people stand that name them."""

SHORTEST = 4
"""Characters of the shortest text that can be said to name somebody."""

Deed = Literal["delete", "blank", "keep"]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table with something about people in it."""

    name: str
    whose: str | None = None
    """Which rows are theirs, in SQL; ``$1`` are all ids their identifiers ever had. None: no row is anybody's, but
    one may name somebody (``mentions``)."""
    deed: Deed = "delete"
    blanks: Mapping[str, str] = {}
    """With ``blank``: column to the SQL value that takes its place."""
    why: str = ""
    """Why rows stay, when they do: the law or the need, in a sentence (English msgid)."""
    kept: Mapping[str, str] = {}
    """Columns of rows that stay which hold text and yet name nobody, and why."""
    mentions: tuple[str, ...] = ()
    """Columns in which rows of others (or of nobody) may name an erased identifier: it is taken out of them."""
    on_mention: Mapping[str, str] = {}
    """Column to SQL value for the whole row instead, when one of ``mentions`` names somebody."""
    written: str = ""
    """When a row was written, in SQL: rows written after an erasure are about somebody new. Empty: nobody knows."""
    nobodys: bool = False
    """Whether ``node_id`` may be null."""
    names_too: bool = False
    """Whether names, streets and numbers of orders are looked for in ``mentions``, beside identifiers."""
    soon: bool = True
    """Its rows are found by an index, so it is erased at once; others follow in transactions of their own."""
    section: str = ""
    """Its heading in the copy people get (English msgid); empty: not in it, ``unshown`` says why."""
    unshown: str = ""
    columns: Mapping[str, str] = {}
    """What the copy shows: column (or SQL expression with ``as``) to what it says (English)."""
    order: str = "1"
    """By which the copy is sorted, in SQL."""

    @property
    def fields(self) -> dict[str, str]:
        """The names of the shown columns, and what they say."""
        return {column.rpartition(" as ")[2].strip(): says for column, says in self.columns.items()}

    def reading(self) -> str:
        """The statement that reads what is theirs."""
        return f"select {', '.join(self.columns)} from {self.name} where {self.whose} order by {self.order}"  # noqa: S608 - written by us, below

    def erasing(self) -> str:
        """The statement that forgets what is theirs."""
        if self.deed == "delete":
            return f"delete from {self.name} where {self.whose}"  # noqa: S608
        changes = ", ".join(f"{column} = {value}" for column, value in self.blanks.items())
        return f"update {self.name} set {changes} where {self.whose}"  # noqa: S608

    def counting(self) -> str:
        """The statement that counts what is theirs."""
        return f"select count(*) from {self.name} where {self.whose}"  # noqa: S608


class Erasing(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody being erased, in the transaction that does it."""

    nodes: Sequence[int]
    """All his identifiers."""
    now: datetime


class PersonalData:
    """A room's part. Rooms with more to do than their tables say override `before`, `after` or `names`."""

    touches: tuple[str, ...] = ()
    """Tables that `before` and `after` change beside those with rows of somebody: an erasure is alone with them, too;
    else it might wait for a row of theirs while the row's holder waits for the erasure."""

    def __init__(self, name: str, tables: Sequence[Table], others: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.tables = tuple(tables)
        """In the order they are erased: what hangs on something comes before it."""
        self.others = dict(others or {})
        """Tables of the room that hold nothing about customers, and why."""

    async def before(self, conn: Connection, erasing: Erasing) -> None:
        """What must be done while the rows are still there: release what is held for them."""

    async def after(self, conn: Connection, erasing: Erasing) -> None:
        """What must be put right when they are gone."""

    async def names(self, conn: Connection, nodes: Collection[int]) -> set[str]:
        """Texts that name the person or his things beside his identifiers: his name, his street, his orders' numbers.
        They are looked for where something may be kept without saying whose it is."""
        return set()

    async def standing(self, conn: Connection, nodes: Collection[int]) -> list[str]:
        """What is still owed to or by the person: an erasure asks about it first."""
        return []


def personal_texts(value: object, *, inside: bool = False) -> set[str]:
    """The texts of JSON that stand under one of `NAMES`; with ``inside`` the value itself stands there."""
    if isinstance(value, dict):
        found: set[str] = set()
        for key, one in value.items():
            found |= personal_texts(one, inside=str(key).lower().replace("_", "") in NAMES)
        return found
    if isinstance(value, list):
        return set().union(*(personal_texts(one, inside=inside) for one in value)) if value else set()
    if inside and isinstance(value, str) and len(value.strip()) >= SHORTEST:
        return {value.strip()}
    return set()
