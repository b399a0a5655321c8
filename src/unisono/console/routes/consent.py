"""Consent for the whole company: texts with versions, blocked addresses, what the law asks, the opposition register."""

from __future__ import annotations

import re
from typing import Any, cast

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.console import contexts, links
from unisono.console.contexts import consents as shown
from unisono.console.deeds import Deed, run_and_go
from unisono.console.pages import AnyRequest, all_of, form_of, page, pool_of, settings_of, words_of
from unisono.console.routes.products import asked
from unisono.console.routes.reader import audited
from unisono.console.sent import addresses_told, blocked, latest_entries, people_named
from unisono.console.views import consents as views
from unisono.console.views.codes import code_of
from unisono.console.views.commerce import problem_with_reasons, whole_typed
from unisono.console.views.saying import CHANNELS, choices
from unisono.console.words import Words
from unisono.customers.consent import registers, service, texts
from unisono.customers.consent.errors import BadConsent, SettingNotFound
from unisono.customers.consent.model import CHANNELS as BOUND
from unisono.customers.consent.model import PURPOSES, Legal
from unisono.customers.consent.registers import RegisterChannel
from unisono.customers.consent.settings_api import MAX_FILE
from unisono.customers.web import unit
from unisono.kit.database import Connection, connection, transaction
from unisono.kit.errors import TooLarge, UnisonoError

SECTION = "consent"
LATEST = 20
PAGE_SIZE = 50
LANGUAGES = ("it", "en")

_TEXT_ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")


def tabs(here: str, request: AnyRequest) -> list[contexts.Chip]:
    """The screens of consent and privacy."""
    principal = caller(request)
    words = words_of(request, principal)
    known = [
        (words.gettext("Texts and what was said"), links.CONSENT),
        (words.gettext("Law and register"), links.CONSENT_LAW),
    ]
    if principal.may("privacy:manage"):
        known.insert(1, (words.gettext("Blocked addresses"), links.CONSENT_BLOCKED))
        known.append((words.gettext("Requests of people"), links.PRIVACY_REQUESTS))
    return [contexts.Chip(label=label, href=href, selected=href == here) for label, href in known]


# The texts ----------------------------------------------------------------------------------------------


async def _show_texts(
    request: AnyRequest, error: UnisonoError | None = None, values: dict[str, str] | None = None
) -> Response[str]:
    principal = caller(request)
    words, opened = words_of(request, principal), asked(request, "text", 80)
    async with transaction(pool_of(request)) as conn:
        every = await texts.all_texts(conn)
        versions = await texts.versions_of(conn, opened) if opened else []
        entries = await latest_entries(conn, LATEST) if principal.stores is None else []
        people = await people_named(conn, [row["person_id"] for row in entries], principal, words)
        if people:
            await audited(conn, principal, "people.list", people=sorted(people))
    newest = [one for one in versions if one.version == versions[0].version]
    if values is None:
        values = {f"body-{one.language}": one.body for one in newest}
        values |= {"id": newest[0].id, "purpose": newest[0].purpose} if newest else {}
    marked = newest[0].channels if newest else ()
    view = shown.Consents(
        texts=views.text_rows(every, words),
        tabs=tabs(links.CONSENT, request),
        latest=[views.entry_row(row, words, people=people) for row in entries],
        opened=newest[0].id if newest else "",
        versions=views.version_rows(versions),
        can_write=principal.may("privacy:manage"),
        purposes=views.purpose_choices(words, values.get("purpose", "marketing")),
        channels=choices(CHANNELS, marked, words, BOUND),
        values=values,
        problem=problem_with_reasons(words, error) if error else None,
    )
    title = words.gettext("Consent and privacy")
    return await page(request, view, title=title, section=SECTION, status=error.status if error else 200)


@get(links.CONSENT, guards=[requires("consents:read")], include_in_schema=False)
async def show_texts(request: AnyRequest) -> Response[str]:
    """The words people agree to, and what was said last."""
    return await _show_texts(request)


@post(links.CONSENT, guards=[requires("privacy:manage")], include_in_schema=False, status_code=200)
async def publish_text(request: AnyRequest) -> Response[Any]:
    """Other words become the next version; who agreed to older ones agreed to those."""
    principal, form, now = caller(request), await form_of(request), now_of(request)
    words, purpose = words_of(request, principal), form.get("purpose", "")
    marked = tuple(one for one in await all_of(request, "channels") if one in BOUND)
    bodies = {one: form[f"body-{one}"] for one in LANGUAGES if form.get(f"body-{one}", "").strip()}
    other = form.get("language", "").strip()
    if other and form.get("body-other", "").strip():
        bodies[other] = form["body-other"]
    try:
        if purpose not in PURPOSES:
            raise BadConsent("Choose a purpose.", code="bad_text")
        if not bodies:
            raise BadConsent("There are no words.", code="words_missing")
        typed = form.get("id", "").strip()
        name = typed if _TEXT_ID.fullmatch(typed) else code_of(typed)
        if not name:
            raise BadConsent("It has no name.", code="name_missing", field="id")

        async def act(conn: Connection) -> Deed:
            made = await texts.publish_text(
                conn,
                name,
                bodies,
                purpose=purpose,
                channels=marked,
                actor=principal.actor,
                now=now,
            )
            detail = {"text": made[0].id, "version": made[0].version}
            return Deed(
                text=words.gettext("Version %(number)s is what people read from now on.") % {"number": made[0].version},
                href=links.with_query(links.CONSENT, {"text": made[0].id}),
                action="consent.text",
                detail=detail,
            )

        return await run_and_go(request, form, act)
    except UnisonoError as error:
        return await _show_texts(request, error, form)


# Blocked addresses --------------------------------------------------------------------------------------


def _position(text: str) -> tuple[int, str, str] | None:
    node, _, rest = text.partition("/")
    channel, _, reason = rest.partition("/")
    return (int(node), channel, reason) if node.isdecimal() and len(node) < 19 else None


@get(links.CONSENT_BLOCKED, guards=[requires("privacy:manage")], include_in_schema=False)
async def show_blocked(request: AnyRequest) -> Response[str]:
    """Addresses nothing, or no marketing, goes to."""
    principal = caller(request)
    words, reason = words_of(request, principal), asked(request, "reason", 20)
    reason = reason if reason in views.REASONS else ""
    lifted, after = asked(request, "state") == "lifted", asked(request, "after", 60)
    async with transaction(pool_of(request)) as conn:
        found = await blocked(conn, reason=reason or None, lifted=lifted, after=_position(after), most=PAGE_SIZE + 1)
        rows = found[:PAGE_SIZE]
        people = await people_named(conn, [row["person_id"] for row in rows], principal, words)
        contacts = principal.may("people:contact")
        addresses = await addresses_told(conn, [row["node_id"] for row in rows], words, contacts=contacts)
        if people:
            await audited(conn, principal, "people.list", people=sorted(people))
    kept = {"reason": reason, "state": "lifted" if lifted else ""}
    last = rows[-1] if len(found) > PAGE_SIZE else None
    sentence = [words.gettext(views.REASONS[reason])] if reason else []
    sentence += [words.gettext("lifted")] if lifted else []
    view = shown.Blocked(
        rows=[views.blocked_row(row, words, people, addresses) for row in rows],
        paging=contexts.Paging(
            shown=len(rows),
            previous_href=links.with_query(links.CONSENT_BLOCKED, kept) if after else None,
            next_href=links.with_query(
                links.CONSENT_BLOCKED, {**kept, "after": f"{last['node_id']}/{last['channel']}/{last['reason']}"}
            )
            if last
            else None,
        ),
        tabs=tabs(links.CONSENT_BLOCKED, request),
        chips=_blocked_chips(kept, words),
        filter_sentence=", ".join(sentence),
    )
    return await page(request, view, title=words.gettext("Blocked addresses"), section=SECTION)


def _blocked_chips(kept: dict[str, str], words: Words) -> list[contexts.Chip]:
    def chip(label: str, **changes: str) -> contexts.Chip:
        wanted = {**kept, **changes}
        return contexts.Chip(label=label, href=links.with_query(links.CONSENT_BLOCKED, wanted), selected=wanted == kept)

    every = chip(words.gettext("Every reason"), reason="")
    reasons = [chip(words.gettext(text), reason=name) for name, text in views.REASONS.items()]
    lifted = chip(words.gettext("lifted"), state="" if kept["state"] else "lifted")
    return [every, *reasons, msgspec.structs.replace(lifted, selected=bool(kept["state"]))]


# The law, and the register --------------------------------------------------------------------------------


async def _show_law(
    request: AnyRequest,
    error: UnisonoError | None = None,
    part: str = "",
    uploaded: registers.Uploaded | None = None,
    form: dict[str, str] | None = None,
) -> Response[str]:
    principal = caller(request)
    words = words_of(request, principal)
    async with connection(pool_of(request)) as conn:
        legal, overrides = await service.legal(conn), await service.legal_overrides(conn)
    rows = views.law_rows(legal, overrides, words)
    if form is not None:
        rows = views.law_typed(rows, part, form, await all_of(request, f"{part}-channels"))
    view = shown.Law(
        rows=rows,
        tabs=tabs(links.CONSENT_LAW, request),
        uploaded=shown.Uploaded(**msgspec.structs.asdict(uploaded)) if uploaded else None,
        part=part,
        can_write=principal.may("privacy:manage"),
        problem=problem_with_reasons(words, error) if error else None,
    )
    title = words.gettext("Law and register")
    return await page(request, view, title=title, section=SECTION, status=error.status if error else 200)


@get(links.CONSENT_LAW, guards=[requires("consents:read")], include_in_schema=False)
async def show_law(request: AnyRequest) -> Response[str]:
    """What the law asks here, and what somebody switched with a reason."""
    return await _show_law(request)


async def _setting_typed(request: AnyRequest, form: dict[str, str], name: str) -> Any:
    """The value a form says for a setting; None goes back to the law's own."""
    if name not in Legal.__struct_fields__:
        raise SettingNotFound("There is no such setting.")
    if form.get("deed") == "default":
        return None
    known = getattr(Legal(), name)
    if isinstance(known, bool):
        return form.get("value") == "yes"
    if isinstance(known, frozenset):
        return [one for one in await all_of(request, f"{name}-channels") if one in BOUND]
    return whole_typed(form.get("value", ""), field="value", least=1, most=1200)


@post(links.CONSENT_LAW, guards=[requires("privacy:manage")], include_in_schema=False, status_code=200)
async def switch(request: AnyRequest) -> Response[Any]:
    """Switch a legal default, with the reason that is kept; or go back to it."""
    principal, form, now = caller(request), await form_of(request), now_of(request)
    words, name = words_of(request, principal), form.get("name", "")
    try:
        value = await _setting_typed(request, form, name)

        async def act(conn: Connection) -> Deed:
            reason = form.get("reason", "")
            await service.set_legal(conn, name, value, reason=reason, actor=principal.actor, now=now)
            label = words.gettext(views.LAW[name][0])
            text = (
                words.gettext("As the law has it again: %(what)s.")
                if value is None
                else words.gettext("Switched, and the reason is kept: %(what)s.")
            )
            return Deed(text=text % {"what": label}, href=links.CONSENT_LAW, action=None)

        return await run_and_go(request, form, act)
    except UnisonoError as error:
        return await _show_law(request, error, part=name, form=form)


@post(
    links.CONSENT_REGISTER,
    guards=[requires("privacy:manage")],
    include_in_schema=False,
    request_max_body_size=MAX_FILE,
    status_code=200,
)
async def upload(request: AnyRequest) -> Response[str]:
    """Take in looks into the opposition register from a file."""
    principal, form, now = caller(request), await form_of(request), now_of(request)
    try:
        lines = registers.read_csv(await _sent_text(request), now=now)
        channel = form.get("channel", "call")
        if channel not in ("call", "mail"):
            raise BadConsent("Choose calls or letters.", code="bad_register_file")
        async with unit(pool_of(request)) as conn:
            done = await registers.upload(
                conn,
                lines,
                channel=cast("RegisterChannel", channel),
                source=form.get("source", "").strip()[:80] or "register",
                country=settings_of(request).country,
                now=now,
            )
            detail = {"channel": channel, "lines": done.lines, "listed": done.listed}
            await audit.record(conn, actor=principal.actor, action="consent.register", detail=detail)
    except UnisonoError as error:
        return await _show_law(request, error, part="register")
    return await _show_law(request, part="register", uploaded=done)


async def _sent_text(request: AnyRequest) -> str:
    sent = (await request.form()).get("file")
    if not isinstance(sent, UploadFile) or not sent.filename:
        raise BadConsent("Choose a file.", code="no_table")
    content = await sent.read()
    if len(content) > MAX_FILE:
        raise TooLarge(f"A file has {MAX_FILE} bytes at the most.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise BadConsent("The file is not in UTF-8.", code="bad_register_file") from None


routes: list[ControllerRouterHandler] = [show_texts, publish_text, show_blocked, show_law, switch, upload]
