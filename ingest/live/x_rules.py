"""The rules of X's filtered stream, declared in a file: read, compared, tried, applied."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tweepy
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingest.live.x_api import Api, decoded
from stream.codec import explain
from stream.errors import UserError

PRESETS = {"random-english": Path(__file__).parents[1] / "x_random_english.toml"}
"""Rules that come with us, by what --preset calls them."""


class Rule(BaseModel):
    """What matches, and the tag that its posts carry (`Origin.rules`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    tag: str = Field(min_length=1, max_length=512)
    value: str = Field(min_length=1)


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rule: list[Rule] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Active:
    """A rule that the stream has now."""

    id: str
    value: str
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """What makes the stream's rules those of the file."""

    add: Sequence[Rule]
    delete: Sequence[Active]

    def __bool__(self) -> bool:
        return bool(self.add or self.delete)

    def lines(self) -> Iterator[str]:
        """Shows it, a rule to a line."""
        for old in self.delete:
            yield f"- {old.tag or '(no tag)'}: {old.value}"
        for new in self.add:
            yield f"+ {new.tag}: {new.value}"


def declared(file: Path) -> list[Rule]:
    """Reads a file of rules: `[[rule]]` tables with `tag` and `value`.

    Raises:
        UserError: it cannot be read, or a rule in it is wrong, with the rule's place.
    """
    try:
        rules = _Declared.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))).rule
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from None
    except RecursionError:
        raise UserError(f"{file}: nested too deeply") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: not TOML: {error}") from None
    except ValidationError as error:
        wanted = "wanted are [[rule]] tables with tag and value"
        raise UserError(f"{file}: {explain(error, name_unknown=True)} ({wanted})") from None
    places: dict[str, int] = {}
    for place, rule in enumerate(rules):
        if (first := places.setdefault(rule.value, place)) != place:
            raise UserError(f"{file}: rule.{place}: has the value of rule.{first}; X takes it once")
    return rules


def active(api: Api) -> list[Active]:
    """Asks X for the stream's rules; costs nothing.

    Raises:
        Refused: X answered with an error.
        Unreachable: it did not answer.
    """
    found = decoded(api.get_rules()).get("data")
    return [
        Active(str(one.get("id", "")), str(one.get("value", "")), one.get("tag"))
        for one in (found if isinstance(found, list) else ())
        if isinstance(one, dict)
    ]


def difference(wanted: Sequence[Rule], now: Sequence[Active]) -> Difference:
    """Compares; a rule whose tag changed is deleted and added anew, as X cannot change one."""
    there = {(one.value, one.tag) for one in now}
    kept = {(one.value, one.tag) for one in wanted}
    return Difference(
        [one for one in wanted if (one.value, one.tag) not in there],
        [one for one in now if (one.value, one.tag) not in kept],
    )


def apply(api: Api, change: Difference) -> None:
    """Tries the new rules, then deletes the old ones and adds the new ones.

    X does not do both at once. If we fail between, the next `apply` does the rest.

    Raises:
        UserError: X takes a rule not, one line for each; then nothing was changed.
        Refused: X answered with an error.
        Unreachable: it did not answer.
    """
    replaced = {one.value for one in change.delete}
    # "true": tweepy hands a boolean on as Python writes it.
    _add(api, [one for one in change.add if one.value not in replaced], dry_run="true")
    if change.delete:
        api.delete_rules([one.id for one in change.delete])
    _add(api, change.add)


def _add(api: Api, rules: Sequence[Rule], **how: str) -> None:
    if not rules:
        return
    new = [tweepy.StreamRule(value=one.value, tag=one.tag) for one in rules]
    errors = decoded(api.add_rules(new, **how)).get("errors")
    if isinstance(errors, list) and errors:
        raise UserError("\n".join(_complaint(one, rules) for one in errors))


def _complaint(error: Any, rules: Sequence[Rule]) -> str:
    """Says which rule X does not take and why; rules are the user's own, so they may be shown."""
    if not isinstance(error, dict):
        return "X takes a rule not, and does not say which"
    value = error.get("value")
    tag = next((one.tag for one in rules if one.value == value), None)
    details = error.get("details")
    said = [str(one) for one in details] if isinstance(details, list) else []
    said = said or [str(error.get(name)) for name in ("detail", "message") if error.get(name)]
    title = str(error.get("title", "not taken"))
    return f"rule {tag or value or '(unnamed)'}: {title}" + (f": {' '.join(said)}" if said else "")
