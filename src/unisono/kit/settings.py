"""Settings: read once from the environment, all mistakes reported together.

Every setting is a field of :class:`Settings`; its environment name is ``UNISONO_`` plus the field in capitals.
The attribute comments are the reference (docs/reference/settings.md is made from them).
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from unisono.kit.errors import UnisonoError

PREFIX = "UNISONO_"


class SettingsError(UnisonoError):
    """One or more settings cannot be used."""

    code = "settings"
    title = "The settings are not valid"


def _default_data_dir() -> Path:
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # The database server never runs as root, and its user cannot enter root's home.
        return Path("/var/lib/unisono")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "unisono"
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "unisono"


def _setting(default: Any = None, *, doc: str, factory: Callable[[], Any] | None = None, shown: bool = True) -> Any:
    if factory is not None:
        return field(default_factory=factory, metadata={"doc": doc}, repr=shown)
    return field(default=default, metadata={"doc": doc}, repr=shown)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that an installation can be told. Sizes are bytes, times are seconds."""

    data_dir: Path = _setting(
        factory=_default_data_dir,
        doc="Folder of the embedded database, its password and logs. As root: /var/lib/unisono.",
    )
    secret_key: str | None = _setting(
        None,
        shown=False,
        doc="The installation's key, 32 bytes in base64; default: the file secret.key in the data folder, made there. "
        "It signs links and encrypts providers' passwords: several machines need the same.",
    )
    database_url: str | None = _setting(None, doc="Use this PostgreSQL (15 or newer) instead of the embedded one.")
    host: str = _setting("127.0.0.1", doc="Address the web server listens on.")
    port: int = _setting(8400, doc="Port the web server listens on.")
    public_url: str | None = _setting(
        None,
        doc="Address the outside reaches us at, used in links and code samples. Default: the one asked for.",
    )
    secure_cookies: bool = _setting(
        False, doc="Mark console cookies Secure; set it when the console is served over https."
    )
    currency: str = _setting("EUR", doc="ISO 4217 currency of amounts that come without one.")
    country: str = _setting("IT", doc="ISO 3166 country of phone numbers that come without a prefix.")
    timezone: str = _setting("Europe/Rome", doc="IANA zone of the company; stores may have their own.")
    locale: str = _setting("en", doc="Language of the console when the browser asks for none of ours: en or it.")
    pool_size: int = _setting(10, doc="Database connections a process may hold.")
    readers: int = _setting(2, doc="Lanes each reader of the log is worked in by one worker process.")
    max_event_bytes: int = _setting(32 * 1024, doc="Largest single event.")
    max_batch_bytes: int = _setting(500 * 1024, doc="Largest request body, after decompression.")
    max_batch_events: int = _setting(2500, doc="Most events in one request.")
    queue_events: int = _setting(20_000, doc="Events waiting to be written in one web process before it answers 429.")
    commit_events: int = _setting(3000, doc="Most events written in one database transaction.")
    max_skew: int = _setting(
        300, doc="How far ahead of its arrival an event's time may be before it is set back to it."
    )
    computed_traits: Path | None = _setting(
        None, doc="YAML file that declares computed traits; default: the one in the package."
    )
    webhook_private_addresses: bool = _setting(
        False, doc="Let webhooks go to this machine and its network, and over http; otherwise to public https alone."
    )
    provider_private_addresses: bool = _setting(
        False, doc="Let channel accounts name servers of this machine and its network, and without TLS: for the demo."
    )
    reservation_days: int = _setting(
        1, doc="A reservation lasts until the store closes on the so many-th day of opening after today; 0 is today."
    )
    reservation_limit: int = _setting(5, doc="Open reservations a person may have in all stores together.")
    pickup_days: int = _setting(
        7, doc="Days of opening a ready order waits to be collected before it is cancelled and refunded."
    )
    shop_url: str | None = _setting(
        None, doc="Where a product has its page, for feeds: https://shop.example/p/{sku}; {product} is its code."
    )
    public_feeds: bool = _setting(False, doc="Let everybody fetch the product feeds; otherwise keys of shop fronts.")
    shipping_minor: int = _setting(
        0, doc="What sending an order costs in minor units, where the shop's own server does not say another price."
    )
    test_payments: bool = _setting(
        False, doc="Allow the provider `test`, which takes no money: for the demo and for trying a front out."
    )
    change_days: int = _setting(
        90,
        doc="Days every change of a price, a stock, an order is kept in the feed; older ones go once a newer one of "
        "the same thing is that old.",
    )
    provider_call_days: int = _setting(
        60,
        doc="Days it is remembered what providers told us, so that what comes again counts once, and which browsers "
        "and phones they told us are gone.",
    )
    log_level: str = _setting("info", doc="debug, info, warning or error.")
    log_json: bool = _setting(False, doc="Structured logs as JSON lines instead of text.")


def _parse(name: str, kind: str, raw: str) -> Any:
    if kind.startswith("Path"):
        return Path(raw).expanduser()
    if kind == "int":
        return int(raw)
    if kind == "bool":
        lowered = raw.strip().lower()
        if lowered in {"1", "true", "yes", "on"}:
            return True
        if lowered in {"0", "false", "no", "off", ""}:
            return False
        raise ValueError(f"{name} must be true or false")
    return raw


def key_bytes(text: str) -> bytes | None:
    """A key written in base64, plain or url-safe; None when it is not 32 bytes."""
    try:
        key = base64.b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        return None
    return key if len(key) == 32 else None


def _problems(settings: Settings) -> list[str]:
    problems = []
    try:
        ZoneInfo(settings.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        problems.append(f"UNISONO_TIMEZONE: {settings.timezone!r} is not an IANA time zone")
    if settings.secret_key is not None and key_bytes(settings.secret_key) is None:
        problems.append("UNISONO_SECRET_KEY: must be 32 bytes in base64 (openssl rand -base64 32)")
    if settings.locale not in {"en", "it"}:
        problems.append(f"UNISONO_LOCALE: {settings.locale!r} is not one of en, it")
    if not 0 < settings.port < 65536:
        problems.append(f"UNISONO_PORT: {settings.port} is not a port")
    problems.extend(
        f"{PREFIX}{name.upper()}: must be positive"
        for name in ("pool_size", "readers", "max_event_bytes", "max_batch_bytes", "max_batch_events")
        if getattr(settings, name) < 1
    )
    problems.extend(
        f"{PREFIX}{name.upper()}: must be {least} to {most}"
        for name, least, most in (
            ("reservation_days", 0, 30),
            ("reservation_limit", 1, 1000),
            ("pickup_days", 0, 50),
            ("change_days", 35, 3650),
            ("provider_call_days", 7, 3650),
        )
        if not least <= getattr(settings, name) <= most
    )
    return problems


def load_settings(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read the settings; ``overrides`` (from the command line) win over the environment.

    Raises SettingsError with every mistake found, and for ``UNISONO_`` names that do not exist.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    problems: list[str] = []
    known = {f.name: f for f in fields(Settings)}
    for key, raw in environ.items():
        if not key.startswith(PREFIX):
            continue
        name = key.removeprefix(PREFIX).lower()
        if name in NOT_SETTINGS:
            continue
        if name not in known:
            problems.append(f"{key}: there is no such setting")
            continue
        try:
            values[name] = _parse(key, str(known[name].type), raw)
        except ValueError as error:
            problems.append(f"{key}: {error}")
    values.update({name: value for name, value in overrides.items() if value is not None})
    settings = Settings(**values)
    problems.extend(_problems(settings))
    if problems:
        raise SettingsError("; ".join(problems), hint="See docs/reference/settings.md")
    return settings


NOT_SETTINGS = frozenset({"crash_point", "crash_after", "test_database_url", "chromium", "serve_parent"})
"""Names under our prefix that drive tests and processes of ours, not an installation."""
