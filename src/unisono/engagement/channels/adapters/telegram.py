"""Telegram through the Bot API (core.telegram.org/bots/api).

A bot writes only to people who have started it: ``/start`` with the token of a deep link says who of ours it is.
"""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import msgspec

from unisono.engagement.channels import reading
from unisono.engagement.channels.adapters.calling import call, plain, told, too_long
from unisono.engagement.channels.model import (
    Account,
    AccountInvalid,
    Adapter,
    AddressInvalid,
    BadSignature,
    Capabilities,
    Hook,
    HookAnswer,
    HookUnreadable,
    Outgoing,
    ProviderEvent,
    Sender,
    Sent,
)
from unisono.kit.database import Connection
from unisono.kit.http import LONGEST_WAIT, Http, Reply, url_problem

MAX_TEXT: Final = 4096
MAX_CAPTION: Final = 1024
MAX_CALLBACK: Final = 64
"""Bytes a button may answer with."""

GONE: Final = re.compile(r"blocked by the user|user is deactivated|chat not found|bot was kicked", re.IGNORECASE)
"""How the Bot API says that nobody is there any more; it has no codes for it."""

_TOKEN: Final = re.compile(r"\d{1,20}:[A-Za-z0-9_-]{10,100}")
_CHAT: Final = re.compile(r"-?\d{1,20}")


class TelegramSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A bot."""

    bot: str
    """Its name without @, for links that start it."""
    base_url: str = "https://api.telegram.org"
    """Where the Bot API answers."""


class Telegram(Adapter):
    """Messages of a bot to people who have started it."""

    kind: ClassVar[str] = "telegram"
    title: ClassVar[str] = "Telegram"
    channels: ClassVar[tuple[str, ...]] = ("telegram",)
    Settings: ClassVar[type[msgspec.Struct]] = TelegramSettings
    secret_names: ClassVar[tuple[str, ...]] = ("token", "secret_token")
    capabilities: ClassVar[Capabilities] = Capabilities(media=True, buttons=8, max_text=MAX_TEXT, inbound=True)

    def check(self, account: Account, *, private: bool) -> None:
        """The bot's name, token and address. Raises AccountInvalid."""
        settings: TelegramSettings = self.settings(account)
        problem = url_problem(settings.base_url, private=private)
        if problem is not None:
            raise AccountInvalid(f"base_url: {problem}")
        if not re.fullmatch(r"[A-Za-z0-9_]{3,64}", settings.bot):
            raise AccountInvalid("bot is the bot's name without @.")
        if not _TOKEN.fullmatch(account.secret("token")):
            raise AccountInvalid("token is the one @BotFather gave.")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", account.secret("secret_token")):
            raise AccountInvalid("secret_token has letters, digits, - and _ only.")

    def validate_address(self, text: str) -> str:
        """A chat's number. Raises AddressInvalid."""
        found = text.strip()
        if not _CHAT.fullmatch(found):
            raise AddressInvalid("A chat on Telegram has a number.")
        return found

    async def open(self, account: Account, http: Http) -> Sender:
        """A sender; nothing is connected before it sends."""
        return TelegramSender(self.settings(account), account.secret("token"), http)

    async def probe(self, account: Account, http: Http) -> Sent:
        """Ask the bot who it is."""
        answer = await call(http, "GET", _url(self.settings(account), account.secret("token"), "getMe"))
        if isinstance(answer, Sent):
            return answer
        sent = outcome(answer)
        if sent.outcome != "accepted":
            return sent
        return Sent(
            outcome="accepted", detail="@" + (reading.text(reading.inner(told(answer), "result"), "username") or "")
        )

    async def parse_hook(self, account: Account, hook: Hook, http: Http, *, now: datetime) -> HookAnswer:
        """Messages and presses of buttons; a person who blocks the bot has said stop. Raises BadSignature."""
        given = hook.header("x-telegram-bot-api-secret-token") or ""
        if not hmac.compare_digest(given.encode(), account.secret("secret_token").encode()):
            raise BadSignature("X-Telegram-Bot-Api-Secret-Token does not match.")
        update = reading.json_object(hook.body)
        if not isinstance(update.get("update_id"), int):
            raise HookUnreadable("The body is no update.")
        return read_update(account, update, now)


class TelegramSender(Sender):
    """Sends as one bot."""

    def __init__(self, settings: TelegramSettings, token: str, http: Http) -> None:
        self._settings = settings
        self._token = token
        self._http = http

    async def send(self, conn: Connection | None, message: Outgoing) -> Sent:
        """sendPhoto when there is a picture and the text fits under it, else sendMessage."""
        text = plain(message)
        refused = too_long(text, MAX_TEXT)
        if refused is not None:
            return refused
        body: dict[str, Any] = {"chat_id": int(message.address)}
        if keyboard := _keyboard(message):
            body["reply_markup"] = {"inline_keyboard": keyboard}
        if message.image_url and len(text) <= MAX_CAPTION:
            method = "sendPhoto"
            body |= {"photo": message.image_url, "caption": text}
        else:
            method = "sendMessage"
            body["text"] = text
        answer = await call(self._http, "POST", _url(self._settings, self._token, method), json=body)
        return answer if isinstance(answer, Sent) else outcome(answer)


def _url(settings: TelegramSettings, token: str, method: str) -> str:
    return f"{settings.base_url.rstrip('/')}/bot{token}/{method}"


def _keyboard(message: Outgoing) -> list[list[dict[str, str]]]:
    rows = []
    for button in message.buttons:
        if button.url is not None:
            rows.append([{"text": button.text, "url": button.url}])
        else:
            answer = (button.payload or button.text).encode()[:MAX_CALLBACK].decode("utf-8", "ignore")
            rows.append([{"text": button.text, "callback_data": answer}])
    return rows


def outcome(reply: Reply) -> Sent:
    """What an answer of the Bot API means."""
    body = told(reply)
    if body.get("ok") is True:
        number = reading.inner(body, "result").get("message_id")
        return Sent(outcome="accepted", provider_id=None if number is None else str(number))
    detail = (reading.text(body, "description") or reply.words())[:300]
    code = str(body.get("error_code") or reply.status)
    if code == "429":
        wait = reading.inner(body, "parameters").get("retry_after")
        seconds = min(float(wait), LONGEST_WAIT) if isinstance(wait, int | float) else None
        return Sent(outcome="retry", code=code, detail=detail, retry_after=seconds)
    # The token is in the path: an unknown one is "Not Found", a revoked one "Unauthorized".
    if code in ("401", "404"):
        return Sent(outcome="retry", code=code, detail=detail, account_fault=True)
    if reply.status >= 500:
        return Sent(outcome="unknown", code=code, detail=detail)
    return Sent(outcome="refused", code=code, detail=detail, gone=bool(GONE.search(detail)))


def join_link(settings: TelegramSettings, token: str) -> str:
    """The link that starts the bot and tells it who followed it."""
    return f"https://t.me/{settings.bot}?start={token}"


def read_update(account: Account, update: dict[str, Any], now: datetime) -> HookAnswer:
    """An update as events; what is said in groups and channels is not ours to hear."""
    delivery_id = f"u{update['update_id']}"
    if "message" in update:
        return HookAnswer(events=_message(account, reading.inner(update, "message"), delivery_id, now))
    if "callback_query" in update:
        return _press(account, reading.inner(update, "callback_query"), delivery_id, now)
    if "my_chat_member" in update:
        change = reading.inner(update, "my_chat_member")
        status = reading.text(reading.inner(change, "new_chat_member"), "status")
        if _is_private(change) and status in ("kicked", "left"):
            # Blocked: whoever shuts the door has withdrawn, and writing on would only be refused.
            return HookAnswer(
                events=(_event(account, "stop", change, delivery_id, now, detail="The bot was blocked."),)
            )
    return HookAnswer()


def _message(account: Account, message: dict[str, Any], delivery_id: str, now: datetime) -> tuple[ProviderEvent, ...]:
    if not _is_private(message):
        return ()
    text = reading.text(message, "text") or reading.text(message, "caption") or ""
    word, _, rest = text.strip().partition(" ")
    if word.lower() == "/stop":
        return (_event(account, "stop", message, delivery_id, now, text=text),)
    data = {"join": rest.strip()} if word.lower() == "/start" and rest.strip() else {}
    return (_event(account, "inbound", message, delivery_id, now, text=text, data=data),)


def _press(account: Account, press: dict[str, Any], delivery_id: str, now: datetime) -> HookAnswer:
    """A button's answer; Telegram is told in the same breath that it was heard, or the button goes on spinning."""
    heard = msgspec.json.encode({"method": "answerCallbackQuery", "callback_query_id": reading.text(press, "id") or ""})
    message = {**reading.inner(press, "message"), "from": reading.inner(press, "from"), "date": None}
    events: tuple[ProviderEvent, ...] = ()
    if _is_private(message):
        payload = reading.text(press, "data") or ""
        events = (_event(account, "inbound", message, delivery_id, now, text=payload, data={"payload": payload}),)
    return HookAnswer(body=heard, media_type="application/json", events=events)


def _event(
    account: Account,
    kind: Any,
    about: dict[str, Any],
    delivery_id: str,
    now: datetime,
    *,
    text: str = "",
    detail: str | None = None,
    data: dict[str, Any] | None = None,
) -> ProviderEvent:
    person = reading.inner(about, "from")
    name = " ".join(part for part in (reading.text(person, "first_name"), reading.text(person, "last_name")) if part)
    date = about.get("date")
    number = about.get("message_id")
    return ProviderEvent(
        kind=kind,
        account_id=account.id,
        delivery_id=delivery_id,
        at=datetime.fromtimestamp(date, UTC) if isinstance(date, int) and 0 < date < 10**11 else now,
        provider_id=None if number is None else str(number),
        address=str(reading.inner(about, "chat").get("id")),
        text=text or None,
        detail=detail,
        sender_name=name[:200] or None,
        data=data or {},
    )


def _is_private(about: dict[str, Any]) -> bool:
    chat = reading.inner(about, "chat")
    return chat.get("type") == "private" and isinstance(chat.get("id"), int)
