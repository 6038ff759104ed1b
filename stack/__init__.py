"""Kafka and Elasticsearch without Docker, for developers, the demo and the tests.

`python -m stack up` starts both as children of a small supervisor; `running` does it for a test.
"""

from stack.errors import StackError
from stack.session import Stack, attach, running

__all__ = ["Stack", "StackError", "attach", "running"]
