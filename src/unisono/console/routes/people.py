"""People: the list, last seen first, or those a search finds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from litestar import Response, get
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from unisono.access.guards import caller, now_of, open_to_all, requires
from unisono.console import contexts, links
from unisono.console.pages import AnyRequest, page, pool_of, settings_of, words_of
from unisono.console.routes.reader import audited, rights_of
from unisono.console.views import people as views
from unisono.console.views.labels import CHANNELS
from unisono.console.views.timeline import SPAN
from unisono.console.words import Words
from unisono.customers.profiles import service as profiles
from unisono.customers.profiles.service import Found, ListQuery
from unisono.customers.timeline.vocabulary import purchases
from unisono.kit.database import Connection, transaction
from unisono.kit.sql import load

_sql = load("unisono.console")

SECTION = "people"
PAGE_SIZE = 50
SMALL_STAFF_STEP = timedelta(days=4)
"""What happened within so many days is one note of a small staff."""

LIST_CHANNELS = ("web", "app", "store", "messages", "email", "service")


class ListWish(NamedTuple):
    """What the address of the list asks for."""

    query: str
    channel: str | None
    identified: bool
    sort: str
    after: str | None

    def href(self, **changes: str | None) -> str:
        """The address with some of it changed; paging starts anew."""
        present = {
            "q": self.query,
            "channel": self.channel,
            "known": "yes" if self.identified else None,
            "sort": self.sort if self.sort != "last" else None,
        }
        return links.with_query(links.PEOPLE, {**present, **changes})


def _list_wish(request: AnyRequest) -> ListWish:
    asked = request.query_params
    channel = asked.get("channel")
    return ListWish(
        query=asked.get("q", "").replace("\x00", "").strip()[:200],
        channel=channel if channel in LIST_CHANNELS else None,
        identified=asked.get("known") == "yes",
        sort="value" if asked.get("sort") == "value" else "last",
        after=asked.get("after"),
    )


async def _find(conn: Connection, wish: ListWish, stores: Collection[str] | None) -> tuple[Sequence[Found], str | None]:
    if wish.query:
        found = await profiles.search(
            conn, wish.query, stores=None if stores is None else sorted(stores), limit=PAGE_SIZE
        )
        return [
            person
            for person in found
            if (wish.channel is None or wish.channel in person.channels) and (person.identified or not wish.identified)
        ], None
    return await profiles.list_people(
        conn,
        ListQuery(
            sort=wish.sort,
            identified=True if wish.identified else None,
            channel=wish.channel,
            stores=None if stores is None else tuple(sorted(stores)),
            after=wish.after,
            limit=PAGE_SIZE,
        ),
    )


def _list_chips(wish: ListWish, words: Words) -> list[contexts.Chip]:
    _ = words.gettext
    chips = [
        contexts.Chip(
            label=_("Everyone"),
            href=wish.href(channel=None, known=None),
            selected=wish.channel is None and not wish.identified,
        ),
        contexts.Chip(
            label=_("Identified"),
            href=wish.href(known=None if wish.identified else "yes"),
            selected=wish.identified,
        ),
    ]
    chips += [
        contexts.Chip(
            label=_(CHANNELS[channel]),
            href=wish.href(channel=None if wish.channel == channel else channel),
            selected=wish.channel == channel,
        )
        for channel in LIST_CHANNELS
    ]
    return chips


def _list_sentence(wish: ListWish, words: Words) -> str:
    _ = words.gettext
    parts = []
    if wish.query:
        parts.append(_("contains “%(query)s”") % {"query": wish.query})
    if wish.channel:
        parts.append(_("seen in %(channel)s") % {"channel": _(CHANNELS[wish.channel])})
    if wish.identified:
        parts.append(_("identified"))
    return ", ".join(parts)


async def _notes_of(conn: Connection, people: Sequence[Found], since: datetime) -> Mapping[int, list[Any]]:
    rows = await _sql.notes_of_persons(
        conn,
        persons=[found.id for found in people],
        since=since,
        bin=SMALL_STAFF_STEP,
        purchases=list(purchases()),
    )
    notes: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        notes[row["person_id"]].append(row)
    return notes


@get(links.PEOPLE, guards=[requires("people:read")], include_in_schema=False)
async def list_people(request: AnyRequest) -> Response[str]:
    """People, last seen first, or those a search finds."""
    principal = caller(request)
    words, now = words_of(request, principal), now_of(request)
    wish = _list_wish(request)
    async with transaction(pool_of(request)) as conn:
        people, after = await _find(conn, wish, principal.stores)
        notes = await _notes_of(conn, people, now - SPAN)
        total = await profiles.people_count(conn) if principal.stores is None else None
        action = "people.search" if wish.query else "people.list"
        await audited(conn, principal, action, query=wish.query, people=[found.id for found in people])
    rights, currency = rights_of(principal), settings_of(request).currency
    filtered = bool(wish.query or wish.channel or wish.identified)
    view = contexts.PeopleList(
        rows=[
            views.person_row(found, notes[found.id], words, rights=rights, now=now, currency=currency)
            for found in people
        ],
        paging=contexts.Paging(
            shown=len(people),
            total=None if filtered else total,
            total_is_estimate=total is not None and total > 10_000,
            previous_href=wish.href() if wish.after else None,
            next_href=wish.href(after=after) if after else None,
        ),
        query=wish.query,
        chips=_list_chips(wish, words),
        sorts=[
            contexts.Chip(label=words.gettext("Last seen"), href=wish.href(sort=None), selected=wish.sort == "last"),
            contexts.Chip(
                label=words.gettext("Lifetime value"), href=wish.href(sort="value"), selected=wish.sort == "value"
            ),
        ]
        if not wish.query
        else (),
        any_people=filtered or principal.stores is not None or bool(total),
        filter_sentence=_list_sentence(wish, words),
        clear_href=links.PEOPLE,
    )
    return await page(request, view, title=words.gettext("People"), section=SECTION)


@get([links.ROOT, "/"], guards=[open_to_all("it only leads on")], include_in_schema=False)
async def home(request: AnyRequest) -> Redirect:
    """The console begins with its people."""
    del request
    return Redirect(links.PEOPLE, status_code=302)


routes: list[ControllerRouterHandler] = [home, list_people]
