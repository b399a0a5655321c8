"""The long tail: whatever Apprise can notify (over a hundred services), by one URL that is a secret.

Apprise answers yes or no, and no does not say whether anything was sent: it is ``unknown`` here, which marketing never
tries again. It opens its connections itself, so it runs in a thread of its own with a time-out, and schemes that act
on this machine or call any address are not for it (a webhook account does the latter, guarded).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, Final
from urllib.parse import quote

import msgspec

from unisono.engagement.channels.adapters.calling import plain, too_long
from unisono.engagement.channels.model import (
    Account,
    AccountInvalid,
    Adapter,
    AddressInvalid,
    Capabilities,
    Outgoing,
    Sender,
    Sent,
)
from unisono.kit.database import Connection
from unisono.kit.http import Http

SECONDS: Final = 30.0
MAX_TEXT: Final = 4000
THREADS: Final = 4
"""Messages on their way at once; one that hangs keeps its thread until the service gives up."""

ON_THIS_MACHINE: Final = frozenset({"dbus", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"})
ANY_ADDRESS: Final = frozenset({"form", "forms", "json", "jsons", "xml", "xmls"})

_SCHEME: Final = re.compile(r"([a-z0-9]{1,30})://\S+")
PLACE: Final = "{address}"
"""Where the address goes, in URLs that write to one recipient each."""

Notify = Callable[[str, str, str], bool | None]
"""URL, title, body to Apprise's answer."""


class AppriseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All is in the URL."""

    seconds: float = SECONDS
    """How long a message may take."""


class AppriseUrl(Adapter):
    """Any service Apprise knows."""

    kind: ClassVar[str] = "apprise"
    title: ClassVar[str] = "Others, by Apprise"
    channels: ClassVar[tuple[str, ...]] = ("other",)
    Settings: ClassVar[type[msgspec.Struct]] = AppriseSettings
    secret_names: ClassVar[tuple[str, ...]] = ("url",)
    capabilities: ClassVar[Capabilities] = Capabilities(subject=True, max_text=MAX_TEXT)

    def check(self, account: Account, *, private: bool) -> None:
        """The URL is one Apprise knows and may be used. Raises AccountInvalid, never with the URL in it."""
        settings: AppriseSettings = self.settings(account)
        if not 1 <= settings.seconds <= 120:
            raise AccountInvalid("seconds is 1 to 120.")
        url = account.secret("url")
        found = _SCHEME.fullmatch(url.strip().lower())
        if found is None:
            raise AccountInvalid("url is one of Apprise: service://…")
        scheme = found.group(1)
        if scheme in ON_THIS_MACHINE:
            raise AccountInvalid(f"{scheme}:// acts on this machine.")
        if scheme in ANY_ADDRESS and not private:
            raise AccountInvalid(f"{scheme}:// calls any address.", hint="Use an account of kind webhook.")
        if not _known(url):
            raise AccountInvalid("Apprise cannot read this URL.")

    def validate_address(self, text: str) -> str:
        """What stands for {address} in the URL; other URLs do not look at it. Raises AddressInvalid."""
        found = text.strip()
        if len(found) > 300 or any(char < " " for char in found):
            raise AddressInvalid("That is no address.")
        return found

    async def open(self, account: Account, http: Http) -> Sender:
        """A sender with threads of its own."""
        return AppriseSender(account.secret("url"), self.settings(account).seconds)


class AppriseSender(Sender):
    """Notifies by one URL."""

    def __init__(self, url: str, seconds: float, notify: Notify | None = None) -> None:
        self._url = url
        self._seconds = seconds
        self._notify = notify or _notify
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="apprise")

    async def close(self) -> None:
        """Begin nothing more; what hangs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def send(self, conn: Connection | None, message: Outgoing) -> Sent:
        """One notification."""
        text = plain(message)
        refused = too_long(text, MAX_TEXT)
        if refused is not None:
            return refused
        url = self._url.replace(PLACE, quote(message.address, safe=""))
        title = message.subject or ("" if message.text is None and message.title else message.title or "")
        job = self._threads.submit(self._notify, url, title, text)
        try:
            async with asyncio.timeout(self._seconds):
                answer = await asyncio.wrap_future(job)
        except TimeoutError:
            if job.cancelled():
                return Sent(outcome="retry", code="busy", detail="All threads are taken.", account_fault=True)
            return Sent(outcome="unknown", code="timeout", detail=f"No answer within {self._seconds:.0f} seconds.")
        if answer is None:
            return Sent(outcome="refused", code="url", detail="Apprise cannot use the URL.", account_fault=True)
        if not answer:
            return Sent(outcome="unknown", code="failed", detail="Apprise says no, and not why or how far it came.")
        return Sent(outcome="accepted")


def _known(url: str) -> bool:
    # Imported late: it takes a second, and most installations have no such account.
    import apprise  # noqa: PLC0415

    return apprise.Apprise.instantiate(url.replace(PLACE, "1234567890")) is not None


def _notify(url: str, title: str, body: str) -> bool | None:
    import apprise  # noqa: PLC0415

    service = apprise.Apprise.instantiate(url)
    if service is None:
        return None
    box = apprise.Apprise()
    box.add(service)
    return bool(box.notify(title=title, body=body))
