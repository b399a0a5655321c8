"""The Messages endpoint of WhatsApp's Cloud API, with signed statuses."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any, ClassVar
from uuid import uuid4

import msgspec

from unisono.demo.counterparts.model import TOKEN, Answer, Asked, Callback, Provider, Taken

NUMBER: str = "100000000000001"
"""Meta's id of the number messages come from."""


class WhatsApp(Provider):
    """Takes messages; tells statuses to the address it was given, as an app's webhook is set at Meta."""

    name: ClassVar[str] = "whatsapp"

    def __init__(self, hook_url: str | None = None, statuses: tuple[str, ...] = ("sent", "delivered")) -> None:
        self._hook_url = hook_url
        self._statuses = statuses

    def answer(self, asked: Asked) -> Answer:
        """``POST /{version}/{number}/messages``; ``GET`` of the number says its name."""
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(401, 190, "Error validating access token: the session has been invalidated")
        parts = asked.path.strip("/").split("/")
        if asked.method == "GET" and len(parts) == 2:
            return Answer(body={"verified_name": "Counterpart", "quality_rating": "GREEN", "id": parts[1]})
        if asked.method != "POST" or len(parts) != 3 or parts[2] != "messages":
            return _error(400, 100, f"Unsupported post request to {asked.path}")
        body = asked.json()
        if body.get("messaging_product") != "whatsapp" or not isinstance(body.get("to"), str):
            return _error(400, 100, "(#100) The parameter messaging_product is required.")
        if body.get("type") not in {"text", "template", "image", "interactive"} or body["type"] not in body:
            return _error(400, 100, "(#100) Invalid parameter")
        return self._message(parts[1], body)

    def _message(self, number: str, body: dict[str, Any]) -> Answer:
        wamid = f"wamid.{uuid4().hex}"
        reference = str(body.get("biz_opaque_callback_data") or wamid)
        return Answer(
            body={
                "messaging_product": "whatsapp",
                "contacts": [{"input": body["to"], "wa_id": body["to"]}],
                "messages": [{"id": wamid}],
            },
            taken=(
                Taken(provider=self.name, reference=reference, address=body["to"], provider_id=wamid, content=body),
            ),
            then=tuple(
                told(self._hook_url, number, {"statuses": [_status(wamid, body, status)]}, after=0.05 * place)
                for place, status in enumerate(self._statuses, 1)
                if self._hook_url is not None
            ),
        )


def _error(status: int, code: int, message: str) -> Answer:
    return Answer(
        status=status,
        body={"error": {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": uuid4().hex[:11]}},
    )


def _status(wamid: str, body: dict[str, Any], status: str) -> dict[str, Any]:
    return {
        "id": wamid,
        "status": status,
        "timestamp": str(int(time.time())),
        "recipient_id": body["to"],
        "biz_opaque_callback_data": body.get("biz_opaque_callback_data"),
    }


def told(url: str, number: str, value: dict[str, Any], *, after: float = 0.0) -> Callback:
    """A call of Meta's with this value of a change."""
    metadata = {"display_phone_number": "390200000000", "phone_number_id": number}
    change = {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
    body = msgspec.json.encode({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]})
    return Callback(
        url=url,
        headers={
            "content-type": "application/json",
            "x-hub-signature-256": "sha256=" + hmac.new(TOKEN.encode(), body, hashlib.sha256).hexdigest(),
        },
        body=body,
        after=after,
    )
