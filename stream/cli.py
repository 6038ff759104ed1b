"""What the commands of all stations share: exit codes, one-line errors, stopping on a signal."""

import signal
import sys
from collections.abc import Callable
from threading import Event
from types import FrameType

from stream import logs
from stream.errors import UserError
from stream.settings import load_settings


def entry(main: Callable[[], int]) -> None:
    """Runs a command and exits: 0 well, 1 failed, 2 something the user can mend, 130 Ctrl-C.

    A `UserError` is shown as one line; our own faults keep their traceback.
    """
    try:
        code = main()
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        code = 2
    except BrokenPipeError:  # the reader of our output has gone: nothing is left to say
        sys.stderr.close()
        code = 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        code = 130
    sys.exit(code)


def set_up_logs() -> None:
    """Sets logging up as the settings say."""
    logs.set_up(load_settings().log_level)


def stop_on_signals() -> Event:
    """Gives an event that SIGTERM or Ctrl-C sets; a second signal ends the program at once."""
    stop = Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    return stop
