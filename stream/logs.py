"""Logging for every entry point: time, level, module, sentence; never a text or a token."""

import logging
import sys


def set_up(level: str = "INFO") -> None:
    """Sends our log lines to standard error; other libraries speak only from WARNING on."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        force=True,
    )
    for ours in ("stream", "ingest", "classifier", "indexer"):
        logging.getLogger(ours).setLevel(level)
    # The clients log every lost connection; what matters of it reaches us as an exception.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)
