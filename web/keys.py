"""API keys: who may ask. A file has a name, the SHA-256 of a key and perhaps a rate on each line.

A key is 256 random bits, so a plain hash hides it: there is nothing to guess, and nothing to salt.
"""

import base64
import binascii
import hashlib
import logging
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from stream.errors import UserError

logger = logging.getLogger(__name__)

LINE = re.compile(r"(?P<name>[\w.-]{1,64})\s+(?P<digest>[0-9a-f]{64})(?:\s+(?P<rate>[0-9.]+))?")


@dataclass(frozen=True, slots=True)
class Key:
    """Who a key belongs to, and the texts a second they may send; None: as the setting says."""

    name: str
    rate: float | None = None


class Keys:
    """The keys of a file, read again when it changes."""

    def __init__(self, file: Path) -> None:
        """Reads the file.

        Raises:
            UserError: it cannot be read, or a line is none of the three words.
        """
        self._file, self._state = file, _state(file)
        self._by_digest = _read(file)

    def of(self, authorization: str | None) -> Key | None:
        """Gives the key of a header: `Bearer KEY`, or `Basic` with the key as password.

        With the second a browser asks for the key by itself.
        """
        scheme, _, given = (authorization or "").partition(" ")
        if scheme.lower() == "basic":
            given = _password(given)
        elif scheme.lower() != "bearer":
            return None
        self._refresh()
        return self._by_digest.get(_digest(given.strip()))

    def _refresh(self) -> None:
        """Takes what the file holds now; where it is damaged or gone, what it held stays."""
        state = _state(self._file)
        if state == self._state:
            return
        self._state = state
        try:
            self._by_digest = _read(self._file)
        except UserError as error:
            logger.warning("the keys stay as they were: %s", error)
        else:
            logger.info("%s changed: it holds %d keys now", self._file, len(self._by_digest))


def _state(file: Path) -> tuple[int, int, int] | None:
    """What is different when a file is; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(file: Path) -> dict[str, Key]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UserError(f"EMOSTREAM_WEB_KEYS: {file} cannot be read: {reason}") from None
    found = dict(
        _key(line.strip(), f"{file}, line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    )
    if not found:
        raise UserError(f"{file} holds no key: `python -m web --new-key NAME` adds one")
    return found


def _key(line: str, where: str) -> tuple[str, Key]:
    found = LINE.fullmatch(line)
    rate = _rate(found["rate"]) if found else None
    if found is None or (found["rate"] and rate is None):
        raise UserError(f"{where}: write `name sha256-of-the-key texts-a-second`")
    return found["digest"], Key(found["name"], rate)


def new(file: Path, name: str) -> str:
    """Adds a key to a file, readable by its owner alone, and gives it: it is nowhere else.

    Raises:
        UserError: the name cannot be one, or the file cannot be written.
    """
    key = secrets.token_urlsafe(32)
    line = f"{name} {_digest(key)}"
    if not LINE.fullmatch(line):
        raise UserError(f"{name}: a name has letters, digits, dots and dashes, 64 at most")
    try:
        file.touch(mode=0o600)
        text = file.read_text(encoding="utf-8")
        with file.open("a", encoding="utf-8") as end:  # a server may read it at any moment
            end.write(("\n" if text and text[-1] != "\n" else "") + line + "\n")
    except OSError as error:
        raise UserError(f"EMOSTREAM_WEB_KEYS={file}: {error.strerror}") from None
    return key


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _rate(text: str | None) -> float | None:
    try:
        return float(text) if text and float(text) > 0 else None
    except ValueError:
        return None
