"""Facebook Messenger through the Send API of a page (developers.facebook.com/docs/messenger-platform).

A page may write freely for 24 hours after the person wrote; later only with a message tag that fits the purpose, and
with HUMAN_AGENT up to 7 days. Whether a person wrote is known from the inbound messages this adapter reads.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

import msgspec

from unisono.engagement.channels import reading
from unisono.engagement.channels.adapters import graph
from unisono.engagement.channels.adapters.calling import call, plain, told, too_long
from unisono.engagement.channels.adapters.reading_meta import events_of
from unisono.engagement.channels.model import (
    Account,
    AccountInvalid,
    Adapter,
    AddressInvalid,
    Capabilities,
    Hook,
    HookAnswer,
    Outgoing,
    Sender,
    Sent,
)
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection
from unisono.kit.http import Http, Reply, url_problem

WINDOW: Final = timedelta(hours=24)
HUMAN_AGENT: Final = "HUMAN_AGENT"
HUMAN_AGENT_WINDOW: Final = timedelta(days=7)

NOBODY: Final = (100, 2018001)
"""Nobody has this id for this page."""
OUTSIDE: Final = frozenset({(10, 2018278), (10, 2534022)})
"""Outside the window, Messenger's and Instagram's way of saying it."""

MAX_TITLE: Final = 80
MAX_BUTTON: Final = 20
MAX_BUTTONS: Final = 3
MAX_BUTTON_TEXT: Final = 640


class MessengerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A page, or a professional Instagram account."""

    page_id: str
    """Whose messages they are: the page's id, on Instagram the professional account's."""
    base_url: str = graph.BASE_URL
    """Where the Graph API answers."""
    version: str = graph.VERSION
    tags: dict[str, str] = {}
    """Message tag by purpose for messages after the 24 hours, such as {"transactional": "POST_PURCHASE_UPDATE"}.
    Which tags there are, and for what, is Meta's to say; none may be used for marketing."""


class Messenger(Adapter):
    """Messages to people who have written to a Facebook page."""

    kind: ClassVar[str] = "messenger"
    title: ClassVar[str] = "Facebook Messenger"
    channels: ClassVar[tuple[str, ...]] = ("messenger",)
    Settings: ClassVar[type[msgspec.Struct]] = MessengerSettings
    secret_names: ClassVar[tuple[str, ...]] = ("access_token", "app_secret", "verify_token")
    capabilities: ClassVar[Capabilities] = Capabilities(
        media=True, buttons=MAX_BUTTONS, max_text=2000, inbound=True, receipts=True, window_hours=24
    )
    object_name: ClassVar[str] = "page"
    """What Meta calls the thing its calls are about."""

    def check(self, account: Account, *, private: bool) -> None:
        """The address, and no tag for marketing. Raises AccountInvalid."""
        settings: MessengerSettings = self.settings(account)
        problem = url_problem(settings.base_url, private=private)
        if problem is not None:
            raise AccountInvalid(f"base_url: {problem}")
        if "marketing" in settings.tags:
            raise AccountInvalid("No message tag may be used for marketing.", hint="Leave marketing out of tags.")
        if not settings.page_id.isdigit():
            raise AccountInvalid("page_id is a number.")

    def validate_address(self, text: str) -> str:
        """A person's id for this page or account: digits. Raises AddressInvalid."""
        found = text.strip()
        if not (found.isascii() and found.isdigit() and len(found) <= 30):
            raise AddressInvalid("An id on this channel has digits only.")
        return found

    async def open(self, account: Account, http: Http) -> Sender:
        """A sender; nothing is connected before it sends."""
        return MessengerSender(self, account, http)

    async def probe(self, account: Account, http: Http) -> Sent:
        """Ask for the page's own name with the token."""
        settings: MessengerSettings = self.settings(account)
        url = f"{settings.base_url}/{settings.version}/{settings.page_id}?fields=name"
        answer = await call(http, "GET", url, headers={"authorization": f"Bearer {account.secret('access_token')}"})
        if isinstance(answer, Sent):
            return answer
        if not answer.ok:
            return graph.failure(answer)
        return Sent(outcome="accepted", detail=(reading.text(told(answer), "name") or "")[:200])

    async def parse_hook(self, account: Account, hook: Hook, http: Http, *, now: datetime) -> HookAnswer:
        """Messages, receipts and presses of buttons. Raises BadSignature, HookUnreadable."""
        if hook.method == "GET":
            return graph.challenge(hook, account.secret("verify_token"))
        graph.verify(hook, account.secret("app_secret"))
        return HookAnswer(
            body=b"EVENT_RECEIVED",
            events=tuple(events_of(account, reading.json_object(hook.body), self.object_name, now)),
        )


class MessengerSender(Sender):
    """Sends as one page."""

    def __init__(self, adapter: Messenger, account: Account, http: Http, clock: Clock = system_clock) -> None:
        self._settings: MessengerSettings = adapter.settings(account)
        self._most = adapter.capabilities.max_text or 0
        self._token = account.secret("access_token")
        self._http = http
        self._clock = clock

    async def send(self, conn: Connection | None, message: Outgoing) -> Sent:
        """One POST of ``{page}/messages``."""
        text = plain(message)
        refused = too_long(text, self._most)
        if refused is not None:
            return refused
        terms = permitted(message, self._settings.tags, self._clock())
        if terms is None:
            return Sent(
                outcome="refused",
                code="outside_window",
                detail="The person has not written within 24 hours, and no message tag is set for this purpose.",
            )
        settings = self._settings
        answer = await call(
            self._http,
            "POST",
            f"{settings.base_url}/{settings.version}/{settings.page_id}/messages",
            headers={"authorization": f"Bearer {self._token}"},
            json={"recipient": {"id": message.address}, **terms, "message": content(message, text)},
        )
        return answer if isinstance(answer, Sent) else outcome(answer)


def permitted(message: Outgoing, tags: dict[str, str], now: datetime) -> dict[str, str] | None:
    """On which terms a message may go now; None when on none."""
    since = now - message.answers_at if message.answers_at is not None else None
    if since is not None and since < WINDOW:
        return {"messaging_type": "RESPONSE"}
    tag = tags.get(message.purpose)
    if tag is None or (tag == HUMAN_AGENT and (since is None or since >= HUMAN_AGENT_WINDOW)):
        return None
    return {"messaging_type": "MESSAGE_TAG", "tag": tag}


def content(message: Outgoing, text: str) -> dict[str, Any]:
    """The message: a card when it has a picture, a text with buttons, or a text. ``metadata`` comes back in echoes."""
    buttons = [_button(button.text, button.url, button.payload) for button in message.buttons[:MAX_BUTTONS]]
    if message.image_url:
        title = (message.title or text.split("\n", maxsplit=1)[0])[:MAX_TITLE]
        card: dict[str, Any] = {"title": title, "image_url": message.image_url}
        rest = (message.body or text.partition("\n")[2] or text).strip()
        if rest and rest != title:
            card["subtitle"] = rest[:MAX_TITLE]
        if message.url:
            card["default_action"] = {"type": "web_url", "url": message.url}
        if buttons:
            card["buttons"] = buttons
        payload: dict[str, Any] = {"template_type": "generic", "elements": [card]}
        return {"attachment": {"type": "template", "payload": payload}, "metadata": message.reference}
    if buttons and len(text) <= MAX_BUTTON_TEXT:
        payload = {"template_type": "button", "text": text, "buttons": buttons}
        return {"attachment": {"type": "template", "payload": payload}, "metadata": message.reference}
    links = "".join(f"\n{button.text}: {button.url}" for button in message.buttons if button.url)
    return {"text": text + links, "metadata": message.reference}


def _button(text: str, url: str | None, payload: str | None) -> dict[str, str]:
    if url is not None:
        return {"type": "web_url", "title": text[:MAX_BUTTON], "url": url}
    return {"type": "postback", "title": text[:MAX_BUTTON], "payload": payload or text}


def outcome(reply: Reply) -> Sent:
    """What an answer of the Send API means."""
    error = graph.error_of(reply)
    if error is not None and (error.code, error.subcode) == NOBODY:
        return Sent(outcome="refused", code="100.2018001", detail=error.message, gone=True)
    if error is not None and (error.code, error.subcode) in OUTSIDE:
        return Sent(outcome="refused", code="outside_window", detail=error.message)
    if error is not None or not reply.ok:
        return graph.failure(reply)
    return Sent(outcome="accepted", provider_id=reading.text(told(reply), "message_id"))
