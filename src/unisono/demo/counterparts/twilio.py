"""Twilio's Messages resource, with signed status callbacks."""

from __future__ import annotations

import base64
from typing import ClassVar
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from uuid import uuid4

from unisono.demo.counterparts.model import ACCOUNT, TOKEN, Answer, Asked, Callback, Provider, Taken
from unisono.engagement.channels.adapters.twilio import REFERENCE, signature


class Twilio(Provider):
    """Takes texts and WhatsApp messages; what it was asked to call back it calls, signed as Twilio signs."""

    name: ClassVar[str] = "twilio"

    def __init__(self, statuses: tuple[str, ...] = ("sent", "delivered")) -> None:
        self._statuses = statuses

    def answer(self, asked: Asked) -> Answer:
        """``POST .../Messages.json`` takes a message; ``GET`` of the account says who it is."""
        expected = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if asked.headers.get("authorization") != expected:
            return _error(401, 20003, "Authenticate")
        base = f"/2010-04-01/Accounts/{ACCOUNT}"
        if asked.method == "GET" and asked.path == f"{base}.json":
            return Answer(body={"sid": ACCOUNT, "friendly_name": "Counterpart", "status": "active"})
        if asked.method != "POST" or asked.path != f"{base}/Messages.json":
            return _error(404, 20404, f"The requested resource {asked.path} was not found")
        return self._message(asked)

    def _message(self, asked: Asked) -> Answer:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode(), keep_blank_values=True).items()}
        if not form.get("To"):
            return _error(400, 21604, "A 'To' phone number is required.")
        if "From" not in form and "MessagingServiceSid" not in form:
            return _error(400, 21603, "A 'From' phone number is required.")
        if not form.get("Body") and "ContentSid" not in form:
            return _error(400, 21602, "Message body is required.")
        sid = f"SM{uuid4().hex}"
        callback = form.get("StatusCallback", "")
        reference = dict(parse_qsl(urlsplit(callback).query)).get(REFERENCE, sid)
        told = {"sid": sid, "status": "queued", "to": form["To"], "from": form.get("From"), "account_sid": ACCOUNT}
        return Answer(
            status=201,
            body=told | {"body": form.get("Body"), "num_segments": "1", "error_code": None, "error_message": None},
            taken=(Taken(provider=self.name, reference=reference, address=form["To"], provider_id=sid, content=form),),
            then=tuple(
                _status(callback, sid, form, status, 0.05 * place)
                for place, status in enumerate(self._statuses, 1)
                if callback
            ),
        )


def _error(status: int, code: int, message: str) -> Answer:
    return Answer(status=status, body={"code": code, "message": message, "status": status})


def _status(url: str, sid: str, form: dict[str, str], status: str, after: float) -> Callback:
    fields = {
        "AccountSid": ACCOUNT,
        "MessageSid": sid,
        "SmsSid": sid,
        "MessageStatus": status,
        "SmsStatus": status,
        "To": form["To"],
        "From": form.get("From", ""),
        "ApiVersion": "2010-04-01",
    }
    return signed(url, fields, after=after)


def signed(url: str, fields: dict[str, str], *, after: float = 0.0) -> Callback:
    """A call of Twilio's with these fields."""
    return Callback(
        url=url,
        headers={
            "content-type": "application/x-www-form-urlencoded",
            "x-twilio-signature": signature(TOKEN, url, list(fields.items())),
        },
        body=urlencode(fields).encode(),
        after=after,
    )
