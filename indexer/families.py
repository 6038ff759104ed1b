"""Families: the months' indices of one version of the mapping, `emotions-v1-YYYY.MM` together.

Readers read the family that the alias is on, and only its programs may write. While posts move to
another family (`indexer/migration.py`) there are two; afterwards the older one is closed.
"""

from elasticsearch import Elasticsearch

from indexer.documents import FAMILY
from stream.errors import UserError
from stream.index import ALIAS, MONTH

EVERY = "emotions-v*"
CLOSED = 1_000_000
"""The version of a closed family's template: newer than any program's, which stops them all."""


def of(index: str) -> str:
    """Gives the family of a month's index."""
    return index.rpartition("-")[0]


def number(family: str) -> int:
    """Gives the number of a family; a higher one is newer."""
    return int(family.removeprefix("emotions-v"))


def months(client: Elasticsearch, family: str, *, closed: bool = False) -> list[str]:
    """Names the months' indices there are, whether or not the alias is on them.

    Those that somebody has closed, so that nobody can read or write them, only where asked.
    """
    states = ["open", "closed"] if closed else ["open"]
    found = client.indices.get(index=f"{family}-*", features="aliases", expand_wildcards=states)
    return sorted(index for index in found.body if MONTH.fullmatch(index))


def all_months(client: Elasticsearch, family: str) -> list[str]:
    """Names all months of a family that is to move; raises UserError where one is closed."""
    found = months(client, family, closed=True)
    closed = sorted(set(found) - set(months(client, family)))
    if closed:
        raise UserError(
            f"the index {closed[0]} is closed, so its posts can be neither copied nor read: open "
            f"it (`POST /{closed[0]}/_open`) or delete it, then run this again"
        )
    return found


def present(client: Elasticsearch) -> list[str]:
    """Names the families that have a month; raises UserError where one is closed."""
    return sorted({of(index) for index in all_months(client, EVERY)})


def months_read(client: Elasticsearch) -> list[str]:
    """Names the months under the alias, of whatever family."""
    quiet = client.options(ignore_status=404)
    answer = quiet.indices.get_alias(name=ALIAS, expand_wildcards="all")
    return sorted(index for index in answer.body if MONTH.fullmatch(index))


def read(client: Elasticsearch) -> str | None:
    """Gives the family that readers read; None where there is no post yet.

    Raises:
        UserError: the alias is on two.
    """
    families = sorted({of(index) for index in months_read(client)})
    if len(families) > 1:
        raise UserError(
            f"the alias {ALIAS} is on the indices of {' and '.join(families)}, so that readers "
            "see posts twice: take it off one of them (docs/upgrades.md)"
        )
    return families[0] if families else None


def refuse_other(client: Elasticsearch) -> None:
    """Stops a program whose family is not the one that is read.

    Raises:
        UserError: naming both, and what to do.
    """
    family = read(client)
    if family is None or family == FAMILY:
        return
    mend = "update emostream, or move them back"
    if number(family) < number(FAMILY):
        mend = "run `python -m indexer migrate`"
    raise UserError(
        f"the posts are in the indices {family}-*, this program writes {FAMILY}-*: {mend} "
        "(docs/upgrades.md)"
    )


def close(client: Elasticsearch, family: str, moved_to: str) -> None:
    """Closes a family: its months take nothing more, and its programs stop.

    The template first: a month that a program still makes then is closed from its beginning. What
    is being written when the months are closed is waited for.
    """
    client.indices.put_index_template(
        name=family,
        index_patterns=[f"{family}-*"],
        priority=500,
        version=CLOSED,
        meta={"managed_by": "emostream", "version": CLOSED, "moved_to": moved_to},
        template={"settings": {"index.blocks.write": True}},
    )
    for index in all_months(client, family):
        client.indices.add_block(index=index, block="write")


def open_again(client: Elasticsearch, family: str) -> None:
    """Lets the months of a closed family be written again.

    A month that a program made meanwhile got neither our mapping nor the alias. Without any mapping
    it has never held a post, and is deleted: the next post makes it from our template.
    """
    for index in all_months(client, family):
        if client.indices.get_mapping(index=index)[index]["mappings"]:
            client.indices.put_settings(index=index, settings={"index.blocks.write": None})
        else:
            client.indices.delete(index=index)


def move_alias(client: Elasticsearch, family: str) -> None:
    """Takes the alias from the months that are read to a family's, for all readers at once."""
    taken = [index for index in months_read(client) if of(index) != family]
    client.indices.update_aliases(
        actions=[{"remove": {"index": index, "alias": ALIAS}} for index in taken]
        + [{"add": {"index": index, "alias": ALIAS}} for index in all_months(client, family)]
    )
