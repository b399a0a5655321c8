"""The rules as this installation has them, read from the database and kept until they change."""

from __future__ import annotations

import msgspec

from unisono.customers.identity.model import BlockedValue, Key, Namespace
from unisono.customers.identity.normalise import UnusableIdentifier, normalise
from unisono.customers.identity.rules import Blocklist
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.customers.identity")


class Rulebook:
    """Namespaces and blocked values of one version."""

    def __init__(self, version: int, namespaces: list[Namespace], blocked: list[BlockedValue], country: str) -> None:
        self.version = version
        self.namespaces = {namespace.name: namespace for namespace in namespaces}
        self.blocked = blocked
        self._blocklist = Blocklist(blocked)
        self.country = country

    def priority(self, key: Key) -> int:
        """Rank of the key's namespace, smaller is stronger."""
        return self.namespaces[key.namespace].priority

    def key(self, namespace: str, value: str, country: str | None = None) -> Key:
        """The identifier in its one spelling.

        Raises UnusableIdentifier for unknown namespaces, malformed values and values that are nobody.
        """
        known = self.namespaces.get(namespace)
        if known is None:
            raise UnusableIdentifier(f"there is no namespace {namespace!r}")
        if self._blocklist.blocks(namespace, value.strip()):
            raise UnusableIdentifier("blocked value")
        if known.normaliser == "plain" and value.isascii() and value.isprintable() and 0 < len(value) <= 256:
            return Key(namespace, value.strip() or value)
        spelled = normalise(known.normaliser, value, country or self.country)
        if self._blocklist.blocks(namespace, spelled):
            raise UnusableIdentifier("blocked value")
        return Key(namespace, spelled)


async def read_rulebook(conn: Connection, country: str = "IT") -> Rulebook:
    """The rules as they are now; ``country`` completes phone numbers without a prefix."""
    version = await _sql.rules_version(conn)
    namespaces = [msgspec.convert(dict(row), Namespace) for row in await _sql.namespaces(conn)]
    blocked = [msgspec.convert(dict(row), BlockedValue) for row in await _sql.blocked_values(conn)]
    return Rulebook(int(version), namespaces, blocked, country)
