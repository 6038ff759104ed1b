"""Word vectors of others: each format, and files that are not what they say."""

import gzip
import struct
from pathlib import Path

import pytest
import torch

from classifier.families import vectors
from stream.errors import UserError

WORDS = ("<unknown>", "bus", "glad", "river")
ROWS = {"bus": (1.0, 2.0, 3.0), "glad": (-1.0, 0.5, 0.25), "other": (9.0, 9.0, 9.0)}


def text(header: str) -> bytes:
    lines = [f"{word} {' '.join(map(str, row))}" for word, row in ROWS.items()]
    return (header + "\n".join(lines) + "\n").encode()


def binary(end: bytes) -> bytes:
    parts = [word.encode() + b" " + struct.pack("<3f", *row) for word, row in ROWS.items()]
    return b"3 3\n" + end.join(parts) + end


def fasttext(*, bucket: int = 2, version: int = 12, rows: int | None = None) -> bytes:
    head = struct.pack("<14id", vectors.FASTTEXT, version, 3, 5, 5, 1, 5, 1, 2, 1, bucket, 3, 3,
                       100, 1e-4)  # fmt: skip
    words = b"".join(word.encode() + b"\0" + struct.pack("<qb", 5, 0) for word in ROWS)
    head += struct.pack("<iiiqq", 3, 3, 0, 99, -1) + words
    matrix = [*ROWS.values(), *[(0.5, 0.5, 0.5)] * bucket]
    numbers = b"".join(struct.pack("<3f", *row) for row in matrix)
    return head + struct.pack("<?qq", False, len(matrix) if rows is None else rows, 3) + numbers


FORMATS = {
    "glove.txt": text(""),
    "word2vec.txt": text("3 3\n"),
    "crawl.vec": text("3 3\n"),
    "word2vec.bin": binary(b"\n"),
    "newer.bin": binary(b""),
    "packed.txt.gz": gzip.compress(text("3 3\n")),
    "packed.bin.gz": gzip.compress(binary(b"")),
    "model.bin": fasttext(bucket=0),
}


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_gives_the_vectors_of_the_words_asked_for(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FORMATS[name])
    found = vectors.read(tmp_path / name, WORDS)
    assert found.found.tolist() == [False, True, True, False]
    assert torch.equal(found.rows[1], torch.tensor(ROWS["bus"]))
    assert torch.equal(found.rows[2], torch.tensor(ROWS["glad"]))


def test_a_fasttext_model_makes_words_of_subwords_even_unknown_ones(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(fasttext(bucket=2))
    found = vectors.read(tmp_path / "model.bin", WORDS)
    assert found.found.all()
    pieces = len("<bus>") - 2  # three characters each
    expected = (torch.tensor(ROWS["bus"]) + pieces * 0.5) / (1 + pieces)
    assert torch.allclose(found.rows[1], expected)
    assert torch.equal(found.rows[3], torch.full((3,), 0.5))


def test_subwords_are_hashed_as_fasttext_does() -> None:
    assert vectors._hashes("a", 3, 3) == [_fnv(b"<a>")]
    assert vectors._hashes("é", 3, 3) == [_fnv("<é>".encode())]


def _fnv(content: bytes) -> int:
    value = 0x811C9DC5
    for (byte,) in struct.iter_unpack("<b", content):  # fastText takes them as signed
        value = ((value ^ (byte & 0xFFFFFFFF)) * 0x01000193) & 0xFFFFFFFF
    return value


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "none of the formats"),
        (b"hello\n", "none of the formats"),
        (b"\xff\xfe" * 50, "none of the formats"),
        (b"99999999999 3\nbus 1 2 3\n", "promises 99999999999 words and has 1"),
        (b"3 99999\nbus 1 2 3\n", "promises 3 words of 99999 dimensions"),
        (text("3 3\n")[:-9], "vector 3 has fewer than 3 numbers"),
        (text("4 3\n"), "promises 4 words and has 3"),
        (text("").replace(b"2.0", b"two"), "none of the formats"),
        (text("").replace(b"0.5", b"half"), "vector 2 has something that is no number"),
        (text("").replace(b"0.5", b"nan"), "not finite"),
        (binary(b"")[:-5], "it ends in vector 3 of 3"),
        (binary(b"")[:-20], "too short for 3 words of 3 dimensions"),
        (b"3 3\n" + b"x" * 4000, "a word has no end"),
        (text("").replace(b"bus", b"cus").replace(b"glad", b"mad"), "none of the words"),
        (fasttext()[:40], "ends too early"),
        (fasttext(version=9), "version 9"),
        (fasttext(rows=10**9), "its matrix is not of 5 rows of 3"),
        (fasttext()[:-4], "its matrix is not of"),
        (fasttext()[:68] + struct.pack("<i", 2) + fasttext()[72:], "more than the 2 words"),
        (fasttext(bucket=0)[:64] + struct.pack("<iiiqq", 0, 0, 0, 0, -1), "make no sense"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused_with_its_fault(
    tmp_path: Path, content: bytes, fault: str
) -> None:
    (tmp_path / "vectors").write_bytes(content)
    with pytest.raises(UserError, match=fault) as refused:
        vectors.read(tmp_path / "vectors", WORDS)
    assert str(tmp_path / "vectors") in str(refused.value)


def test_a_damaged_or_missing_archive_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(text("3 3\n"))
    (tmp_path / "cut.gz").write_bytes(packed[:-12])
    with pytest.raises(UserError, match="not whole"):
        vectors.read(tmp_path / "cut.gz", WORDS)
    (tmp_path / "flipped.gz").write_bytes(packed[:10] + b"\x07" + packed[11:])
    with pytest.raises(UserError, match=r"flipped\.gz .* not whole .*invalid block type"):
        vectors.read(tmp_path / "flipped.gz", WORDS)
    (tmp_path / "none.gz").write_bytes(b"plain")
    with pytest.raises(UserError, match="not whole"):
        vectors.read(tmp_path / "none.gz", WORDS)
    with pytest.raises(UserError, match="cannot be read: No such file"):
        vectors.read(tmp_path / "nowhere", WORDS)
