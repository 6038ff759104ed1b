"""Posts move from the months of one family to another's, while readers read and writers write.

First as many passes as it takes until little differs (`indexer/copying.py`). Then the old family
is closed, a last pass copies the rest, and one request moves the alias of all months: readers never
see a post twice or not at all. docs/upgrades.md tells it step by step, decision 10 why.
"""

from collections.abc import Callable, Iterator

from elasticsearch import Elasticsearch

from indexer import deletions, families, templates
from indexer.bulk import Bulk
from indexer.copying import Copier, Transform, counterpart, known_fields, pages, present
from indexer.documents import FAMILY
from stream.errors import UserError

Say = Callable[[str], None]

TRANSFORMS: dict[tuple[str, str], Transform] = {}
"""From which family, to which: what its documents become, `("emotions-v1", "emotions-v2"): f`.

A pure function over a document's fields that leaves `@timestamp` and `event` as they are. Without
one, a document keeps the fields that our mapping knows.
"""

LITTLE = 500
"""So few posts that changed during a pass can wait for the last one."""
PASSES = 10
"""So many, at most, while writers write faster than we copy."""
SHOWN = 5


def migrate(client: Elasticsearch, bulk: Bulk, *, finish: bool, say: Say) -> None:
    """Copies the posts that are read into our months; with `finish`, lets readers read those.

    Raises:
        UserError: our mapping refuses a document, or a month is not complete: nothing has moved.
    """
    source = families.read(client)
    if source is None or source == FAMILY:
        _stay(client, say)
        return
    _prepare(client, source)
    transform = TRANSFORMS.get((source, FAMILY), known_fields)
    copier = Copier(client, bulk, source, transform)
    for number in range(1, PASSES + 1):
        changed = copier.run(f"pass {number}")
        say(f"pass {number}: {changed:,} posts of {source}-* copied or removed")
        if changed <= LITTLE:
            break
    if not finish:
        say(
            f"readers still read {source}-*, and its indexers may write: `python -m indexer "
            "migrate --finish` copies what changes until then and lets them read the new indices"
        )
        return
    families.close(client, source, moved_to=FAMILY)
    say(f"{source}-* is closed: indexers of that version that still run stop now")
    say(f"last pass: {copier.run('last pass'):,} posts copied or removed")
    copier.verify()
    templates.put(client, [FAMILY])
    families.move_alias(client, FAMILY)
    say(f"readers read {FAMILY}-* now; start the new indexers")
    for sentence in templates.set_up(client):
        say(sentence)


def drop_old(client: Elasticsearch, bulk: Bulk, say: Say) -> None:
    """Deletes the months of every other family, once each of their posts is known to be in ours.

    Raises:
        UserError: ours is not read yet, or a post of theirs is neither in ours nor deleted.
    """
    if families.read(client) not in (None, FAMILY):
        raise UserError(
            f"readers do not read {FAMILY}-* yet: `python -m indexer migrate --finish` comes first"
        )
    others = [family for family in families.present(client) if family != FAMILY]
    old = [index for family in others for index in families.all_months(client, family)]
    for index in old:
        missing = list(_missing(client, bulk, index))
        if missing:
            raise UserError(
                f"{len(missing):,} posts of {index} are neither in {counterpart(index)} nor "
                f"deleted ({', '.join(missing[:SHOWN])} ...): it is kept"
            )
    for index in old:
        client.indices.delete(index=index)
        say(f"index {index} is deleted")
    if not old:
        say("there are no indices of another version")


def _stay(client: Elasticsearch, say: Say) -> None:
    """Opens our family where it is the one that is read, but was closed by a migration undone."""
    if templates.installed(client, FAMILY).moved_to is None:
        say("nothing to migrate: every post is in the indices of this version")
        return
    families.open_again(client, FAMILY)
    templates.put(client, [FAMILY])
    say(f"readers read {FAMILY}-*, which is open again: start the indexers of this version")


def _prepare(client: Elasticsearch, source: str) -> None:
    """Makes our family ready to be filled, unseen by readers."""
    template = templates.installed(client, FAMILY)
    if template.moved_to is None:
        templates.refuse_newer(FAMILY, template)
    _take_custom_along(client, source)
    templates.put(client, [FAMILY], alias=False)
    families.open_again(client, FAMILY)
    for index in families.months(client, FAMILY):
        templates.bring_up_to_date(client, index, templates.mapping())
    if not client.indices.exists(index=deletions.INDEX):
        raise UserError(
            f"the index {deletions.INDEX} is missing; without it deleted posts would return: "
            "restore it first"
        )


def _take_custom_along(client: Elasticsearch, source: str) -> None:
    """Copies the cluster's own settings, `@custom`, unless ours has some."""
    ask = client.options(ignore_status=404).cluster.get_component_template
    theirs, ours = (ask(name=f"{family}@custom") for family in (source, FAMILY))
    if theirs.meta.status == 200 and ours.meta.status == 404:
        body = theirs["component_templates"][0]["component_template"]
        client.cluster.put_component_template(name=f"{FAMILY}@custom", template=body["template"])


def _missing(client: Elasticsearch, bulk: Bulk, index: str) -> Iterator[str]:
    """Names the posts of an old month that ours lacks, or has in an older observation."""
    target = counterpart(index)
    there = bool(client.indices.exists(index=target))
    for hits in pages(client, index):
        ids = [hit["_id"] for hit in hits]
        here = present(client, target, ids) if there else {}
        lost = [hit["_id"] for hit in hits if here.get(hit["_id"], (-1,))[0] < hit["_version"]]
        gone = deletions.known(client, bulk.backoff, lost)
        yield from (one for one in lost if one not in gone)
