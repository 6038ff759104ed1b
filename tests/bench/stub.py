"""A node that takes every bulk request at once, as a process: `python -m tests.bench.stub`.

Its first line is its address; it ends when nobody holds its stdin any more.
"""

import sys

from tests.indexer.fake_node import fake_node

if __name__ == "__main__":
    with fake_node() as node:
        print(node.address, flush=True)
        sys.stdin.read()
