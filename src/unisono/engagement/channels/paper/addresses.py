"""A person's postal address, out of his traits, as lines for the window of an envelope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from babel import Locale, UnknownLocaleError

from unisono.customers.profiles.rules import Trait, display_name

_STREET: Final = ("street", "line1", "address1", "streetAddress", "street_address")
_MORE: Final = ("line2", "address2", "street2", "extra")
_POSTCODE: Final = ("postalCode", "postal_code", "postcode", "zip", "zipCode")
_CITY: Final = ("city", "town", "locality")
_REGION: Final = ("state", "province", "region")
_COUNTRY: Final = ("country", "countryCode", "country_code")

MAX_LINE: Final = 100


def address_lines(traits: Mapping[str, Trait], *, home: str, language: str) -> tuple[str, ...]:
    """Name, street, postcode and city, and the country when it is not ``home``; empty when it would not arrive.

    The address is the trait ``address`` as the field's clients send it (``street``, ``city``, ``postalCode``,
    ``state``, ``country``), or traits ``address.street`` and so on, or ``street`` and so on.
    """
    said = _said(traits)
    street, postcode, city = _first(said, _STREET), _first(said, _POSTCODE), _first(said, _CITY)
    if not (street and city and postcode):
        return ()
    region, country = _first(said, _REGION), _first(said, _COUNTRY)
    place = f"{postcode} {city}"
    if region and len(region) <= 3:
        # Italian and American post write the province or state after the city; longer names are not part of it.
        place = f"{place} {region.upper()}"
    lines = [display_name(dict(traits)) or "", street, _first(said, _MORE), place]
    if country and not _is(country, home):
        lines.append(_in_words(country, language).upper())
    return tuple(line[:MAX_LINE] for line in lines if line)


def _said(traits: Mapping[str, Trait]) -> dict[str, Any]:
    whole = traits["address"].value if "address" in traits else None
    found = dict(whole) if isinstance(whole, dict) else {}
    if isinstance(whole, str):
        found["street"] = whole
    for name, trait in traits.items():
        part = name.removeprefix("address.")
        if part in _KNOWN:
            found.setdefault(part, trait.value)
    return found


_KNOWN: Final = frozenset((*_STREET, *_MORE, *_POSTCODE, *_CITY, *_REGION, *_COUNTRY))


def _first(said: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = said.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip():
            return " ".join(value.split())
    return ""


def _is(country: str, code: str) -> bool:
    return country.upper() == code.upper() or country.casefold() in {
        str(Locale(language).territories.get(code.upper(), "")).casefold() for language in ("en", "it")
    }


def _in_words(country: str, language: str) -> str:
    """A country for the post: in the sender's language, as the Universal Postal Union asks."""
    if len(country) != 2:
        return country
    try:
        return str(Locale.parse(language).territories.get(country.upper(), country))
    except (UnknownLocaleError, ValueError):
        return country
