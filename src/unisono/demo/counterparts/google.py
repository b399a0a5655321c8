"""Google: tokens for service accounts, Firebase Cloud Messaging, Customer Match by the Data Manager API."""

from __future__ import annotations

import base64
import re
import time
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import parse_qs
from uuid import uuid4

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from unisono.demo.counterparts.model import Answer, Asked, Provider, Taken

PROJECT: str = "counterpart"
EMAIL: str = "sender@counterpart.iam.gserviceaccount.com"
LIST: str = "7000000001"
ADS_ACCOUNT: str = "1234567890"

_HASH = re.compile(r"[0-9a-f]{64}")


class GoogleProvider(Provider):
    """What all of Google's interfaces share: a service account, and tokens for who signs as it."""

    scope: ClassVar[str]

    def __init__(self) -> None:
        self._tokens: dict[str, float] = {}
        self.tokens_given = 0

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        # Made when somebody asks: it takes a tenth of a second.
        return rsa.generate_private_key(65537, 2048)

    def service_account(self, base_url: str) -> str:
        """The file of the service account; its token_uri is this counterpart."""
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return msgspec.json.encode(
            {
                "type": "service_account",
                "project_id": PROJECT,
                "private_key_id": "k1",
                "private_key": pem.decode(),
                "client_email": EMAIL,
                "token_uri": f"{base_url}/token",
            }
        ).decode()

    def revoke(self) -> None:
        """All tokens end."""
        self._tokens.clear()

    def answer(self, asked: Asked) -> Answer:
        """``/service-account``, ``/token``, and what the interface adds."""
        base_url = f"http://{asked.headers.get('host')}/{self.name}"
        if asked.path == "/service-account":
            return Answer(body=self.service_account(base_url).encode())
        if asked.path == "/token":
            return self._token(asked, f"{base_url}/token")
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self._tokens.get(token, 0) < time.time():
            return refusal(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        return self.served(asked)

    def served(self, asked: Asked) -> Answer:
        """A request that carries a good token."""
        return refusal(404, "NOT_FOUND", asked.path)

    def _token(self, asked: Asked, audience: str) -> Answer:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        signed, _, signature = form.get("assertion", "").rpartition(".")
        try:
            self._key.public_key().verify(_decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
            claims = msgspec.json.decode(_decoded(signed.partition(".")[2]))
        except (InvalidSignature, ValueError):
            return Answer(status=400, body={"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        now = time.time()
        good = (
            form.get("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            and claims.get("iss") == EMAIL
            and claims.get("aud") == audience
            and claims.get("scope") == self.scope
            and now - 300 <= claims.get("iat", 0) <= now + 300
            and now < claims.get("exp", 0) <= claims["iat"] + 3600
        )
        if not good:
            return Answer(status=400, body={"error": "invalid_grant", "error_description": "Invalid JWT claims."})
        token = f"ya29.{uuid4().hex}"
        self._tokens[token] = now + 3600
        self.tokens_given += 1
        return Answer(body={"access_token": token, "expires_in": 3599, "token_type": "Bearer"})


class Fcm(GoogleProvider):
    """Takes messages for phones; tokens that begin with ``gone`` are of apps that were removed."""

    name: ClassVar[str] = "fcm"
    scope: ClassVar[str] = "https://www.googleapis.com/auth/firebase.messaging"

    def served(self, asked: Asked) -> Answer:
        """``POST /v1/projects/{project}/messages:send``."""
        if asked.method != "POST" or asked.path != f"/v1/projects/{PROJECT}/messages:send":
            return refusal(404, "NOT_FOUND", asked.path)
        message = asked.json().get("message", {})
        token = message.get("token", "")
        if not isinstance(token, str) or len(token) < 20:
            return refusal(400, "INVALID_ARGUMENT", "The registration token is not valid", "INVALID_ARGUMENT")
        if token.startswith("gone"):
            return refusal(404, "NOT_FOUND", "Requested entity was not found.", "UNREGISTERED")
        if any(not isinstance(value, str) for value in message.get("data", {}).values()):
            return refusal(400, "INVALID_ARGUMENT", "Invalid value at 'message.data'", "INVALID_ARGUMENT")
        name = f"projects/{PROJECT}/messages/0:{uuid4().hex}"
        taken = Taken(
            provider=self.name,
            reference=str(message.get("data", {}).get("reference", name)),
            address=token,
            provider_id=name,
            content=message,
        )
        return Answer(body={"name": name}, taken=(taken,))


class GoogleAds(GoogleProvider):
    """Customer Match lists: members put in and taken out."""

    name: ClassVar[str] = "google_ads"
    scope: ClassVar[str] = "https://www.googleapis.com/auth/datamanager"

    def __init__(self) -> None:
        super().__init__()
        self.members: set[str] = set()
        self.consents: list[Any] = []

    def served(self, asked: Asked) -> Answer:
        """``POST /v1/audienceMembers:ingest`` and ``:remove``."""
        action = asked.path.removeprefix("/v1/audienceMembers:")
        if asked.method != "POST" or action not in ("ingest", "remove"):
            return refusal(404, "NOT_FOUND", asked.path)
        body = asked.json()
        people = body.get("audienceMembers", [])
        destination = (body.get("destinations") or [{}])[0]
        if not people or len(people) > 10_000 or destination.get("productDestinationId") != LIST:
            return refusal(400, "INVALID_ARGUMENT", "destinations or audienceMembers")
        if body.get("encoding") != "HEX" or (action == "ingest" and "termsOfService" not in body):
            return refusal(400, "INVALID_ARGUMENT", "encoding or termsOfService")
        found = [person["userData"]["userIdentifiers"] for person in people]
        if any(not _good(identifier) for identifiers in found for identifier in identifiers):
            return refusal(400, "INVALID_ARGUMENT", "a user identifier is not hashed")
        keys = {msgspec.json.encode(identifiers, order="sorted").decode() for identifiers in found}
        if action == "ingest":
            self.members |= keys
        else:
            # Whoever has the address or the number is taken out, whatever else is known of him.
            named = {one for identifiers in found for one in _direct(identifiers)}
            self.members = {key for key in self.members if named.isdisjoint(_direct(msgspec.json.decode(key)))}
        self.consents.append(body.get("consent"))
        return Answer(
            body={"requestId": uuid4().hex},
            taken=tuple(Taken(provider=self.name, reference=f"{action}:{key}", address=key) for key in sorted(keys)),
        )


def _direct(identifiers: list[dict[str, Any]]) -> set[str]:
    """The e-mail address and the phone number among a person's identifiers."""
    return {value for one in identifiers for value in one.values() if isinstance(value, str)}


def _good(identifier: dict[str, Any]) -> bool:
    [(kind, value)] = identifier.items()
    if kind == "address":
        return all(_HASH.fullmatch(value[name]) for name in ("givenName", "familyName")) and len(value) == 4
    return kind in ("emailAddress", "phoneNumber") and _HASH.fullmatch(value) is not None


def refusal(status: int, name: str, message: str, code: str | None = None) -> Answer:
    """An error as Google's interfaces give it."""
    error: dict[str, Any] = {"code": status, "message": message, "status": name}
    if code is not None:
        error["details"] = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}]
    return Answer(status=status, body={"error": error})


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
