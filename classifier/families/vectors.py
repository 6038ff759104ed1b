"""Reads word vectors that others made: Word2Vec (text, binary), GloVe, fastText (.vec, .bin).

Only the vectors of the words that are asked for are kept, so a file of millions of words takes no
more memory than the vocabulary does. Nothing in a file is believed before it was checked against
the file's size; a file that is not as its format says is a UserError that names file and place.

Formats: word2vec's own (`N D` and a word and D numbers a line, or D little-endian float32 after
each word), GloVe's (the same without the first line), fastText's `.vec` (word2vec's text), and its
model file (github.com/facebookresearch/fastText, dictionary.cc, densematrix.cc, version 12).
"""

import gzip
import math
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stream.errors import UserError

FASTTEXT = 793_712_314
"""What a fastText model starts with."""

MOST_DIMENSIONS = 4096
LONGEST_WORD = 1000
"""Bytes."""

LONGEST_LINE = 40 * MOST_DIMENSIONS + LONGEST_WORD

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Vectors:
    """The vectors of some words."""

    rows: Tensor  # (words, dim), float32; 0 where none was found
    found: Tensor  # (words,), bool


def read(path: Path, words: Sequence[str]) -> Vectors:
    """The vectors of words from a file of any of the formats; a .gz is unpacked as it is read.

    Raises:
        UserError: the file is not there, of no known format, or damaged; or has none of the words.
    """
    place = {word: number for number, word in enumerate(words)}
    try:
        with _open(path) as stream:
            start = stream.read(4)
            stream.seek(0)
            if len(start) == 4 and struct.unpack("<i", start)[0] == FASTTEXT:
                pairs = _fasttext(path, stream, words)
            else:
                pairs = _plain(path, stream, place)
            rows, found = _collected(path, pairs, place)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        _refuse(path, f"it is not whole ({error})")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    if not bool(found.any()):
        _refuse(path, "it has none of the words of the vocabulary")
    return Vectors(rows, found)


def _collected(
    path: Path, pairs: Iterator[tuple[str, Vector]], place: Mapping[str, int]
) -> tuple[Tensor, Tensor]:
    rows, found = None, torch.zeros(len(place), dtype=torch.bool)
    for word, vector in pairs:
        if not np.isfinite(vector).all():
            _refuse(path, "a vector has a number that is not finite")
        if rows is None:
            rows = torch.zeros(len(place), len(vector))
        number = place[word]
        if not found[number]:  # the first of a repeated word counts, as in gensim
            rows[number] = torch.from_numpy(vector.copy())
            found[number] = True
    return (torch.zeros(len(place), 1) if rows is None else rows), found


def _open(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _plain(path: Path, stream: BinaryIO, place: Mapping[str, int]) -> Iterator[tuple[str, Vector]]:
    """Word2Vec's two formats, or GloVe's."""
    first = stream.readline(LONGEST_LINE)
    fields = first.split()
    if len(fields) == 2 and all(field.isdigit() and len(field) < 12 for field in fields):
        count, dim = int(fields[0]), int(fields[1])
        if not (0 < dim <= MOST_DIMENSIONS and count > 0):
            _refuse(path, f"its first line promises {count} words of {dim} dimensions")
        start = stream.tell()
        if _is_text(stream.readline(LONGEST_LINE), dim):
            stream.seek(start)
            return _lines(path, stream, place, dim, count)
        stream.seek(start)
        if path.suffix != ".gz" and path.stat().st_size < start + count * (4 * dim + 2):
            _refuse(path, f"it is too short for {count} words of {dim} dimensions")
        return _binary(path, stream, place, dim, count)
    dim = len(first.rstrip().split(b" ")) - 1
    if dim < 2 or not _is_text(first, dim):
        _refuse(path, "it is in none of the formats: Word2Vec, GloVe, fastText")
    stream.seek(0)
    return _lines(path, stream, place, dim, None)


def _is_text(line: bytes, dim: int) -> bool:
    fields = line.rstrip().split(b" ")
    if not 0 < dim <= MOST_DIMENSIONS or len(fields) <= dim:
        return False
    try:
        return all(math.isfinite(float(field)) for field in fields[-dim:])
    except ValueError:
        return False


def _lines(
    path: Path, stream: BinaryIO, place: Mapping[str, int], dim: int, count: int | None
) -> Iterator[tuple[str, Vector]]:
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        fields = line.rstrip().split(b" ")
        if len(fields) <= dim:
            _refuse(path, f"vector {number} has fewer than {dim} numbers")
        word = b" ".join(fields[:-dim]).decode("utf-8", "replace")  # GloVe has words with spaces
        if word not in place:
            continue
        try:
            yield word, np.array([float(field) for field in fields[-dim:]], dtype=np.float32)
        except ValueError:
            _refuse(path, f"vector {number} has something that is no number")
    if count is not None and number < count:
        _refuse(path, f"it promises {count} words and has {number}")


def _binary(
    path: Path, stream: BinaryIO, place: Mapping[str, int], dim: int, count: int
) -> Iterator[tuple[str, Vector]]:
    for number in range(1, count + 1):
        word = _word(path, stream, b" ").lstrip(b"\n").decode("utf-8", "replace")
        raw = stream.read(4 * dim)
        if len(raw) < 4 * dim:
            _refuse(path, f"it ends in vector {number} of {count}")
        if word in place:
            yield word, np.frombuffer(raw, dtype="<f4")


def _word(path: Path, stream: BinaryIO, end: bytes) -> bytes:
    found = bytearray()
    while (sign := stream.read(1)) != end:
        if not sign or len(found) > LONGEST_WORD:
            _refuse(path, "a word has no end")
        found += sign
    return bytes(found)


def _fasttext(path: Path, stream: BinaryIO, words: Sequence[str]) -> Iterator[tuple[str, Vector]]:
    """A fastText model: each word is the mean of its own row and those of its subwords."""
    if path.suffix == ".gz":
        _refuse(path, "unpack it first")
    version, dim, *_, bucket, shortest, longest, _rate = _numbers(path, stream, "<4x13i")
    _numbers(path, stream, "<d")
    if version not in (11, 12):
        _refuse(path, f"it is fastText's version {version}, not 12")
    size, known, _labels, _tokens, pruned = _numbers(path, stream, "<iiiqq")
    whole = path.stat().st_size
    if not (
        0 < dim <= MOST_DIMENSIONS
        and 0 <= known <= size <= whole
        and 0 <= bucket <= whole
        and known + bucket
    ):
        _refuse(path, "its sizes make no sense")
    if pruned > 0:
        _refuse(path, "it is quantised (.ftz); the unquantised .bin is needed")
    own = _own_rows(path, stream, size, known)
    quantised, rows, columns = _numbers(path, stream, "<?qq")
    start = stream.tell()
    if quantised or columns != dim or rows != known + bucket or start + 4 * rows * dim > whole:
        _refuse(path, f"its matrix is not of {known + bucket} rows of {dim}")
    matrix = np.memmap(path, dtype="<f4", mode="r", offset=start, shape=(rows, dim))
    for word in words:
        places = [own[word]] if word in own else []
        if bucket and longest > 0:
            places += [known + each % bucket for each in _hashes(word, shortest, longest)]
        if places:
            yield word, np.asarray(matrix[places].mean(0), dtype=np.float32)


def _own_rows(path: Path, stream: BinaryIO, size: int, known: int) -> dict[str, int]:
    """The row of each word of a fastText dictionary; labels, listed after them, have none."""
    own: dict[str, int] = {}
    for number in range(size):
        word = _word(path, stream, b"\0").decode("utf-8", "replace")
        _, kind = _numbers(path, stream, "<qb")
        if kind == 0:
            if number >= known:
                _refuse(path, f"its dictionary has more than the {known} words it promises")
            own[word] = number
    return own


def _numbers(path: Path, stream: BinaryIO, layout: str) -> tuple[int, ...]:
    raw = stream.read(struct.calcsize(layout))
    if len(raw) < struct.calcsize(layout):
        _refuse(path, "it ends too early")
    return struct.unpack(layout, raw)


def _hashes(word: str, shortest: int, longest: int) -> list[int]:
    """The hashes of a word's subwords, as fastText makes them (FNV-1a, of signed bytes)."""
    whole = f"<{word}>"
    found = []
    for start in range(len(whole)):
        for end in range(start + max(shortest, 1), min(start + longest, len(whole)) + 1):
            if end - start == 1 and (start == 0 or end == len(whole)):
                continue
            value = 2_166_136_261
            for byte in whole[start:end].encode("utf-8", "replace"):
                value ^= byte if byte < 128 else byte | 0xFFFFFF00
                value = value * 16_777_619 & 0xFFFFFFFF
            found.append(value)
    return found


def _refuse(path: Path, fault: str) -> NoReturn:
    raise UserError(f"{path} is no file of word vectors that can be used: {fault}")
