"""What can be wrong with Elasticsearch itself: its version, disk, shards, clock, and our key."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from indexer.node import Node, Refused
from stream.doctor.findings import Finding, problem, warning
from stream.settings import Settings

MAJOR = 9
HEAP_BYTES = 512 * 1024**2
CLOCK_SECONDS = 30.0
SHARDS_SHARE = 0.9
SOON = timedelta(days=7)
UNITS = {"b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30, "tb": 2**40, "pb": 2**50}
WATERMARK = "cluster.routing.allocation.disk."


def checks(node: Node, settings: Settings) -> Iterator[Finding]:
    """Looks at the nodes; of a wrong version nothing more is asked."""
    version = list(of_version(node))
    yield from version
    if version:
        return
    yield from of_health(node)
    for look in (of_clock, of_heap, of_disk, of_shards):
        yield from allowed(look(node))
    if settings.elasticsearch_api_key:
        yield from allowed(of_key(node))


def allowed(findings: Iterator[Finding]) -> Iterator[Finding]:
    """Leaves out what the node does not let us see, and says so."""
    try:
        yield from findings
    except Refused as refused:
        if refused.finding.code != "elasticsearch-forbids":
            raise
        yield refused.finding


def of_version(node: Node) -> Iterator[Finding]:
    """Whether every node is of the version that our client speaks."""
    found = node.get("/_nodes/http?filter_path=nodes.*.version,nodes.*.name")
    for one in found.get("nodes", {}).values():
        if int(one["version"].partition(".")[0]) != MAJOR:
            yield problem(
                "elasticsearch-wrong-version",
                f"the node {one.get('name', '')} is Elasticsearch {one['version']}; emostream "
                f"speaks with {MAJOR}.x",
                f"run Elasticsearch {MAJOR}.x, or set EMOSTREAM_ELASTICSEARCH",
            )


def of_health(node: Node) -> Iterator[Finding]:
    """Whether every shard is where it should be."""
    health = node.get("/_cluster/health")
    explain = f"`curl -s '{node.address}/_cluster/allocation/explain?pretty'` says why"
    if health["status"] == "red":
        yield problem(
            "cluster-red",
            f"the cluster is red: {health['unassigned_primary_shards']} primary shards are on no "
            "node, and their posts can be neither read nor written",
            explain,
        )
    if health["status"] == "yellow":
        yield warning(
            "cluster-yellow",
            f"the cluster is yellow: {health['unassigned_shards']} copies of shards are on no node",
            f"{explain}; one node needs `number_of_replicas: 0`",
        )


def of_clock(node: Node) -> Iterator[Finding]:
    """Whether the nodes' clocks and ours agree."""
    before = time.time()
    nodes = node.get("/_nodes/stats/process?filter_path=nodes.*.timestamp,nodes.*.name")
    after = time.time()
    for one in nodes.get("nodes", {}).values():
        at = one["timestamp"] / 1000
        skew = at - after if at > after else min(0.0, at - before)
        if abs(skew) > CLOCK_SECONDS:
            yield warning(
                "clock-skew",
                f"the clock of the node {one.get('name', '')} is {abs(skew):.0f} s "
                f"{'ahead of' if skew > 0 else 'behind'} ours: retention and dashboards of "
                "'the last minutes' are off by that",
                "let both machines keep network time (`timedatectl set-ntp true`)",
            )


def of_heap(node: Node) -> Iterator[Finding]:
    """Whether the nodes have memory enough for bulk requests."""
    heap = "nodes.*.jvm.mem.heap_max_in_bytes"
    for one in node.get(f"/_nodes/jvm?filter_path={heap},nodes.*.name").get("nodes", {}).values():
        size = one["jvm"]["mem"]["heap_max_in_bytes"]
        if size < HEAP_BYTES:
            yield warning(
                "heap-too-small",
                f"the node {one.get('name', '')} has {size // 2**20} MB of heap, less than "
                f"{HEAP_BYTES // 2**20}: it refuses bulk requests under load",
                "set ES_JAVA_OPTS=-Xmx1g in its environment; of the local stack "
                "EMOSTREAM_ELASTICSEARCH_HEAP=1g",
            )


def of_disk(node: Node) -> Iterator[Finding]:
    """Whether a node's disk is so full that it moves shards away, or takes no more posts."""
    settings = _settings(node)
    if settings.get(f"{WATERMARK}threshold_enabled", "true") == "false":
        return
    sizes = "nodes.*.fs.total.total_in_bytes,nodes.*.fs.total.available_in_bytes"
    for one in (
        node.get(f"/_nodes/stats/fs?filter_path={sizes},nodes.*.name").get("nodes", {}).values()
    ):
        total, free = (one["fs"]["total"][f"{of}_in_bytes"] for of in ("total", "available"))
        for level, make in (("flood_stage", problem), ("high", warning), ("low", warning)):
            least = _least_free(settings, level, total)
            if least is not None and free < least:
                yield make(
                    "disk-watermark",
                    f"the node {one.get('name', '')} has {free // 2**20:,} MB of disk left, below "
                    f"its watermark {level} of {least // 2**20:,} MB"
                    + (": it takes no more posts" if make is problem else ""),
                    "free disk space there: `python -m indexer expire --months N` deletes old "
                    "months; or raise the watermark",
                )
                break


def of_shards(node: Node) -> Iterator[Finding]:
    """Whether there is room for the shards of the months to come."""
    health = node.get("/_cluster/health")
    each = int(_settings(node).get("cluster.max_shards_per_node", 1000))
    most = each * health["number_of_data_nodes"]
    shards = health["active_shards"] + health["unassigned_shards"]
    if shards > SHARDS_SHARE * most:
        yield warning(
            "shards-near-limit",
            f"{shards} shards of {most} that the cluster takes: soon no month can be made",
            "delete indices that nobody reads (`python -m indexer expire --months N`), or raise "
            "`cluster.max_shards_per_node`",
        )


def of_key(node: Node) -> Iterator[Finding]:
    """Whether our API key ends soon. A key may always ask about itself."""
    who = node.get("/_security/_authenticate").get("api_key") or {}
    found = node.get(f"/_security/api_key?id={who['id']}") if "id" in who else {}
    for key in found.get("api_keys", []):
        ends = key.get("expiration")
        left = datetime.fromtimestamp(ends / 1000, UTC) - datetime.now(UTC) if ends else None
        if left is not None and left < SOON:
            yield warning(
                "key-expires-soon",
                f"the API key {key['name']} expires in {left.total_seconds() / 3600:.0f} h",
                "remove its file and run `python -m indexer setup --secrets FOLDER` as an "
                "administrator; then start the stations again",
            )


def _settings(node: Node) -> Mapping[str, str]:
    found = node.get("/_cluster/settings?include_defaults=true&flat_settings=true")
    settings: dict[str, str] = {}
    for level in ("defaults", "persistent", "transient"):
        settings |= found.get(level, {})
    return settings


def _least_free(settings: Mapping[str, str], level: str, total: int) -> int | None:
    """Gives the bytes that must be free: a watermark is a share that is used, or bytes free."""
    text = settings.get(f"{WATERMARK}watermark.{level}", "").lower()
    headroom = _bytes(settings.get(f"{WATERMARK}watermark.{level}.max_headroom", "-1"))
    if (free := _bytes(text)) is not None:
        return free
    try:
        used = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return None
    least = int(total * (1 - used))
    return least if headroom is None else min(least, headroom)


def _bytes(text: str) -> int | None:
    number = text.lower().rstrip("bkmgtp")
    unit = text.lower().removeprefix(number)
    if unit not in UNITS or not number.replace(".", "", 1).isdigit():
        return None
    return int(float(number) * UNITS[unit])
