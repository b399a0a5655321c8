"""Who looked at or changed what."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from unisono.console.contexts.shared import Choice, Paging, PersonLink, Struct


class AuditRow(Struct, frozen=True, kw_only=True):
    """One deed. ``action`` and ``detail`` are translated; ``actor`` is an address or the name of a key."""

    entry_id: int
    at: datetime
    actor: str
    actor_href: str
    action: str
    detail: str = ""
    person: PersonLink | None = None
    person_href: str = ""
    """Narrows the list to that person."""


class Audit(Struct, frozen=True, kw_only=True):
    """``/console/audit``. ``about`` is the person the list is narrowed to."""

    TEMPLATE: ClassVar[str] = "audit.html"

    rows: Sequence[AuditRow]
    paging: Paging
    person: str = ""
    actor: str = ""
    actors: Sequence[Choice] = ()
    about: PersonLink | None = None
    any_entries: bool = True
    filter_sentence: str = ""
    clear_href: str = "?"
