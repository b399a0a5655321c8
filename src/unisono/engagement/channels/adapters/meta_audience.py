"""Custom Audiences of Meta: ``/{audience}/users`` of the Marketing API, hashed values in columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from unisono.engagement.channels import reading
from unisono.engagement.channels.adapters import graph
from unisono.engagement.channels.adapters.calling import call, told
from unisono.engagement.channels.audiences.formats import META_COLUMNS, META_SCHEMA, Identity, meta_matched, meta_row
from unisono.engagement.channels.audiences.model import Action, Audience, AudienceAdapter, Batch
from unisono.engagement.channels.model import Account, AccountInvalid, Sent
from unisono.kit.http import Http, url_problem

SECONDS = 60.0
"""Ten thousand people take Meta some seconds."""


class MetaAudienceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An audience of customers."""

    audience_id: str
    """The Custom Audience's number."""
    base_url: str = graph.BASE_URL
    """Where the Marketing API answers."""
    version: str = graph.VERSION


class MetaAudience(AudienceAdapter):
    """A Custom Audience."""

    kind: ClassVar[str] = "meta_audience"
    title: ClassVar[str] = "Meta Custom Audience"
    Settings: ClassVar[type[msgspec.Struct]] = MetaAudienceSettings
    secret_names: ClassVar[tuple[str, ...]] = ("access_token",)
    columns: ClassVar[tuple[str, ...]] = META_COLUMNS

    def check(self, account: Account, *, private: bool) -> None:
        """The number and the address. Raises AccountInvalid."""
        settings: MetaAudienceSettings = self.settings(account)
        problem = url_problem(settings.base_url, private=private)
        if problem is not None:
            raise AccountInvalid(f"base_url: {problem}")
        if not (settings.audience_id.isascii() and settings.audience_id.isdigit()):
            raise AccountInvalid("audience_id is a number.")

    async def open_audience(self, account: Account, http: Http) -> Audience:
        """The audience."""
        return MetaMembers(self.settings(account), account.secret("access_token"), http)

    def row(self, identity: Identity) -> list[str]:
        """A line of Meta's file of customers."""
        return meta_row(identity)

    def matched(self, identity: Identity) -> Identity:
        """As Meta has the person."""
        return meta_matched(identity)


class MetaMembers(Audience):
    """The people of one audience."""

    def __init__(self, settings: MetaAudienceSettings, token: str, http: Http) -> None:
        self._url = f"{settings.base_url.rstrip('/')}/{settings.version}/{settings.audience_id}/users"
        self._token = token
        self._http = http

    async def change(self, action: Action, members: Sequence[Identity]) -> Batch:
        """POST puts in, DELETE takes out."""
        rows = [meta_row(member) for member in members if member.known]
        if not rows:
            return Batch(sent=Sent(outcome="refused", code="unmatchable", detail="No e-mail address, no number."))
        answer = await call(
            self._http,
            "POST" if action == "add" else "DELETE",
            self._url,
            headers={"authorization": f"Bearer {self._token}"},
            json={"payload": {"schema": META_SCHEMA, "data": rows}},
            seconds=SECONDS,
        )
        if isinstance(answer, Sent):
            return Batch(sent=answer)
        if graph.error_of(answer) is not None or not answer.ok:
            return Batch(sent=graph.failure(answer))
        body = told(answer)
        return Batch(
            sent=Sent(outcome="accepted", provider_id=reading.text(body, "session_id")),
            received=_count(body, "num_received"),
            invalid=_count(body, "num_invalid_entries"),
        )


def _count(body: dict[str, Any], name: str) -> int | None:
    found = body.get(name)
    return found if isinstance(found, int) else None
