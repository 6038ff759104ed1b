from __future__ import annotations

import hashlib
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from jgo.env import compute_spec_hash

from stack import jars
from stack.errors import StackError
from stack.jars import Environment, Jar, JarCache

CONTENT = b"the bytes of an archive" * 1_000


def jar(name: str, content: bytes = CONTENT) -> Jar:
    return Jar("org.example", name, "1.0", hashlib.sha256(content).hexdigest())


def environment(*names: str) -> Environment:
    return Environment("example", tuple(jar(name) for name in names), "0123456789ab")


@dataclass
class Repository:
    """A repository on this machine: bytes by path, and how many of them really arrive."""

    url: str = ""
    content: dict[str, bytes] = field(default_factory=dict)
    breaks_off: bool = False
    asked: list[str] = field(default_factory=list)

    def publish(self, *names: str, content: bytes = CONTENT) -> None:
        for name in names:
            self.content[f"/org/example/{name}/1.0/{name}-1.0.jar"] = content


@pytest.fixture
def repository() -> Iterator[Repository]:
    served = Repository()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            content = served.content.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if served.breaks_off else content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield served
    server.shutdown()
    server.server_close()


def cache(tmp_path: Path, repository: Repository) -> JarCache:
    return JarCache(tmp_path / "cache", {"example": repository.url})


def install(cache: JarCache, *names: str) -> list[str]:
    installed: list[str] = []
    cache.install([environment(*names)], lambda jar: installed.append(jar.artifact))
    return installed


@pytest.mark.parametrize("name", jars.ENVIRONMENTS)
def test_every_lock_was_made_from_its_spec(name: str) -> None:
    folder = jars.LOCKS / name
    lock = tomllib.loads((folder / "jgo.lock.toml").read_text(encoding="utf-8"))
    assert lock["metadata"]["spec_hash"] == compute_spec_hash(folder / "jgo.toml")


@pytest.mark.parametrize(
    ("name", "archives"), [("kafka", 46), ("elasticsearch", 37), ("transport-netty4", 12)]
)
def test_every_locked_archive_has_a_checksum_and_a_name_of_its_own(
    name: str, archives: int
) -> None:
    locked = jars.read_lock(name).jars
    assert len({jar.filename for jar in locked}) == archives
    assert all(len(jar.sha256) == 64 for jar in locked)


@pytest.mark.parametrize("name", jars.ENVIRONMENTS)
def test_no_lock_names_a_repository(name: str) -> None:
    for file in (jars.LOCKS / name).iterdir():
        assert "://" not in file.read_text(encoding="utf-8")


def test_the_node_and_its_module_have_one_version() -> None:
    module = jars.read_lock("transport-netty4").jars[0]
    assert module.version == jars.server_versions()["elasticsearch"]


def test_the_cache_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("EMOSTREAM_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert jars.default_cache() == tmp_path / ".cache" / "emostream"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert jars.default_cache() == tmp_path / "xdg" / "emostream"
    monkeypatch.setenv("EMOSTREAM_CACHE_DIR", str(tmp_path / "mine"))
    assert jars.default_cache() == tmp_path / "mine"


@pytest.mark.wire
def test_missing_archives_are_fetched_once(tmp_path: Path, repository: Repository) -> None:
    repository.publish("a", "b")
    assert install(cache(tmp_path, repository), "a", "b") == ["a", "b"]
    asked = len(repository.asked)
    assert install(cache(tmp_path, repository), "a", "b") == ["a", "b"]
    assert len(repository.asked) == asked
    folder = cache(tmp_path, repository).folder(environment("a"))
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        "a-1.0.jar": CONTENT,
        "b-1.0.jar": CONTENT,
    }


@pytest.mark.wire
def test_an_archive_with_a_wrong_checksum_is_deleted_and_named(
    tmp_path: Path, repository: Repository
) -> None:
    repository.publish("a", content=b"something else")
    with pytest.raises(StackError, match=r"a-1\.0\.jar arrived with a wrong checksum .*install"):
        install(cache(tmp_path, repository), "a")
    assert list((tmp_path / "cache").rglob("*.jar")) == []


@pytest.mark.wire
def test_a_damaged_archive_in_the_cache_is_deleted_and_fetched_the_next_time(
    tmp_path: Path, repository: Repository
) -> None:
    repository.publish("a", "b")
    install(cache(tmp_path, repository), "a", "b")
    damaged = cache(tmp_path, repository).folder(environment("a")) / "a-1.0.jar"
    damaged.write_bytes(CONTENT[:-1] + b"?")
    with pytest.raises(StackError, match=r"a-1\.0\.jar in .* had a wrong checksum .*install"):
        install(cache(tmp_path, repository), "a", "b")
    assert not damaged.exists()
    install(cache(tmp_path, repository), "a", "b")
    assert damaged.read_bytes() == CONTENT


@pytest.mark.wire
def test_a_download_that_breaks_off_is_tried_again_and_then_named(
    tmp_path: Path, repository: Repository
) -> None:
    repository.publish("a")
    repository.breaks_off = True
    with pytest.raises(StackError, match=r"a-1\.0\.jar could not be downloaded .*broke off"):
        install(cache(tmp_path, repository), "a")
    assert len(repository.asked) == jars.ATTEMPTS
    assert list((tmp_path / "cache").rglob("*.jar")) == []
    repository.breaks_off = False
    assert install(cache(tmp_path, repository), "a") == ["a"]


@pytest.mark.wire
def test_an_archive_the_repository_does_not_have_is_named(
    tmp_path: Path, repository: Repository
) -> None:
    with pytest.raises(StackError, match=r"a-1\.0\.jar .*the repository does not have it"):
        install(cache(tmp_path, repository), "a")


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match=r"cannot be written .*EMOSTREAM_CACHE_DIR"):
        JarCache(tmp_path / "file" / "cache").install([environment("a")], lambda _: None)
