"""python -m stack secrets: passwords for servers of one's own, each in a file that only we read.

A file that is there is never changed, so the command may run at every start, several times at
once, and again after it was killed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

from stack.errors import StackError

SECRET = 0o400
PUBLIC = 0o444

PASSWORDS = (
    "elastic.password",
    "kibana_system.password",
    "analyst.password",
    "kibana.encryption_key",
)
PASSWORD_BYTES = 16  # 32 hexadecimal digits, as many characters as Kibana's key needs
OTHERS = 0o077
OTHERS_WRITE = 0o022


class Folder:
    """The folder of the secrets; made where it is missing.

    Raises:
        StackError: it cannot be used, or others may put files into it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.made: list[str] = []
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = path.stat().st_mode
        except OSError as cause:
            raise StackError(f"{path} cannot be made: {cause.strerror}") from None
        if mode & OTHERS_WRITE:
            raise StackError(f"others may write in {path}: run `chmod go-w {path}`")

    def has(self, name: str) -> bool:
        """Whether the file is there."""
        return (self.path / name).exists()

    def read(self, name: str) -> bytes:
        """Give the content of a file that is there."""
        try:
            return (self.path / name).read_bytes()
        except OSError as cause:
            raise StackError(f"{self.path / name} cannot be read: {cause.strerror}") from None

    def keep(self, name: str, make: Callable[[], bytes], mode: int = SECRET) -> bytes:
        """Give the content of a file, which is made where it is missing.

        Of several that make it at once the first wins, and all get its content. A file is there
        with all its content or not at all.

        Raises:
            StackError: it cannot be written, or is a secret that others may read.
        """
        if not self.has(name) and self._put(name, make(), mode):
            self.made.append(name)
        self._check(name, mode)
        return self.read(name)

    def _put(self, name: str, content: bytes, mode: int) -> bool:
        """Write a file under its name at once, unless somebody else has done so."""
        try:
            descriptor, temporary = tempfile.mkstemp(dir=self.path, prefix=f".{name}.")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(descriptor)
                Path(temporary).chmod(mode)
                with contextlib.suppress(FileExistsError):
                    # Unlike a rename, a link never replaces what is there.
                    os.link(temporary, self.path / name)
                    return True
                return False
            finally:
                Path(temporary).unlink()
        except OSError as cause:
            raise StackError(f"{self.path / name} cannot be written: {cause.strerror}") from None

    def _check(self, name: str, mode: int) -> None:
        file = self.path / name
        if not mode & OTHERS and file.stat().st_mode & OTHERS:
            raise StackError(f"others may read {file}: run `chmod 0400 {file}`")


def make(folder: Folder) -> None:
    """Make the passwords and the key that are missing.

    Raises:
        StackError: a file cannot be made, or one that is there is empty or not private.
    """
    for name in PASSWORDS:
        content = folder.keep(name, lambda: secrets.token_hex(PASSWORD_BYTES).encode())
        if not content.strip():
            raise StackError(f"{folder.path / name} is empty: remove it, and run this again")
