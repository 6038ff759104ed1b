"""The ways a station can fail, told apart by type; anything else is our own fault and stops it."""


class InvalidRecord(ValueError):
    """The record's fault: it goes to the dead letters and the stream goes on."""


class Backpressure(Exception):
    """The destination's fault, for now: rewind the batch and wait.

    Attributes:
        retry_after: seconds to wait; kept far below the consumer's `max_poll_interval_ms`.
    """

    def __init__(self, reason: str, retry_after: float = 1.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class UserError(Exception):
    """What a person can mend: shown as one line, without a traceback, with exit code 2."""
