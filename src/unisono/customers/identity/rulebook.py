"""The rules as this installation has them, read from the database and kept until they change."""

from __future__ import annotations

import msgspec

from unisono.customers.identity.model import BlockedValue, Claim, Key, Namespace
from unisono.customers.identity.normalise import UnusableIdentifier, normalise
from unisono.customers.identity.rules import Blocklist
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.customers.identity")


BELIEVED = frozenset({"user_id"})
"""Person-level identifiers a public key is believed on: the shop's own sign-in. All others are hints."""

_REMEMBERED = 50_000


class Rulebook:
    """Namespaces and blocked values of one version."""

    def __init__(self, version: int, namespaces: list[Namespace], blocked: list[BlockedValue], country: str) -> None:
        self.version = version
        self.namespaces = {namespace.name: namespace for namespace in namespaces}
        self.blocked = blocked
        self._blocklist = Blocklist(blocked)
        self.country = country
        self._claims: dict[tuple[str, str, bool], tuple[bool, int, Claim]] = {}

    def claim(self, namespace: str, value: str, *, trusted: bool) -> tuple[bool, int, Claim]:
        """The identifier as a claim, with what sorts it: hints last, strong namespaces first.

        What a public key says is a hint but for its own sign-in and devices. Remembered, since clients repeat
        themselves. Raises UnusableIdentifier as ``key`` does.
        """
        found = self._claims.get((namespace, value, trusted))
        if found is None:
            key = self.key(namespace, value)
            rule = self.namespaces[key.namespace]
            hint = not (trusted or rule.level == "device" or rule.name in BELIEVED)
            found = (hint, rule.priority, Claim(key, "hint" if hint else "proof"))
            if len(self._claims) > _REMEMBERED:
                self._claims.clear()
            self._claims[namespace, value, trusted] = found
        return found

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
