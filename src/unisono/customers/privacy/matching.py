"""How an erased value is recognised wherever somebody has written it.

One pattern serves PostgreSQL, which finds the rows, and Python, which takes the value out of them: so both know the
same spellings. Case is ignored. A value within a longer word is not meant: ``maria@x.it`` is not in
``rosa-maria@x.it``.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec
import phonenumbers

from unisono.customers.identity.model import Key
from unisono.kit.personal import SHORTEST

ERASED: Final = "[erased]"
"""What stands where a value stood."""

SHORT: Final = 6
"""Identifiers with fewer characters, and numbers with fewer than eight, are too common to be looked for in free text:
they are recognised beside their name alone (``"user_id": "42"``)."""

_BEFORE: Final = r"(?:(?<![A-Za-z0-9._+-])|(?<=%[0-9A-Fa-f][0-9A-Fa-f])|(?<=\\[ntrbf])|(?<=\\u[0-9A-Fa-f]{4}))"
_AFTER: Final = r"(?![A-Za-z0-9-])(?!\.[A-Za-z0-9])"
_AROUND_WORD: Final = (r"(?:(?<!\w)|(?<=\\[ntrbf]))", r"(?!\w)")

ID_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "user_id": ("user_id", "userId", "previousId", "customer_id", "customerId"),
    "anonymous_id": ("anonymous_id", "anonymousId", "previousId"),
    "loyalty_card": ("loyalty_card", "loyaltyCard", "card"),
    "device_id": ("device_id", "deviceId"),
}
"""Under which names senders give an identifier, beside that of its namespace."""


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """Who is looked for."""

    identifiers: list[Key]
    names: list[str] = []
    nodes: list[int] = []


def literal(text: str) -> str:
    """A text as a pattern, for both kinds of regular expressions."""
    return "".join(sign if sign.isalnum() or not sign.isascii() or sign == "_" else "\\" + sign for sign in text)


def is_short(value: str) -> bool:
    """Whether it is too common for free text."""
    return len(value) < SHORT or (value.isdecimal() and len(value) < 8)


def spellings(value: str) -> set[str]:
    """A value as JSON, URLs and escaped bytes write it."""
    found = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    found |= {one.replace("/", "\\/") for one in found}
    found |= {quote(value, safe=""), quote(value), quote(value, safe="@+")}
    if not value.isascii():
        octal = value.encode()
        found.add("".join(chr(byte) if byte < 128 else f"\\{byte:03o}" for byte in octal))
    return found


def in_base64(value: str) -> set[str]:
    """The signs that any base64 of a text has that contains the value, wherever in it the value stands."""
    found = set()
    for spelled in {value, value.lower(), value.upper()}:
        data = spelled.encode()
        for shift in range(3):
            encoded = base64.b64encode(b"\0" * shift + data).decode()
            # The first and the last signs also depend on the neighbours.
            whole = (shift + len(data)) // 3 * 4
            inside = encoded[(0, 2, 3)[shift] : whole]
            if len(inside) >= 8:
                found |= {inside, inside.replace("+", "-").replace("/", "_")}
    return found


def _joined(signs: Iterable[str], between: str) -> str:
    return between.join(literal(sign) for sign in signs)


def _phone(value: str) -> str:
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        return rf"(?<![0-9]){literal(value)}(?![0-9])"
    national, country = str(number.national_number), str(number.country_code)
    between = r"[ ./()-]{0,2}"
    code = _joined(country, between)
    return rf"(?<![0-9])(?:(?:\+|00|%2B)?{code}{between}(?:\(0\))?)?0?{_joined(national, between)}(?![0-9])"


def _looks_like_phone(value: str) -> bool:
    return re.fullmatch(r"\+[0-9]{6,15}", value) is not None


def pattern_of(key: Key) -> str:
    """The pattern of one identifier."""
    if is_short(key.value):
        return _named(key)
    if _looks_like_phone(key.value):
        plain = _phone(key.value)
    elif key.namespace == "loyalty_card":
        plain = _BEFORE + _joined(key.value, r"[ .-]?") + _AFTER
    else:
        plain = _BEFORE + "(?:" + "|".join(sorted(map(literal, spellings(key.value)))) + ")" + _AFTER
    encoded = sorted(map(literal, in_base64(key.value)))
    return "|".join([plain, *encoded])


def _named(key: Key) -> str:
    names = "|".join(sorted({key.namespace, *ID_KEYS.get(key.namespace, ())}))
    return rf'(?:"|%22|(?<!\w))(?:{names})(?:"|%22)?[ ]?[:=][ ]?"?{literal(key.value)}(?![A-Za-z0-9_.-])'


def word(text: str) -> str:
    """The pattern of a name, a street, an order's number."""
    before, after = _AROUND_WORD
    return before + "(?:" + "|".join(sorted(map(literal, spellings(text)))) + ")" + after


def pattern(erased: Erased, *, names_too: bool) -> str | None:
    """The pattern of all there is to look for; None when there is nothing."""
    parts = [pattern_of(key) for key in erased.identifiers]
    if names_too:
        parts += [word(name) for name in erased.names if len(name) >= SHORTEST]
        if erased.nodes:
            numbers = "|".join(map(str, erased.nodes))
            parts.append(rf'"[a-z_]*(?:node|person)[a-z_]*": ?"?(?:{numbers})(?![0-9])')
    return "|".join(f"(?:{part})" for part in parts) if parts else None


class Cleaner:
    """Takes values out of texts and JSON."""

    def __init__(self, erased: Erased, *, names_too: bool) -> None:
        parts = [pattern_of(key) for key in erased.identifiers if not is_short(key.value)]
        if names_too:
            parts += [word(name) for name in erased.names if len(name) >= SHORTEST]
        self._long = re.compile("|".join(f"(?:{part})" for part in parts), re.IGNORECASE) if parts else None
        short = [key for key in erased.identifiers if is_short(key.value)]
        self._named = re.compile("|".join(map(_named, short)), re.IGNORECASE) if short else None
        self._short = {
            (name.lower(), key.value.lower())
            for key in short
            for name in {key.namespace, *ID_KEYS.get(key.namespace, ())}
        }

    def text(self, text: str) -> str:
        """A text without the values."""
        if self._long is not None:
            text = self._long.sub(ERASED, text)
        return self._named.sub(ERASED, text) if self._named is not None else text

    def value(self, value: Any, name: str = "") -> Any:
        """JSON without them; ``name`` is that of the field it stands in."""
        if isinstance(value, dict):
            return {self.text(key): self.value(one, key) for key, one in value.items()}
        if isinstance(value, list):
            return [self.value(one, name) for one in value]
        if isinstance(value, bool) or value is None:
            return value
        said = str(value)
        if (name.lower(), said.lower()) in self._short:
            return ERASED
        cleaned = self.text(said)
        return value if cleaned == said else cleaned
