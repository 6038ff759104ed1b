"""The compiled loops of `classifier/compiled.py`, once a program has asked for them."""

import logging
from threading import Thread
from types import ModuleType

logger = logging.getLogger(__name__)

PAYS = 20_000
"""Texts after which compiling them has paid, or soon will: a short run never waits for it."""

loaded: ModuleType | None = None
"""What `tokenise` and `Vocabulary.bags` use in place of array arithmetic, if it is there."""


def load() -> bool:
    """Loads the compiled loops, for the whole process; says whether they are there.

    They are where numba is installed and may keep what it compiles, beside the file or in the
    user's cache. That takes half a second, or some seconds the first time on a machine.
    """
    global loaded
    try:
        from classifier import compiled
    except ModuleNotFoundError:
        return False
    except RuntimeError as error:  # numba: "cannot cache function"
        logger.warning("texts are not split by compiled loops: %s", error)
        return False
    compiled.warm_up()
    loaded = compiled
    return True


class Later:
    """Loads the compiled loops beside the work, once enough texts came for them to pay."""

    def __init__(self, after: int) -> None:
        """Takes how many texts that is."""
        self._left = after
        self._thread: Thread | None = None

    def count(self, texts: int) -> None:
        """Counts texts that came."""
        self._left -= texts
        if self._left <= 0 and self._thread is None:
            # Not a daemon: a process that ends meanwhile waits until nothing is half made.
            self._thread = Thread(target=load, name="compiled-loops")
            self._thread.start()

    def join(self) -> None:
        """Waits until they are there, if enough texts came."""
        if self._thread:
            self._thread.join()
