"""The contact policy: what counts, a change with its reason, versions, and what would become of a message."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import msgspec
from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from unisono.access.guards import caller, now_of, requires
from unisono.console import links
from unisono.console.contexts import PersonLink, sends
from unisono.console.deeds import Deed, press, run_and_go
from unisono.console.pages import AnyRequest, page, pool_of, settings_of, words_of
from unisono.console.pages import form_of as fields_of
from unisono.console.routes.products import asked
from unisono.console.routes.reader import audited, require_in_scope
from unisono.console.sent import one_person
from unisono.console.views.commerce import instant_typed, problem_with_reasons
from unisono.console.views.policy import policy_page
from unisono.console.views.policy_form import Typed, form_of, policy_of, refilled
from unisono.console.views.saying import CHANNELS, PURPOSES, choices, decision_card
from unisono.customers.profiles import service as profiles
from unisono.engagement.channels.model import CHANNELS as ALL
from unisono.engagement.policy import asking
from unisono.engagement.policy import service as policies
from unisono.engagement.policy.checking import BadPolicy
from unisono.engagement.policy.facts import Company
from unisono.engagement.policy.model import Asked, Decision, MessagePurpose
from unisono.engagement.policy.reading import write_policy
from unisono.engagement.policy.service import PolicyChanged
from unisono.kit.database import Connection, connection, transaction
from unisono.kit.errors import BadRequest, UnisonoError

SECTION = "policy"
SHOWN_VERSIONS = 10
FAR = timedelta(days=3660)
SENT_PURPOSES = ("marketing", "transactional", "service")


@get(links.POLICY, guards=[requires("voice:read")], include_in_schema=False)
async def show_policy(request: AnyRequest) -> Response[str]:
    """What counts now, and every version with what it changed."""
    return await _show_policy(request)


async def _show_policy(request: AnyRequest, error: UnisonoError | None = None) -> Response[str]:
    principal = caller(request)
    words, before = words_of(request, principal), asked(request, "before")
    last = int(before) if before.isdecimal() and len(before) < 10 else None
    async with connection(pool_of(request)) as conn:
        now = await policies.current(conn)
        versions = await policies.versions(conn, before=last, limit=SHOWN_VERSIONS + 1)
    more = None
    if len(versions) > SHOWN_VERSIONS:
        more = links.with_query(links.POLICY, {"before": versions[SHOWN_VERSIONS - 1].version}) + "#versions"
    view = policy_page(
        now, versions, words, yaml=write_policy(now.policy), can_write=principal.may("voice:write"), more=more
    )
    if error is not None:
        view = msgspec.structs.replace(view, problem=problem_with_reasons(words, error))
    title = words.gettext("Contact policy")
    return await page(request, view, title=title, section=SECTION, status=error.status if error else 200)


@get(links.POLICY_FORM, guards=[requires("voice:write")], include_in_schema=False)
async def edit_policy(request: AnyRequest) -> Response[str]:
    """The policy as a form."""
    words = words_of(request, caller(request))
    async with connection(pool_of(request)) as conn:
        now = await policies.current(conn)
    view = form_of(now.policy, now.version, words)
    return await page(request, view, title=words.gettext("Change the contact policy"), section=SECTION)


async def _typed(request: AnyRequest) -> Typed:
    form = await request.form()
    names = set(form.keys())
    many = {
        name: [value for value in form.getall(name, []) if isinstance(value, str) and value in _KNOWN] for name in names
    }
    return Typed(await fields_of(request), many)


_KNOWN = {*ALL, *PURPOSES, "mon", "tue", "wed", "thu", "fri", "sat", "sun"}


def _version_typed(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise PolicyChanged("The form does not say which version it was made from.")
    return int(text)


@post(links.POLICY_FORM, guards=[requires("voice:write")], include_in_schema=False, status_code=200)
async def save_policy(request: AnyRequest) -> Response[Any]:
    """Make it count, with its reason."""
    principal, typed = caller(request), await _typed(request)
    words, now = words_of(request, principal), now_of(request)
    async with connection(pool_of(request)) as conn:
        present = await policies.current(conn)
    try:
        wanted = policy_of(typed, present.policy, words)

        async def act(conn: Connection) -> Deed:
            before = await policies.current(conn)
            saved = await policies.save(
                conn,
                wanted,
                actor=principal.actor,
                reason=typed.text("reason"),
                now=now,
                expected=_version_typed(typed.text("version")),
            )
            same = saved.version == before.version
            return Deed(
                text=words.gettext("Nothing was different.") if same else words.gettext("It counts from now on."),
                href=links.POLICY,
                action="policy.save",
                detail={"version": saved.version, "reason": saved.reason},
                undo_href=None if same else links.with_query(links.POLICY_RESTORE, {"version": before.version}),
            )

        return await run_and_go(request, typed.one, act)
    except UnisonoError as error:
        view = refilled(form_of(present.policy, present.version, words), typed, problem_with_reasons(words, error))
        title = words.gettext("Change the contact policy")
        return await page(request, view, title=title, section=SECTION, status=error.status)


@post(links.POLICY_RESTORE, guards=[requires("voice:write")], include_in_schema=False, status_code=200)
async def restore_policy(request: AnyRequest) -> Response[Any]:
    """An older version counts again, as a new one."""
    principal, form = caller(request), await fields_of(request)
    words, now = words_of(request, principal), now_of(request)
    number = form.get("version") or asked(request, "version")

    async def act(conn: Connection) -> Deed:
        if not number.isdecimal() or len(number) > 9:
            raise BadPolicy("Say which version.")
        old = await policies.version(conn, int(number))
        reason = words.gettext("Back to version %(number)s") % {"number": old.version}
        saved = await policies.save(conn, old.policy, actor=principal.actor, reason=reason, now=now)
        return Deed(
            text=words.gettext("Version %(number)s counts again.") % {"number": old.version},
            href=links.POLICY,
            action="policy.save",
            detail={"version": saved.version, "reason": reason},
        )

    return await press(request, form, act, back=links.POLICY)


# What would become of a message -----------------------------------------------------------------------


@get(links.POLICY_SIMULATOR, guards=[requires("voice:read")], include_in_schema=False)
async def simulate(request: AnyRequest) -> Response[str]:
    """Decide a message that is only thought of; nothing is sent or counted."""
    principal = caller(request)
    words = words_of(request, principal)
    values = {name: asked(request, name, 200) for name in ("who", "purpose", "at", "priority", "category", "profiled")}
    chosen = [one for one in request.query_params.getall("channels", []) if one in ALL]
    view = sends.PolicySimulator(
        values=values,
        purposes=choices(PURPOSES, values["purpose"] or "marketing", words, SENT_PURPOSES),
        channels=choices(CHANNELS, chosen, words, ALL),
    )
    status = 200
    if values["who"]:
        try:
            found = await _thought(request, values, chosen)
            view = msgspec.structs.replace(view, person=found[0], decision=decision_card(found[1], words))
        except UnisonoError as error:
            view, status = msgspec.structs.replace(view, problem=problem_with_reasons(words, error)), error.status
    return await page(request, view, title=words.gettext("Try a message"), section=SECTION, status=status)


async def _thought(request: AnyRequest, values: dict[str, str], chosen: list[str]) -> tuple[PersonLink, Decision]:
    principal, now = caller(request), now_of(request)
    words = words_of(request, principal)
    at = instant_typed(values["at"], words, field="at") or now
    if not now - FAR <= at <= now + FAR:
        raise BadRequest("That is more than ten years away.", code="bad_time", field="at")
    purpose = values["purpose"] if values["purpose"] in SENT_PURPOSES else "marketing"
    async with transaction(pool_of(request)) as conn:
        person = await one_person(conn, request, values["who"])
        await require_in_scope(conn, principal, person)
        thought = Asked(
            message_id=0,
            node_id=person,
            purpose=cast("MessagePurpose", purpose),
            channels=tuple(chosen) or ("any",),
            due_at=at,
            category=values["category"] or None,
            profiled=values["profiled"] == "yes",
        )
        decided = await asking.explain(conn, [thought], company=Company.of(settings_of(request)), now=at)
        names = await profiles.names_of(conn, [person])
        await audited(conn, principal, "policy.simulate", person)
    name = names.get(person) or words.gettext("Person %(number)s") % {"number": person}
    return PersonLink(person_id=person, name=name), decided[0]


routes: list[ControllerRouterHandler] = [show_policy, edit_policy, save_policy, restore_policy, simulate]
