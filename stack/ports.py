"""Which TCP ports the servers get: the one asked for, the usual one, or any free one."""

from __future__ import annotations

import random
import socket

from stack.errors import StackError

HOST = "127.0.0.1"
# Below the range from which Linux and macOS take the local ports of outgoing connections,
# so that a port found free is not lost to a client a moment later.
SEARCHED = range(20_000, 32_768)
TRIES = 200


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: a port whose last connections are only closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def any_free() -> int:
    """Give a port on which nothing listens.

    Raises:
        StackError: when none was found.
    """
    for _ in range(TRIES):
        port = random.choice(SEARCHED)
        if is_free(port):
            return port
    raise StackError("no free TCP port was found: stop some of the servers on this machine")


def choose(asked: int | None, usual: int, *, server: str, flag: str) -> int:
    """Give the port asked for, or the usual one if it is free, or any free one.

    Raises:
        StackError: when the port that was asked for is taken.
    """
    if asked is None:
        return usual if is_free(usual) else any_free()
    if not is_free(asked):
        raise StackError(
            f"port {asked} for {server} is taken: stop what listens there, "
            f"give another {flag}, or leave the flag out and a free one is found"
        )
    return asked
