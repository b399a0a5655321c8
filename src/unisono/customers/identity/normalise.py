"""One spelling per identifier: e-mail addresses, phone numbers, cards."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import phonenumbers

MAX_VALUE = 256
"""Longest identifier kept, in characters; longer ones are refused."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}")
_NO_TEXT = re.compile("[\x00-\x1f\x7f\ud800-\udfff�]")
_CARD_NOISE = re.compile(r"[\s.\-]")


class UnusableIdentifier(ValueError):
    """The value cannot stand for a person; the message says why."""


def _plain(value: str) -> str:
    return value


def _email(value: str) -> str:
    folded = unicodedata.normalize("NFKC", value).casefold().removeprefix("mailto:")
    if not _EMAIL.fullmatch(folded):
        raise UnusableIdentifier("not an e-mail address")
    local, _, domain = folded.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise UnusableIdentifier("not an e-mail address: bad domain") from None
    return f"{local}@{domain}"


@lru_cache(maxsize=10_000)
def _phone(value: str, country: str) -> str:
    try:
        number = phonenumbers.parse(value, country)
    except phonenumbers.NumberParseException:
        raise UnusableIdentifier("not a phone number") from None
    if not phonenumbers.is_possible_number(number):
        raise UnusableIdentifier("not a possible phone number")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _card(value: str) -> str:
    return _CARD_NOISE.sub("", value).upper()


def normalise(normaliser: str, value: str, country: str = "IT") -> str:
    """The one spelling of an identifier.

    ``country`` (ISO 3166) completes phone numbers without a prefix. Raises UnusableIdentifier for empty, too long
    or malformed values.
    """
    value = value.strip()
    if _NO_TEXT.search(value):
        raise UnusableIdentifier("contains characters that are not text")
    if not value:
        raise UnusableIdentifier("empty")
    if len(value) > MAX_VALUE:
        raise UnusableIdentifier(f"longer than {MAX_VALUE} characters")
    if normaliser == "email":
        return _email(value)
    if normaliser == "phone":
        return _phone(value, country)
    if normaliser == "card":
        return _card(value) or _raise_empty()
    return _plain(value)


def _raise_empty() -> str:
    raise UnusableIdentifier("empty")
