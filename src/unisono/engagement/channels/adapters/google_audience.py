"""Customer Match of Google: the Data Manager API, which takes new advertisers since April 2026.

Source: developers.google.com/data-manager/api/reference/rest/v1/audienceMembers (ingest and remove). Google takes a
batch and matches it later: accepted means taken, and ``requestId`` asks what came of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import msgspec

from unisono.engagement.channels import reading
from unisono.engagement.channels.adapters.calling import call, told, wait_of
from unisono.engagement.channels.adapters.google import ServiceAccount, Tokens
from unisono.engagement.channels.audiences.formats import (
    GOOGLE_COLUMNS,
    Identity,
    google_identifiers,
    google_matched,
    google_row,
)
from unisono.engagement.channels.audiences.model import Action, Audience, AudienceAdapter, Batch
from unisono.engagement.channels.model import Account, AccountInvalid, Sent
from unisono.kit.http import Http, Reply, url_problem

SCOPE: Final = "https://www.googleapis.com/auth/datamanager"
SECONDS: Final = 60.0


class GoogleAudienceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A user list of a Google Ads account."""

    account_id: str
    """Of the account that has the list; digits without hyphens."""
    user_list_id: str
    """The list's number."""
    login_account_id: str | None = None
    """Of the manager account whose user the service account is, when it is another."""
    base_url: str = "https://datamanager.googleapis.com"
    """Where the Data Manager API answers."""


class GoogleAudience(AudienceAdapter):
    """A Customer Match list."""

    kind: ClassVar[str] = "google_audience"
    title: ClassVar[str] = "Google Customer Match"
    Settings: ClassVar[type[msgspec.Struct]] = GoogleAudienceSettings
    secret_names: ClassVar[tuple[str, ...]] = ("service_account",)
    columns: ClassVar[tuple[str, ...]] = GOOGLE_COLUMNS

    def check(self, account: Account, *, private: bool) -> None:
        """Numbers, addresses and the key. Raises AccountInvalid."""
        settings: GoogleAudienceSettings = self.settings(account)
        service = ServiceAccount.read(account.secret("service_account"))
        for name, url in (("base_url", settings.base_url), ("token_uri", service.token_uri)):
            problem = url_problem(url, private=private)
            if problem is not None:
                raise AccountInvalid(f"{name}: {problem}")
        numbers = (settings.account_id, settings.user_list_id, settings.login_account_id or "0")
        if not all(number.isascii() and number.isdigit() for number in numbers):
            raise AccountInvalid("account_id, user_list_id and login_account_id are numbers without hyphens.")

    async def open_audience(self, account: Account, http: Http) -> Audience:
        """The list."""
        service = ServiceAccount.read(account.secret("service_account"))
        return GoogleMembers(self.settings(account), service, http)

    async def probe(self, account: Account, http: Http) -> Sent:
        """Ask Google for an access token."""
        service = ServiceAccount.read(account.secret("service_account"))
        token = await Tokens(service, SCOPE, http).token()
        return token if isinstance(token, Sent) else Sent(outcome="accepted", detail=service.client_email)

    def row(self, identity: Identity) -> list[str]:
        """A line of the file Google Ads takes."""
        return google_row(identity)

    def matched(self, identity: Identity) -> Identity:
        """As Google has the person."""
        return google_matched(identity)


class GoogleMembers(Audience):
    """The people of one list."""

    def __init__(self, settings: GoogleAudienceSettings, service: ServiceAccount, http: Http) -> None:
        self._settings = settings
        self._tokens = Tokens(service, SCOPE, http)
        self._http = http

    async def change(self, action: Action, members: Sequence[Identity]) -> Batch:
        """``audienceMembers:ingest`` puts in, ``:remove`` takes out."""
        people = [found for found in map(google_identifiers, members) if found]
        if not people:
            return Batch(sent=Sent(outcome="refused", code="unmatchable", detail="No e-mail address, no number."))
        token = await self._tokens.token()
        if isinstance(token, Sent):
            return Batch(sent=token)
        answer = await call(
            self._http,
            "POST",
            f"{self._settings.base_url.rstrip('/')}/v1/audienceMembers:{'ingest' if action == 'add' else 'remove'}",
            headers={"authorization": f"Bearer {token}"},
            json=request_of(self._settings, action, people),
            seconds=SECONDS,
        )
        if isinstance(answer, Sent):
            return Batch(sent=answer)
        if answer.status == 401:
            self._tokens.forget()
        return Batch(sent=outcome(answer), received=len(people) if answer.ok else None)


def request_of(
    settings: GoogleAudienceSettings, action: Action, people: Sequence[list[dict[str, Any]]]
) -> dict[str, Any]:
    """The request's body. Consent is said with every upload: only who gave it is in there."""
    destination: dict[str, Any] = {
        "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": settings.account_id},
        "productDestinationId": settings.user_list_id,
    }
    if settings.login_account_id is not None:
        destination["loginAccount"] = {"accountType": "GOOGLE_ADS", "accountId": settings.login_account_id}
    body: dict[str, Any] = {
        "destinations": [destination],
        "audienceMembers": [{"userData": {"userIdentifiers": found}} for found in people],
        "encoding": "HEX",
    }
    if action == "add":
        body["consent"] = {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}
        body["termsOfService"] = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}
    return body


def outcome(reply: Reply) -> Sent:
    """What an answer of the Data Manager API means."""
    body = told(reply)
    if reply.ok:
        return Sent(outcome="accepted", provider_id=reading.text(body, "requestId"))
    error = reading.inner(body, "error")
    code = reading.text(error, "status") or str(reply.status)
    detail = (reading.text(error, "message") or reply.words())[:300]
    if reply.status in (401, 403):
        return Sent(outcome="retry", code=code, detail=detail, account_fault=True)
    # Adding and removing are the same done twice, so trouble on their side is simply tried again.
    if reply.status == 429 or reply.status >= 500:
        return Sent(outcome="retry", code=code, detail=detail, retry_after=wait_of(reply))
    return Sent(outcome="refused", code=code, detail=detail)
