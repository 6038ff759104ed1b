"""Bytes to records and back: the only place where a record is checked."""

from collections.abc import Callable
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from pydantic import TypeAdapter, ValidationError

from stream import structs
from stream.dead_letters import DeadLetter
from stream.errors import InvalidRecord
from stream.posts import Classified, Collected, Record

In = TypeVar("In")
Read = TypeVar("Read")

MAX_RECORD = 4_000_000
"""Bytes; more is refused unread (the topics take 1 MB, so this only bounds what a file may do)."""


def _keyed(model: type[Record]) -> set[str]:
    """Names the fields of all records of a kind whose keys are the record's own words."""
    own = {
        name
        for name, field in model.model_fields.items()
        if any(get_origin(one) is dict for one in (field.annotation, *get_args(field.annotation)))
    }
    return own.union(*map(_keyed, model.__subclasses__()))


KEYED = frozenset(_keyed(Record))

_collected: TypeAdapter[Collected] = TypeAdapter(Collected)
_classified: TypeAdapter[Classified] = TypeAdapter(Classified)
_dead_letter: TypeAdapter[DeadLetter] = TypeAdapter(DeadLetter)
_post = msgspec.json.Decoder(structs.CollectedPost)
_classified_post = msgspec.json.Decoder(structs.ClassifiedPost)


def encode(record: Record) -> bytes:
    """Writes a record as one line of JSON in UTF-8, without the fields that are null."""
    return record.model_dump_json(exclude_none=True).encode()


def decode_collected(value: bytes | None) -> Collected:
    """Reads a record of `posts.collected`; raises InvalidRecord."""
    return _decode(_collected, value)


def decode_classified(value: bytes | None) -> Classified:
    """Reads a record of `posts.classified`; raises InvalidRecord."""
    return _decode(_classified, value)


def read_collected(value: bytes | None) -> Collected | structs.CollectedPost:
    """Reads as `decode_collected`, three times as fast; a post may come as a struct."""
    return _read(_post, decode_collected, value)


def read_classified(value: bytes | None) -> Classified | structs.ClassifiedPost:
    """Reads as `decode_classified`, three times as fast; a post may come as a struct."""
    return _read(_classified_post, decode_classified, value)


def decode_dead_letter(value: bytes | None) -> DeadLetter:
    """Reads a record of `posts.dead-letter`; raises InvalidRecord."""
    return _decode(_dead_letter, value)


def collected_from(fields: dict[str, Any]) -> Collected:
    """Makes a record of `posts.collected` from already parsed fields; raises InvalidRecord."""
    return _checked(_collected.validate_python, fields)


def _decode(adapter: TypeAdapter[In], value: bytes | None) -> In:
    if value is None:
        raise InvalidRecord("the record has no value")
    if len(value) > MAX_RECORD:
        raise InvalidRecord(f"{len(value)} bytes, more than the {MAX_RECORD} a record may have")
    return _checked(adapter.validate_json, value)


def _read(
    decoder: msgspec.json.Decoder[Read], decode: Callable[[bytes | None], In], value: bytes | None
) -> Read | In:
    if value is None or len(value) > MAX_RECORD:
        return decode(value)
    try:
        return decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return decode(value)


def _checked(validate: Callable[[Any], In], value: Any) -> In:
    try:
        return validate(value)
    except ValidationError as error:
        raise InvalidRecord(explain(error)) from None


def explain(error: ValidationError, *, name_unknown: bool = False) -> str:
    """Names the fields that are wrong and what is wrong with them, without their content.

    A field that we do not know is named only on request: its name is the record's own words. So is
    a key of a field that is a `dict`, which is never named.
    """
    reasons = []
    for problem in error.errors(include_url=False, include_input=False)[:5]:
        where = problem["loc"]
        if problem["type"] == "extra_forbidden" and not name_unknown:
            where = (*where[:-1], "(a field we do not know)")
        field = ".".join(
            "(a key)" if before in KEYED else str(part)
            for before, part in zip(("", *where), where, strict=False)
        )
        # These two messages quote the input; every other one states the rule alone.
        if problem["type"] == "union_tag_invalid":
            field, message = "kind", f"must be {problem['ctx']['expected_tags']}"
        elif problem["type"] == "union_tag_not_found":
            field, message = "kind", "is missing"
        else:
            message = problem["msg"].removeprefix("Value error, ")
        reasons.append(f"{field}: {message}" if field else message)
    more = error.error_count() - len(reasons)
    return "; ".join(reasons) + (f"; and {more} more" if more > 0 else "")
