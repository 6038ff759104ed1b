"""The faults, the same for every program; what must be there after each is in the trial."""

import time
from collections.abc import Callable
from datetime import timedelta

from indexer import templates
from stream.records import Outgoing
from tests.faults.test_node import MARCH, MONTHS, cluster_setting
from tests.indexer.records import NOON
from tests.peers.trial import Trial

Fault = Callable[[Trial], None]
AWAY_SECONDS = 5.0
GC_SECONDS = 3.0


def item_refused(trial: Trial) -> None:
    """Bulk answered 200, some items 429 (one thread writes, one task waits, 24 shards)."""
    for month in MONTHS:
        templates.create(trial.node, f"emotions-v1-{month:%Y.%m}")
    posts = [
        trial.post(f"{n}-{k}", created_at=month) for n, month in enumerate(MONTHS) for k in range(8)
    ]
    trial.texts = {str(one.key): "such joy" for one in posts}
    trial.send(posts)
    trial.start()


def request_refused(trial: Trial) -> None:
    """Every request 429 for five seconds (a circuit breaker)."""
    trial.send(trial.posts(range(200)))
    with cluster_setting(trial.node, "network.breaker.inflight_requests.limit", "20kb"):
        trial.start()
        trial.wait(lambda: False, AWAY_SECONDS)


def node_away(trial: Trial) -> None:
    """The node killed for five seconds, records coming."""
    trial.send(trial.posts(range(100)))
    trial.start()
    trial.wait(trial.any_indexed)
    trial.stack.kill("elasticsearch")
    trial.send(trial.posts(range(100, 200)))
    trial.wait(lambda: False, AWAY_SECONDS)
    trial.stack.start("elasticsearch")


def broker_away(trial: Trial) -> None:
    """The broker killed for five seconds."""
    trial.send(trial.posts(range(100)))
    trial.start()
    trial.wait(trial.any_indexed)
    trial.stack.kill("kafka")
    trial.wait(lambda: False, AWAY_SECONDS)
    trial.stack.start("kafka")
    trial.send(trial.posts(range(100, 200)))


def answer_lost(trial: Trial) -> None:
    """A bulk request applied, its answer lost, the connection cut."""
    templates.create(trial.node, MARCH)
    trial.send(trial.posts(range(100)))
    trial.proxy.lose = b"_bulk"
    trial.start()
    trial.wait(trial.any_indexed)
    trial.proxy.lose = None
    trial.proxy.cut()


def crash_before_commit(trial: Trial) -> None:
    """kill -9 after the write and before the commit; 50 records more meanwhile."""
    templates.create(trial.node, MARCH)
    trial.send(trial.posts(range(100)))
    trial.proxy.lose = b"_bulk"
    trial.start()
    trial.wait(trial.any_indexed)
    trial.kill()
    trial.proxy.lose = None
    trial.send(trial.posts(range(100, 150)))
    trial.start()


def request_too_large(trial: Trial) -> None:
    """3.2 MB of posts, and a node that takes 300 kB in one request (413)."""
    trial.send(trial.posts(range(1600), "m" * 2000))
    trial.start()


def document_too_large(trial: Trial) -> None:
    """One document of 360 kB among small ones, and a node that takes 300 kB."""
    huge = trial.post("huge", "🎉" * 90_000)
    trial.dead = {str(huge.key)}
    trial.send([*trial.posts(range(30)), huge, *trial.posts(range(30, 60))])
    trial.start()


def value_of_wrong_type(trial: Trial) -> None:
    """One post whose score is a word (400 for that item)."""
    _altered(trial, b'"score":0.5', b'"score":"much"')


def not_a_number(trial: Trial) -> None:
    """One post whose score is NaN."""
    _altered(trial, b'"score":0.5', b'"score":NaN')


def lone_surrogate(trial: Trial) -> None:
    """One post with half of a surrogate pair in its text."""
    _altered(trial, b"such odd", rb"such \ud83d odd")
    trial.either, trial.dead = trial.dead, set()


def poison(trial: Trial) -> None:
    """Values that are no JSON, no UTF-8, a list, nested 100,000 deep."""
    values = [b"such joy", b'{"kind": "\xff\xfe"}', b"[1, 2, 3]", b'{"a":' * 100_000, b"{}"]
    bad = []
    for number, value in enumerate(values):
        one = trial.post(f"poison{number}")
        bad.append(Outgoing(one.key, value, one.crawl))
    trial.dead = {str(one.key) for one in bad}
    # Sound ones behind it on every partition.
    trial.send([*trial.posts(range(30)), *bad, *trial.posts(range(30, 90))])
    trial.start()


def delivered_twice(trial: Trial) -> None:
    """Every record twice."""
    posts = trial.posts(range(100))
    trial.send([*posts, *posts])
    trial.start()


def older_after_newer(trial: Trial) -> None:
    """Of each post the newer observation first, the older one behind it."""
    later = NOON + timedelta(hours=1)
    new = [trial.post(number, "new words", observed_at=later) for number in range(50)]
    old = [trial.post(number, "old words") for number in range(50)]
    trial.texts = {str(one.key): "new words" for one in new}
    trial.send(new)
    trial.start()
    trial.wait(trial.any_indexed)
    trial.send(old)


def deleted(trial: Trial) -> None:
    """Half the posts deleted by their platform."""
    _deleted(trial)


def replayed_after_deletion(trial: Trial) -> None:
    """The same, and all posts replayed later than `index.gc_deletes`."""
    posts = _deleted(trial)
    if not trial.wait(lambda: not trial.indexed(0), AWAY_SECONDS):
        return
    deadline = time.monotonic() + GC_SECONDS
    trial.wait(lambda: time.monotonic() > deadline)
    trial.any_indexed()  # refreshes, which is when Elasticsearch forgets
    trial.send(posts)


FAULTS: tuple[Fault, ...] = (
    item_refused,
    request_refused,
    node_away,
    broker_away,
    answer_lost,
    crash_before_commit,
    request_too_large,
    document_too_large,
    value_of_wrong_type,
    not_a_number,
    lone_surrogate,
    poison,
    delivered_twice,
    older_after_newer,
    deleted,
    replayed_after_deletion,
)


def _altered(trial: Trial, before: bytes, after: bytes) -> None:
    odd = trial.post("odd", "such odd")
    assert odd.value is not None
    sound = odd.value or b""
    assert sound.count(before) == 1
    trial.dead = {str(odd.key)}
    bad = Outgoing(odd.key, sound.replace(before, after), odd.crawl)
    trial.send([*trial.posts(range(30)), bad, *trial.posts(range(30, 90))])
    trial.start()


def _deleted(trial: Trial) -> list[Outgoing]:
    posts = trial.posts(range(40))
    trial.send(posts)
    trial.start()
    trial.wait(trial.any_indexed)
    gone = [trial.deletion(number) for number in range(0, 40, 2)]
    for one in gone:
        del trial.texts[str(one.key)]
    trial.send(gone)
    return posts
