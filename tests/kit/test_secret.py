"""The installation's key and the tokens it signs."""

from __future__ import annotations

import base64
import stat
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.kit import tokens
from unisono.kit.secret import FILE, Secret, Undecryptable
from unisono.kit.settings import Settings, SettingsError, load_settings

SECRET = Secret(bytes(range(32)))
OTHER = Secret(bytes(range(1, 33)))


def test_the_key_is_made_once_private_and_read_again(tmp_path: Path) -> None:
    """At first use a key is made that only its owner can read; later uses get the same."""
    settings = Settings(data_dir=tmp_path / "deep" / "data")
    first = Secret.of(settings)
    file = settings.data_dir / FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert first.derive("a") == Secret.of(settings).derive("a")
    assert [path.name for path in settings.data_dir.iterdir()] == [FILE]


def test_processes_that_begin_together_get_one_key(tmp_path: Path) -> None:
    """Eight processes that all find no key end up with the same one."""
    program = (
        "import sys; from pathlib import Path; from unisono.kit.secret import Secret;"
        "from unisono.kit.settings import Settings; sys.stdin.readline();"
        "print(Secret.of(Settings(data_dir=Path(sys.argv[1]))).derive('x').hex())"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(8)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    keys = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert len(keys) == 1
    assert len(keys.pop()) == 64


def test_a_file_that_is_no_key_is_never_replaced(tmp_path: Path) -> None:
    """A broken key file is an error with a hint: a new key could not open what the old one sealed."""
    (tmp_path / FILE).write_text("broken")
    with pytest.raises(SettingsError, match="not a key"):
        Secret.of(Settings(data_dir=tmp_path))
    assert (tmp_path / FILE).read_text() == "broken"


def test_the_setting_wins_and_is_checked(tmp_path: Path) -> None:
    """A key named in the environment is used and nothing is written; one of another size is refused at start."""
    key = base64.b64encode(bytes(32)).decode()
    Secret.of(Settings(data_dir=tmp_path, secret_key=key))
    assert not list(tmp_path.iterdir())
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        load_settings({"UNISONO_SECRET_KEY": base64.b64encode(bytes(31)).decode()})
    assert key not in repr(Settings(secret_key=key))


def test_what_was_sealed_opens_only_as_it_was_sealed() -> None:
    """Another key, another purpose, another row or a changed bit: it does not open."""
    sealed = SECRET.encrypt("channels", b"password", bound_to="account:1")
    assert SECRET.decrypt("channels", sealed, bound_to="account:1") == b"password"
    assert sealed != SECRET.encrypt("channels", b"password", bound_to="account:1")
    for secret, purpose, data, bound in (
        (OTHER, "channels", sealed, "account:1"),
        (SECRET, "push", sealed, "account:1"),
        (SECRET, "channels", sealed, "account:2"),
        (SECRET, "channels", sealed[:-1] + bytes([sealed[-1] ^ 1]), "account:1"),
        (SECRET, "channels", b"", ""),
    ):
        with pytest.raises(Undecryptable):
            secret.decrypt(purpose, data, bound_to=bound)


def test_a_digest_says_same_or_not_and_needs_the_key() -> None:
    """Equal data digest equally with one key and purpose, and differently with another."""
    assert SECRET.digest("tombstone", b"a") == SECRET.digest("tombstone", b"a")
    assert len({s.digest(p, b"a") for s in (SECRET, OTHER) for p in ("one", "two")}) == 4


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=4))
def test_a_token_says_the_numbers_it_was_made_of(numbers: list[int]) -> None:
    """Whatever the numbers, they come back, in an address-safe token; as another kind or key they do not."""
    token = tokens.sign(SECRET, tokens.LINK, numbers)
    assert tokens.read(SECRET, tokens.LINK, token) == tuple(numbers)
    assert token == tokens.sign(SECRET, tokens.LINK, numbers)
    assert set(token) <= set(string.ascii_letters + string.digits + "-_")
    for secret, kind in ((SECRET, tokens.OPEN), (OTHER, tokens.LINK)):
        with pytest.raises(tokens.UnknownToken):
            tokens.read(secret, kind, token)


@given(st.integers(0, 30), st.sampled_from(string.ascii_letters + string.digits + "-_"))
def test_a_changed_token_is_unknown(place: int, character: str) -> None:
    """No character of a token can be another one."""
    token = tokens.sign(SECRET, tokens.UNSUBSCRIBE, [123456])
    place %= len(token)
    changed = token[:place] + character + token[place + 1 :]
    if changed != token:
        with pytest.raises(tokens.UnknownToken):
            tokens.read(SECRET, tokens.UNSUBSCRIBE, changed)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "undefined",
        "null",
        "[object Object]",
        "0",
        "è",
        "\x00",
        "\ud800",
        "A" * 2_000_000,
        "=" * 24,
        "AAAA====",
        "A A A",
    ],
    ids=[
        "empty",
        "undefined",
        "null",
        "object",
        "zero",
        "accent",
        "nul",
        "surrogate",
        "long",
        "pads",
        "padded",
        "blanks",
    ],
)
def test_nonsense_is_unknown(token: str) -> None:
    """What is no token at all gets the same answer as one we never made."""
    with pytest.raises(tokens.UnknownToken):
        tokens.read(SECRET, tokens.PREFERENCES, token)


@pytest.mark.parametrize("numbers", [[], [-1], [2**63]], ids=["none", "negative", "large"])
def test_numbers_no_row_has_are_refused(numbers: list[int]) -> None:
    """A token of nothing, or of what is no id, is a mistake of the caller."""
    with pytest.raises(ValueError, match="no token"):
        tokens.sign(SECRET, tokens.LINK, numbers)


def test_links_have_the_address_of_their_page() -> None:
    """Each kind has its own path below the public address."""
    assert tokens.link(SECRET, "https://shop.example/", tokens.UNSUBSCRIBE, 7).startswith("https://shop.example/u/")
    assert tokens.link(SECRET, "https://shop.example", tokens.OPEN, 7).endswith(".gif")
