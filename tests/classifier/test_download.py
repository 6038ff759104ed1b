import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from classifier.datasets import DataFile
from classifier.download import Outcome, Patience, download, not_fetched
from stream.errors import UserError

pytestmark = pytest.mark.wire

CONTENT = bytes(range(256)) * 2000
QUICK = Patience(attempts=3, wait=0.0, timeout=5.0)


class Host(ThreadingHTTPServer):
    """A file host that can break off, ignore ranges, and answer with errors."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.break_after: list[int] = []  # bytes of each of the next answers
        self.errors: list[int] = []  # status codes of the next answers
        self.ranges = True
        self.asked: list[str | None] = []  # the Range header of each request

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Host

    def do_GET(self) -> None:
        host = self.server
        wanted = self.headers.get("Range")
        host.asked.append(wanted)
        if self.path != "/set/file.tsv" or host.errors:
            self.send_error(host.errors.pop(0) if host.errors else 404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        partial = bool(wanted) and host.ranges
        body = host.content[start:] if partial else host.content
        self.send_response(206 if partial else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: host.break_after.pop(0)] if host.break_after else body)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def declared(host: Host, path: str = "set/file.tsv", content: bytes = CONTENT) -> DataFile:
    digest = hashlib.sha256(content).hexdigest()
    return DataFile(path, f"{host.address}/{path}", len(content), digest)


def test_a_file_is_fetched_once_and_then_left_alone(host: Host, tmp_path: Path) -> None:
    file = declared(host)
    assert download([file], tmp_path, patience=QUICK) == Outcome([tmp_path / file.path])
    assert (tmp_path / file.path).read_bytes() == CONTENT
    assert download([file], tmp_path, patience=QUICK) == Outcome()
    assert len(host.asked) == 1
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["file.tsv"]


def test_a_broken_transfer_is_continued_where_it_broke(host: Host, tmp_path: Path) -> None:
    host.break_after = [100_000, 150_000]
    download([declared(host)], tmp_path, patience=QUICK)
    assert host.asked == [None, "bytes=100000-", "bytes=250000-"]
    assert (tmp_path / "set/file.tsv").read_bytes() == CONTENT


def test_the_next_call_continues_what_the_last_one_left(host: Host, tmp_path: Path) -> None:
    host.break_after = [1000, 0, 0]
    with pytest.raises(UserError, match=r"ended after 1,000 of 512,000 bytes, 3 times"):
        download([declared(host)], tmp_path, patience=QUICK)
    assert not (tmp_path / "set/file.tsv").exists()
    download([declared(host)], tmp_path, patience=QUICK)
    assert host.asked[-1] == "bytes=1000-"
    assert (tmp_path / "set/file.tsv").read_bytes() == CONTENT


def test_a_host_without_ranges_sends_the_whole_file_again(host: Host, tmp_path: Path) -> None:
    host.ranges = False
    host.break_after = [1000]
    download([declared(host)], tmp_path, patience=QUICK)
    assert (tmp_path / "set/file.tsv").read_bytes() == CONTENT


def test_a_file_with_the_wrong_checksum_is_named_and_not_kept(host: Host, tmp_path: Path) -> None:
    file = declared(host)
    host.content = CONTENT[::-1]
    got = hashlib.sha256(host.content).hexdigest()
    (refused,) = download([file], tmp_path, patience=QUICK).refused
    assert all(part in refused for part in (file.path, file.sha256, got, "try again"))
    assert list((tmp_path / "set").iterdir()) == []


def test_a_damaged_file_is_fetched_anew(host: Host, tmp_path: Path) -> None:
    file = declared(host)
    (tmp_path / "set").mkdir()
    (tmp_path / file.path).write_bytes(CONTENT[:-1] + b"x")
    assert download([file], tmp_path, patience=QUICK) == Outcome([tmp_path / file.path])
    assert (tmp_path / file.path).read_bytes() == CONTENT


@pytest.mark.parametrize("content", [CONTENT + b"more", b"<html>gone</html>"])
def test_a_file_of_another_size_is_refused_at_once(
    host: Host, tmp_path: Path, content: bytes
) -> None:
    host.content = content
    (refused,) = download([declared(host)], tmp_path, patience=QUICK).refused
    assert f"the answer is {len(content):,} bytes, not the 512,000 declared" in refused
    assert len(host.asked) == 1
    assert list((tmp_path / "set").iterdir()) == []


def test_a_file_that_its_host_lacks_is_told_and_the_others_follow(
    host: Host, tmp_path: Path
) -> None:
    gone, there = declared(host, "set/gone.tsv"), declared(host)
    outcome = download([gone, there], tmp_path, patience=QUICK)
    assert outcome.fetched == [tmp_path / there.path]
    (refused,) = outcome.refused
    assert re.search(r"set/gone\.tsv cannot be had from .*HTTP 404", refused)
    assert len(host.asked) == 2


def test_a_file_without_an_address_is_asked_of_a_mirror_only(host: Host, tmp_path: Path) -> None:
    file = replace(declared(host), url="")
    assert download([file], tmp_path, patience=QUICK) == Outcome()
    assert host.asked == []
    assert download([file], tmp_path, host.address, QUICK).fetched == [tmp_path / file.path]


def test_what_is_not_fetched_is_named_with_what_it_was_made_from(tmp_path: Path) -> None:
    lines = not_fetched(tmp_path)
    assert len(lines) == 2
    assert all(name in lines[0] for name in ("suggestion/train.csv", "trial.csv", "Subtask-A"))
    assert "xtopic_en_train.csv" in lines[1] and "JSON Lines" in lines[1]
    for path in ("train.csv", "trial.csv"):
        (tmp_path / "semeval2019-suggestion").mkdir(exist_ok=True)
        (tmp_path / "semeval2019-suggestion" / path).write_text("")
    assert not_fetched(tmp_path) == lines[1:]


def test_a_host_in_trouble_is_asked_again(host: Host, tmp_path: Path) -> None:
    host.errors = [503, 429]
    download([declared(host)], tmp_path, patience=QUICK)
    assert (tmp_path / "set/file.tsv").read_bytes() == CONTENT


def test_no_host_at_all_is_one_sentence(tmp_path: Path) -> None:
    with Host() as gone:
        file = declared(gone)
    with pytest.raises(UserError, match=r"cannot be had .*refused"):
        download([file], tmp_path, patience=QUICK)


def test_a_mirror_takes_the_place_of_the_official_address(host: Host, tmp_path: Path) -> None:
    file = declared(host)
    elsewhere = DataFile(file.path, "http://127.0.0.1:1/set/file.tsv", file.size, file.sha256)
    outcome = download([elsewhere], tmp_path, f"{host.address}/", QUICK)
    assert outcome.fetched == [tmp_path / file.path]


def test_a_folder_that_cannot_be_written_is_named(host: Host, tmp_path: Path) -> None:
    (tmp_path / "set").write_text("a file in the way")
    with pytest.raises(UserError, match=r"cannot be written.*EMOSTREAM_DATA_DIR"):
        download([declared(host)], tmp_path, patience=QUICK)
