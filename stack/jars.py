"""The servers' Java archives: which ones the committed locks promise, and a checked cache of them.

`jars/<name>/jgo.toml` holds the coordinates and `jgo.lock.toml` what `jgo lock` made of them: after
a change of coordinates run `jgo lock` in that folder.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from stack import locks
from stack.errors import StackError

LOCKS = Path(__file__).parent / "jars"
ENVIRONMENTS = ("kafka", "elasticsearch", "transport-netty4")
AT_ONCE = 6  # downloads
ATTEMPTS = 3
TIMEOUT = 30  # seconds without a byte
AGAIN = "run `python -m stack install` again"


@dataclass(frozen=True)
class Jar:
    """One locked archive."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """The archive's name in a repository."""
        return f"{self.artifact}-{self.version}.jar"


@dataclass(frozen=True)
class Environment:
    """The archives one server needs; the digest names this very set."""

    name: str
    jars: tuple[Jar, ...]
    digest: str


def read_lock(name: str, folder: Path = LOCKS) -> Environment:
    """Read the lock of one environment."""
    dependencies = tomllib.loads((folder / name / "jgo.lock.toml").read_text(encoding="utf-8"))
    jars = tuple(
        Jar(item["groupId"], item["artifactId"], item["version"], item["sha256"])
        for item in dependencies["dependencies"]
    )
    digest = hashlib.sha256("".join(sorted(jar.sha256 for jar in jars)).encode()).hexdigest()
    return Environment(name, jars, digest[:12])


def server_versions(folder: Path = LOCKS) -> dict[str, str]:
    """The versions of the two servers: those of the first locked archive of each."""
    return {name: read_lock(name, folder).jars[0].version for name in ("kafka", "elasticsearch")}


def default_cache() -> Path:
    """Where archives are kept: EMOSTREAM_CACHE_DIR, else the user's cache directory."""
    if chosen := os.environ.get("EMOSTREAM_CACHE_DIR"):
        return Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "emostream"


def default_repositories() -> dict[str, str] | None:
    """A repository to use instead of Maven Central, if EMOSTREAM_MAVEN_REPOSITORY names one."""
    chosen = os.environ.get("EMOSTREAM_MAVEN_REPOSITORY")
    return {"chosen": chosen.rstrip("/")} if chosen else None


class JarCache:
    """Archives on disk, each checked against its lock before a server may see it.

    An archive is downloaded beside its place and moved there only after the check, so an
    interrupted download never looks like an installed archive.
    """

    def __init__(self, root: Path, repositories: dict[str, str] | None = None) -> None:
        self.root = root
        self.repositories = repositories

    def folder(self, environment: Environment) -> Path:
        """Where the archives of one environment lie; a changed lock means another folder."""
        return self.root / "jars" / f"{environment.name}-{environment.digest}"

    def install(
        self, environments: Iterable[Environment], installed: Callable[[Jar], None]
    ) -> None:
        """Fetch what is missing, telling of each archive once it is in place and checked.

        Raises:
            StackError: when an archive does not match its lock or cannot be fetched or stored.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = locks.wait_and_take(self.root / "install.lock")
        except OSError as cause:
            raise StackError(
                f"the cache {self.root} cannot be written ({cause.strerror}): "
                "set EMOSTREAM_CACHE_DIR to a folder that can"
            ) from cause
        try:
            self._install(tuple(environments), installed)
        finally:
            os.close(lock)

    def _install(
        self, environments: tuple[Environment, ...], installed: Callable[[Jar], None]
    ) -> None:
        missing: list[tuple[Jar, Path]] = []
        damaged: list[str] = []
        for environment in environments:
            for jar in environment.jars:
                place = self.folder(environment) / jar.filename
                if not place.exists():
                    missing.append((jar, place))
                elif sha256(place) == jar.sha256:
                    installed(jar)
                else:
                    place.unlink()
                    damaged.append(jar.filename)
        if damaged:
            raise StackError(
                f"{', '.join(damaged)} in {self.root} had a wrong checksum and was deleted: "
                "run `python -m stack install` to fetch it again"
            )
        if missing:
            self._fetch_all(missing, installed)

    def _fetch_all(self, missing: list[tuple[Jar, Path]], installed: Callable[[Jar], None]) -> None:
        with (
            tempfile.TemporaryDirectory(dir=self.root, prefix="downloading-") as scratch,
            ThreadPoolExecutor(AT_ONCE) as pool,
        ):
            fetched = [
                pool.submit(self._fetch, jar, place, Path(scratch) / str(number))
                for number, (jar, place) in enumerate(missing)
            ]
            try:
                for (jar, _), future in zip(missing, fetched, strict=True):
                    future.result()
                    installed(jar)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _fetch(self, jar: Jar, place: Path, scratch: Path) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                file = self._download(jar, scratch / str(attempt))
                break
            except (OSError, RuntimeError) as cause:
                if isinstance(cause, OSError) and cause.errno == errno.ENOSPC:
                    raise StackError(
                        f"the disk is full: free some space in {self.root}, then {AGAIN}"
                    ) from cause
                if attempt == ATTEMPTS:
                    raise StackError(
                        f"{jar.filename} could not be downloaded ({reason(cause)}): "
                        f"check the network and its proxy settings, then {AGAIN}"
                    ) from cause
                time.sleep(attempt * 0.5)
        if sha256(file) != jar.sha256:
            file.unlink()
            raise StackError(
                f"{jar.filename} arrived with a wrong checksum and was deleted: {AGAIN}; "
                "if it happens again, a proxy or mirror on the way changes files"
            )
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)

    def _download(self, jar: Jar, repository: Path) -> Path:
        from jgo.maven import MavenContext

        context = MavenContext(
            repo_cache=repository,
            local_repos=[],
            remote_repos=self.repositories,
            timeout=TIMEOUT,
        )
        component = context.project(jar.group, jar.artifact).at_version(jar.version)
        path: Path = component.artifact().resolve()
        return path


def reason(cause: Exception) -> str:
    """Say in two or three words why a download failed."""
    kind = type(cause).__name__
    if "not found" in str(cause):
        return "the repository does not have it"
    return {
        "ConnectionError": "no connection",
        "ProxyError": "no connection through the proxy",
        "ConnectTimeout": "no answer",
        "ReadTimeout": "no answer",
        "ChunkedEncodingError": "the connection broke off",
        "SSLError": "the certificate was refused",
    }.get(kind, kind)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
