"""VAPID key pairs: made once, never overwritten, kept safe."""

import stat
from pathlib import Path

import pytest
from py_vapid import Vapid02

from runtime.vapid import (
    KeyExistsError,
    KeyFilesError,
    backup_keys,
    create_key,
    exposed_files,
    load_keys,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    key = create_key(tmp_path / "keys")
    assert mode(tmp_path / "keys" / f"{key.key_id}.pem") == 0o600
    assert mode(tmp_path / "keys") == 0o700
    assert exposed_files(tmp_path / "keys") == []
    (tmp_path / "keys" / f"{key.key_id}.pem").chmod(0o644)
    assert len(exposed_files(tmp_path / "keys")) == 1


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    first = create_key(tmp_path)
    with pytest.raises(KeyExistsError, match="not overwritten"):
        create_key(tmp_path)
    assert load_keys(tmp_path).current.public_key == first.public_key


def test_old_subscribers_keep_their_key_when_another_is_added(tmp_path: Path) -> None:
    first = create_key(tmp_path)
    second = create_key(tmp_path, another=True)
    ring = load_keys(tmp_path)
    assert len(ring) == 2
    assert ring.current.key_id == second.key_id
    assert ring.get(None) is ring.current
    kept = ring.get(first.key_id)
    assert kept is not None
    assert kept.public_key == first.public_key
    assert ring.get("unheard-of") is None


def test_the_header_is_one_that_a_push_service_accepts(tmp_path: Path) -> None:
    key = create_key(tmp_path)
    header = key.authorization("https://fcm.googleapis.com", "mailto:ops@shop.example", 2_000_000)
    assert Vapid02.verify(header)
    assert header.endswith(f"k={key.public_key}")


def test_a_backup_can_be_used_as_it_is(tmp_path: Path) -> None:
    create_key(tmp_path / "keys")
    create_key(tmp_path / "keys", another=True)
    assert backup_keys(tmp_path / "keys", tmp_path / "backup") == 2
    kept, copied = load_keys(tmp_path / "keys"), load_keys(tmp_path / "backup")
    assert {key.public_key for key in kept} == {key.public_key for key in copied}
    assert kept.current.key_id == copied.current.key_id
    assert exposed_files(tmp_path / "backup") == []
    with pytest.raises(KeyExistsError, match="never writes over"):
        backup_keys(tmp_path / "keys", tmp_path / "backup")


def test_what_is_wrong_with_the_files_is_said_with_its_cure(tmp_path: Path) -> None:
    with pytest.raises(KeyFilesError, match="nudge keys create"):
        load_keys(tmp_path)
    key = create_key(tmp_path)
    create_key(tmp_path, another=True)
    (tmp_path / "current").unlink()
    with pytest.raises(KeyFilesError, match=key.key_id):
        load_keys(tmp_path)
    (tmp_path / "current").write_text("nobody\n")
    with pytest.raises(KeyFilesError, match="nobody"):
        load_keys(tmp_path)
    (tmp_path / "current").write_text(key.key_id)
    file = tmp_path / f"{key.key_id}.pem"
    file.rename(tmp_path / "shop.pem")
    with pytest.raises(KeyFilesError, match=f"rename it to {key.key_id}"):
        load_keys(tmp_path)
    (tmp_path / "shop.pem").write_text("not a key")
    with pytest.raises(KeyFilesError, match="no private key"):
        load_keys(tmp_path)


def test_a_key_is_not_printed(tmp_path: Path) -> None:
    key = create_key(tmp_path)
    assert repr(key) == f"VapidKey({key.key_id})"
