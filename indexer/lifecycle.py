"""How long posts are kept: whole months, by the posts' own time.

Where the cluster has index lifecycle management (ILM), its policy `emotions` deletes each month's
index; the month's end is the index's `index.lifecycle.origination_date`, whenever the index was
made. That the policy is there is the one sign of a retention: the station asks for it before it
makes a month, and makes none without it. A month that a bulk request makes instead, because ILM
deleted it a moment before, has the policy from the index template and ends a retention after it was
made. Where there is no ILM, `expire` deletes the months.
"""

import calendar
import logging
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from elasticsearch import ApiError, BadRequestError, Elasticsearch

from indexer import families
from indexer.documents import FAMILY
from stream.backoff import Backoff
from stream.elastic import writing
from stream.errors import UserError
from stream.index import MONTH, is_over, month_in

logger = logging.getLogger(__name__)

POLICY = "emotions"
COMPONENT = f"{FAMILY}@lifecycle"
"""A component template, there while there is a policy: gives it to every month that is made."""
NAME, ORIGIN = "index.lifecycle.name", "index.lifecycle.origination_date"
OURS = "emostream"

LONGEST_MONTH = 31
"""Days. ILM knows no months; so it deletes a little late, and never early."""

DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1).toordinal()
READY_FOR = timedelta(hours=1)
PAST_READY_FOR = timedelta(minutes=1)
"""ILM looks every ten for what to delete."""
ATTEMPTS = 3

NO_SUCH_API = (400, 405, 410)
"""How a node answers a path of a module it has not got, asked without a body."""


def set_up(client: Elasticsearch, months: int | None) -> list[str]:
    """Puts the policy and gives it to every month there is, or takes both away without `months`.

    Repeating it changes nothing. Returns a sentence.

    Raises:
        UserError: a policy of this name is there that is not ours.
    """
    mode = _mode(client)
    if mode is None:
        cure = "" if months is None else ": let `python -m indexer expire` run once a day"
        return [f"lifecycle: this node has none{cure}"]
    present = _policy(client)
    if months is None:
        if present and _meta(present).get("managed_by") == OURS:
            _take_away(client)
        return ["lifecycle: posts are kept for ever"]
    if present and _meta(present).get("managed_by") != OURS:
        raise UserError(
            f"a lifecycle policy {POLICY} is there that is not ours: rename it, or unset "
            "EMOSTREAM_RETENTION_MONTHS"
        )
    wanted = _declared(months)
    if not present or _essence(present) != _essence(wanted):
        client.ilm.put_lifecycle(name=POLICY, policy=wanted)
    given, others = _give(client)
    return [
        f"lifecycle policy {POLICY}: a month's posts are deleted {_counted(months)} after its end; "
        f"{given} indices have it"
        + (f", {others} have another one" if others else "")
        + ("" if mode == "RUNNING" else f"; ILM is {mode}: nothing is deleted until it is started")
    ]


def extend(client: Elasticsearch) -> list[str]:
    """Gives the policy that is there, if one of ours is, to the months that lack it."""
    if _retention(client) is None:
        return []
    given, _others = _give(client)
    return [f"lifecycle policy {POLICY}: {given} indices have it"]


def prepare(
    client: Elasticsearch, backoff: Backoff, indices: Iterable[str], now: datetime
) -> dict[str, datetime]:
    """Makes the months that are missing with their lifecycle; says for each until when that holds.

    A month past its time is made again for a late post, and ILM deletes it again.
    """
    with writing(backoff):
        months = _retention(client)
        for index in sorted(indices) if months else ():
            try:
                client.indices.create(index=index, settings=_settings(index))
            except BadRequestError as error:
                if error.error != "resource_already_exists_exception":
                    raise
    until = min(now + READY_FOR, _next_month(now))
    soon = min(now + PAST_READY_FOR, until)
    return {one: soon if months and is_past(one, months, now) else until for one in indices}


def past(client: Elasticsearch, months: int, now: datetime) -> list[str]:
    """Names the indices of the months that ended `months` months ago or earlier."""
    present = families.months(client, families.EVERY, closed=True)
    return [index for index in present if is_past(index, months, now)]


def delete(client: Elasticsearch, index: str) -> None:
    """Deletes a month; that it is gone already is no fault."""
    if not MONTH.fullmatch(index):
        raise ValueError(f"{index} is no month of ours")
    client.options(ignore_status=404).indices.delete(index=index)


def is_past(index: str, months: int, now: datetime) -> bool:
    """Whether this is a month's index, and the month ended `months` calendar months ago."""
    month = month_in(index)
    return month is not None and is_over(month, months, now)


def end_of(index: str) -> int:
    """Gives the end of an index's month, in milliseconds since 1970; 0 before that.

    Elasticsearch takes -1 for no date, and nothing below.
    """
    found = MONTH.fullmatch(index)
    if not found:
        raise ValueError(f"{index} is no month of ours")
    year, month = int(found[1]), int(found[2])
    days = date(year, month, 1).toordinal() + calendar.monthrange(year, month)[1] - EPOCH
    return max(0, days * DAY_MS)


def _settings(index: str) -> dict[str, Any]:
    return {NAME: POLICY, ORIGIN: end_of(index)}


def _declared(months: int) -> dict[str, Any]:
    return {
        "_meta": {"managed_by": OURS, "months": months},
        "phases": {
            "delete": {"min_age": f"{LONGEST_MONTH * months}d", "actions": {"delete": {}}},
        },
    }


def _essence(policy: dict[str, Any]) -> Any:
    """Gives what we declare of a policy; Elasticsearch adds defaults to the actions."""
    phases = policy["phases"]
    ages = {name: (phase.get("min_age"), set(phase["actions"])) for name, phase in phases.items()}
    return _meta(policy), ages


def _meta(policy: dict[str, Any]) -> dict[str, Any]:
    return policy.get("_meta") or {}


def _mode(client: Elasticsearch) -> str | None:
    """Gives what ILM is doing (`RUNNING`, `STOPPING`, `STOPPED`); None on a node without it."""
    answer = client.options(ignore_status=NO_SUCH_API).ilm.get_status()
    if answer.meta.status in NO_SUCH_API:
        return None
    mode: str = answer["operation_mode"]
    return mode


def _policy(client: Elasticsearch) -> dict[str, Any] | None:
    answer = client.options(ignore_status=404).ilm.get_lifecycle(name=POLICY)
    if answer.meta.status == 404:
        return None
    policy: dict[str, Any] = answer[POLICY]["policy"]
    return policy


def _retention(client: Elasticsearch) -> int | None:
    """Gives the months of the policy; None where there is none, or none that we may see."""
    quiet = client.options(ignore_status=(403, 404, *NO_SUCH_API))
    answer = quiet.ilm.get_lifecycle(name=POLICY)
    if answer.meta.status == 403:
        logger.warning(
            "may not look for a lifecycle policy (privilege read_ilm): where there is one, new "
            "months are kept from when they are made until `python -m indexer setup` is run again"
        )
    if answer.meta.status != 200:
        return None
    meta = _meta(answer[POLICY]["policy"])
    months = meta.get("months")
    return months if meta.get("managed_by") == OURS and isinstance(months, int) else None


def _give(client: Elasticsearch) -> tuple[int, int]:
    """Gives the policy to every month without one; counts those that have it, and others.

    To the template first, so that no month is made without it meanwhile.
    """
    if not client.cluster.exists_component_template(name=COMPONENT):
        client.cluster.put_component_template(
            name=COMPONENT, template={"settings": {NAME: POLICY}}, meta={"managed_by": OURS}
        )
    given = others = 0
    for index, settings in _months(client).items():
        if settings.get(NAME) not in (None, POLICY):
            others += 1
            continue
        wanted = _settings(index)
        if any(settings.get(name) != str(value) for name, value in wanted.items()):
            quiet = client.options(ignore_status=404)
            quiet.indices.put_settings(index=index, settings=wanted)
        given += 1
    return given, others


def _take_away(client: Elasticsearch) -> None:
    """Deletes the policy; a station may give it to a new month meanwhile, so it may be in use."""
    quiet = client.options(ignore_status=404)
    quiet.cluster.delete_component_template(name=f"{families.EVERY}@lifecycle")
    for attempt in range(ATTEMPTS):
        for index, settings in _months(client).items():
            if settings.get(NAME) == POLICY:
                quiet.ilm.remove_policy(index=index)
        try:
            quiet.ilm.delete_lifecycle(name=POLICY)
        except ApiError as error:
            if error.status_code != 400 or attempt + 1 == ATTEMPTS:
                raise
        else:
            return


def _months(client: Elasticsearch) -> dict[str, dict[str, str]]:
    """Gives each month's settings, flat."""
    present = client.indices.get_settings(
        index=families.EVERY, flat_settings=True, expand_wildcards=["open", "closed"]
    ).body
    return {
        index: one["settings"] for index, one in sorted(present.items()) if MONTH.fullmatch(index)
    }


def _next_month(now: datetime) -> datetime:
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=LONGEST_MONTH)).replace(day=1)


def _counted(months: int) -> str:
    return "a month" if months == 1 else f"{months} months"
