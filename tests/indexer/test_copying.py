"""Whether a month has been written to is told from its statistics, and never guessed."""

from typing import Any

from indexer.copying import state_of


def copy(*, primary: bool = True, last: int = 7, checkpoint: int = 7) -> dict[str, Any]:
    """What Elasticsearch says of one copy of a shard."""
    return {
        "routing": {"primary": primary},
        "seq_no": {"max_seq_no": last, "local_checkpoint": checkpoint},
    }


def stats(*copies: dict[str, Any]) -> dict[str, Any]:
    return {"uuid": "u", "shards": {"0": list(copies), "1": [copy(last=-1, checkpoint=-1)]}}


def test_the_last_write_of_each_primary_is_the_state_of_a_month() -> None:
    assert state_of(stats(copy(), copy(primary=False, last=6))) == ("u", (("0", 7), ("1", -1)))


def test_a_month_is_in_no_state_while_a_write_is_made() -> None:
    assert state_of(stats(copy(last=8))) is None


def test_a_month_is_in_no_state_while_a_primary_moves_or_is_not_there() -> None:
    assert state_of(stats(copy(), copy())) is None
    assert state_of(stats(copy(primary=False))) is None
    assert state_of(stats()) is None
