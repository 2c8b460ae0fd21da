"""VAPID key pairs (RFC 8292): make, load, back up, and sign the header of a push.

A browser subscribes with our public key, and the push service takes messages for that
subscription only under the matching private one. Losing the private key loses every subscriber
who came with it: nothing but asking each of them again brings them back.

A key directory holds one ``<key id>.pem`` a pair (mode 0600) and ``current``, the id of the pair
that new subscriptions get. Older pairs stay beside it for as long as subscriptions name them.
"""

import hashlib
import os
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from py_vapid import Vapid02
from pydantic import Field

from runtime.settings import Settings

MAX_LIFETIME_S = 24 * 3600
"""RFC 8292 §2: a push service refuses a header that lives longer than 24 hours."""
_CURRENT = "current"


class KeyFilesError(Exception):
    """The key directory is not as it should be; the message says how to cure that."""


class KeyExistsError(KeyFilesError):
    """There is a key already, and it is never overwritten."""


class VapidPlace(Settings):
    """Where the pairs lie: all that is needed to make them, before there is a contact."""

    vapid_keys: Path = Field(
        Path("keys"), description="directory of the VAPID key pairs (`nudge keys create`)"
    )


class VapidSettings(VapidPlace):
    """Who we are to the push services."""

    vapid_subject: str = Field(
        pattern=r"^(mailto:[^@\s]+@[^@\s]+|https://\S+)$",
        description="whom a push service writes to when our pushes misbehave: mailto: or https:",
    )


@dataclass(frozen=True, slots=True, repr=False)
class VapidKey:
    """One key pair."""

    key_id: str
    """16 characters of base64url: a hash of the public key."""
    public_key: str
    """The uncompressed point in base64url: the browser's ``applicationServerKey``."""
    private_key: ec.EllipticCurvePrivateKey

    def __repr__(self) -> str:
        return f"VapidKey({self.key_id})"

    def authorization(self, origin: str, subject: str, expires_at: int) -> str:
        """The ``Authorization`` header of a push to ``origin`` (RFC 8292 §3).

        Args:
            origin: scheme, host and port of the endpoint.
            subject: ``mailto:`` or ``https:`` contact.
            expires_at: epoch seconds, at most :data:`MAX_LIFETIME_S` ahead.
        """
        signer = Vapid02(self.private_key)
        claims = {"aud": origin, "sub": subject, "exp": expires_at}
        return str(signer.sign(claims)["Authorization"])


class KeyRing:
    """All pairs of a directory."""

    def __init__(self, keys: dict[str, VapidKey], current: str) -> None:
        self._keys = dict(keys)
        self.current = self._keys[current]

    def get(self, key_id: str | None) -> VapidKey | None:
        """The pair a subscription names; the current one where it names none.

        ``None``: that pair is not in the directory.
        """
        return self.current if key_id is None else self._keys.get(key_id)

    def __iter__(self) -> Iterator[VapidKey]:
        return iter(self._keys.values())

    def __len__(self) -> int:
        return len(self._keys)


def create_key(directory: Path, *, another: bool = False) -> VapidKey:
    """Makes a key pair in ``directory`` and makes it the current one.

    Args:
        another: whether a pair may be added beside those there. The old ones stay and go on
            serving their subscribers.

    Raises:
        KeyExistsError: there is a pair already and ``another`` is false.
        OSError: the directory cannot be written.
    """
    if not another and _key_files(directory):
        raise KeyExistsError(
            f"{directory} holds a VAPID key already, and it is not overwritten: every subscriber"
            " who came with it would be lost. To add a second pair for new subscribers:"
            " nudge keys create --another"
        )
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = _key_of(ec.generate_private_key(ec.SECP256R1()))
    _write_new(directory / f"{key.key_id}.pem", _pem(key))
    _write_current(directory, key.key_id)
    return key


def load_keys(directory: Path) -> KeyRing:
    """Every pair in ``directory``.

    Raises:
        KeyFilesError: there is none, one cannot be read, or ``current`` names none of them.
    """
    files = _key_files(directory)
    if not files:
        raise KeyFilesError(
            f"{directory} holds no VAPID key. Make one with `nudge keys create`, or point"
            " NUDGE_VAPID_KEYS at the directory that holds it. Do not make a new one to replace"
            " a lost one before looking for the backup: subscribers stay with their key."
        )
    keys = {key.key_id: key for key in map(_load, files)}
    return KeyRing(keys, _read_current(directory, keys))


def backup_keys(directory: Path, target: Path) -> int:
    """Copies every pair to the new directory ``target`` and reads the copy back.

    Returns the number of pairs.

    Raises:
        KeyExistsError: ``target`` exists.
        KeyFilesError: ``directory`` cannot be loaded, or the copy differs from it.
    """
    ring = load_keys(directory)
    if target.exists():
        raise KeyExistsError(f"{target} exists, and a backup never writes over anything")
    target.mkdir(mode=0o700, parents=True)
    for key in ring:
        _write_new(target / f"{key.key_id}.pem", _pem(key))
    _write_current(target, ring.current.key_id)
    if {key.key_id for key in load_keys(target)} != {key.key_id for key in ring}:
        raise KeyFilesError(f"{target} does not hold what {directory} holds: do not rely on it")
    return len(ring)


def exposed_files(directory: Path) -> list[Path]:
    """Key files that others than their owner may read. Cure: ``chmod 600``."""
    return [file for file in _key_files(directory) if file.stat().st_mode & 0o077]


def _key_files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.pem"))


def _key_of(private_key: ec.EllipticCurvePrivateKey) -> VapidKey:
    point = private_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return VapidKey(
        key_id=_base64url(hashlib.sha256(point).digest())[:16],
        public_key=_base64url(point),
        private_key=private_key,
    )


def _load(file: Path) -> VapidKey:
    try:
        private_key = load_pem_private_key(file.read_bytes(), password=None)
    except PermissionError:
        raise KeyFilesError(f"{file} may not be read by this user: chown it, keep 0600") from None
    except (ValueError, TypeError) as error:
        raise KeyFilesError(f"{file} is no private key in PEM: {error}") from None
    if not isinstance(private_key, ec.EllipticCurvePrivateKey) or not isinstance(
        private_key.curve, ec.SECP256R1
    ):
        raise KeyFilesError(f"{file} is no P-256 key, which VAPID needs (RFC 8292 §2)")
    key = _key_of(private_key)
    if file.stem != key.key_id:
        raise KeyFilesError(f"{file} holds the key {key.key_id}: rename it to {key.key_id}.pem")
    return key


def _read_current(directory: Path, keys: dict[str, VapidKey]) -> str:
    file = directory / _CURRENT
    if not file.exists():
        if len(keys) == 1:
            return next(iter(keys))
        raise KeyFilesError(
            f"{file} is missing: write into it the id of the pair that new subscribers get,"
            f" one of {', '.join(keys)}"
        )
    current = file.read_text().strip()
    if current not in keys:
        raise KeyFilesError(f"{file} names {current!r}, there are {', '.join(keys)}")
    return current


def _pem(key: VapidKey) -> bytes:
    return key.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_new(file: Path, content: bytes) -> None:
    # O_EXCL, and the mode from the first byte on: never readable by others, never overwritten.
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())


def _write_current(directory: Path, key_id: str) -> None:
    waiting = directory / f".{_CURRENT}.{os.getpid()}"
    waiting.write_text(key_id + "\n")
    waiting.replace(directory / _CURRENT)


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
