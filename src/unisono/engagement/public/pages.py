"""The routes of the public pages. Every GET only shows; what changes something is a POST (RULES R15)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg
import structlog
from litestar import MediaType, Response, Router, get, post
from litestar.exceptions import HTTPException
from litestar.params import FromPath

from unisono.access.guards import now_of, open_to_all
from unisono.customers.consent import confirming
from unisono.customers.consent import service as consent
from unisono.customers.consent.errors import OptInNotFound, OptInOver
from unisono.customers.consent.model import ANY, CHANNELS, OptIn, Text
from unisono.customers.consent.texts import texts_named
from unisono.customers.web import unit
from unisono.engagement.brand import service as brand
from unisono.engagement.public import preferring
from unisono.engagement.public.rendering import (
    STATIC,
    AnyRequest,
    Shell,
    language_of,
    masked,
    page,
    shell_of,
)
from unisono.engagement.public.tracking import follow_link, opened
from unisono.engagement.public.words import WORDS, say
from unisono.kit import tokens
from unisono.kit.database import TRANSIENT, Connection, connection
from unisono.kit.errors import BadRequest, NotFound, UnisonoError
from unisono.kit.sql import load

log = structlog.get_logger("unisono.public")

_sql = load("unisono.engagement.public")

Token = FromPath[str]
T = TypeVar("T")

BY_LINK = open_to_all("the link in the path is the key: opaque, signed, sent to one person", by_header=True)

LARGEST = 64 * 1024
"""Bytes of a form."""

TRIES = 4


async def _change(request: AnyRequest, act: Callable[[Connection], Awaitable[T]]) -> T:
    """One transaction, tried again when it lost a race: nobody is asked to press "unsubscribe" twice."""
    for attempt in range(TRIES):
        try:
            async with unit(request.app.state.pool) as conn:
                return await act(conn)
        except TRANSIENT:
            if attempt == TRIES - 1:
                raise
            await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))
    raise AssertionError("the last try answers or raises")


async def _shell(request: AnyRequest, conn: Connection) -> Shell:
    return shell_of(request, (await brand.get(conn)).kit.name)


def _proof(request: AnyRequest, **more: Any) -> dict[str, Any]:
    """How it was said: what proves later that a person did."""
    agent = request.headers.get("user-agent", "")[:300].replace("\x00", "")
    return {"ip": request.client.host if request.client else None, "user_agent": agent, **more}


def _preferences_path(request: AnyRequest, node_id: int, *message: int) -> str:
    token = tokens.sign(request.app.state.secret, tokens.PREFERENCES, (node_id, *message))
    return tokens.PATHS[tokens.PREFERENCES].format(token=token)


async def _form(request: AnyRequest) -> Any:
    kind = request.headers.get("content-type", "").lower()
    if not kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        raise BadRequest("Send a form.", code="bad_form")
    return await request.form()


# Preferences ------------------------------------------------------------------------------------------


async def _preferences(request: AnyRequest, node_id: int, told: str | None = None) -> Response[str]:
    async with connection(request.app.state.pool) as conn:
        shell = await _shell(request, conn)
        person = await preferring.person_of(conn, node_id)
        shown = await preferring.preferences(conn, person, language=shell.language, now=now_of(request))
    return page("preferences.html", shell, channels=shown.channels, purposes=shown.purposes, told=told)


@get("/p/{token:str}", guards=[BY_LINK], include_in_schema=False, media_type=MediaType.HTML)
async def show_preferences(request: AnyRequest, token: Token) -> Response[str]:
    """What the person agreed to, channel by channel."""
    return await _preferences(request, tokens.read(request.app.state.secret, tokens.PREFERENCES, token)[0])


@post("/p/{token:str}", guards=[BY_LINK], include_in_schema=False, media_type=MediaType.HTML, status_code=200)
async def save_preferences(request: AnyRequest, token: Token) -> Response[str]:
    """Take in what was changed, or that nothing at all is wanted."""
    node_id, *message = tokens.read(request.app.state.secret, tokens.PREFERENCES, token)
    form = await _form(request)
    proof = _proof(request, **({"message": message[0]} if message else {}))
    now = now_of(request)
    if form.get("do") == "none":
        await _change(request, lambda conn: preferring.withdraw_all(conn, node_id, proof=proof, now=now))
        return await _preferences(request, node_id, "none.done")
    shown = [field for field in form.getall("shown", []) if isinstance(field, str)]
    answers = preferring.read_answers(shown, [field for field in form.getall("yes", []) if isinstance(field, str)])
    changed = await _change(request, lambda conn: preferring.save(conn, node_id, answers, proof=proof, now=now))
    return await _preferences(request, node_id, "saved" if changed else "unchanged")


# Confirming -------------------------------------------------------------------------------------------


async def _shown(conn: Connection, asked: OptIn) -> tuple[str, Text | None]:
    """The address a request is about, and the words agreed to."""
    row = await _sql.asked(conn, entry=asked.entry_id)
    if row is None:
        raise tokens.UnknownToken
    name = (row["text_id"] or "", row["text_version"] or 0, row["text_language"] or "")
    words = (await texts_named(conn, {name})).get(name)
    return masked(row["namespace"], row["value"]), words


def _what(channel: str, language: str) -> str:
    key = f"confirm.what.{channel}"
    return say(key if key in WORDS else "confirm.what.other", language)


@get("/p/{token:str}/confirm", guards=[BY_LINK], include_in_schema=False, media_type=MediaType.HTML)
async def show_confirmation(request: AnyRequest, token: Token) -> Response[str]:
    """What is to be confirmed, and a button."""
    entry_id = tokens.read(request.app.state.secret, tokens.CONFIRM, token)[0]
    async with connection(request.app.state.pool) as conn:
        asked = await confirming.opt_in(conn, entry_id)
        address, words = await _shown(conn, asked)
        shell = await _shell(request, conn)
    if asked.used_at is not None:
        return _confirmed(request, shell, asked)
    if now_of(request) >= asked.expires_at:
        raise OptInOver
    return page("confirm.html", shell, what=_what(asked.channel, shell.language), address=address, words=words)


@post("/p/{token:str}/confirm", guards=[BY_LINK], include_in_schema=False, media_type=MediaType.HTML, status_code=200)
async def take_confirmation(request: AnyRequest, token: Token) -> Response[str]:
    """The owner of the address confirms: the consent holds from now on."""
    entry_id = tokens.read(request.app.state.secret, tokens.CONFIRM, token)[0]
    now, proof = now_of(request), _proof(request)
    await _change(request, lambda conn: confirming.confirm(conn, entry_id, now=now, proof=proof))
    async with connection(request.app.state.pool) as conn:
        asked = await confirming.opt_in(conn, entry_id)
        return _confirmed(request, await _shell(request, conn), asked)


def _confirmed(request: AnyRequest, shell: Shell, asked: OptIn) -> Response[str]:
    return page(
        "told.html",
        shell,
        title=say("confirm.done", shell.language),
        lead=say("confirm.done.lead", shell.language),
        trouble=False,
        preferences=_preferences_path(request, asked.node_id),
    )


# Unsubscribing ----------------------------------------------------------------------------------------


async def _message(request: AnyRequest, conn: Connection, token: str) -> asyncpg.Record:
    message_id = tokens.read(request.app.state.secret, tokens.UNSUBSCRIBE, token)[0]
    row: asyncpg.Record | None = await _sql.message(conn, id=message_id)
    if row is None:
        raise tokens.UnknownToken
    return row


def _channel(row: asyncpg.Record) -> str:
    """The channel a message came by; ``any`` for those nobody consents to (the site, the till)."""
    channel = row["channel"] or row["wanted_channel"]
    return channel if channel in CHANNELS else ANY


def _no_more(row: asyncpg.Record, language: str) -> str:
    key = f"unsubscribe.{_channel(row)}"
    return say(key if key in WORDS else "unsubscribe.other", language)


@get("/u/{token:str}", guards=[BY_LINK], include_in_schema=False, media_type=MediaType.HTML)
async def show_unsubscribe(request: AnyRequest, token: Token) -> Response[str]:
    """A page with a button: mail scanners open this link, and must not unsubscribe anybody (RFC 8058, section 3.2)."""
    async with connection(request.app.state.pool) as conn:
        row = await _message(request, conn, token)
        shell = await _shell(request, conn)
    return page(
        "unsubscribe.html",
        shell,
        what=_no_more(row, shell.language),
        address=masked(row["namespace"], row["value"]),
        preferences=_preferences_path(request, row["address_node"], row["id"]),
    )


@post("/u/{token:str}", guards=[BY_LINK], include_in_schema=False, media_type=MediaType.HTML, status_code=200)
async def unsubscribe(request: AnyRequest, token: Token) -> Response[str]:
    """No more marketing to this address on this channel: by the page's button, or by the mail program's own
    (``List-Unsubscribe=One-Click``, RFC 8058), which sends neither cookies nor a sign-in."""
    form = await _form(request)
    one_click = form.get("List-Unsubscribe") == "One-Click"
    if not one_click and form.get("unsubscribe") != "yes":
        raise BadRequest("Send List-Unsubscribe=One-Click.", code="bad_form")
    now = now_of(request)

    async def act(conn: Connection) -> asyncpg.Record:
        row = await _message(request, conn, token)
        await consent.withdraw(
            conn,
            [row["address_node"]],
            channel=_channel(row),
            source="one_click" if one_click else "unsubscribe_page",
            actor="customer",
            now=now,
            proof=_proof(request, message=row["id"]),
            via="web",
        )
        return row

    row = await _change(request, act)
    async with connection(request.app.state.pool) as conn:
        shell = await _shell(request, conn)
    return page(
        "told.html",
        shell,
        title=say("unsubscribe.done", shell.language),
        lead=say("unsubscribe.done.lead", shell.language, what=_no_more(row, shell.language)),
        trouble=False,
        preferences=_preferences_path(request, row["address_node"], row["id"]),
    )


# The look, and what goes wrong ------------------------------------------------------------------------


_FILES = {"tokens.css": "text/css", "public.css": "text/css", "icon.svg": "image/svg+xml"}


@get("/public/{name:str}", guards=[open_to_all("a style sheet is everybody's")], include_in_schema=False)
async def static_file(name: FromPath[str]) -> Response[bytes]:
    """The style sheets and the icon."""
    if name not in _FILES:
        raise NotFound("There is no such file.")
    headers = {"cache-control": "public, max-age=3600", "x-content-type-options": "nosniff"}
    return Response((STATIC / name).read_bytes(), media_type=_FILES[name], headers=headers)


def _trouble(request: AnyRequest, error: UnisonoError) -> Response[str]:
    """An error as a page: people come here, not programs."""
    key = "trouble"
    if isinstance(error, tokens.UnknownToken | OptInNotFound):
        key = "unknown"
    elif isinstance(error, OptInOver):
        key = "confirm.over"
    language = language_of(request)
    answer = page(
        "told.html",
        shell_of(request, ""),
        status=error.status,
        title=say(key, language),
        lead=say(f"{key}.lead", language),
        trouble=True,
        preferences=None,
    )
    if error.retry_after is not None:
        answer.headers["retry-after"] = str(error.retry_after)
    return answer


def _refused(request: AnyRequest, error: Exception) -> Response[str]:
    """The framework's refusals, and values no database can hold, the same way."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    log.info("public.refused", error=type(error).__name__, status=status)
    answer = _trouble(request, BadRequest())
    answer.status_code = status
    return answer


routes = [
    Router(
        "/",
        route_handlers=[
            show_preferences,
            save_preferences,
            show_confirmation,
            take_confirmation,
            show_unsubscribe,
            unsubscribe,
            follow_link,
            opened,
            static_file,
        ],
        exception_handlers={
            UnisonoError: _trouble,
            HTTPException: _refused,
            asyncpg.DataError: _refused,
            UnicodeEncodeError: _refused,
        },
        request_max_body_size=LARGEST,
    )
]
