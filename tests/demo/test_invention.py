"""What the demo invents: by rule, fictional, and accepted by the rules of identity."""

from __future__ import annotations

from datetime import date

import phonenumbers

from unisono.customers.identity.normalise import normalise
from unisono.demo.invention import birthday, card_number, contact, has_email, has_phone, language

EVERY = range(1, 2501)


def test_no_two_households_share_an_address() -> None:
    """2,500 households have 2,500 e-mail addresses, telephone numbers, and 5,000 cards."""
    people = [contact(household) for household in EVERY]
    assert len({person.email for person in people}) == len(EVERY)
    assert len({person.phone for person in people}) == len(EVERY)
    assert len({card_number(household, copy) for household in EVERY for copy in (0, 1)}) == 2 * len(EVERY)


def test_addresses_are_nobodys() -> None:
    """E-mail under example.com, numbers 555-0100 to 555-0199, both in the spelling identity keeps."""
    for person in map(contact, EVERY):
        assert person.email.endswith("@example.com")
        number = phonenumbers.parse(person.phone)
        assert phonenumbers.is_possible_number(number)
        assert 5_550_100 <= (number.national_number or 0) % 10_000_000 <= 5_550_199
        assert normalise("email", person.email) == person.email
        assert normalise("phone", person.phone) == person.phone


def test_cards_have_the_check_digit_of_ean_13() -> None:
    """The golden EAN 4006381333931 by the same sum, and every card valid."""

    def remainder(digits: str) -> int:
        return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10

    assert remainder("4006381333931") == 0
    assert all(len(card_number(household)) == 13 and remainder(card_number(household)) == 0 for household in EVERY)


def test_the_same_household_is_always_the_same_person() -> None:
    """No chance is involved: the rule is part of the documentation."""
    assert contact(1) == contact(1)
    assert (contact(1).first_name, contact(1).email) == ("Edward", "edward.jackson.1@example.com")
    assert card_number(1) == "2900000000018"


def test_nine_in_ten_leave_an_address_of_each_kind_and_nobody_leaves_none() -> None:
    """So a message has people it cannot reach by e-mail, and others it cannot reach by telephone."""
    assert sum(map(has_email, EVERY)) == sum(map(has_phone, EVERY)) == 2250
    assert all(has_email(household) or has_phone(household) for household in EVERY)
    assert sum(language(household) == "it" for household in EVERY) == 625


def test_birthdays_lie_on_every_day_of_the_year() -> None:
    """A fortnight always has about one household in twenty-six."""
    days = {(day.month, day.day) for day in map(date.fromisoformat, map(birthday, EVERY))}
    assert len(days) >= 365
