"""Bytes to checked payloads: what the normalisers share.

A platform's payload is described by models that ignore what they do not know, take null for
absent, and name the field when something is wrong.
"""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from stream.codec import explain
from stream.errors import InvalidRecord

REPLACEMENT = "\ufffd"

# Python's JSON reader gives lone surrogates and NUL, which neither UTF-8 nor the topics can hold.
_UNUSABLE = dict.fromkeys([0, *range(0xD800, 0xE000)], REPLACEMENT)


def parse(data: bytes) -> Any:
    """Reads one JSON value.

    Raises:
        InvalidRecord: it is not UTF-8 or not JSON; the reason says where and quotes nothing.
    """
    text = decode(data)
    try:
        payload = json.loads(text, parse_constant=_no_constant)
        # Only an escape can smuggle a lone surrogate or a NUL in.
        return clean(payload) if "\\u" in text else payload
    except json.JSONDecodeError as error:
        raise InvalidRecord(f"not JSON: {error.msg} (character {error.pos + 1})") from None
    except RecursionError:
        raise InvalidRecord("nested too deeply") from None
    except InvalidRecord:
        raise
    except ValueError:  # Python's bound on digits
        raise InvalidRecord("a number has too many digits") from None


def decode(data: bytes) -> str:
    """Reads UTF-8 or raises InvalidRecord."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidRecord(f"not UTF-8 (byte {error.start + 1})") from None


def clean(value: Any) -> Any:
    """Puts U+FFFD in place of NUL and lone surrogates, in every string of a JSON value."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, dict):
        return {clean_text(name): clean(item) for name, item in value.items()}
    return value


def clean_text(text: str) -> str:
    """Puts U+FFFD in place of NUL and lone surrogates."""
    return text.translate(_UNUSABLE)


def moment(value: Any) -> datetime:
    """Reads a time as the platforms write it: ISO 8601 with its zone.

    Raises:
        ValueError: it is something else; never quotes it.
    """
    if not isinstance(value, str):
        raise ValueError("must be an ISO 8601 time in a string")  # noqa: TRY004 - for pydantic
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("is no ISO 8601 time") from None
    if time.tzinfo is None:
        raise ValueError("has no time zone")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("is out of range") from None


def _field(value: Any) -> datetime:
    try:
        return moment(value)
    except ValueError as error:
        raise PydanticCustomError("time", "{reason}", {"reason": str(error)}) from None


PlatformTime = Annotated[datetime, BeforeValidator(_field)]


class Payload(BaseModel):
    """A part of a platform's payload that we read; the rest of it is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        return {name: value for name, value in fields.items() if value is not None}


AnyModel = TypeVar("AnyModel", bound=BaseModel)


def checked(model: type[AnyModel], fields: Any) -> AnyModel:
    """Makes a model from fields.

    Raises:
        InvalidRecord: naming each field that is wrong.
    """
    if not isinstance(fields, dict):
        raise InvalidRecord("not a JSON object")
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise InvalidRecord(explain(error)) from None


def said(text: str) -> str:
    """Gives a text back if it says anything, or raises InvalidRecord."""
    if not text.strip():
        raise InvalidRecord("text: is empty")
    return text


def _no_constant(name: str) -> NoReturn:
    raise InvalidRecord(f"not JSON: {name} is no JSON number")
