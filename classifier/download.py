"""Fetches the declared data sets: resumed where a transfer broke, checked before they count."""

import hashlib
import http.client
import logging
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from classifier.datasets import DATA_SETS, DataFile, missing
from stream.errors import UserError

logger = logging.getLogger(__name__)

ATTEMPTS = 5
TIMEOUT = 30.0
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Patience:
    """How long to keep trying."""

    attempts: int = ATTEMPTS
    wait: float = 1.0  # seconds before the second attempt; doubles
    timeout: float = TIMEOUT  # seconds without a byte


@dataclass(frozen=True)
class Outcome:
    """What came of a download."""

    fetched: list[Path] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # a line for each file that cannot be had


class Refused(UserError):
    """A host answered, but not with the declared file; other files may still be had."""


def download(
    files: Iterable[DataFile],
    folder: Path,
    mirror: str | None = None,
    patience: Patience = Patience(),
) -> Outcome:
    """Fetches what has an address and is not there with the right checksum.

    A file grows under the name `NAME.part` and takes its own name only when size and SHA-256 are
    right; the next call, or the next attempt, continues it. A file that its host does not have is
    told in the outcome, and the others follow; files without an address are passed over, except
    where there is a mirror.

    Args:
        files: what to have.
        folder: the data folder.
        mirror: an address that holds the files under their paths, in place of the official ones.
        patience: attempts and waits.

    Raises:
        UserError: a host does not answer, or the disk does not take a file.
    """
    outcome = Outcome()
    for file in files:
        target = folder / file.path
        if is_whole(target, file):
            logger.info("%s is there", file.path)
            continue
        url = f"{mirror.rstrip('/')}/{file.path}" if mirror else file.url
        if not url:
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _fetch(url, target, file, patience)
            outcome.fetched.append(target)
        except Refused as refusal:
            outcome.refused.append(str(refusal))
        except OSError as error:  # of the disk; those of the network do not get here
            free = shutil.disk_usage(folder).free if folder.exists() else 0
            raise UserError(
                f"{target} cannot be written: {error.strerror} ({free:,} bytes free); make room,"
                " or set EMOSTREAM_DATA_DIR to another folder"
            ) from None
    return outcome


def not_fetched(folder: Path) -> list[str]:
    """A line for each set with files that the folder lacks and that no address has as they are."""
    lines = []
    for each in DATA_SETS:
        paths = [file.path for file in missing(each, folder) if not file.url]
        if paths:
            lines.append(
                f"not fetched: {', '.join(paths)}: made from {each.home}: {each.made_from}"
            )
    return lines


def is_whole(path: Path, file: DataFile) -> bool:
    """Whether the file is there with the declared size and checksum."""
    return path.is_file() and path.stat().st_size == file.size and _sha256(path) == file.sha256


def _fetch(url: str, target: Path, file: DataFile, patience: Patience) -> None:
    partial = target.with_name(f"{target.name}.part")
    wait = patience.wait
    bar: tqdm[Any] = tqdm(
        total=file.size, unit="B", unit_scale=True, desc=file.path, disable=None, leave=True
    )
    with bar:
        for attempt in range(1, patience.attempts + 1):
            try:
                _transfer(url, partial, file, patience.timeout, bar)
                break
            except urllib.error.HTTPError as error:
                error.close()
                if error.code < 500 and error.code != 429:
                    raise Refused(_unavailable(file, url, f"HTTP {error.code}")) from None
                reason = f"HTTP {error.code}"
            except (urllib.error.URLError, http.client.HTTPException, ConnectionError) as error:
                reason = str(getattr(error, "reason", None) or error or type(error).__name__)
            except TimeoutError:
                reason = f"no answer in {patience.timeout:g} s"
            if attempt == patience.attempts:
                raise UserError(_unavailable(file, url, f"{reason}, {attempt} times"))
            logger.warning("%s: %s; trying again in %.1f s", file.path, reason, wait)
            time.sleep(wait)
            wait *= 2
    found = _sha256(partial)
    if found != file.sha256:
        partial.unlink()
        raise Refused(
            f"{file.path} from {url} is not the declared file: expected SHA-256 {file.sha256},"
            f" got {found}; try again, and if it stays so the file was changed at its source:"
            " put a copy with the expected checksum into the data folder"
        )
    partial.replace(target)


def _transfer(url: str, partial: Path, file: DataFile, timeout: float, bar: "tqdm[Any]") -> None:
    """Continues the partial file to its full size; raises if the connection ends before."""
    have = partial.stat().st_size if partial.exists() else 0
    if have > file.size:
        partial.unlink()
        have = 0
    bar.reset(file.size)
    bar.update(have)
    if have == file.size:
        return
    headers = {"User-Agent": "emostream", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - declared, or the user's
    with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 - as above
        if have and answer.status != http.client.PARTIAL_CONTENT:
            have = 0  # the server sends the whole file again
            bar.reset(file.size)
        if answer.length is not None and have + answer.length != file.size:
            offered = (
                f"the answer is {have + answer.length:,} bytes, not the {file.size:,} declared"
            )
            raise Refused(_unavailable(file, url, offered))
        with partial.open("ab" if have else "wb") as stream:
            while chunk := answer.read1(_CHUNK):
                stream.write(chunk)
                have += len(chunk)
                bar.update(len(chunk))
                if have > file.size:
                    break
    if have > file.size:
        partial.unlink()
        offered = f"the answer is longer than the {file.size:,} bytes declared"
        raise Refused(_unavailable(file, url, offered))
    if have < file.size:
        raise ConnectionError(f"the transfer ended after {have:,} of {file.size:,} bytes")


def _unavailable(file: DataFile, url: str, reason: str) -> str:
    return (
        f"{file.path} cannot be had from {url}: {reason}; check the network and try again (what has"
        " come is kept), or put the file into the data folder by hand"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
