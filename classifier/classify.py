"""Lines of text or NDJSON in, one JSON object a line out, in the same order.

The input is read as it comes: what has arrived is classified together and written at once, so an
endless pipe is served promptly and a file in large batches.
"""

import gc
import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from tqdm import tqdm

from classifier.prediction import Prediction
from classifier.recogniser import Recogniser, recognised
from stream.errors import UserError
from stream.posts import MAX_TEXT

Format = Literal["auto", "lines", "ndjson"]

logger = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 18
MAX_LINE = 4_000_000
"""Bytes, as for a record on a topic; a longer line is an invalid one."""


class _Predicts(Protocol):
    def predict(
        self, texts: Sequence[str], declared: Sequence[str | None] | None = None
    ) -> list[Prediction]: ...


Write = Callable[[str, Prediction], bytes]
"""One result, as it is written."""


def classify(
    predictor: _Predicts,
    source: BinaryIO,
    sink: BinaryIO,
    form: Format,
    complain: Callable[[int, str], None],
    advance: Callable[[int], object] = lambda _bytes: None,
    write: Write | None = None,
    recogniser: Recogniser | None = None,
) -> int:
    """Classifies until the source ends; returns how many lines were invalid.

    Args:
        predictor: texts to predictions.
        source: the input, UTF-8.
        sink: where the results go.
        form: `lines`, `ndjson`, or `auto`: NDJSON if the first line that is not blank is a JSON
            object with `text`, else lines of text.
        complain: told the number of each invalid line and what is wrong with it.
        advance: told the number of bytes of each piece that is done.
        write: makes what is written of each text; a line of JSON if not given.
        recogniser: adds `entities` to each line of JSON.
    """
    invalid = 0
    for size, lines in _formed(_arriving(source), form):
        texts: list[str] = []
        declared: list[str | None] = []
        for number, line, known in lines:
            try:
                text, language = _text(line, known)
            except ValueError as error:
                invalid += 1
                complain(number, str(error))
            else:
                texts.append(text)
                declared.append(language)
        predictions = predictor.predict(texts, declared)
        if write:
            sink.writelines(map(write, texts, predictions))
        else:
            sink.writelines(_lines(texts, predictions, recogniser))
        sink.flush()
        advance(size)
    return invalid


def run(
    predictor: _Predicts,
    path: Path | None,
    form: Format,
    write: Write | None = None,
    recogniser: Recogniser | None = None,
) -> int:
    """Classifies a file, or standard input where there is none; returns the exit code."""
    gc.freeze()  # the model and torch stay: no collection need look at them again
    if path is None:
        return _run(predictor, sys.stdin.buffer, None, form, write, recogniser)
    try:
        source = path.open("rb")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    with source:
        return _run(predictor, source, path.stat().st_size or None, form, write, recogniser)


def _run(
    predictor: _Predicts,
    source: BinaryIO,
    size: int | None,
    form: Format,
    write: Write | None,
    recogniser: Recogniser | None,
) -> int:
    # A bar only where a person sees it and it does not run into the results.
    hidden = True if sys.stdout.isatty() or source.isatty() else None
    with tqdm(total=size, unit="B", unit_scale=True, disable=hidden) as bar:

        def complain(number: int, reason: str) -> None:
            bar.write(f"error: line {number}: {reason}", file=sys.stderr)

        invalid = classify(
            predictor, source, sys.stdout.buffer, form, complain, bar.update, write, recogniser
        )
    return 1 if invalid else 0


def as_json(text: str, prediction: Prediction) -> dict[str, object]:
    """One result as `classify` writes it."""
    return {"text": text, **prediction.fields()}


def as_line(text: str, prediction: Prediction, **more: object) -> bytes:
    """One result as a line of JSON."""
    content = as_json(text, prediction) | more
    try:
        return json.dumps(content, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # half a surrogate pair: only an escape can carry it
        return json.dumps(content).encode() + b"\n"


def _lines(
    texts: Sequence[str], predictions: Sequence[Prediction], recogniser: Recogniser | None
) -> Iterator[bytes]:
    if not recogniser:
        yield from map(as_line, texts, predictions)
        return
    named = recognised(recogniser, texts, [one.language for one in predictions])
    for text, prediction, found in zip(texts, predictions, named, strict=True):
        entities = found and [one.model_dump(exclude_none=True) for one in found]
        yield as_line(text, prediction, entities=entities)


def _formed(
    arriving: Iterable[list[bytes]], form: Format
) -> Iterator[tuple[int, list[tuple[int, bytes, Format]]]]:
    """Gives each piece of input as its size and its lines, each with its number and form.

    Blank lines of NDJSON are left out. Where the form is open, blank lines wait until it is known.
    """
    number = 0
    waiting: list[tuple[int, bytes]] = []
    for lines in arriving:
        known: list[tuple[int, bytes, Format]] = []
        for line in lines:
            number += 1
            # The first line may begin with a byte order mark.
            waiting.append((number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line))
            if form == "auto" and waiting[-1][1].strip():
                form = "ndjson" if _is_ndjson(waiting[-1][1]) else "lines"
            if form != "auto":
                known += [(n, one, form) for n, one in waiting if form == "lines" or one.strip()]
                waiting.clear()
        yield sum(map(len, lines)) + len(lines), known
    if waiting:
        yield 0, [(n, one, "lines") for n, one in waiting]


def _arriving(source: BinaryIO) -> Iterator[list[bytes]]:
    """Yields the whole lines that have come so far, again and again until the end.

    Of a line that is too long only its beginning is kept: enough to see that it is.
    """
    pieces: list[bytes] = []  # of a line that is not whole yet
    kept = 0
    read = getattr(source, "read1", source.read)
    while chunk := read(CHUNK_BYTES):
        *whole, rest = chunk.split(b"\n")
        if whole:
            whole[0] = b"".join([*pieces, whole[0]])
            pieces, kept = [], 0
            yield whole
        if rest and kept <= MAX_LINE:
            pieces.append(rest)
            kept += len(rest)
    if pieces:
        yield [b"".join(pieces)]


def _is_ndjson(line: bytes) -> bool:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "text" in content


def _text(line: bytes, form: Format) -> tuple[str, str | None]:
    """The text of a line, and its language if it says one.

    Raises:
        ValueError: with a reason that does not quote the line.
    """
    if len(line) > MAX_LINE:
        raise ValueError(f"longer than {MAX_LINE} bytes")
    try:
        decoded = line.decode("utf-8").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"not UTF-8: byte {error.start + 1} is 0x{line[error.start]:02x}"
        ) from None
    if form == "lines":
        return _fit(decoded), None
    try:
        content = json.loads(decoded)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("not JSON that we read: nested too deeply") from None
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one kind of error for a bad line
    text = content.get("text")
    if not isinstance(text, str):
        reason = "no text" if text is None else "its text is no string"
        raise ValueError(reason)  # noqa: TRY004 - as above
    language = content.get("language")
    return _fit(text), language if isinstance(language, str) else None


def _fit(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError(f"its text is longer than {MAX_TEXT:,} characters")
    return text
