"""The compiled loops of `classifier/compiled.py`, once a program has asked for them."""

import logging
from types import ModuleType

logger = logging.getLogger(__name__)

loaded: ModuleType | None = None
"""What `tokenise` and `Vocabulary.bags` use in place of array arithmetic, if it is there."""


def load() -> bool:
    """Loads the compiled loops, for the whole process; says whether they are there.

    They are where numba is installed and may keep what it compiles, beside the file or in the
    user's cache. The first text after that takes a third of a second, or some seconds more the
    first time on a machine.
    """
    global loaded
    try:
        from classifier import compiled
    except ModuleNotFoundError:
        return False
    except RuntimeError as error:  # numba: "cannot cache function"
        logger.warning("texts are not split by compiled loops: %s", error)
        return False
    loaded = compiled
    return True
