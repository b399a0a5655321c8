"""Channels: accounts with providers, whom each channel reaches, sending paused and resumed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, now_of, requires
from unisono.console import contexts, links
from unisono.console.deeds import Deed, press, run_and_go
from unisono.console.pages import (
    AnyRequest,
    forget_frame,
    form_of,
    go,
    page,
    pool_of,
    safe_path,
    settings_of,
    words_of,
)
from unisono.console.routes.paths import text_pattern
from unisono.console.routes.products import asked
from unisono.console.views import channels as views
from unisono.console.views.voice import channel_word, problem_told
from unisono.console.words import Words
from unisono.customers.segments import counting
from unisono.customers.web import unit
from unisono.engagement.channels import accounts
from unisono.engagement.channels.accounts import AccountNotFound
from unisono.engagement.channels.model import CHANNELS, Account, AccountInvalid, Adapter, Sent
from unisono.engagement.channels.registry import adapter_of
from unisono.engagement.delivery import sending
from unisono.kit.database import Connection, connection, transaction
from unisono.kit.errors import BadRequest, UnisonoError
from unisono.kit.http import Http
from unisono.kit.sql import load

_sql = load("unisono.console")

SECTION = "channels"
TOLD = timedelta(days=7)
LOOKED_AT = 2000
"""People looked at to say how many a channel reaches."""


def _tabs(words: Words, *, reach: bool) -> list[contexts.Chip]:
    return [
        contexts.Chip(label=words.gettext("Accounts"), href=links.CHANNELS, selected=not reach),
        contexts.Chip(label=words.gettext("Reach, and its loss"), href=links.CHANNEL_REACH, selected=reach),
    ]


async def _accounts(conn: Connection, request: AnyRequest) -> list[Account]:
    return await accounts.accounts(conn, request.app.state.secret, base_url=settings_of(request).public_url)


async def _account(conn: Connection, request: AnyRequest, code: str) -> Account:
    return await accounts.account(conn, request.app.state.secret, code, base_url=settings_of(request).public_url)


@get(links.CHANNELS, guards=[requires("voice:read")], include_in_schema=False)
async def list_channels(request: AnyRequest) -> Response[str]:
    """Accounts by channel: which is used, how it fares, and the channels nothing leaves by."""
    principal = caller(request)
    words, can_manage = words_of(request, principal), principal.may("channels:manage")
    async with connection(pool_of(request)) as conn:
        found = await _accounts(conn, request)
        state = await sending.state(conn)
    view = contexts.Channels(
        cards=views.cards(found, now_of(request), words, may_open=can_manage),
        silent=views.silent_channels(found, words),
        tabs=_tabs(words, reach=False),
        can_manage=can_manage,
        kinds=views.kind_choices(words),
        paused=state.paused,
    )
    return await page(request, view, title=words.gettext("Channels"), section=SECTION)


def _settings(one: Account, adapter: Adapter, words: Words) -> tuple[list[contexts.VoiceField], ...]:
    """What a kind asks: first what must be said or looked at, then the rest."""
    asked_first: list[contexts.VoiceField] = []
    rest: list[contexts.VoiceField] = []
    for each in views.fields_of(adapter):
        first = each.required or each.encode_name in views.EVERYDAY
        (asked_first if first else rest).append(views.setting_field(each, one.settings, words))
    return asked_first, rest


def _account_view(
    request: AnyRequest,
    principal: Principal,
    one: Account,
    *,
    is_new: bool,
    told: list[accounts.Told],
    typed: Mapping[str, str],
) -> contexts.ChannelAccount:
    words, now, adapter = words_of(request, principal), now_of(request), adapter_of(one.kind)
    needed, more = _settings(one, adapter, words)
    currency = settings_of(request).currency
    return contexts.ChannelAccount(
        code=one.code,
        name=one.name,
        kind=one.kind,
        kind_label=views.kind_label(one.kind, one.channel, words),
        is_new=is_new,
        badges=[] if is_new else [views.status_badge(one, now, words)],
        status=one.status,
        general=views.as_typed(views.general_fields(one, adapter, words, is_new=is_new), typed),
        settings=needed,
        more_settings=more,
        secrets=views.secret_fields(adapter, sorted(one.secrets), words),
        pace=views.as_typed(views.pace_fields(one, currency, words), typed),
        hook_url=one.hook_url,
        wants_hook=adapter.capabilities.receipts or adapter.capabilities.inbound,
        told=[(views.told_word(each.kind, words), each.number, each.last_at) for each in told],
        last_error=one.last_error or "",
        failures=one.failures,
        closed_until=one.closed_until if one.closed_until and one.closed_until > now else None,
        sealed=one.sealed,
    )


async def _show(
    request: AnyRequest, code: str, *, typed: Mapping[str, str] | None = None, error: UnisonoError | None = None,
    tried: Sent | None = None,
) -> Response[str]:  # fmt: skip
    principal = caller(request)
    words = words_of(request, principal)
    async with connection(pool_of(request)) as conn:
        one = await _account(conn, request, code)
        told = await accounts.told_since(conn, one.id, now_of(request) - TOLD)
    if typed is not None:
        one = views.typed_account(typed, one.kind, one)
    view = _account_view(request, principal, one, is_new=False, told=told, typed=typed or {})
    problem = problem_told(words, error) if error else None
    works = tried is not None and tried.outcome == "accepted"
    view = msgspec.structs.replace(
        view, problem=problem, tried=views.try_told(tried, words) if tried else None, tried_well=works
    )
    return await page(request, view, title=one.name, section=SECTION, status=error.status if error else 200)


@get(text_pattern(links.channel, "code"), guards=[requires("channels:manage")], include_in_schema=False)
async def show_channel(request: AnyRequest, code: FromPath[str]) -> Response[str]:
    """An account: its settings, how it fares, what its provider told, the webhook's address."""
    return await _show(request, code)


async def _form(
    request: AnyRequest, kind: str, *, typed: Mapping[str, str] | None = None, error: UnisonoError | None = None
) -> Response[str]:
    principal = caller(request)
    words, adapter = words_of(request, principal), adapter_of(kind)
    if typed is None:
        one = Account(id=0, code=kind.replace("_", "-"), kind=kind, channel=adapter.channels[0], name=adapter.title)
    else:
        one = views.typed_account(typed, kind, None)
    view = _account_view(request, principal, one, is_new=True, told=[], typed=typed or {})
    view = msgspec.structs.replace(view, problem=problem_told(words, error) if error else None)
    title, status = words.gettext("New account"), error.status if error else 200
    return await page(request, view, title=title, section=SECTION, status=status)


@get(links.CHANNEL_NEW, guards=[requires("channels:manage")], include_in_schema=False)
async def new_channel(request: AnyRequest) -> Response[str]:
    """The form of a kind of account."""
    return await _form(request, asked(request, "kind", 40))


def _noted(one: Account) -> dict[str, Any]:
    return {"account": one.code, "kind": one.kind, "status": one.status}


@post(links.CHANNEL_NEW, guards=[requires("channels:manage")], include_in_schema=False, status_code=200)
async def make_channel(request: AnyRequest) -> Response[Any]:
    """A new account; its secrets are kept encrypted and never shown again."""
    form, kind = await form_of(request), asked(request, "kind", 40)
    actor, words, settings = caller(request).actor, words_of(request, caller(request)), settings_of(request)
    adapter = adapter_of(kind)

    async def act(conn: Connection) -> Deed:
        draft = accounts.Draft(
            code=form.get("code", "").strip(),
            kind=kind,
            channel=form.get("channel") or adapter.channels[0],
            settings=views.settings_typed(form, adapter),
            secrets=views.secrets_typed(form, adapter),
            **views.pace_typed(form, settings.currency),
        )
        made = await accounts.create(
            conn,
            request.app.state.secret,
            draft,
            private=settings.provider_private_addresses,
            actor=actor,
            now=now_of(request),
        )
        text = words.gettext("%(name)s is connected. Try it before anybody waits for a message.") % {"name": made.name}
        return Deed(text=text, href=links.channel(made.code), action="channel.create", detail=_noted(made))

    try:
        return await run_and_go(request, _without_secrets(form), act)
    except UnisonoError as error:
        return await _form(request, kind, typed=form, error=error)


def _without_secrets(form: Mapping[str, str]) -> dict[str, str]:
    """What names a filling of the form; secrets are no part of any name."""
    return {name: value for name, value in form.items() if not name.startswith("secret.")}


@post(
    text_pattern(links.channel, "code"), guards=[requires("channels:manage")], include_in_schema=False, status_code=200
)
async def change_channel(request: AnyRequest, code: FromPath[str]) -> Response[Any]:
    """Change an account; secrets left empty stay, and it gets a fresh start."""
    form = await form_of(request)
    words, settings = words_of(request, caller(request)), settings_of(request)

    async def act(conn: Connection) -> Deed:
        known = await _account(conn, request, code)
        adapter = adapter_of(known.kind)
        changes = {
            **views.pace_typed(form, known.currency or settings.currency),
            "settings": views.settings_typed(form, adapter),
            "secrets": views.secrets_typed(form, adapter),
        }
        made = await accounts.change(
            conn,
            request.app.state.secret,
            code,
            changes,
            private=settings.provider_private_addresses,
            now=now_of(request),
        )
        text = words.gettext("%(name)s is changed; what went wrong before is forgotten.") % {"name": made.name}
        return Deed(text=text, href=links.channel(code), action="channel.change", detail=_noted(made))

    try:
        return await run_and_go(request, _without_secrets(form), act)
    except AccountNotFound:
        raise
    except UnisonoError as error:
        return await _show(request, code, typed=form, error=error)


@post(text_pattern(links.channel_status, "code"), guards=[requires("channels:manage")], include_in_schema=False)
async def move_channel(request: AnyRequest, code: FromPath[str]) -> Response[Any]:
    """Pause an account, switch it off, let it go on."""
    form = await form_of(request)
    words, status = words_of(request, caller(request)), form.get("status") or asked(request, "status", 20)

    async def act(conn: Connection) -> Deed:
        if status not in views.STATUSES:
            raise AccountInvalid("An account is active, paused or disabled.")
        before = await _account(conn, request, code)
        private = settings_of(request).provider_private_addresses
        changes = {"status": status}
        made = await accounts.change(
            conn, request.app.state.secret, code, changes, private=private, now=now_of(request)
        )
        said = {
            "active": words.gettext("Messages leave by %(name)s again."),
            "paused": words.gettext("%(name)s is paused: its messages wait, or take the next account."),
            "disabled": words.gettext("%(name)s is switched off."),
        }[status]
        undo = links.with_query(links.channel_status(code), {"status": before.status})
        return Deed(
            text=said % {"name": made.name},
            href=safe_path(form.get("next"), links.channel(code)),
            action="channel.change",
            detail=_noted(made),
            undo_href=undo if before.status != status else None,
        )

    return await press(request, form, act, back=links.channel(code))


@post(
    text_pattern(links.channel_test, "code"),
    guards=[requires("channels:manage")],
    include_in_schema=False,
    status_code=200,
)
async def try_channel(request: AnyRequest, code: FromPath[str]) -> Response[str]:
    """Connect and sign in; nothing is sent to anybody."""
    async with connection(pool_of(request)) as conn:
        one = await _account(conn, request, code)
    http = Http(private=settings_of(request).provider_private_addresses, width=1)
    try:
        tried = await adapter_of(one.kind).probe(one, http)
    except UnisonoError as error:
        tried = Sent(outcome="refused", code=error.code, detail=error.detail)
    finally:
        await http.close()
    async with unit(pool_of(request)) as conn:
        detail = {**_noted(one), "outcome": tried.outcome}
        await audit.record(conn, actor=caller(request).actor, action="channel.test", detail=detail)
    return await _show(request, code, tried=tried)


@get(links.CHANNEL_REACH, guards=[requires("voice:read")], include_in_schema=False)
async def show_reach(request: AnyRequest) -> Response[str]:
    """Whom marketing reaches by channel, and who is lost when one goes."""
    words, now, without = words_of(request, caller(request)), now_of(request), asked(request, "without", 20)
    without = without if without in CHANNELS else ""
    async with transaction(pool_of(request)) as conn:
        row = await _sql.people_sampled(conn, most=LOOKED_AT)
        found = await counting.channels_of(conn, row["some"], now)
        active = frozenset(one.channel for one in await _accounts(conn, request) if one.status == "active")
    view = contexts.ChannelReach(
        rows=views.reach_rows(found, row["people"], without, active, words),
        tiles=views.reach_tiles(found, row["people"], without, words),
        tabs=_tabs(words, reach=True),
        people=row["people"],
        looked_at=len(found),
        without=channel_word(without, words) if without else "",
        clear_href=links.CHANNEL_REACH,
    )
    return await page(request, view, title=words.gettext("Channels"), section=SECTION)


@post(links.SENDING, guards=[requires("channels:manage")], include_in_schema=False)
async def switch_sending(request: AnyRequest) -> Response[Any]:
    """Pause everything, or let messages leave again."""
    form, principal = await form_of(request), caller(request)
    words, now = words_of(request, principal), now_of(request)
    back, deed = safe_path(form.get("next"), links.CHANNELS), form.get("deed")
    reason = form.get("reason", "").strip()[:300]
    if deed == "pause" and not reason:
        return go(request, back, words.gettext("Say why nothing shall leave."), tone="warning")
    async with unit(pool_of(request)) as conn:
        if deed == "pause":
            await sending.pause(conn, reason=reason, actor=principal.actor, now=now)
            text = words.gettext("Nothing leaves until somebody resumes it.")
        elif deed == "resume":
            await sending.resume(conn, settings_of(request), actor=principal.actor, now=now)
            text = words.gettext("Messages leave again.")
        else:
            raise BadRequest("deed is pause or resume.", code="bad_deed")
    forget_frame(request)
    return go(request, back, text)


routes: list[ControllerRouterHandler] = [
    list_channels,
    show_channel,
    new_channel,
    make_channel,
    change_channel,
    move_channel,
    try_channel,
    show_reach,
    switch_sending,
]
