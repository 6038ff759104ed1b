"""What is decided before a broker starts."""

import uuid

from stack.kafka_server import new_cluster_id


def test_a_cluster_id_never_looks_like_a_flag() -> None:
    dashed = [uuid.UUID(bytes=b"\xf8" * 16), uuid.UUID(bytes=b"\xfb\xff" * 8)]
    ids = iter([*dashed, uuid.UUID(int=0)])
    assert new_cluster_id(lambda: next(ids)) == "A" * 22
