"""Telegram's Bot API, and updates as its webhook gets them."""

from __future__ import annotations

import time
from itertools import count
from typing import Any, ClassVar

import msgspec

from unisono.demo.counterparts.model import TOKEN, Answer, Asked, Callback, Provider, Taken

BOT_TOKEN: str = "123456789:counterpart-token-of-a-bot"  # noqa: S105 - everybody may know it: it opens nothing
BOT: str = "counterpart_bot"

_updates = count(1000)


class Telegram(Provider):
    """Takes messages for chats; those in ``blocked`` have shut the bot out."""

    name: ClassVar[str] = "telegram"

    def __init__(self) -> None:
        self.blocked: set[int] = set()
        self._numbers = count(1)

    def answer(self, asked: Asked) -> Answer:
        """``/bot{token}/{method}``: getMe, sendMessage, sendPhoto."""
        token, _, method = asked.path.lstrip("/").removeprefix("bot").partition("/")
        if token != BOT_TOKEN:
            return _no(404, "Not Found")
        if method == "getMe":
            return _yes({"id": 123456789, "is_bot": True, "first_name": "Counterpart", "username": BOT})
        body = asked.json()
        if method not in ("sendMessage", "sendPhoto"):
            return _no(404, "Not Found")
        chat = body.get("chat_id")
        text = body.get("text") if method == "sendMessage" else body.get("caption", "")
        if not isinstance(chat, int) or chat == 404:
            return _no(400, "Bad Request: chat not found")
        if chat in self.blocked:
            return _no(403, "Forbidden: bot was blocked by the user")
        if not text:
            return _no(400, "Bad Request: message text is empty")
        if len(text) > (4096 if method == "sendMessage" else 1024):
            return _no(400, "Bad Request: message is too long")
        number = next(self._numbers)
        # The Bot API takes no reference along: a message is named by its chat and its words.
        taken = Taken(
            provider=self.name,
            reference=f"{chat}:{text}",
            address=str(chat),
            provider_id=str(number),
            content={"method": method, **body},
        )
        sent = {"message_id": number, "date": int(time.time()), "chat": {"id": chat, "type": "private"}, "text": text}
        return Answer(body={"ok": True, "result": sent}, taken=(taken,))


def _yes(result: dict[str, Any]) -> Answer:
    return Answer(body={"ok": True, "result": result})


def _no(status: int, description: str) -> Answer:
    return Answer(status=status, body={"ok": False, "error_code": status, "description": description})


def wrote(url: str, chat: int, text: str, *, name: str = "Maria") -> Callback:
    """A person's message, as Telegram calls the bot."""
    person = {"id": chat, "is_bot": False, "first_name": name, "language_code": "it"}
    message = {
        "message_id": next(_updates),
        "from": person,
        "chat": {"id": chat, "type": "private", "first_name": name},
        "date": int(time.time()),
        "text": text,
    }
    return update(url, {"message": message})


def blocked(url: str, chat: int) -> Callback:
    """A person has blocked the bot."""
    person = {"id": chat, "is_bot": False, "first_name": "Maria"}
    change = {
        "chat": {"id": chat, "type": "private"},
        "from": person,
        "date": int(time.time()),
        "old_chat_member": {"status": "member"},
        "new_chat_member": {"status": "kicked"},
    }
    return update(url, {"my_chat_member": change})


def update(url: str, content: dict[str, Any]) -> Callback:
    """One call of Telegram's, with the secret the webhook was set with."""
    return Callback(
        url=url,
        headers={"content-type": "application/json", "x-telegram-bot-api-secret-token": TOKEN},
        body=msgspec.json.encode({"update_id": next(_updates), **content}),
    )
