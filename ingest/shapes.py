"""What an input is, told by its shape.

The whole input, by its name and its first line that is not blank:

| input | is read as |
| --- | --- |
| `.csv`, `.tsv`, `_text.txt`, a `.txt` whose first line ends in `;` and an emotion | a table |
| `.ndjson`, `.jsonl` | JSON lines |
| `.json`, or no known ending, first line an open bracket without its end | one JSON document |
| `.json` otherwise; any other name, first line begins with `{` or `[{` | JSON lines |
| no known ending, first line looks like a row of GoEmotions or a header with a text | a table |
| anything else | lines of text; without a known ending, those that begin so are JSON |

A JSON object, by its keys:

| it has | it is |
| --- | --- |
| `kind` = `post`, `deletion`, `author_deletion`; or `platform` and `native_id` | our own record |
| `kind` = `youtube#...`; or `error` | a YouTube resource, a list of them, an error |
| `did` and `time_us` | an event of Bluesky's Jetstream |
| `instance`, `event` and `payload` | an event of Mastodon |
| `id`, `content`, `visibility` and `account` | a status of Mastodon |
| `data`; or `errors`; or `title` and `detail` | an X envelope or page, an error |
| `id` and one of `text`, `author_id`, `created_at`, `edit_history_tweet_ids` | an X post |
| anything else | a dead letter |

A JSON array with an object in it is a page: each item is told by itself. Others are dead letters.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Protocol

from ingest import bluesky, mastodon, own, tables, texts, x, youtube
from ingest.inputs import Input, Line
from ingest.payloads import decode, parse
from ingest.sightings import Outcome, Refusal, Sighting
from stream.errors import InvalidRecord


class _Platform(Protocol):
    """The normaliser of one platform's payloads."""

    def recognises(self, payload: dict[str, Any]) -> bool: ...

    def outcomes(self, payload: dict[str, Any], sighting: Sighting) -> Iterator[Outcome]: ...


MAX_DOCUMENT = 32_000_000
"""Bytes of a JSON file that is one document, the only input held whole."""

_JSON = re.compile(rb"\s*(\[\s*)?\{")
"""How a line begins that is a JSON object or an array of them."""

_PLATFORMS: tuple[_Platform, ...] = (youtube, bluesky, mastodon, x)

Sight = Callable[[Input], Sighting]
"""Gives what is known now of a payload of an input."""

Pieces = Iterator[tuple[Line, Iterator[Outcome]]]


def pieces(source: Input, first: Line, lines: Iterator[Line], sight: Sight) -> Pieces:
    """Gives the lines (or rows, or the document) of an input, each with the outcomes in it.

    Raises:
        UserError: it is a table in which we find no text.
    """
    start = first.data.lstrip()
    rows = tables.recognise(source.file_name, source.ending, _peek(first))
    if rows is not None:
        for row in tables.told_apart(rows(lines)):
            yield row.line, _of_row(row, source.data_set, sight(source))
    elif _opens_document(source.ending, start.rstrip()):
        document = joined(lines)
        yield document, _of_json(document, sight(source))
    else:
        strict = source.ending in (".ndjson", ".jsonl", ".json") or _JSON.match(start) is not None
        mixed = source.ending == ""
        for line in lines:
            if line.blank:
                continue
            if strict or (mixed and _JSON.match(line.data)):
                yield line, _of_json(line, sight(source))
            else:
                yield line, _of_text(line, sight(source))


def check(source: Input) -> None:
    """Reads as far as the first line that is not blank, for what can be told before we start.

    Raises:
        UserError: the input cannot be read, or is a table in which we find no text.
    """
    for line in source.lines():
        if not line.blank:
            tables.recognise(source.file_name, source.ending, _peek(line))
            return


def outcomes(payload: Any, sighting: Sighting) -> Iterator[Outcome]:
    """Gives the records in one JSON value, and a refusal for each part that is none."""
    if isinstance(payload, list) and any(isinstance(item, dict) for item in payload):
        for number, item in enumerate(payload):
            yield from _of_item(item, sighting, f"/{number}")
    elif not isinstance(payload, dict):
        yield Refusal(f"a JSON {_json_type(payload)}, not an object")
    elif own.recognises(payload):
        try:
            yield own.record(payload, sighting)
        except InvalidRecord as error:
            yield Refusal(str(error))
    elif platform := next((one for one in _PLATFORMS if one.recognises(payload)), None):
        yield from platform.outcomes(payload, sighting)
    elif "kind" in payload:
        yield Refusal(f"kind: must be one of {', '.join(own.KINDS)}, or a kind of YouTube resource")
    else:
        yield Refusal("no known shape: no 'kind' of ours or YouTube's, no 'data' or 'id' of X")


def _of_item(item: Any, sighting: Sighting, pointer: str) -> Iterator[Outcome]:
    if isinstance(item, list):
        yield Refusal("a JSON array, not an object", pointer, item)
        return
    for outcome in outcomes(item, sighting):
        if isinstance(outcome, Refusal):
            part = outcome.part if outcome.pointer else item
            yield replace(outcome, pointer=pointer + outcome.pointer, part=part)
        else:
            yield outcome


def joined(lines: Iterator[Line]) -> Line:
    """Puts lines together; `data` ends where a document may."""
    held: list[bytes] = []
    number = size = kept = 0
    for line in lines:
        number = number or line.number
        size += line.size + 1
        if kept <= MAX_DOCUMENT:
            held.append(line.data)
            kept += len(line.data) + 1
    return Line(number, b"\n".join(held), size - 1)


def _of_row(row: tables.Row, data_set: str, sighting: Sighting) -> Iterator[Outcome]:
    try:
        yield row.post(data_set, sighting)
    except InvalidRecord as error:
        yield Refusal(str(error))


def _of_text(line: Line, sighting: Sighting) -> Iterator[Outcome]:
    try:
        _fit(line)
        yield texts.post(decode(line.data.removesuffix(b"\r")), sighting)
    except InvalidRecord as error:
        yield Refusal(str(error))


def _of_json(line: Line, sighting: Sighting) -> Iterator[Outcome]:
    try:
        _fit(line)
        payload = parse(line.data)
    except InvalidRecord as error:
        yield Refusal(str(error))
    else:
        yield from outcomes(payload, sighting)


def _fit(line: Line) -> None:
    if not line.whole:
        raise InvalidRecord(f"{line.size} bytes are more than a record may have")


def _opens_document(ending: str, first: bytes) -> bool:
    if ending == ".json":
        return first.startswith((b"{", b"[")) and first.endswith((b"{", b"[", b","))
    return ending == "" and first in (b"{", b"[", b"[{")


def _peek(line: Line) -> str:
    return line.data[:10_000].removesuffix(b"\r").decode(errors="replace")


def _json_type(value: Any) -> str:
    if isinstance(value, list):
        return "array"
    if isinstance(value, bool):
        return "boolean"
    return {str: "string", int: "number", float: "number"}.get(type(value), "null")
