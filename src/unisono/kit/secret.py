"""The installation's key: one secret of 32 bytes, from which every purpose gets a key of its own.

It signs the links of messages, encrypts what providers entrust to us and digests erased identifiers. It comes from
the setting ``secret_key`` or lives in ``secret.key`` in the data folder, readable by its owner alone. Who loses it
loses the stored passwords of providers and the links in messages already sent; nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from unisono.kit.errors import UnisonoError
from unisono.kit.settings import Settings, SettingsError, key_bytes

SIZE = 32
"""Bytes of the key and of those derived from it."""

FILE = "secret.key"
_NONCE = 12


class Undecryptable(UnisonoError):
    """Something was encrypted with another key, for another purpose, or was changed since."""

    code = "undecryptable"
    title = "It cannot be decrypted with this installation's key"


class Secret:
    """The key of an installation; `Secret.of` reads it from the settings."""

    def __init__(self, key: bytes) -> None:
        """``key`` is 32 bytes. Raises ValueError for another size."""
        if len(key) != SIZE:
            raise ValueError(f"the key has {len(key)} bytes, not {SIZE}")
        self._key = key
        self._derived: dict[str, bytes] = {}

    def __repr__(self) -> str:
        """Nothing of the key, wherever it gets printed."""
        return "Secret(...)"

    @classmethod
    def of(cls, settings: Settings) -> Secret:
        """The key of this installation, made at first use. Raises SettingsError when there is one nobody can use."""
        if settings.secret_key is not None:
            key = key_bytes(settings.secret_key)
            if key is None:
                raise SettingsError("UNISONO_SECRET_KEY: must be 32 bytes in base64 (openssl rand -base64 32)")
            return cls(key)
        return cls(_read_or_make(settings.data_dir / FILE))

    def derive(self, purpose: str) -> bytes:
        """The 32 bytes of one purpose (HKDF-SHA256, RFC 5869): who knows one knows nothing of the others."""
        key = self._derived.get(purpose)
        if key is None:
            hkdf = HKDF(SHA256(), SIZE, salt=None, info=b"unisono:" + purpose.encode())
            key = self._derived[purpose] = hkdf.derive(self._key)
        return key

    def encrypt(self, purpose: str, plain: bytes, *, bound_to: str = "") -> bytes:
        """AES-256-GCM with a random nonce. It opens again only with the same ``purpose`` and ``bound_to`` (say, the
        id of the row it is kept in)."""
        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self.derive(purpose)).encrypt(nonce, plain, bound_to.encode())

    def decrypt(self, purpose: str, sealed: bytes, *, bound_to: str = "") -> bytes:
        """What `encrypt` was given. Raises Undecryptable."""
        if len(sealed) < _NONCE:
            raise Undecryptable
        try:
            return AESGCM(self.derive(purpose)).decrypt(sealed[:_NONCE], sealed[_NONCE:], bound_to.encode())
        except InvalidTag:
            raise Undecryptable from None

    def digest(self, purpose: str, data: bytes) -> bytes:
        """32 bytes that tell whether two data are the same and, without the key, nothing else (RFC 7693)."""
        # 0.5 us, an HMAC-SHA256 takes 1.4 (measured): intake makes one of every new identifier.
        return hashlib.blake2b(data, key=self.derive(purpose), digest_size=SIZE).digest()


def _read_or_make(path: Path) -> bytes:
    """The key in the file, made there when there is none: whichever process is first, all get the same."""
    try:
        key = _read(path)
        if key is None:
            _make(path)
            key = _read(path)
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read or made: {error.strerror}.",
            hint="Name the key in UNISONO_SECRET_KEY, or a data folder this user may write in UNISONO_DATA_DIR.",
        ) from error
    if key is None:
        raise SettingsError(f"{path} vanished while it was being made.")
    return key


def _read(path: Path) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        text = file.read(200).decode("ascii", "replace")
    key = key_bytes(text)
    if key is None:
        raise SettingsError(
            f"{path} is not a key of ours.",
            hint="Bring it back from a backup; a new one cannot open what this one did.",
        )
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{FILE}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(SIZE)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, never takes the place of a file another process has made meanwhile.
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
