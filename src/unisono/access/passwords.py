"""Passwords: what is accepted, and how they are kept.

Rules after NIST SP 800-63B: length and a look at what attackers try first, no demands on the kinds of characters.
Hashes are argon2id with the library's defaults (RFC 9106, second recommended option: 64 MiB, 3 passes).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from unisono.kit.errors import BadRequest

MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 256
"""Longer ones would only cost memory; a passphrase of ten words fits many times."""

_COMMON_WORDS: Final = """
    password passwort passw parola parolaccia motdepasse contrasena senha secret segreto welcome benvenuto login
    accesso admin administrator amministratore root user utente guest test testing prova ciao ciaociao letmein
    changeme default master iloveyou tiamo amore amoremio sunshine princess principessa monkey dragon football
    calcio baseball shadow superman batman trustno starwars pokemon juventus milan inter napoli roma lazio
    ferrari italia forza andrea francesco alessandro giuseppe francesca giulia unisono console customer
    omnichannel company azienda negozio summer estate winter inverno spring primavera autumn autunno qwerty
    qwertyuiop asdfgh asdfghjkl zxcvbn zxcvbnm qwertyuiopasdfghjklzxcvbnm abc abcd abcdef abcdefgh qazwsx
    qazwsxedc
"""
"""What stands on top of every list of leaked passwords, English and Italian, without digits and signs."""

_COMMON: Final = tuple(sorted(set(_COMMON_WORDS.split()), key=len, reverse=True))

_ROWS: Final = (
    "01234567890123456789",
    "98765432109876543210",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
)
_LEET: Final = str.maketrans("013457@$!", "oieastasi")

_hasher = PasswordHasher(type=Type.ID)
_workers = ThreadPoolExecutor(2, thread_name_prefix="passwords")
"""Each hash takes 64 MiB and a core for some 50 ms: no more than two at a time in one process."""

_NOBODY: Final = "$argon2id$v=19$m=65536,t=3,p=4$NEhmq7RUyzb3F9+23Xwrog$GYB6M5ELdjreoxJRSwUTs9s2kfQlowE0CWJesnsuIVM"
"""Verified when there is no such account, so that the answer takes as long."""


class WeakPassword(BadRequest):
    """The password would be guessed."""

    code = "password_common"
    title = "The password is not safe"


def _bare(text: str) -> set[str]:
    """The words a password is made of, without decoration: as written, and with look-alike signs read as letters."""
    lowered = text.lower()
    trimmed = re.sub(r"^[^a-z@$]+|[^a-z@$]+$", "", lowered)
    return {re.sub(r"[^a-zà-ÿ]", "", word) for word in (lowered, lowered.translate(_LEET), trimmed.translate(_LEET))}


def _repeats(text: str) -> bool:
    """Whether it is one short piece again and again."""
    doubled = (text + text)[1:-1]
    return text in doubled or len(set(text.lower())) < 5


def _only_common(bare: str) -> bool:
    """Whether nothing is left when common words are taken out, longest first."""
    rest = bare
    for word in _COMMON:
        rest = rest.replace(word, "")
    return bool(bare) and not rest


def _is_run(text: str) -> bool:
    lowered = text.lower()
    pieces = re.findall(r"[a-z]+|\d+", lowered)
    return bool(pieces) and all(any(piece in row or piece in row[::-1] for row in _ROWS) for piece in pieces)


def check_password(password: str, *, about: Iterable[str] = ()) -> None:
    """Refuse a password that is too short, too long, common or made of what is known of its owner.

    ``about`` holds the owner's name and e-mail address.
    Raises WeakPassword with code ``password_short``, ``password_long``, ``password_common`` or ``password_personal``.
    """
    if len(password) < MIN_LENGTH:
        raise WeakPassword(f"A password has at least {MIN_LENGTH} characters.", code="password_short")
    if len(password) > MAX_LENGTH:
        raise WeakPassword(f"A password has at most {MAX_LENGTH} characters.", code="password_long")
    if _repeats(password) or _is_run(password) or any(map(_only_common, _bare(password))):
        raise WeakPassword("This password is one of the first an attacker tries.", hint="Use four unrelated words.")
    words = {word for text in about for word in re.split(r"[^a-zà-ÿ]+", text.lower()) if len(word) > 3}
    for bare in _bare(password):
        rest = bare
        for word in sorted(words, key=len, reverse=True):
            rest = rest.replace(word, "")
        if rest != bare and len(rest) < 4:
            raise WeakPassword("The password is your name or address.", code="password_personal")


async def hash_password(password: str) -> str:
    """The argon2id hash to store."""
    return await asyncio.get_running_loop().run_in_executor(_workers, _hasher.hash, password)


def _verify(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


async def verify_password(stored: str | None, password: str) -> bool:
    """Whether the password is the one; takes as long when there is none to compare with."""
    if len(password) > MAX_LENGTH:
        return False
    right = await asyncio.get_running_loop().run_in_executor(_workers, _verify, stored or _NOBODY, password)
    return right and stored is not None


def outdated(stored: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(stored)
