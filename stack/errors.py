"""The one way in which the stack fails towards its user."""

from __future__ import annotations


class StackError(Exception):
    """Something the user can mend: the text is one line that says what is wrong and what to do."""
