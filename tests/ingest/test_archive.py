"""Archived payloads are read back by replay, whatever happened to the file."""

import errno
import gzip
import json
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from ingest.archive import Archive, files, mend
from ingest.inputs import find
from ingest.reading import Found, read
from stream.errors import UserError
from tests.ingest.doubles import SettableClock, sight


def tweet(number: int, text: str = "so früh") -> bytes:
    fields = {"id": str(number), "text": text, "created_at": "2026-11-14T12:00:00Z"}
    return json.dumps(fields, ensure_ascii=False).encode()


def ids(path: Path) -> list[str]:
    return [
        one.record.key.removeprefix("x:")
        for one in read(find([str(path)], Event(), lambda: None), sight)
        if isinstance(one, Found)
    ]


def lines(file: Path) -> list[bytes]:
    return gzip.decompress(file.read_bytes()).split(b"\n")[:-1]


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


def test_payloads_are_lines_that_replay_reads_back(tmp_path: Path, clock: SettableClock) -> None:
    page = json.dumps({"data": [json.loads(tweet(2)), json.loads(tweet(3))]}, indent=2).encode()
    with Archive(tmp_path / "new", "x", clock.now) as archive:
        for data in (tweet(1), page, b"", b"\r\n"):
            archive.add(data)
        archive.flush()
        archive.add(tweet(4))
    (file,) = (tmp_path / "new").iterdir()
    assert file.name == "x-20261120T120000Z.ndjson.gz"
    assert ids(tmp_path / "new") == ["1", "2", "3", "4"]
    assert len(lines(file)) == 3


def test_every_byte_but_the_line_feed_is_kept(tmp_path: Path, clock: SettableClock) -> None:
    data = bytes(byte for byte in range(256) if byte != 10)
    with Archive(tmp_path, "x", clock.now) as archive:
        archive.add(b"{" + data + b"}")
        archive.add(b"{a\nb}")
    (file,) = tmp_path.iterdir()
    assert lines(file) == [b"{" + data + b"}", b"{a b}"]


def test_what_was_flushed_is_readable_while_the_crawl_goes_on(
    tmp_path: Path, clock: SettableClock
) -> None:
    with Archive(tmp_path, "x", clock.now) as archive:
        archive.add(tweet(1))
        archive.flush()
        archive.add(tweet(2))
        assert ids(tmp_path) == ["1"]


def test_a_new_file_begins_each_hour_and_when_one_is_full(
    tmp_path: Path, clock: SettableClock
) -> None:
    with Archive(tmp_path, "x", clock.now, max_bytes=50) as archive:
        for number in range(3):
            archive.add(tweet(number))
            archive.flush()
    with Archive(tmp_path, "x", clock.now, max_age=timedelta(hours=1)) as archive:
        for number in range(3, 6):
            archive.add(tweet(number))
            archive.flush()
            clock.wait(1800)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "x-20261120T120000Z-001.ndjson.gz",
        "x-20261120T120000Z-002.ndjson.gz",
        "x-20261120T120000Z-003.ndjson.gz",
        "x-20261120T120000Z.ndjson.gz",
        "x-20261120T130000Z.ndjson.gz",
    ]
    assert sorted(ids(tmp_path)) == ["0", "1", "2", "3", "4", "5"]


def test_a_file_that_was_cut_off_is_read_up_to_the_cut(
    tmp_path: Path, clock: SettableClock
) -> None:
    with Archive(tmp_path, "x", clock.now) as archive:
        for number in range(3):
            archive.add(tweet(number))
            archive.flush()
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for cut in range(1, 30):
        file.write_bytes(whole[:-cut])
        found: list[str] = []
        with pytest.raises(UserError, match="cannot be read"):
            for one in read(find([str(file)], Event(), lambda: None), sight):
                assert isinstance(one, Found)
                found.append(one.record.key.removeprefix("x:"))
        # Of the last member as much as could be unpacked.
        assert found in (["0", "1"], ["0", "1", "2"])


def test_the_next_start_mends_it_and_replay_reads_the_whole_folder(
    tmp_path: Path, clock: SettableClock
) -> None:
    with Archive(tmp_path, "x", clock.now) as archive:
        for number in range(3):
            archive.add(tweet(number))
            archive.flush()
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for cut in range(1, 30):
        file.write_bytes(whole[:-cut])
        mended = len(whole) - cut
        assert mend(file) == mended - file.stat().st_size
        assert ids(file) == ["0", "1"]
    file.write_bytes(whole + b"\x1f\x8b\x08garbage")
    clock.wait(1)
    with Archive(tmp_path, "x", clock.now) as archive:
        archive.add(tweet(9))
    assert ids(tmp_path) == ["0", "1", "2", "9"]


def test_of_files_that_began_in_the_same_second_the_last_is_mended(
    tmp_path: Path, clock: SettableClock
) -> None:
    for number in range(3):
        with Archive(tmp_path, "x", clock.now) as archive:
            archive.add(tweet(number))
    found = files(tmp_path, "x")
    assert [file.name[17:] for file in found] == [
        "Z.ndjson.gz",
        "Z-001.ndjson.gz",
        "Z-002.ndjson.gz",
    ]
    whole = [file.stat().st_size for file in found]
    for file in found:
        file.write_bytes(file.read_bytes() + b"\x1f\x8b\x08 cut off")
    Archive(tmp_path, "x", clock.now)
    assert [file.stat().st_size == size for file, size in zip(found, whole, strict=True)] == [
        False,
        False,
        True,
    ]


def test_a_mark_of_digits_is_no_number(tmp_path: Path) -> None:
    names = ["x-20261120T120000Z-12345678.ndjson.gz", "x-20261120T120000Z-12345678-1000.ndjson.gz"]
    later = ["x-20261120T120000Z-22345678-001.ndjson.gz", "x-20261120T120001Z.ndjson.gz"]
    for name in (*reversed(later), *reversed(names)):
        (tmp_path / name).touch()
    assert [file.name for file in files(tmp_path, "x")] == [*names, *later]


def test_a_file_without_a_whole_member_goes(tmp_path: Path, clock: SettableClock) -> None:
    with Archive(tmp_path, "x", clock.now) as archive:
        archive.add(tweet(1))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:15])
    Archive(tmp_path, "x", clock.now)
    assert list(tmp_path.iterdir()) == []


def test_files_of_others_are_left_alone(tmp_path: Path, clock: SettableClock) -> None:
    for name in ("x-y-20261120T110000Z.ndjson.gz", "x.ndjson.gz", "x-2026.ndjson.gz"):
        (tmp_path / name).write_bytes(b"broken")
    Archive(tmp_path, "x", clock.now)
    assert {file.read_bytes() for file in tmp_path.iterdir()} == {b"broken"}


def test_mending_reads_no_more_than_a_piece_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "x.ndjson.gz"
    members = [gzip.compress(b"%d" % n * 2_000, mtime=0) for n in range(500)]
    file.write_bytes(b"".join(members) + members[0][:-1])
    assert mend(file) == len(members[0]) - 1
    assert file.stat().st_size == sum(map(len, members))


@pytest.mark.case(35)
def test_what_could_not_be_written_is_kept_for_the_next_flush(
    tmp_path: Path, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Archive(tmp_path, "x", clock.now) as archive:
        archive.add(tweet(1))
        with monkeypatch.context() as patch:
            patch.setattr(archive, "_open", full)
            with pytest.raises(UserError, match="No space left"):
                archive.flush()
        archive.flush()
        archive.flush()
    assert ids(tmp_path) == ["1"]


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path, clock: SettableClock) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file: cannot be archived to"):
        Archive(tmp_path / "file", "x", clock.now)
