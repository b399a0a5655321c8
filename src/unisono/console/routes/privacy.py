"""Requests of people about their data: a copy of everything, or all of it gone in two steps."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access.guards import Principal, caller, now_of, requires
from unisono.console import contexts, links
from unisono.console.contexts import consents as shown
from unisono.console.deeds import Deed, press, run_and_go
from unisono.console.pages import AnyRequest, form_of, page, pool_of, words_of
from unisono.console.routes.consent import tabs
from unisono.console.routes.paths import pattern
from unisono.console.routes.products import asked
from unisono.console.routes.reader import audited
from unisono.console.sent import people_named
from unisono.console.views import privacy as views
from unisono.console.views.commerce import problem_with_reasons
from unisono.console.words import Words
from unisono.customers.identity import service as identity
from unisono.customers.identity.service import PersonNotFound
from unisono.customers.privacy import service
from unisono.customers.privacy.errors import BadPrivacyRequest, NotConfirmable, RequestNotFound
from unisono.customers.privacy.model import Choice, Kind, PrivacyRequest, State
from unisono.kit.database import Connection, transaction
from unisono.kit.errors import UnisonoError
from unisono.kit.secret import Secret
from unisono.personal import PARTS

SECTION = "consent"
PAGE_SIZE = 50
GUARD = [requires("privacy:manage")]


def _chips(state: str, kind: str, words: Words) -> list[contexts.Chip]:
    def chip(label: str, **wanted: str) -> contexts.Chip:
        same = wanted.get("state", "") == state and wanted.get("kind", "") == kind
        return contexts.Chip(label=label, href=links.with_query(links.PRIVACY_REQUESTS, wanted), selected=same)

    return [
        chip(words.gettext("Everything")),
        *(chip(words.gettext(text), kind=name) for name, text in views.KINDS.items()),
        *(chip(words.gettext(text), state=name) for name, (text, _) in views.STATES.items()),
    ]


@get(links.PRIVACY_REQUESTS, guards=GUARD, include_in_schema=False)
async def list_requests(request: AnyRequest) -> Response[str]:
    """Requests, newest first, with the day the law wants them settled by."""
    principal = caller(request)
    words, before = words_of(request, principal), asked(request, "before", 18)
    state, kind = asked(request, "state", 20), asked(request, "kind", 20)
    state, kind = state if state in views.STATES else "", kind if kind in views.KINDS else ""
    async with transaction(pool_of(request)) as conn:
        found = await service.requests(
            conn,
            state=cast("State | None", state or None),
            kind=cast("Kind | None", kind or None),
            before=int(before) if before.isdecimal() else None,
            limit=PAGE_SIZE + 1,
        )
        rows = found[:PAGE_SIZE]
        people = await people_named(conn, await _known(conn, rows), principal, words)
        if people:
            await audited(conn, principal, "people.list", people=sorted(people))
    kept = {"state": state, "kind": kind}
    sentence = [words.gettext(views.KINDS[kind])] if kind else []
    sentence += [words.gettext(views.STATES[state][0])] if state else []
    view = shown.PrivacyRequests(
        rows=[views.request_row(one, people, words) for one in rows],
        paging=contexts.Paging(
            shown=len(rows),
            previous_href=links.with_query(links.PRIVACY_REQUESTS, kept) if before else None,
            next_href=links.with_query(links.PRIVACY_REQUESTS, {**kept, "before": rows[-1].id})
            if len(found) > PAGE_SIZE
            else None,
        ),
        tabs=tabs(links.PRIVACY_REQUESTS, request),
        chips=_chips(state, kind, words),
        any_requests=bool(rows or sentence or before),
        filter_sentence=", ".join(sentence),
    )
    return await page(request, view, title=words.gettext("Requests of people"), section=SECTION)


async def _known(conn: Connection, rows: list[PrivacyRequest]) -> list[int]:
    """The persons of requests who still are somebody."""
    found = []
    for person in {one.person_id for one in rows if one.person_id is not None}:
        try:
            found.append(await identity.resolve(conn, person))
        except PersonNotFound:
            continue
    return found


@post(links.PRIVACY_REQUESTS, guards=GUARD, include_in_schema=False, status_code=200)
async def ask(request: AnyRequest) -> Response[Any]:
    """Write down what somebody asks for: a copy is begun at once, an erasure waits for the second step."""
    principal, form, now = caller(request), await form_of(request), now_of(request)
    words, kind, person = words_of(request, principal), form.get("kind", ""), form.get("person", "")

    async def act(conn: Connection) -> Deed:
        if kind not in views.KINDS or not person.isdecimal() or len(person) > 18:
            raise BadPrivacyRequest("Say who asks for what.")
        made = await service.ask(
            conn,
            cast("Kind", kind),
            int(person),
            reason=form.get("reason", ""),
            actor=principal.actor,
            now=now,
            language=words.language,
        )
        begun = words.gettext("The copy is being made.")
        waits = words.gettext("Written down. Nothing is erased before the second step.")
        return Deed(
            text=begun if kind == "access" else waits,
            href=links.privacy_request(made.id),
            action=None,
        )

    return await press(request, form, act, back=links.PRIVACY_REQUESTS)


async def _view(
    conn: Connection, request: AnyRequest, principal: Principal, number: int, words: Words
) -> shown.PrivacyRequest:
    one = await service.request(conn, number)
    known = await _known(conn, [one])
    people = await people_named(conn, known, principal, words)
    person = people.get(known[0]) if known else None
    view = views.request_page(one, person, words)
    if one.kind == "erasure" and one.state == "open" and person is not None:
        contacts = principal.may("people:contact")
        looked = await service.preview(conn, number, PARTS, _secret(request), contacts=contacts)
        more = views.with_preview(looked, person.name, words, contacts=contacts)
        view = msgspec.structs.replace(view, **more)
    await audited(conn, principal, "privacy.read", known[0] if known else None, request_id=number)
    return view


def _secret(request: AnyRequest) -> Secret:
    return cast("Secret", request.app.state.secret)


async def _show(request: AnyRequest, number: int, error: UnisonoError | None = None) -> Response[str]:
    principal = caller(request)
    words = words_of(request, principal)
    async with transaction(pool_of(request)) as conn:
        view = await _view(conn, request, principal, number, words)
    if error is not None:
        view = msgspec.structs.replace(view, problem=problem_with_reasons(words, error))
    return await page(request, view, title=view.title, section=SECTION, status=error.status if error else 200)


@get(pattern(links.privacy_request, "request_id"), guards=GUARD, include_in_schema=False)
async def show_request(request: AnyRequest, request_id: FromPath[int]) -> Response[str]:
    """A request: how far it is, and before an erasure what would go and what would stay."""
    return await _show(request, request_id)


@post(pattern(links.privacy_request, "request_id"), guards=GUARD, include_in_schema=False, status_code=200)
async def settle(request: AnyRequest, request_id: FromPath[int]) -> Response[Any]:
    """The second step of an erasure: what is shown must be typed; or the request is refused."""
    principal, form, now = caller(request), await form_of(request), now_of(request)
    words = words_of(request, principal)
    try:

        async def act(conn: Connection) -> Deed:
            href = links.privacy_request(request_id)
            if form.get("part") == "refuse":
                await service.refuse(conn, request_id, actor=principal.actor, now=now)
                text = words.gettext("Refused: nothing was done.")
                return Deed(text=text, href=href, action=None)
            await _confirm(conn, request, request_id, form, words)
            text = words.gettext("It has begun; there is no way back.")
            return Deed(text=text, href=href, action=None)

        return await run_and_go(request, form, act)
    except RequestNotFound:
        raise
    except UnisonoError as error:
        return await _show(request, request_id, error)


async def _confirm(conn: Connection, request: AnyRequest, number: int, form: dict[str, str], words: Words) -> None:
    principal = caller(request)
    one = await service.request(conn, number)
    known = await _known(conn, [one])
    person = (await people_named(conn, known, principal, words)).get(known[0]) if known else None
    if person is None or form.get("name", "").strip().casefold() != person.name.casefold():
        raise NotConfirmable("What was typed is not the name that is shown.", code="name_not_typed", field="name")
    shared = {
        int(name.removeprefix("shared-")): cast("Choice", value)
        for name, value in form.items()
        if name.startswith("shared-") and name.removeprefix("shared-").isdecimal() and value in ("keep", "erase")
    }
    await service.confirm(
        conn,
        number,
        PARTS,
        _secret(request),
        confirmation=form.get("confirmation", ""),
        shared=shared,
        despite_standing=form.get("despite_standing") == "yes",
        actor=principal.actor,
        now=now_of(request),
    )


routes: list[ControllerRouterHandler] = [list_requests, ask, show_request, settle]
