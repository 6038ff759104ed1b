"""Posts are copied from the months of another family to ours, pass by pass, until they are alike.

A pass compares page by page and copies what differs, under the same id and external version. What
has been copied is seen from the indices alone, so one that was cut off is simply begun again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from elasticsearch import Elasticsearch
from tqdm import tqdm

from indexer import deletions, families, templates
from indexer.bulk import Bulk, IndexingError
from indexer.documents import FAMILY
from stream.errors import UserError

Fields = dict[str, Any]
Transform = Callable[[Fields], Fields]
Hit = Mapping[str, Any]
State = tuple[str, tuple[tuple[str, int], ...]]
"""The uuid of an index, and the number of the last write in each of its shards."""

PAGE = 1000
KEEP_ALIVE = "5m"


class Copier:
    """Makes our months like those of another family, pass by pass."""

    def __init__(
        self, client: Elasticsearch, bulk: Bulk, source: str, transform: Transform
    ) -> None:
        self._client, self._bulk = client, bulk
        self._source, self._transform = source, transform
        self._alike: dict[str, State] = {}
        self._withheld: dict[str, int] = {}

    def run(self, name: str) -> int:
        """Makes one pass; returns how many posts differed. A month without a write is passed."""
        client, changed = self._client, 0
        months = families.all_months(client, self._source)
        ours = families.all_months(client, FAMILY)
        dropped = set(ours) - {counterpart(index) for index in months}
        for index in dropped:  # its month is past meanwhile; nobody reads ours yet
            client.indices.delete(index=index)
        for index in months:
            state = _state(client, index)
            if state is None or state != self._alike.get(index):
                changed += self._month(index, name)
            if state is not None:
                self._alike[index] = state
        return changed

    def verify(self) -> None:
        """Compares the number of posts in each month, in the old and in ours.

        Raises:
            UserError: naming the month where they differ.
        """
        for index in families.all_months(self._client, self._source):
            there = _count(self._client, index) - self._withheld.get(index, 0)
            here = _count(self._client, counterpart(index))
            if here != there:
                raise UserError(
                    f"{counterpart(index)} has {here:,} posts, {index} {there:,}: nothing has "
                    "moved; run `python -m indexer migrate --finish` again"
                )

    def _month(self, index: str, name: str) -> int:
        client, target = self._client, counterpart(index)
        client.indices.refresh(index=index)
        templates.create(client, target)
        client.indices.refresh(index=target)
        before = _count(client, target)
        changed = self._withheld[index] = 0
        with tqdm(total=_count(client, index), desc=f"{name}, {index}", disable=None) as bar:
            for hits in pages(client, index):
                changed += self._copy(index, target, hits)
                bar.update(len(hits))
        if before:  # an earlier pass may have copied what is deleted now
            changed += sum(self._remove(index, target, hits) for hits in pages(client, target))
        client.indices.refresh(index=target)
        return changed

    def _copy(self, index: str, target: str, hits: Sequence[Hit]) -> int:
        """Copies those of a page that differ from ours; returns their number.

        A post whose deletion is on record is not copied, though an indexer that was killed may
        have left it in the old month.
        """
        ids = [hit["_id"] for hit in hits]
        here = present(self._client, target, ids)
        gone = deletions.known(self._client, self._bulk.backoff, ids)
        self._withheld[index] += len(gone)
        different = [
            hit for hit in hits if hit["_id"] not in gone and here.get(hit["_id"]) != _sight(hit)
        ]
        erased = [deletions.erasure(target, one) for one in sorted(gone & here.keys())]
        self._bulk.send(erased)
        mend = "nothing has moved; mend the transform in indexer/migration.py"
        try:
            outcomes = self._bulk.send([self._action(target, hit) for hit in different])
        except IndexingError as error:
            raise UserError(f"{target}: {error}; {mend}") from None
        for hit, outcome in zip(different, outcomes, strict=True):
            if outcome.fault:
                raise UserError(f"{target} refuses {hit['_id']}: {outcome.fault}; {mend}")
        return len(erased) + sum(not outcome.older for outcome in outcomes)

    def _remove(self, index: str, target: str, hits: Sequence[Hit]) -> int:
        """Removes those of a page of ours that the old month has no more; returns their number."""
        there = present(self._client, index, [hit["_id"] for hit in hits])
        lost = [hit for hit in hits if hit["_id"] not in there]
        # Under its own version: where the old month gets it once more, it is copied once more.
        outcomes = self._bulk.send([_line("delete", target, hit) for hit in lost])
        return sum(not outcome.missing for outcome in outcomes)

    def _action(self, target: str, hit: Hit) -> bytes:
        old: Fields = hit["_source"]
        new = self._transform(old)
        if any(new.get(name) != old.get(name) for name in ("@timestamp", "event")):
            raise ValueError("a transform must leave @timestamp and event as they are")
        return _line("index", target, hit) + orjson.dumps(new) + b"\n"


def known_fields(fields: Fields) -> Fields:
    """Leaves out what our mapping does not know."""
    return _known(fields, templates.mapping()["properties"])


def pages(client: Elasticsearch, index: str) -> Iterator[Sequence[Hit]]:
    """Gives every document of an index, as it is now, in pages."""
    point = client.open_point_in_time(index=index, keep_alive=KEEP_ALIVE)["id"]
    after = None
    try:
        while True:
            answer = client.search(
                size=PAGE,
                pit={"id": point, "keep_alive": KEEP_ALIVE},
                sort=["_shard_doc"],
                search_after=after,
                version=True,
                track_total_hits=False,
            )
            point, hits = answer["pit_id"], answer["hits"]["hits"]
            if hits:
                yield hits
            if len(hits) < PAGE:
                return
            after = hits[-1]["sort"]
    finally:
        client.close_point_in_time(id=point)


def present(
    client: Elasticsearch, index: str, ids: Sequence[str]
) -> dict[str, tuple[int, str | None]]:
    """Gives what is there of these ids, in real time: version, and when it was written.

    Raises:
        UserError: the index cannot say it now; that is not the same as having none of them.
    """
    answer = client.mget(index=index, ids=ids, source_includes=["event.ingested"])
    for item in answer["docs"]:
        if "error" in item:
            kind = item["error"]["type"]
            raise UserError(f"{index} cannot be read now ({kind}): run this again")
    return {item["_id"]: _sight(item) for item in answer["docs"] if item["found"]}


def counterpart(index: str) -> str:
    """Names our index of the same month."""
    return FAMILY + index.removeprefix(families.of(index))


def _state(client: Elasticsearch, index: str) -> State | None:
    answer = client.indices.stats(
        index=index,
        level="shards",
        filter_path="indices.*.uuid,indices.*.shards.*.seq_no,indices.*.shards.*.routing.primary",
    )
    return state_of(answer["indices"][index])


def state_of(stats: Mapping[str, Any]) -> State | None:
    """Tells one moment of an index from a later one by its last writes.

    None while a write is being made, and while a primary moves from one node to another.
    """
    shards = []
    for number, copies in sorted(stats["shards"].items()):
        primaries = [copy["seq_no"] for copy in copies if copy["routing"]["primary"]]
        if len(primaries) != 1 or primaries[0]["max_seq_no"] != primaries[0]["local_checkpoint"]:
            return None
        shards.append((number, primaries[0]["max_seq_no"]))
    return stats["uuid"], tuple(shards)


def _sight(hit: Hit) -> tuple[int, str | None]:
    """Tells one write of a post from another."""
    return hit["_version"], hit["_source"].get("event", {}).get("ingested")


def _line(operation: str, index: str, hit: Hit) -> bytes:
    action = {
        "_index": index,
        "_id": hit["_id"],
        "version": hit["_version"],
        "version_type": "external_gte",
    }
    return orjson.dumps({operation: action}) + b"\n"


def _known(fields: Fields, properties: Mapping[str, Any]) -> Fields:
    kept: Fields = {}
    for name, value in fields.items():
        inner = properties.get(name, {}).get("properties")
        if inner and isinstance(value, dict):
            kept[name] = _known(value, inner)
        elif inner and isinstance(value, list):
            kept[name] = [_known(one, inner) for one in value]
        elif name in properties and not inner and not isinstance(value, dict):
            kept[name] = value
    return kept


def _count(client: Elasticsearch, index: str) -> int:
    return int(client.count(index=index)["count"])
