"""Pieces that several screens show, and the shell around all of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from unisono.console.staff import Note

Tone = Literal["neutral", "good", "warning", "off"]
"""How a badge speaks: plain, granted or healthy, needs a human, refused or disabled (struck through)."""

Knowledge = Literal["known", "zero", "stale", "never_computed"]
"""Why a figure looks as it does: "zero", "stale" and "never computed" are different texts on the screen."""

Theme = Literal["auto", "light", "dark"]
Density = Literal["comfortable", "compact"]


class Struct(msgspec.Struct, frozen=True):
    """Base of all contexts."""


class Amount(Struct, frozen=True, kw_only=True):
    """Money: integer minor units and an ISO 4217 code (EUR 12.34 is ``minor=1234, currency="EUR"``)."""

    minor: int
    currency: str


class Badge(Struct, frozen=True, kw_only=True):
    """
    A short pill. ``meaning`` is the full translated sentence for hover and screen readers ("SMS: refused").
    """

    text: str
    tone: Tone = "neutral"
    meaning: str = ""
    href: str | None = None


class Chip(Struct, frozen=True, kw_only=True):
    """One filter as a link: following it switches the filter; ``count`` is how many rows it would show."""

    label: str
    href: str
    selected: bool = False
    count: int | None = None


class Tile(Struct, frozen=True, kw_only=True):
    """One figure of a strip. ``value`` as it comes: Amount, int, datetime (shown as a day) or text; None with
    ``knowledge="never_computed"``. ``note`` is a translated line under it."""

    label: str
    value: Amount | int | datetime | str | None
    note: str = ""
    knowledge: Knowledge = "known"
    as_of: datetime | None = None
    href: str | None = None
    tone: Tone = "neutral"


class Paging(Struct, frozen=True, kw_only=True):
    """The foot of a keyset-paged table. ``total`` is None when counting would cost more than it tells."""

    shown: int
    total: int | None = None
    total_is_estimate: bool = False
    previous_href: str | None = None
    next_href: str | None = None


class Choice(Struct, frozen=True, kw_only=True):
    """An option of a select or a group of radio buttons. ``hint`` explains it (translated)."""

    value: str
    label: str
    selected: bool = False
    hint: str = ""


class Problem(Struct, frozen=True, kw_only=True):
    """
    What went wrong with a form or a page: what, why, what to do (translated), and an id to quote to
    support. ``field`` names the form field at fault.
    """

    what: str
    why: str = ""
    do: str = ""
    id: str = ""
    field: str | None = None


class Toast(Struct, frozen=True, kw_only=True):
    """The outcome of the last action (translated). ``undo_href`` is a POST address."""

    text: str
    tone: Tone = "good"
    undo_href: str | None = None


class PersonLink(Struct, frozen=True, kw_only=True):
    """A person as named in a row of another screen."""

    person_id: int
    name: str


class Score(Struct, frozen=True, kw_only=True):
    """
    What the staff draws: notes between two instants. ``by_stretch`` makes each month or week a link that
    adds ``from`` and ``to`` (ISO dates) to the present address; other parameters to keep go in
    ``keep_query``.
    """

    notes: Sequence[Note]
    start: datetime
    end: datetime
    by_stretch: bool = True
    keep_query: str = ""


class IdentifierBrief(Struct, frozen=True, kw_only=True):
    """An identifier in one line, already masked for the viewer's role."""

    namespace: str
    label: str
    value: str


class Viewer(Struct, frozen=True, kw_only=True):
    """Who is signed in."""

    account_id: int
    name: str
    email: str
    role: str
    role_label: str


class Paused(Struct, frozen=True, kw_only=True):
    """Nothing leaves: since when, why and by whom."""

    reason: str
    since: datetime
    by: str = ""
    can_resume: bool = False


class Shell(Struct, frozen=True, kw_only=True):
    """
    What surrounds every screen, as ``page``. ``section`` is the navigation entry to mark, one of the names
    in `unisono.console.links.NAVIGATION`; ``sections`` are those the viewer's role may open (None: all).
    ``locale`` is a Babel code ("it", "en"), ``zone`` an IANA name. ``here`` is the present path with its
    query, for coming back.
    """

    title: str
    locale: str
    zone: str
    now: datetime
    csrf_token: str
    here: str
    section: str = ""
    viewer: Viewer | None = None
    sections: frozenset[str] | None = None
    theme: Theme = "auto"
    density: Density = "comfortable"
    toast: Toast | None = None
    company: str = ""
    failed_events: int = 0
    """Failed events waiting for someone, shown beside "Live events"; 0 shows nothing."""
    paused: Paused | None = None
    """Shown on the screens of what the company says while nothing of it leaves."""
