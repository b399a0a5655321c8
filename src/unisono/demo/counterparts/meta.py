"""Meta's Graph API: the Send API of pages and Instagram accounts, and members of Custom Audiences."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from typing import Any, ClassVar
from uuid import uuid4

import msgspec

from unisono.demo.counterparts.model import TOKEN, Answer, Asked, Callback, Provider, Taken

PAGE: str = "100000000000002"
"""The page's id; of Instagram the professional account's."""
AUDIENCE: str = "23840000000000001"

_HASH = re.compile(r"[0-9a-f]{64}")


def refusal(status: int, code: int, message: str, subcode: int | None = None) -> Answer:
    """An error as the Graph API gives it."""
    error: dict[str, Any] = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A1"}
    if subcode is not None:
        error["error_subcode"] = subcode
    return Answer(status=status, body={"error": error})


def _authorised(asked: Asked) -> bool:
    return asked.headers.get("authorization") == f"Bearer {TOKEN}"


_NO_TOKEN = refusal(401, 190, "Error validating access token: the session has been invalidated")


class Messenger(Provider):
    """Takes messages of a page; tells deliveries and reads, as an app's webhook is set at Meta."""

    name: ClassVar[str] = "messenger"
    object_name: ClassVar[str] = "page"
    max_text: ClassVar[int] = 2000

    def __init__(self, hook_url: str | None = None) -> None:
        self._hook_url = hook_url
        self.closed: set[str] = set()
        """People whose 24 hours are over."""

    def answer(self, asked: Asked) -> Answer:
        """``POST /{version}/{page}/messages``; ``GET`` of the page says its name."""
        if not _authorised(asked):
            return _NO_TOKEN
        parts = asked.path.strip("/").split("/")
        if asked.method == "GET" and len(parts) == 2:
            return Answer(body={"name": "Counterpart", "id": parts[1]})
        if asked.method != "POST" or len(parts) != 3 or parts[2] != "messages":
            return refusal(400, 100, f"Unsupported post request to {asked.path}")
        return self._message(parts[1], asked.json())

    def _message(self, page: str, body: dict[str, Any]) -> Answer:
        person = body.get("recipient", {}).get("id")
        message = body.get("message", {})
        if not isinstance(person, str) or not ("text" in message or "attachment" in message):
            return refusal(400, 100, "(#100) Invalid parameter")
        if body.get("messaging_type") not in ("RESPONSE", "UPDATE", "MESSAGE_TAG"):
            return refusal(400, 100, "(#100) Param messaging_type must be one of RESPONSE, UPDATE, MESSAGE_TAG")
        if len(message.get("text", "")) > self.max_text:
            return refusal(400, 100, f"(#100) Length of param message[text] must be at most {self.max_text}")
        if person in self.closed and body["messaging_type"] != "MESSAGE_TAG":
            return refusal(400, 10, "(#10) This message is sent outside of allowed window.", 2018278)
        mid = f"m_{uuid4().hex}"
        reference = str(message.get("metadata") or mid)
        return Answer(
            body={"recipient_id": person, "message_id": mid},
            taken=(Taken(provider=self.name, reference=reference, address=person, provider_id=mid, content=body),),
            then=self._receipts(page, person, mid),
        )

    def _receipts(self, page: str, person: str, mid: str) -> tuple[Callback, ...]:
        if self._hook_url is None:
            return ()
        watermark = int(time.time() * 1000)
        delivery = {"delivery": {"mids": [mid], "watermark": watermark}}
        return (told(self._hook_url, self.object_name, page, {"sender": {"id": person}, **delivery}, after=0.05),)


class Instagram(Messenger):
    """Takes messages of a professional account."""

    name: ClassVar[str] = "instagram"
    object_name: ClassVar[str] = "instagram"
    max_text: ClassVar[int] = 1000


def told(url: str, kind: str, page: str, item: dict[str, Any], *, after: float = 0.0) -> Callback:
    """A call of Meta's about a page or an account, with one thing that happened."""
    now = int(time.time() * 1000)
    event = {"recipient": {"id": page}, "timestamp": now, **item}
    body = msgspec.json.encode({"object": kind, "entry": [{"id": page, "time": now, "messaging": [event]}]})
    return Callback(url=url, headers=signed(body), body=body, after=after)


def signed(body: bytes) -> dict[str, str]:
    """The headers of a call of Meta's."""
    digest = hmac.new(TOKEN.encode(), body, hashlib.sha256).hexdigest()
    return {"content-type": "application/json", "x-hub-signature-256": f"sha256={digest}"}


class MetaAds(Provider):
    """Custom Audiences: members put in and taken out, as rows of hashes."""

    name: ClassVar[str] = "meta_ads"

    def __init__(self) -> None:
        self.members: set[tuple[str, ...]] = set()

    def answer(self, asked: Asked) -> Answer:
        """``POST`` and ``DELETE /{version}/{audience}/users``."""
        if not _authorised(asked):
            return _NO_TOKEN
        parts = asked.path.strip("/").split("/")
        if asked.method not in ("POST", "DELETE") or len(parts) != 3 or parts[2] != "users":
            return refusal(400, 100, f"Unsupported request to {asked.path}")
        payload = asked.json().get("payload", {})
        schema, rows = payload.get("schema", []), payload.get("data", [])
        if not rows or len(rows) > 10_000 or any(len(row) != len(schema) for row in rows):
            return refusal(400, 100, "(#100) Invalid payload")
        good = {tuple(row) for row in rows if all(not value or _HASH.fullmatch(value) for value in row)}
        if asked.method == "POST":
            self.members |= good
        else:
            # Whoever has the address or the number is taken out, whatever else is known of him.
            named = {value for row in good for value in row[:2] if value}
            self.members = {row for row in self.members if named.isdisjoint(row[:2])}
        session = uuid4().int % 10**12
        return Answer(
            body={
                "audience_id": parts[1],
                "session_id": str(session),
                "num_received": len(rows),
                "num_invalid_entries": len(rows) - len(good),
                "invalid_entry_samples": {},
            },
            taken=tuple(
                Taken(provider=self.name, reference=":".join((asked.method, *row)), address=row[0] or row[1])
                for row in sorted(good)
            ),
        )
