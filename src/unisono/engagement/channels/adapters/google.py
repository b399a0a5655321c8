"""Google's service accounts: a signed word (JWT, RFC 7523) for an access token, kept while it lasts."""

from __future__ import annotations

import base64
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from unisono.engagement.channels import reading
from unisono.engagement.channels.adapters.calling import call, told, wait_of
from unisono.engagement.channels.model import AccountInvalid, Sent
from unisono.kit.clock import Clock, system_clock
from unisono.kit.http import Http

GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LASTS: Final = 3600
"""Seconds an assertion is good for; Google allows an hour."""
MARGIN: Final = 60.0
"""Seconds before its end at which a token is no longer used."""


class ServiceAccount(msgspec.Struct, frozen=True):
    """The file Google gives for a service account, as far as it is needed."""

    client_email: str
    private_key: str
    project_id: str = ""
    private_key_id: str = ""
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address, no password

    @classmethod
    def read(cls, text: str) -> ServiceAccount:
        """From the file's JSON. Raises AccountInvalid."""
        try:
            found = msgspec.json.decode(text.encode("utf-8", "replace"), type=cls)
        except (msgspec.MsgspecError, RecursionError):
            raise AccountInvalid("service_account is the JSON file Google gives for a service account.") from None
        found.key()
        return found

    def key(self) -> rsa.RSAPrivateKey:
        """Its private key. Raises AccountInvalid."""
        try:
            key = serialization.load_pem_private_key(self.private_key.encode(), None)
        except (ValueError, TypeError):
            raise AccountInvalid("private_key of the service account is no key.") from None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise AccountInvalid("private_key of the service account is no RSA key.")
        return key


def assertion(account: ServiceAccount, scope: str, now: float) -> str:
    """What the account says of itself at an instant (seconds since 1970), signed RS256."""
    header = {"alg": "RS256", "typ": "JWT"} | ({"kid": account.private_key_id} if account.private_key_id else {})
    claims = {
        "iss": account.client_email,
        "scope": scope,
        "aud": account.token_uri,
        "iat": int(now),
        "exp": int(now) + LASTS,
    }
    signed = f"{_packed(header)}.{_packed(claims)}"
    signature = account.key().sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{_encoded(signature)}"


def _packed(value: Any) -> str:
    return _encoded(msgspec.json.encode(value))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Tokens:
    """Access tokens of one account and scope."""

    def __init__(self, account: ServiceAccount, scope: str, http: Http, clock: Clock = system_clock) -> None:
        self._account = account
        self._scope = scope
        self._http = http
        self._clock = clock
        self._token = ""
        self._until = 0.0

    async def token(self) -> str | Sent:
        """A token that still lasts, or why there is none: nothing was sent then, and nothing will be without one."""
        now = self._clock().timestamp()
        if self._token and now < self._until - MARGIN:
            return self._token
        form = {"grant_type": GRANT, "assertion": assertion(self._account, self._scope, now)}
        reply = await call(self._http, "POST", self._account.token_uri, form=form)
        if isinstance(reply, Sent):
            # Asking for a token sends nothing to anybody, however it ended.
            return Sent(outcome="retry", code="no_token", detail=reply.detail, account_fault=True)
        found = told(reply)
        token = reading.text(found, "access_token")
        if not reply.ok or token is None:
            return Sent(
                outcome="retry",
                code="no_token",
                detail=(reading.text(found, "error_description") or reply.words())[:300],
                retry_after=wait_of(reply),
                account_fault=True,
            )
        lasts = found.get("expires_in")
        self._token, self._until = token, now + (lasts if isinstance(lasts, int | float) else LASTS)
        return token

    def forget(self) -> None:
        """The token was refused: ask for another next time."""
        self._token = ""
