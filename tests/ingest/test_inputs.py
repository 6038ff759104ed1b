"""Files, folders, compression and pipes become numbered lines."""

import gzip
import io
import os
from pathlib import Path
from threading import Event

import pytest

from ingest.inputs import Input, Line, find, kept, read_lines
from stream.codec import MAX_RECORD
from stream.errors import UserError


def nothing() -> None:
    pass


def inputs(*paths: Path) -> list[Input]:
    return find([str(path) for path in paths], Event(), nothing)


def test_a_folder_gives_its_files_in_name_order_and_leaves_out_what_holds_no_texts(
    tmp_path: Path,
) -> None:
    for name in (
        "b.ndjson",
        "a.JSONL.gz",
        "c_text.txt",
        "c_labels.txt",
        "mapping.txt",
        "emotions.txt",
        "ekman_mapping.json",
        "sentiment_mapping.json",
        "README.md",
        "readme.txt",
        "d.bin",
    ):
        (tmp_path / name).touch()
    (tmp_path / "deeper.csv").mkdir()
    names = [Path(one.name).name for one in inputs(tmp_path)]
    assert names == ["a.JSONL.gz", "b.ndjson", "c_text.txt"]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.touch()
    assert [one.name for one in inputs(file, tmp_path)] == [str(file)]


def test_a_missing_path_and_an_empty_folder_are_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or directory"):
        inputs(tmp_path / "none.txt")
    with pytest.raises(UserError, match="file name too long"):
        inputs(tmp_path / ("n" * 500))
    with pytest.raises(UserError, match="no file to replay"):
        inputs(tmp_path)


def test_names_lose_their_endings() -> None:
    source = Input("some/where/test.TSV.gz", lambda: io.BufferedReader(io.FileIO(0)), again=False)
    assert (source.file_name, source.data_set, source.ending) == (
        "test.TSV",
        "where/test",
        ".tsv",
    )


def test_gzip_is_known_by_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "named_plainly.txt"
    file.write_bytes(gzip.compress(b"one\ntwo\n"))
    (source,) = inputs(file)
    assert [line.data for line in source.lines()] == [b"one", b"two"]


def test_a_damaged_gzip_is_the_users_to_mend(tmp_path: Path) -> None:
    file = tmp_path / "cut.ndjson.gz"
    file.write_bytes(gzip.compress(os.urandom(5000))[:3000])
    (source,) = inputs(file)
    with pytest.raises(UserError, match=r"cut\.ndjson\.gz: cannot be read: Compressed file ended"):
        list(source.lines())


def test_lines_are_numbered_and_a_byte_order_mark_is_none_of_the_text() -> None:
    lines = list(read_lines(io.BytesIO(b"\xef\xbb\xbfone\r\n\n two")))
    assert lines == [Line(1, b"one\r", 4), Line(2, b"", 0), Line(3, b" two", 4)]
    assert [line.blank for line in lines] == [False, True, False]


def test_only_the_beginning_of_a_huge_line_is_held() -> None:
    size = 10_000_000
    huge, after = read_lines(io.BytesIO(b"x" * size + b"\nafter\n"))
    assert (len(huge.data), huge.size, huge.whole) == (MAX_RECORD, size, False)
    assert after == Line(2, b"after", 5)


def test_a_line_as_long_as_a_record_may_be_is_whole() -> None:
    (line,) = read_lines(io.BytesIO(b"x" * MAX_RECORD + b"\n"))
    assert line.whole


def test_a_pipe_is_read_to_its_end_and_idles_while_nothing_comes(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.write(write, b"one\ntwo")
    idle: list[int] = []

    def end_the_pipe() -> None:
        if not idle:
            os.close(write)
        idle.append(1)

    (source,) = find([f"/dev/fd/{read}"], Event(), end_the_pipe)
    assert not source.again
    assert [line.data for line in source.lines()] == [b"one", b"two"]
    assert idle
    os.close(read)


def test_a_pipe_that_stays_open_ends_when_we_are_asked_to_stop() -> None:
    read, write = os.pipe()
    os.write(write, b"one\n")
    stop = Event()
    (source,) = find([f"/dev/fd/{read}"], stop, stop.set)
    assert [line.data for line in source.lines()] == [b"one"]
    os.close(read)
    os.close(write)


def test_a_pipe_that_is_kept_can_be_read_twice() -> None:
    read, write = os.pipe()
    os.write(write, gzip.compress(b"one\ntwo\n"))
    os.close(write)
    (source,) = find([f"/dev/fd/{read}"], Event(), nothing)
    with kept(source, Event()) as copy:
        assert copy.name == source.name
        first, second = list(copy.lines()), list(copy.lines())
    assert [line.data for line in first] == [b"one", b"two"]
    assert first == second
    os.close(read)
