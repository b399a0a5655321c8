"""People as Meta and Google match them: each value in their spelling, then SHA-256.

Meta: the rules of ``facebook-business`` ``adobjects/serverside/normalize.py``, which its documentation gives for
audiences too. Google: developers.google.com/data-manager/api/devguides/concepts/formatting. Two spellings of one
person are two strangers to them, so nothing here is a matter of taste.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

_HASHED: Final = re.compile(r"[0-9a-f]{64}")
_PLACE: Final = re.compile(r"[0-9\s.\-()]")
_DIGITS: Final = re.compile(r"\D")

META_SCHEMA: Final = ("EMAIL", "PHONE", "FN", "LN", "CT", "ST", "ZIP", "COUNTRY", "EXTERN_ID")
META_COLUMNS: Final = ("email", "phone", "fn", "ln", "ct", "st", "zip", "country", "extern_id")
GOOGLE_COLUMNS: Final = ("Email", "Phone", "First Name", "Last Name", "Country", "Zip")

GMAIL: Final = ("gmail.com", "googlemail.com")


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a person that others may know him by. ``phone`` is international; values may come hashed."""

    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    city: str | None = None
    region: str | None = None
    postcode: str | None = None
    country: str | None = None
    """Two letters."""
    external_id: str | None = None

    @property
    def known(self) -> bool:
        """Whether anybody could be matched by it."""
        return bool(self.email or self.phone)


def sha256(text: str) -> str:
    """Hexadecimal, in small letters; what is hashed already stays, nothing stays nothing."""
    return text if not text or _HASHED.fullmatch(text) else hashlib.sha256(text.encode()).hexdigest()


def _plain(value: str | None) -> str:
    return (value or "").strip().lower()


def meta_place(value: str | None) -> str:
    """A city or state: no digits, spaces, points, hyphens, brackets."""
    text = _plain(value)
    return text if _HASHED.fullmatch(text) else _PLACE.sub("", text)


def meta_postcode(value: str | None) -> str:
    """Without spaces and what follows a hyphen."""
    text = _plain(value)
    return text if _HASHED.fullmatch(text) else "".join(text.split()).partition("-")[0]


def meta_phone(value: str | None) -> str:
    """Digits with the country's code: no +, no leading zeros (two at the most), no signs between."""
    text = _plain(value)
    if not text or _HASHED.fullmatch(text):
        return text
    return re.sub(r"^\+?0{0,2}", "", re.sub(r"[\s\-()]", "", text))


def meta_row(identity: Identity) -> list[str]:
    """One person in the order of `META_SCHEMA`, hashed; what is not known is empty."""
    country = _plain(identity.country)
    values = (
        _plain(identity.email),
        meta_phone(identity.phone),
        _plain(identity.first_name),
        _plain(identity.last_name),
        meta_place(identity.city),
        meta_place(identity.region),
        meta_postcode(identity.postcode),
        country if len(country) in (2, 64) else "",
        _plain(identity.external_id),
    )
    return [sha256(value) for value in values]


def google_email(value: str | None) -> str:
    """Small letters, no spaces; at Gmail no points and nothing from a + on, which Gmail does not look at either."""
    text = "".join(_plain(value).split())
    local, at, domain = text.rpartition("@")
    if at and domain in GMAIL:
        local = local.partition("+")[0].replace(".", "")
    return f"{local}{at}{domain}"


def google_phone(value: str | None) -> str:
    """E.164: + and digits alone."""
    text = _plain(value)
    if not text or _HASHED.fullmatch(text):
        return text
    digits = _DIGITS.sub("", text)
    if not text.startswith("+"):
        digits = digits.removeprefix("00")
    return f"+{digits}" if digits else ""


def google_identifiers(identity: Identity) -> list[dict[str, Any]]:
    """The ``userIdentifiers`` of one person (Data Manager API). An address counts whole or not at all."""
    found: list[dict[str, Any]] = []
    if email := google_email(identity.email):
        found.append({"emailAddress": sha256(email)})
    if phone := google_phone(identity.phone):
        found.append({"phoneNumber": sha256(phone)})
    given, family = _plain(identity.first_name), _plain(identity.last_name)
    country, postcode = (identity.country or "").strip().upper(), (identity.postcode or "").strip()
    if given and family and len(country) == 2 and postcode:
        address = {"givenName": sha256(given), "familyName": sha256(family)}
        # Country and postcode are matched in clear.
        found.append({"address": address | {"regionCode": country, "postalCode": postcode}})
    return found


def meta_matched(identity: Identity) -> Identity:
    """What Meta knows the person by, hashed: enough to take him out."""
    return Identity(email=sha256(_plain(identity.email)) or None, phone=sha256(meta_phone(identity.phone)) or None)


def google_matched(identity: Identity) -> Identity:
    """What Google knows the person by, hashed: enough to take him out."""
    email, phone = google_email(identity.email), google_phone(identity.phone)
    return Identity(email=sha256(email) or None, phone=sha256(phone) or None)


def google_row(identity: Identity) -> list[str]:
    """One person in the order of `GOOGLE_COLUMNS`, as Google Ads takes a file."""
    country, postcode = (identity.country or "").strip().upper(), (identity.postcode or "").strip()
    return [
        sha256(google_email(identity.email)),
        sha256(google_phone(identity.phone)),
        sha256(_plain(identity.first_name)),
        sha256(_plain(identity.last_name)),
        country if len(country) == 2 else "",
        postcode,
    ]


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A file with a head line. Hashes and postcodes hold nothing a spreadsheet would run, others are defused."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_defused(value) for value in row] for row in rows)
    return file.getvalue()


def _defused(value: str) -> str:
    return "'" + value if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
