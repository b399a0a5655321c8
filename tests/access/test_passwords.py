"""Passwords: what is refused, and how they are kept."""

from __future__ import annotations

import time

import pytest

from unisono.access.passwords import WeakPassword, check_password, hash_password, outdated, verify_password

ABOUT = ("Maria Bianchi", "maria.bianchi@example.it")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password_short"),
        ("elevenchars", "password_short"),
        ("x" * 257, "password_long"),
        ("aaaaaaaaaaaa", "password_common"),
        ("abcabcabcabc", "password_common"),
        ("1234567890123", "password_common"),
        ("qwertyuiop123", "password_common"),
        ("password12345", "password_common"),
        ("P@ssw0rd2026!", "password_common"),
        ("ciaojuventus2026", "password_common"),
        ("welcome.admin.1", "password_common"),
        ("0987654321abcdef", "password_common"),
        ("mariabianchi1", "password_personal"),
        ("Bianchi.Maria.84", "password_personal"),
    ],
)
def test_what_an_attacker_tries_first_is_refused(password, code) -> None:
    with pytest.raises(WeakPassword) as refused:
        check_password(password, about=ABOUT)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "tazza-lampione-viola",
        "Xk9#vT2!pQ7z",
        "maria va al mercato il lunedì",
        "ночной поезд на юг",
    ],
)
def test_length_and_unlikely_words_are_enough(password) -> None:
    check_password(password, about=ABOUT)


async def test_a_hash_is_argon2id_salted_and_opens_for_its_password_only() -> None:
    stored = await hash_password("tazza-lampione-viola")
    assert stored.startswith("$argon2id$")
    assert stored != await hash_password("tazza-lampione-viola")
    assert await verify_password(stored, "tazza-lampione-viola")
    assert not await verify_password(stored, "tazza-lampione-rossa")
    assert not await verify_password("not a hash", "tazza-lampione-viola")
    assert not outdated(stored)


async def test_nobody_is_compared_as_long_as_somebody() -> None:
    """The answer's time does not tell whether an address has an account."""
    stored = await hash_password("tazza-lampione-viola")

    async def best(hashed: str | None) -> float:
        times = []
        for _ in range(3):
            begin = time.process_time()  # not how busy the machine is
            assert not await verify_password(hashed, "wrong password here")
            times.append(time.process_time() - begin)
        return min(times)

    known, unknown = await best(stored), await best(None)
    assert 0.4 < unknown / known < 2.5
