"""The audit: who looked at whom, and who changed what."""

from __future__ import annotations

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from unisono.access import accounts, audit
from unisono.access.guards import caller, requires
from unisono.console import contexts, links
from unisono.console.pages import AnyRequest, page, pool_of, words_of
from unisono.console.routes.reader import audited
from unisono.console.views.audit import actor_label, audit_row
from unisono.console.words import Words
from unisono.customers.identity import service as identity
from unisono.customers.identity.service import PersonNotFound
from unisono.customers.profiles import service as profiles
from unisono.kit.database import Connection, transaction

SECTION = "audit"
PAGE_SIZE = 50


async def _about(conn: Connection, wanted: str) -> int | None:
    """The person meant: a number, or what finds exactly one. None when it is nobody or not clear who."""
    if wanted.isdecimal() and len(wanted) < 10:
        try:
            return await identity.resolve(conn, int(wanted))
        except PersonNotFound:
            return None
    found = await profiles.search(conn, wanted, limit=2)
    return found[0].id if len(found) == 1 else None


def _asked(request: AnyRequest, name: str) -> str:
    return request.query_params.get(name, "").replace("\x00", "").strip()[:200]


def _sentence(person: str, actor: str, words: Words) -> str:
    parts = []
    if person:
        parts.append(words.gettext("person “%(person)s”") % {"person": person})
    if actor:
        parts.append(words.gettext("by %(actor)s") % {"actor": actor_label(actor, words)})
    return ", ".join(parts)


@get(links.AUDIT, guards=[requires("privacy:read_audit")], include_in_schema=False)
async def show_audit(request: AnyRequest) -> Response[str]:
    """Every look at a person and every change, newest first; narrowed to a person or to whoever did it."""
    principal = caller(request)
    words = words_of(request, principal)
    person, actor, key = _asked(request, "person"), _asked(request, "actor"), _asked(request, "before")
    before = int(key) if key.isdecimal() and len(key) < 19 else None
    async with transaction(pool_of(request)) as conn:
        about = await _about(conn, person) if person else None
        # Entries name the person as it was then: any of its identifiers may once have stood for it.
        ids = [row["id"] for row in await identity.nodes_of(conn, about)] if about is not None else None
        entries = []
        if about is not None or not person:
            entries = await audit.entries(conn, person_ids=ids, actor=actor or None, before=before, limit=PAGE_SIZE + 1)
        shown = entries[:PAGE_SIZE]
        mentioned = {entry.person_id for entry in shown if entry.person_id is not None}
        names = await profiles.names_of(conn, sorted(mentioned | ({about} if about is not None else set())))
        team = await accounts.list_accounts(conn)
        await audited(conn, principal, "audit.read", about, actor=actor)
    address = {"person": person, "actor": actor}
    narrowed = bool(person or actor or before)
    view = contexts.Audit(
        rows=[audit_row(entry, names, words) for entry in shown],
        paging=contexts.Paging(
            shown=len(shown),
            previous_href=links.with_query(links.AUDIT, address) if before is not None else None,
            next_href=links.with_query(links.AUDIT, {**address, "before": shown[-1].id})
            if len(entries) > PAGE_SIZE
            else None,
        ),
        person=person,
        actor=actor,
        actors=[contexts.Choice(value=account.email, label=account.name) for account in team],
        about=contexts.PersonLink(
            person_id=about, name=names.get(about) or words.gettext("Person %(number)s") % {"number": about}
        )
        if about is not None
        else None,
        any_entries=narrowed,
        filter_sentence=_sentence(person, actor, words),
        clear_href=links.AUDIT,
    )
    return await page(request, view, title=words.gettext("Audit"), section=SECTION)


routes: list[ControllerRouterHandler] = [show_audit]
