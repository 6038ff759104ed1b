"""Logging for every entry point: time, level, module, sentence; never a text or a token."""

import logging
import sys
import traceback
from typing import Literal

import ecs_logging

Format = Literal["text", "ecs"]

OURS = ("stream", "ingest", "classifier", "indexer", "kibana", "web")
NOT_SAID = "(not said: it may quote a post; python -X dev says it)"
PLAIN = (AttributeError, ImportError, MemoryError, NameError, OSError, RecursionError, TypeError)
"""Errors whose sentences tell of files and of code, never of a value."""
KAFKA = ("kafka", "cimpl")
"""The two clients; a `KafkaException` of confluent-kafka names its extension module alone."""

_form: Format = "text"


def set_up(level: str = "INFO", form: Format = "text", station: str = "emostream") -> None:
    """Sends our log lines to standard error; other libraries speak only from WARNING on."""
    global _form
    _form = form
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(form, station))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for ours in OURS:
        logging.getLogger(ours).setLevel(level)
    # The clients log every lost connection; what matters of it reaches us as an exception.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)


def say(sentence: str) -> None:
    """Says a sentence of a command's own on standard error: a count, a plan."""
    if _form == "text":
        sys.stderr.write(f"{sentence}\n")
    else:
        logging.getLogger(__name__).info("%s", sentence)


def say_error(sentence: str, error: BaseException | None = None) -> None:
    """Says on standard error what a person can mend; `error` is what stops the program for it."""
    if _form == "text":
        sys.stderr.write(f"error: {sentence}\n")
    elif error is None:
        logging.getLogger(__name__).error("%s", sentence)
    else:
        kind = {"error.type": type(error).__name__, "error.message": sentence}
        logging.getLogger(__name__).critical("%s", sentence, extra=kind)


def say_fault(error: BaseException) -> None:
    """Says on standard error which fault of ours stopped the program, and where."""
    where = trace(error)
    if _form == "text":
        sys.stderr.write(where)
        return
    kind = {"error.type": type(error).__name__, "error.message": said(error)}
    logging.getLogger(__name__).critical(
        "stopped by a fault of ours", extra=kind | {"error.stack_trace": where}
    )


def trace(error: BaseException) -> str:
    """Writes a traceback as Python does, but of each error only what `said` allows."""
    parts: list[str] = []
    one: BaseException | None = error
    while one is not None:
        lines = "".join(traceback.format_tb(one.__traceback__))
        kind = f"{type(one).__module__}.{type(one).__name__}".removeprefix("builtins.")
        parts.append(f"Traceback (most recent call last):\n{lines}{kind}: {said(one)}\n")
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "\nAfter it:\n\n".join(reversed(parts))


def said(error: BaseException) -> str:
    """Gives an error's own sentence where it cannot quote a record: ours, Kafka's, few of Python's.

    A library's may: `invalid literal for int()` ends with the literal, and Elasticsearch's reasons
    show the beginning of a field.
    """
    safe = isinstance(error, PLAIN) or _package(type(error)) in {*OURS, *KAFKA}
    return str(error) if safe or sys.flags.dev_mode else NOT_SAID


def _package(kind: type[BaseException]) -> str:
    return kind.__module__.partition(".")[0]


def _formatter(form: Format, station: str) -> logging.Formatter:
    if form == "text":
        return logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    return ecs_logging.StdlibFormatter(
        extra={"service.name": station, "event.dataset": station},
        exclude_fields=["log.original", "process.thread"],
        ensure_ascii=False,
    )
