"""What the commands of all stations share: exit codes, one-line errors, stopping on a signal."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from threading import Event, Thread
from types import FrameType

from stream import logs
from stream.errors import UserError
from stream.settings import load_settings

DRAIN_SECONDS = 8.0
"""What a request to stop may take: Docker kills after ten."""
HASTE_SECONDS = 1.0
LEFT_BUSY = 124
"""Exit code, as that of `timeout`: asked to stop, and still busy when the time was up."""
INTERRUPTED = 130


def entry(main: Callable[[], int]) -> None:
    """Runs a command and exits: 0 well, 1 failed, 2 something the user can mend, 130 Ctrl-C.

    After a request to stop: 0 drained, 124 left while still busy, 130 asked twice.

    A `UserError` is shown as one line; our own faults keep their traceback, without what it might
    quote of a record.
    """
    threading.excepthook = _ended_badly
    try:
        code = main()
    except UserError as error:
        logs.say_error(str(error), error)
        code = 2
    except BrokenPipeError:  # the reader of our output has gone: nothing is left to say
        sys.stderr.close()
        code = 1
    except KeyboardInterrupt:
        logs.say("interrupted")
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the end of every program
        logs.say_fault(error)
        code = 1
    sys.exit(code)


def _ended_badly(thread: threading.ExceptHookArgs) -> None:
    if thread.exc_value is not None:
        logs.say_fault(thread.exc_value)


def set_up_logs(station: str) -> None:
    """Sets logging up as the settings say; `station` names the program in structured lines."""
    settings = load_settings()
    logs.set_up(settings.log_level, settings.log_format, station)


def stop_on_signals() -> Event:
    """Gives an event that SIGTERM or Ctrl-C sets; a second signal ends the program at once.

    Whatever hangs then (a server that does not answer, at the start or at the end) is left after
    eight seconds. Nothing is lost: what is not durable is not committed, as after kill -9.
    """
    stop = Event()
    asked: list[int] = []

    def ask_to_stop(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        if len(asked) > 1:
            Thread(target=_leave, args=(HASTE_SECONDS, INTERRUPTED), daemon=True).start()
            raise KeyboardInterrupt
        # Not from here: the code that we interrupt may hold the event's own lock.
        Thread(target=_drain, args=(stop,), daemon=True).start()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    return stop


def _drain(stop: Event) -> None:
    stop.set()
    _leave(DRAIN_SECONDS, LEFT_BUSY)


def _leave(seconds: float, code: int) -> None:
    time.sleep(seconds)
    logs.say_error(f"still busy {seconds:g} s after the request to stop: left")
    sys.stderr.flush()
    os._exit(code)
