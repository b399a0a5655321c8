"""Accounts on the counterparts, so that a demo says on every channel what it has to say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from unisono.demo.counterparts.google import Fcm
from unisono.demo.counterparts.model import ACCOUNT, TOKEN
from unisono.demo.counterparts.process import Where
from unisono.demo.counterparts.telegram import BOT_TOKEN
from unisono.demo.counterparts.whatsapp import NUMBER
from unisono.engagement.channels import accounts
from unisono.engagement.channels.accounts import Draft
from unisono.engagement.channels.registry import ADAPTERS
from unisono.kit.database import Connection
from unisono.kit.secret import Secret

PREFIX: Final = "demo-"
"""How the codes of these accounts begin."""

ACTOR: Final = "demo"

_META: Final = {"access_token": TOKEN, "app_secret": TOKEN, "verify_token": TOKEN}


def drafts(where: Where, fcm: Fcm, *, host: str = "127.0.0.1") -> list[Draft]:
    """An account a channel, all on the counterparts or in our own tables."""

    def at(provider: str) -> str:
        return f"http://{host}:{where.http}/{provider}"

    mail = {"host": host, "port": where.smtp, "security": "none", "sender": "ciao@alpestre.example"}
    page = {"page_id": "1001"}
    own = {"letter": {"sender": "Alpestre, Via dei Monti 1, 20121 Milano"}}
    return [
        _draft("smtp", "email", mail | {"sender_name": "Alpestre", "events": "mail"}, {"hook_key": TOKEN}),
        _draft(
            "twilio_sms",
            "sms",
            {"account_sid": ACCOUNT, "sender": "+390212345678", "base_url": at("twilio")},
            {"auth_token": TOKEN},
            cost_minor=4,
        ),
        _draft("whatsapp", "whatsapp", {"phone_number_id": NUMBER, "base_url": at("whatsapp")}, _META, cost_minor=6),
        _draft("messenger", "messenger", page | {"base_url": at("messenger")}, _META),
        _draft("instagram", "instagram", page | {"base_url": at("instagram")}, _META),
        _draft(
            "telegram",
            "telegram",
            {"bot": "alpestre_bot", "base_url": at("telegram")},
            {"token": BOT_TOKEN, "secret_token": TOKEN},
        ),
        _draft("fcm", "app_push", {"base_url": at("fcm")}, {"service_account": fcm.service_account(at("fcm"))}),
        _draft("web_push", "web_push", {"subject": "mailto:ciao@alpestre.example"}),
        *(
            _draft(adapter.kind, adapter.channels[0], own.get(adapter.kind, {}))
            for adapter in ADAPTERS.values()
            if adapter.local
        ),
    ]


def _draft(
    kind: str, channel: str, settings: Mapping[str, Any], secrets: Mapping[str, str] | None = None, **more: Any
) -> Draft:
    return Draft(
        code=f"{PREFIX}{channel}".replace("_", "-"),
        kind=kind,
        channel=channel,
        name=f"{ADAPTERS[kind].title} (demo)",
        settings=settings,
        secrets=dict(secrets or {}),
        per_second=50,
        **more,
    )


async def connect(conn: Connection, secret: Secret, wanted: list[Draft], *, now: datetime) -> list[str]:
    """Make these accounts, or bring them up to date; channels with an account of somebody else's are left alone.

    Returns the channels they serve. Raises AccountInvalid.
    """
    known = await accounts.accounts(conn, secret)
    others = {one.channel for one in known if not one.code.startswith(PREFIX) and one.status == "active"}
    mine = {one.code for one in known}
    served = []
    for draft in wanted:
        if draft.channel in others:
            continue
        if draft.code in mine:
            changes = {"settings": draft.settings, "secrets": draft.secrets, "status": "active"}
            await accounts.change(conn, secret, draft.code, changes, private=True, now=now)
        else:
            await accounts.create(conn, secret, draft, private=True, actor=ACTOR, now=now)
        served.append(draft.channel)
    return served
