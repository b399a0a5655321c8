"""What the retailer's data do not hold and the demo needs: names, addresses, cards. All by rule, all fictional.

Every invented person carries the trait ``invented: true``. E-mail addresses are under ``example.com`` (RFC 2606);
telephone numbers are ``+1 NPA 555 0100`` to ``0199``, the range kept for fiction in the North American plan.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import msgspec

_FIRST: Final = (
    "Alice", "Amanda", "Andrew", "Angela", "Anna", "Anthony", "Barbara", "Benjamin", "Brian", "Carol", "Charles",
    "Christine", "Daniel", "David", "Deborah", "Dennis", "Diane", "Donald", "Dorothy", "Edward", "Elizabeth", "Emily",
    "Emma", "Eric", "Frank", "George", "Grace", "Gregory", "Hannah", "Helen", "Henry", "Jacob", "James", "Janet",
    "Jason", "Jennifer", "Jessica", "John", "Jonathan", "Joseph", "Julia", "Karen", "Kenneth", "Kevin", "Laura",
    "Linda", "Lisa", "Margaret", "Maria", "Mark", "Martha", "Mary", "Matthew", "Michael", "Nancy", "Nathan", "Nicole",
    "Olivia", "Pamela", "Patricia", "Patrick", "Paul", "Peter", "Rachel", "Rebecca", "Richard", "Robert", "Ruth",
    "Samuel", "Sandra", "Sarah", "Scott", "Sharon", "Sophia", "Stephen", "Susan", "Thomas", "Timothy", "William",
)  # fmt: skip
_LAST: Final = (
    "Adams", "Allen", "Anderson", "Bailey", "Baker", "Bell", "Bennett", "Brooks", "Brown", "Campbell", "Carter",
    "Clark", "Collins", "Cook", "Cooper", "Cox", "Cruz", "Davis", "Diaz", "Edwards", "Evans", "Flores", "Foster",
    "Garcia", "Gomez", "Gray", "Green", "Hall", "Harris", "Hayes", "Hill", "Howard", "Hughes", "Jackson", "Jenkins",
    "Johnson", "Jones", "Kelly", "King", "Lee", "Lewis", "Long", "Lopez", "Martin", "Martinez", "Miller", "Mitchell",
    "Moore", "Morgan", "Morris", "Murphy", "Myers", "Nelson", "Nguyen", "Ortiz", "Parker", "Perez", "Perry",
    "Peterson", "Phillips", "Powell", "Price", "Ramirez", "Reed", "Reyes", "Richardson", "Rivera", "Roberts",
    "Robinson", "Rogers", "Ross", "Russell", "Sanchez", "Sanders", "Scott", "Smith", "Stewart", "Sullivan", "Taylor",
    "Thomas", "Thompson", "Torres", "Turner", "Walker", "Ward", "Watson", "White", "Williams", "Wilson", "Wood",
    "Wright", "Young",
)  # fmt: skip
_AREAS: Final = (
    "216", "234", "330", "380", "419", "440", "513", "567", "614", "740", "937", "502", "606", "859", "270",
    "304", "317", "574", "765", "812", "412", "724", "814", "248", "313", "517", "616", "734", "810", "989",
)  # fmt: skip
"""Area codes of Ohio and its neighbours: where they stand for nobody, since 555-01XX is nobody's."""

_FICTION: Final = 100
"""Numbers of one area code that are kept for fiction."""

CARD_PREFIX: Final = "29"
"""First digits of the cards: in EAN-13, numbers a shop gives for its own use."""


class Contact(msgspec.Struct, frozen=True):
    """How a household can be found; invented."""

    first_name: str
    last_name: str
    email: str
    phone: str


def contact(household: int) -> Contact:
    """The invented contact data of a household: always the same, no two households' addresses alike."""
    first = _FIRST[household * 7919 % len(_FIRST)]
    last = _LAST[household * 104_729 % len(_LAST)]
    area, line = divmod(household, _FICTION)
    return Contact(
        first,
        last,
        f"{first}.{last}.{household}@example.com".lower(),
        f"+1{_AREAS[area % len(_AREAS)]}55501{line:02d}",
    )


def card_number(household: int, copy: int = 0) -> str:
    """The loyalty card of a household: ``29``, the copy (0 is the first card), nine digits, EAN-13's check digit."""
    digits = f"{CARD_PREFIX}{copy}{household:09d}"
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-weighted % 10}"


def has_second_card(household: int) -> bool:
    """One household in ten loses its card and goes on with another; the service desk joins the two later."""
    return household % 10 == 0


def subscribes_first(household: int) -> bool:
    """One household in ten is known to the newsletter by e-mail alone, before it shows its card with it."""
    return household % 10 == 5


def has_email(household: int) -> bool:
    """Nine households in ten leave an e-mail address."""
    return household % 10 != 8


def has_phone(household: int) -> bool:
    """Nine households in ten leave a telephone number."""
    return household % 10 != 4


def language(household: int) -> str:
    """One household in four reads Italian, so that both languages of a message are to be seen."""
    return "it" if household % 4 == 3 else "en"


def birthday(household: int) -> str:
    """A day of the year by the household's number, spread over the year; the year of birth means nothing."""
    return (date(1950 + household % 50, 1, 1) + timedelta(days=household * 37 % 365)).isoformat()


def address(household: int) -> dict[str, str]:
    """A street there is not, in the city the stores are laid around."""
    street = f"{household} Sample Street"
    return {"street": street, "city": "Columbus", "state": "OH", "postalCode": "00000", "country": "US"}
