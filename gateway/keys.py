# SPDX-License-Identifier: Apache-2.0
"""The secrets in <state_dir>/keys: what our ids and addresses are signed with, and the DKIM key. Part of every backup.

thread.key, message-id.LETTER.key and address.LETTER.key hold 32 random octets as hex; the last letter signs, earlier
ones still verify. dkim.pem is the private key. Leaves: Keys and the PEM. Fails: ConfigError, one line. New secrets
appear all at once, by the rename of their directory, and never in the place of another: two processes that start at the
same time end up with the same ones.
"""

import os
import re
import secrets
import shutil
import tempfile
from pathlib import Path

from gateway.clock import SystemClock
from gateway.config_errors import ConfigError
from handlers.signing import Signer, SigningFailed, generate_key
from handlers.tokens import Keyring, Keys

SECRET_OCTETS = 32
FIRST_FILES = ("thread.key", "message-id.a.key", "address.a.key", "dkim.pem")
_MAX_FILE_OCTETS = 65536
_RING = re.compile(r"(message-id|address)\.([a-z])\.key")


def load(state_dir: Path, host: str, *, make: bool) -> tuple[Keys, bytes]:
    """The secrets and the DKIM key as PEM; with `make` what is missing is made first."""
    directory = state_dir / "keys"
    absent = missing(state_dir)
    if absent and make:
        _make(directory, absent)
        absent = missing(state_dir)
    if absent:
        raise ConfigError(
            f"{directory}: found no {absent[0]}, expected the keys of this installation: restore keys/ from the backup"
        )
    rings = {kind: _ring(directory, kind) for kind in ("message-id", "address")}
    keys = Keys(host, _secret(directory / "thread.key"), rings["message-id"], rings["address"])
    return keys, _dkim_key(directory / "dkim.pem")


def missing(state_dir: Path) -> tuple[str, ...]:
    """The files of FIRST_FILES for which there is none of their kind."""
    names = _names(state_dir / "keys")
    kinds = {match[1] for name in names if (match := _RING.fullmatch(name))}
    return tuple(name for name in FIRST_FILES if name not in names and name.partition(".")[0] not in kinds)


def _names(directory: Path) -> set[str]:
    try:
        return set(os.listdir(directory))
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise ConfigError(f"{directory}: cannot be read ({error.strerror}), expected the directory of keys") from None


def _make(directory: Path, names: tuple[str, ...]) -> None:
    """Write new secrets beside the directory, then give them their names."""
    try:
        new = Path(tempfile.mkdtemp(prefix=".keys-", dir=directory.parent))  # 0700
        try:
            for name in names:
                _write(new / name, generate_key() if name == "dkim.pem" else _new_secret())
            _sync(new)
            _give_names(new, directory, names)
            _sync(directory)
            _sync(directory.parent)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        raise ConfigError(f"{directory}: cannot write keys ({error.strerror}), expected a writable state_dir") from None


def _give_names(new: Path, directory: Path, names: tuple[str, ...]) -> None:
    """All at once where there are none yet; else one by one, keeping what another process was faster to make."""
    if len(names) == len(FIRST_FILES):
        try:
            new.rename(directory)  # succeeds in the place of nothing or of an empty directory only
            return
        except OSError:
            if not directory.is_dir():
                raise
    for name in names:
        try:
            os.link(new / name, directory / name)
        except FileExistsError:
            continue


def _new_secret() -> bytes:
    return secrets.token_hex(SECRET_OCTETS).encode() + b"\n"


def _write(path: Path, octets: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _ring(directory: Path, kind: str) -> Keyring:
    found = (_RING.fullmatch(name) for name in _names(directory))
    keys = {match[2]: _secret(directory / match[0]) for match in found if match and match[1] == kind}
    return Keyring(max(keys), keys)


def _secret(path: Path) -> bytes:
    text = _read(path).strip()
    if not re.fullmatch(rb"[0-9a-fA-F]{%d}" % (2 * SECRET_OCTETS), text):
        raise ConfigError(
            f"{path}: found no secret, expected {2 * SECRET_OCTETS} hex digits: restore it from the backup"
        )
    return bytes.fromhex(text.decode())


def _dkim_key(path: Path) -> bytes:
    pem = _read(path)
    try:
        Signer(pem, "casegate", SystemClock())
    except SigningFailed as error:
        raise ConfigError(f"{path}: {error}, expected an RSA private key in PEM: restore it from the backup") from None
    return pem


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE_OCTETS)
    except OSError as error:
        raise ConfigError(f"{path}: found no readable file ({error.strerror}), expected a key") from None
