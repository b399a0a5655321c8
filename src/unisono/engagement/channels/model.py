"""What every channel speaks: a message that leaves, what came of it, what the provider tells later, and who does it.

An adapter is one kind of account (`smtp`, `twilio_sms`, ...). It is stateless: what it needs is in the `Account`; what
it opens is a `Sender`, which belongs to one worker's lane. Adapters with ``local = True`` write our own tables on the
connection they are given, in the transaction that writes `accepted`: they send exactly once and are never unknown.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, ClassVar, Final, Literal, get_args

import msgspec

from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest, Unauthenticated
from unisono.kit.http import Http

Channel = Literal[
    "email",
    "sms",
    "whatsapp",
    "messenger",
    "instagram",
    "telegram",
    "web_push",
    "app_push",
    "onsite",
    "chat",
    "mail",
    "call",
    "clerk",
    "till",
    "webhook",
    "ads",
    "other",
]
CHANNELS: Final[tuple[str, ...]] = get_args(Channel)
"""Every channel, as consent, messages, contacts and accounts name it."""

Status = Literal["active", "paused", "disabled"]


class BadSignature(Unauthenticated):
    """A provider's call is not signed as this account's calls are: nothing of it was believed."""

    code = "bad_signature"
    title = "The signature does not match"


class AddressInvalid(BadRequest):
    """A text is no address of this channel."""

    code = "address_invalid"
    title = "That is no address of this channel"


class AccountInvalid(BadRequest):
    """An account's settings or secrets cannot be used."""

    code = "channel_account_invalid"
    title = "The account is not valid"


class HookUnreadable(BadRequest):
    """A provider's call is signed but cannot be read."""

    code = "hook_unreadable"
    title = "The call cannot be read"


class Secrets(dict[str, str]):
    """An account's secrets by name; they are never shown, logs and tracebacks included."""

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self))})"


class Button(msgspec.Struct, frozen=True):
    """Something to press: leads to ``url``, or answers with ``payload``."""

    text: str
    url: str | None = None
    payload: str | None = None


class WarmUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a new sender earns trust: ``first_day`` messages on the day ``begins``, ``growth`` times more each day after.

    From ``full`` messages a day on there is no limit but the account's rate.
    """

    begins: date
    first_day: int = 200
    growth: float = 1.5
    full: int = 100_000

    def allowance(self, day: date) -> int | None:
        """Messages allowed on a day of the company's zone; None once warm, 0 before it begins."""
        if day < self.begins:
            return 0
        # 2 ** 60 days of growth is beyond any float: once past `full` the answer does not change any more.
        allowed: float = self.first_day
        for _ in range((day - self.begins).days):
            allowed *= self.growth
            if allowed >= self.full:
                break
        return None if allowed >= self.full else int(allowed)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account with a provider, opened: its secrets are readable here and nowhere else."""

    id: int
    code: str
    kind: str
    channel: str
    name: str = ""
    status: Status = "active"
    rank: int = 100
    settings: Mapping[str, Any] = {}
    secrets: Secrets = msgspec.field(default_factory=Secrets)
    per_second: float = 10.0
    warm_up: WarmUp | None = None
    cost_minor: int = 0
    """What one message (for texts: one segment) costs, in minor units of ``currency``."""
    currency: str | None = None
    failures: int = 0
    """In a row, of the account's own fault."""
    closed_until: datetime | None = None
    """The circuit: nothing is handed over before this instant."""
    last_error: str | None = None
    hook_url: str | None = None
    """Where its provider reaches us, when the installation knows its public address."""
    sealed: bool = False
    """Its secrets were encrypted with another key: they are lost and must be given again."""

    def secret(self, name: str) -> str:
        """One secret. Raises AccountInvalid when it was never given."""
        try:
            return self.secrets[name]
        except KeyError:
            problem = "cannot be opened with this installation's key" if self.sealed else "is missing"
            raise AccountInvalid(f"{name} of {self.code} {problem}.", hint="Give it and try again.") from None


class Device(msgspec.Struct, frozen=True):
    """A browser or a phone of the person, beside the one a message is addressed to."""

    address: str
    keys: Mapping[str, Any] = {}


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one address, rendered: what a channel gets and nothing more."""

    message_id: int
    key: str
    """The message's key in the ledger: the same on each try."""
    reference: str
    """Names the message to providers and comes back from them: ``kit.tokens`` of its id, kind ``message``."""
    channel: str
    address: str
    """As `Adapter.validate_address` gives it; for push the endpoint or token, for local channels the node's text."""
    devices: tuple[Device, ...] = ()
    """Of push: where else the person gets it."""
    language: str = "en"
    subject: str | None = None
    preheader: str | None = None
    html: str | None = None
    text: str | None = None
    title: str | None = None
    body: str | None = None
    url: str | None = None
    image_url: str | None = None
    buttons: tuple[Button, ...] = ()
    data: Mapping[str, Any] = {}
    """What a channel of its own kind needs: a provider's template, keys of a push address, a slot."""
    unsubscribe_url: str | None = None
    preferences_url: str | None = None
    sender_name: str | None = None
    purpose: str = "transactional"
    node_id: int = 0
    store_id: str | None = None
    ends_at: datetime | None = None
    """Past it the message is of no use: providers that take a time to live get it."""
    campaign: str | None = None
    """Code of the broadcast or journey, for providers' statistics (Feedback-ID, categories)."""
    answers_at: datetime | None = None
    """When the person wrote to us last on this channel: opens a window where free text is allowed."""

    def words(self) -> str:
        """The message as plain words, for channels that carry nothing else: text, else body, else title."""
        return self.text or self.body or self.title or ""


Outcome = Literal["accepted", "refused", "retry", "unknown"]


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What a try came to.

    ``retry``: surely not accepted, another try may go well. ``refused``: surely not accepted, and never will be.
    ``unknown``: cut after it may have been taken; nobody can say.
    """

    outcome: Outcome
    provider_id: str | None = None
    code: str | None = None
    detail: str | None = None
    retry_after: float | None = None
    """Seconds the provider asked us to wait."""
    gone: bool = False
    """The address is dead for good: it is to be suppressed."""
    dead: tuple[str, ...] = ()
    """Of several devices: those that are gone, whatever became of the others."""
    account_fault: bool = False
    """It tells of the account, not of this message: counts for the circuit."""
    cost_minor: int | None = None


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel can carry and tell."""

    html: bool = False
    subject: bool = False
    media: bool = False
    buttons: int = 0
    """How many."""
    max_text: int | None = None
    """Characters; longer texts are refused before they are sent."""
    inbound: bool = False
    """People can answer."""
    receipts: bool = False
    """The provider tells what became of a message."""
    needs_consent: bool = True
    """For marketing."""
    idempotent: bool = False
    """A second try of the same message is recognised (idempotency key, or the same Message-ID)."""
    window_hours: int | None = None
    """Free text only so long after the person wrote to us; otherwise approved templates."""


EventKind = Literal[
    "delivered",
    "bounced",
    "deferred",
    "opened",
    "clicked",
    "complained",
    "unsubscribed",
    "failed",
    "read",
    "inbound",
    "stop",
    "start",
]


class ProviderEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something a provider tells. It may come twice, late, and in any order."""

    kind: EventKind
    account_id: int
    delivery_id: str
    """Unique for the account: the provider's id of this event, or made of what it says. Seen again, it is dropped."""
    at: datetime
    """When it happened, as the provider says (UTC)."""
    provider_id: str | None = None
    reference: str | None = None
    """`Outgoing.reference` as it came back."""
    message_id: int | None = None
    """Ours, filled in from a genuine ``reference`` before the event is handed on."""
    address: str | None = None
    permanent: bool = False
    """Of bounces and failures: the address is dead."""
    code: str | None = None
    detail: str | None = None
    text: str | None = None
    """Of an inbound message."""
    url: str | None = None
    """Of a click."""
    sender_name: str | None = None
    """Of an inbound message: how the person calls himself there."""
    data: Mapping[str, Any] = {}


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """A call of a provider, raw."""

    method: str
    url: str
    """As the provider called it: with scheme, public host and query."""
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    def header(self, name: str) -> str | None:
        """A header by its lower-case name."""
        return self.headers.get(name)

    def asked(self, name: str) -> str | None:
        """The first value of a parameter of the query."""
        return next((value for key, value in self.query if key == name), None)


class HookAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider is answered, and what it told us."""

    status: int = 200
    body: bytes = b""
    media_type: str = "text/plain; charset=utf-8"
    events: tuple[ProviderEvent, ...] = ()


class Sender(ABC):
    """An opened account: keeps what is worth keeping between messages (connections, tokens).

    `send` may be called for many messages at once; how many leave at once is the lane's affair.
    """

    @abstractmethod
    async def send(self, conn: Connection | None, message: Outgoing) -> Sent:
        """Hand one message over, once; whatever comes of it is a `Sent`. ``conn`` is given to local adapters alone."""

    async def close(self) -> None:
        """Let go of what was kept."""
        return


class Adapter(ABC):
    """One kind of account. Stateless; see the module's docstring."""

    kind: ClassVar[str]
    title: ClassVar[str]
    """As people know it, for the console."""
    channels: ClassVar[tuple[str, ...]]
    """Channels an account of this kind may serve; nearly always one."""
    Settings: ClassVar[type[msgspec.Struct]]
    """The account's settings: every field with a docstring, unknown fields forbidden."""
    secret_names: ClassVar[tuple[str, ...]] = ()
    capabilities: ClassVar[Capabilities]
    local: ClassVar[bool] = False
    """It writes our own tables, in the transaction of the outcome."""

    def settings(self, account: Account) -> Any:
        """The account's settings as `Settings`. Raises AccountInvalid."""
        try:
            return msgspec.convert(account.settings, self.Settings)
        except msgspec.ValidationError as error:
            raise AccountInvalid(f"Settings of {account.code}: {error}.") from error

    def check(self, account: Account, *, private: bool) -> None:
        """Whether an account can be used, before it is stored. ``private``: addresses of this network are allowed.

        Raises AccountInvalid. Adapters add what is theirs.
        """
        self.settings(account)

    def new_secrets(self) -> dict[str, str]:
        """Secrets a new account is made with where none are given: keys of its own, which nobody else knows."""
        return {}

    @abstractmethod
    def validate_address(self, text: str) -> str:
        """The address as it is sent to. Raises AddressInvalid."""

    @abstractmethod
    async def open(self, account: Account, http: Http) -> Sender:
        """A sender for the account. Connects lazily: a provider that is away is a `retry` of `send`, not an error here.

        Raises AccountInvalid.
        """

    async def probe(self, account: Account, http: Http) -> Sent:
        """Try the account without sending to anybody: ``accepted`` with words in ``detail``, or what is wrong."""
        self.settings(account)
        return Sent(outcome="accepted", detail="The settings are well formed; there is nothing to connect to.")

    async def parse_hook(self, account: Account, hook: Hook, http: Http, *, now: datetime) -> HookAnswer:
        """Verify a call over its raw bytes, then read it. Raises BadSignature, HookUnreadable."""
        raise BadSignature(f"Nobody calls accounts of the kind {self.kind}.")

    def cost_minor(self, account: Account, message: Outgoing) -> int:
        """What the message will cost, in minor units of the account's currency."""
        return account.cost_minor
