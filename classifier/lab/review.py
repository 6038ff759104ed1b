"""A person labels posts by single keys, in a terminal: the model's labels first, then theirs.

The same keys work from a pipe: without a terminal nothing is drawn over, and the end ends it.
"""

import os
import select
import sys
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from classifier.lab.informative import Candidate
from classifier.lab.reviews import Reviews
from classifier.labels import EMOTIONS, SUGGESTIONS
from stream.faces import FACES

LABELS = (*EMOTIONS, *SUGGESTIONS)
SAVE, SKIP, UNDO, QUIT = "\r\n", " ", "\x7f\b", "\x03\x04\x1b"
HELP = "Enter saves, Space skips, Backspace goes back, Esc quits; letters give and take labels"
COLUMNS, CELL = 3, 26
MOST_LINES, BESIDE = 12, 19
"""Lines of a text at most, and of everything else on the screen."""
ESCAPE = b"\x1b"
_JOINER = "\u200d"  # between the parts of one emoji


def _keys() -> dict[str, str]:
    """Key to label: the first letter of its name that is free, else the next one free at all."""
    found: dict[str, str] = {}
    for label in LABELS:
        spare = "abcdefghijklmnopqrstuvwxyz0123456789"
        free = next(key for key in label + spare if key in spare and key not in found)
        found[free] = label
    return found


KEYS = _keys()


@dataclass
class Session:
    """One person's way through the posts; every answer is on the disk before the next post."""

    posts: Sequence[Candidate]
    reviews: Reviews
    place: int = 0
    ended: bool = False
    message: str = ""
    chosen: set[str] = field(default_factory=set)
    answers: list[set[str] | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._open()

    def press(self, key: str) -> None:
        """Does what a key says; an unknown one does nothing."""
        self.message = ""
        if self.ended or key in QUIT:
            self.ended = True
        elif key in SKIP:
            self._answer(None)
        elif key in SAVE and self.chosen:
            self._answer([label for label in LABELS if label in self.chosen])
        elif key in SAVE:
            self.message = "give at least one label: neutral says that there is no emotion"
        elif key in UNDO and self.place:
            self.place -= 1
            self._open()
        elif label := KEYS.get(key.lower()):
            self.chosen ^= {label}

    def screen(self, width: int = 80, height: int = 40) -> str:
        """What the person sees."""
        one = self.posts[self.place]
        shown = "".join(_inert(sign) for sign in one.post.text)
        lines = [f"{self.place + 1} of {len(self.posts)} · {one.why}", ""]
        text = textwrap.wrap(shown, max(20, min(width, 100) - 4)) or [""]
        room = max(3, min(MOST_LINES, height - BESIDE))
        more = ["…"] if len(text) > room else []
        lines += [f"  {line}" for line in [*text[:room], *more]]
        cells = [self._cell(key, label) for key, label in KEYS.items()]
        rows = -(-len(cells) // COLUMNS)
        lines.append("")
        lines += ["".join(cells[row::rows]).rstrip() for row in range(rows)]
        if self.reviews.shown:
            lines += ["", f"the model says: {', '.join(one.labels) or 'nothing'}"]
        return "\n".join([*lines, "", self.message or HELP, ""])

    def _cell(self, key: str, label: str) -> str:
        name = f"{FACES.get(label, '📝')} {label}"
        padding = CELL - 7 - len(label) - 2
        return f"{key} {'[x]' if label in self.chosen else '[ ]'} {name}{' ' * padding}"

    def _answer(self, labels: Sequence[str] | None) -> None:
        self.reviews.add(self.posts[self.place], labels)
        self.answers[self.place : self.place + 1] = [None if labels is None else set(labels)]
        self.place += 1
        self._open()

    def _open(self) -> None:
        """Begins a post with what was said of it before, or with the model's labels."""
        self.ended = self.place >= len(self.posts)
        if self.ended:
            return
        before = self.answers[self.place] if self.place < len(self.answers) else None
        model = set(self.posts[self.place].labels) if self.reviews.shown else set()
        self.chosen = set(before) if before is not None else model


def run(
    session: Session, source: TextIO | None = None, sink: TextIO | None = None
) -> tuple[int, int]:
    """Asks until all posts are answered or the person ends it; returns answers and skips."""
    source, sink = source or sys.stdin, sink or sys.stdout
    drawn = source.isatty() and sink.isatty()
    with _single_keys(source, drawn=drawn):
        pressed = _pressed(source.fileno())
        while not session.ended:
            size = os.get_terminal_size(sink.fileno()) if drawn else (80, 40)
            sink.write(("\x1b[2J\x1b[H" if drawn else "") + session.screen(*size))
            sink.flush()
            session.press(next(pressed, "\x04"))
    if drawn:
        sink.write("\x1b[2J\x1b[H")
    skipped = session.answers.count(None)
    return len(session.answers) - skipped, skipped


@contextmanager
def _single_keys(source: TextIO, *, drawn: bool) -> Iterator[None]:
    """Lets a terminal give each key at once, and as it was afterwards."""
    if not drawn:
        yield
        return
    import termios  # not on every system, as terminals are not
    import tty

    before = termios.tcgetattr(source.fileno())
    tty.setcbreak(source.fileno())
    try:
        yield
    finally:
        termios.tcsetattr(source.fileno(), termios.TCSADRAIN, before)


def _pressed(source: int) -> Iterator[str]:
    """The keys, until the end; arrows and the like, which are several signs, are left out."""
    while found := os.read(source, 1):
        if found == ESCAPE and select.select([source], [], [], 0)[0]:
            found = os.read(source, 1)
            while found and found in b"[O0123456789;":  # the last sign of such a key is another
                found = os.read(source, 1)
            continue
        yield found.decode("ascii", "replace")


def _inert(sign: str) -> str:
    """A sign that cannot steer the terminal, nor turn the writing round."""
    steers = unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    return " " if steers and sign != _JOINER else sign
