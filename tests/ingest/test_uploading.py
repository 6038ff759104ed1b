"""The archive in S3: every payload is there once, whatever happens to the storage or to us."""

import gzip
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from ingest.archive import files
from ingest.bucket import Bucket
from ingest.inputs import find
from ingest.reading import Found, read
from ingest.uploading import MAX_BYTES, UploadedArchive
from stream.backoff import Backoff
from stream.errors import UserError
from tests.ingest.doubles import SettableClock, sight
from tests.ingest.fake_s3 import SECRET, FakeS3
from tests.ingest.test_archive import tweet

pytestmark = pytest.mark.wire

PLACE = "s3://posts/raw/x"
Make = Callable[..., UploadedArchive]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    for name in ("AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with FakeS3("posts") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "x.archive"


@pytest.fixture
def make(s3: FakeS3, spool: Path, clock: SettableClock) -> Make:
    def made(stop: Event | None = None, max_bytes: int = MAX_BYTES) -> UploadedArchive:
        at_once = Backoff(first=0.01, longest=0.01)
        end = stop or Event()
        return UploadedArchive(
            Bucket(PLACE), spool, "x", clock.now, end, max_bytes, backoff=at_once
        )

    return made


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def archived(s3: FakeS3) -> list[str]:
    """The names of the archive's objects."""
    return [key for key in sorted(s3.objects["posts"]) if key.endswith(".gz")]


def replayed(place: str = PLACE) -> list[str]:
    return [
        one.record.key.removeprefix("x:")
        for one in read(find([place], Event(), lambda: None), sight)
        if isinstance(one, Found)
    ]


def test_a_crawl_s_payloads_are_objects_that_replay_reads_back(
    make: Make, s3: FakeS3, clock: SettableClock, spool: Path
) -> None:
    with make(max_bytes=10) as archive:
        for number in range(5):
            archive.add(tweet(number))
            archive.flush()
            clock.wait(1)
    assert replayed() == ["0", "1", "2", "3", "4"]
    assert len(archived(s3)) == 5  # more than one page of a list
    assert all(key.startswith("raw/x/x-20261120T1200") for key in archived(s3))
    assert files(spool, "x") == []


def test_replay_reads_one_object_by_its_name(make: Make, s3: FakeS3) -> None:
    with make() as archive:
        archive.add(tweet(7))
    assert replayed(f"s3://posts/{archived(s3)[0]}") == ["7"]


def test_what_is_flushed_is_on_the_disk_and_an_object_when_its_hour_is_over(
    make: Make, s3: FakeS3, clock: SettableClock, spool: Path
) -> None:
    with make() as archive:
        archive.add(tweet(1))
        archive.flush()
        (file,) = files(spool, "x")
        assert gzip.decompress(file.read_bytes()) == tweet(1) + b"\n"
        assert archived(s3) == []
        clock.wait(timedelta(hours=1).total_seconds())
        archive.flush()  # with nothing new
        until(lambda: not file.exists())
        assert replayed() == ["1"]


def test_a_crash_before_the_upload_loses_nothing_and_doubles_nothing(
    make: Make, s3: FakeS3, spool: Path
) -> None:
    killed = make()
    killed.add(tweet(2))
    killed.flush()
    (left,) = files(spool, "x")
    earlier = spool / left.name.replace("T120000Z", "T110000Z")
    earlier.write_bytes(gzip.compress(tweet(1) + b"\n"))
    for file in (earlier, left):
        with file.open("ab") as torn:
            torn.write(gzip.compress(tweet(3))[:20])  # killed in the middle of a write
    make().close()
    assert len(archived(s3)) == 2
    assert replayed() == ["1", "2"]
    assert files(spool, "x") == []


def test_a_crash_between_the_upload_and_the_end_of_its_file_writes_the_same_object_again(
    make: Make, s3: FakeS3, spool: Path
) -> None:
    killed = make()
    killed.add(tweet(1))
    killed.flush()
    (left,) = files(spool, "x")
    s3.objects["posts"][f"raw/x/{left.name}"] = left.read_bytes()
    make().close()
    assert archived(s3) == [f"raw/x/{left.name}"]
    assert replayed() == ["1"]


@pytest.mark.parametrize("trouble", ["SlowDown", "cut"])
def test_storage_in_trouble_is_asked_again_until_it_takes_the_file(
    make: Make, s3: FakeS3, trouble: str
) -> None:
    archive = make(max_bytes=10)
    if trouble == "cut":
        s3.cut_uploads = 6  # more often than the library tries by itself
    else:
        s3.answers = [(503, "SlowDown")] * 6
    archive.add(tweet(1))
    archive.flush()
    archive.add(tweet(2))
    archive.flush()  # ends the first file
    until(lambda: bool(archived(s3)))
    archive.close()
    assert sorted(replayed()) == ["1", "2"]
    assert len(s3.puts) > 6


def test_what_storage_in_trouble_does_not_take_stays_for_the_next_start(
    make: Make, s3: FakeS3, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stop = Event()
    archive = make(stop)
    archive.add(tweet(1))
    s3.answers = [(503, "SlowDown")] * 4
    stop.set()
    archive.close()
    assert archived(s3) == []
    assert "for the next start with --archive: 1" in caplog.text
    make().close()
    assert replayed() == ["1"]


def test_files_of_an_earlier_run_end_no_crawl_whose_storage_answers_again(
    make: Make, s3: FakeS3, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.uploading.MOST_WAITING", 2)
    spool.mkdir()
    for number in range(60):
        name = f"x-20261120T10{number:02d}00Z-0badf00d.ndjson.gz"
        (spool / name).write_bytes(gzip.compress(tweet(number) + b"\n"))
    with make() as archive:
        archive.add(tweet(1000))
        archive.flush()
    assert len(archived(s3)) == 61


def test_storage_that_takes_nothing_ends_the_crawl_before_the_disk_is_full(
    make: Make, s3: FakeS3, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.uploading.MOST_WAITING", 3)
    archive = make(max_bytes=1)
    s3.answers = [(503, "SlowDown")] * 10_000
    with pytest.raises(UserError, match=r"3 files wait in .*x\.archive: the next start uploads"):
        for number in range(10):  # each flush ends the file before
            archive.add(tweet(number))
            archive.flush()
    archive.close()
    assert len(files(spool, "x")) >= 3


def test_a_key_taken_away_ends_the_crawl_and_the_file_stays(
    make: Make, s3: FakeS3, clock: SettableClock, spool: Path
) -> None:
    archive = make(max_bytes=10)
    s3.answers = [(403, "AccessDenied")]
    archive.add(tweet(1))
    archive.flush()

    def refused() -> bool:
        try:
            archive.flush()
        except UserError as error:
            return "127.0.0.1" in str(error) and "refuses us (403 AccessDenied)" in str(error)
        return False

    until(refused)
    with pytest.raises(UserError, match="AccessDenied"):
        archive.flush()
    assert len(files(spool, "x")) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"AWS_ACCESS_KEY_ID": "other"}, r"refuses us \(403 InvalidAccessKeyId\).*AWS_REGION"),
        ({"AWS_REGION": "eu-north-1"}, r"refuses us \(403 InvalidAccessKeyId\)"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, r"127.0.0.1:9 does not answer"),
    ],
)
def test_storage_that_cannot_be_used_is_said_at_the_start(
    make: Make, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], said: str
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=f"{PLACE}: .*{said}") as error:
        make()
    assert SECRET not in str(error.value)
    assert "SIGNED" not in str(error.value)


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_not_there_is_said(spool: Path, clock: SettableClock) -> None:
    with pytest.raises(UserError, match=r"there is no such bucket at 127\.0\.0\.1"):
        UploadedArchive(Bucket("s3://other/raw"), spool, "x", clock.now, Event())
    with pytest.raises(UserError, match=r"there is no such bucket at 127\.0\.0\.1"):
        replayed("s3://other/raw")


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("url", ["s3://", "s3:///prefix", "s3://me:pw@posts/raw"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UserError, match="must be s3://BUCKET"):
        Bucket(url)


@pytest.mark.usefixtures("s3")
def test_a_prefix_without_an_archive_is_said() -> None:
    with pytest.raises(UserError, match="s3://posts/empty: no file to replay"):
        replayed("s3://posts/empty")
    with pytest.raises(UserError, match=r"x\.ndjson: cannot be read: .*no such object"):
        replayed("s3://posts/x.ndjson")


def test_a_download_that_breaks_off_is_said(make: Make, s3: FakeS3) -> None:
    with make() as archive:
        for number in range(3):
            archive.add(tweet(number, "x" * 100_000))
    s3.cut_downloads = 10
    with pytest.raises(UserError, match="cannot be read"):
        replayed()
