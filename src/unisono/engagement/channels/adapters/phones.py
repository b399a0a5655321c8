"""Phone numbers as addresses."""

from __future__ import annotations

import re
from typing import Final

import phonenumbers

from unisono.engagement.channels.model import AddressInvalid

PHONE: Final = re.compile(r"\+[1-9]\d{6,14}")
"""A number in E.164."""


def international(text: str) -> str:
    """A number in E.164, such as +393331234567. Raises AddressInvalid for one without a country, or impossible."""
    wanted = text.strip()
    if len(wanted) > 30 or not wanted.isascii():
        raise AddressInvalid("That is no phone number.")
    try:
        number = phonenumbers.parse(wanted if wanted.startswith("+") else f"+{wanted}", None)
    except phonenumbers.NumberParseException as error:
        raise AddressInvalid("That is no phone number with its country.") from error
    if not phonenumbers.is_possible_number(number):
        raise AddressInvalid("A number of that length cannot be.")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
