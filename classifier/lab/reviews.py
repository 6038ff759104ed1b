"""The file of reviews: a line for each answer of a person, appended and never changed.

Each says who (`by`) said what (`labels`; null: skipped) of which `text`, when (`at`), which `model`
had been asked, what it had said (`model_labels`) and whether the person saw that (`shown`). Of one
person's answers to one text the last one counts, so an answer is undone by another one.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from classifier import own_texts, repeats
from classifier.lab.informative import Candidate
from stream.errors import UserError


@dataclass(frozen=True)
class Reviews:
    """What one person answers, of one model's posts."""

    file: Path
    by: str
    model: str
    shown: bool = True  # the model's labels, to the person

    def answered(self) -> frozenset[str]:
        """The keys of the texts that this person has answered or skipped.

        Raises:
            UserError: the file is not one of reviews.
        """
        if not self.file.exists():
            return frozenset()
        rows = own_texts.rows(self.file)
        return frozenset(repeats.key(row["text"]) for row in rows if row.get("by") == self.by)

    def add(self, one: Candidate, labels: Sequence[str] | None) -> None:
        """Appends an answer; it is on the disk when this returns.

        Raises:
            UserError: it cannot be written.
        """
        row: dict[str, Any] = {
            "text": one.post.text,
            "labels": None if labels is None else list(labels),
            "by": self.by,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "key": one.post.key,
            "distant_labels": list(one.post.distant),
            "model": self.model,
            "model_labels": list(one.labels),
            "shown": self.shown,
        }
        line = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            # For its owner alone: it holds what people wrote.
            opened = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with open(opened, "ab") as stream:  # noqa: PTH123 - of a descriptor
                stream.write(line)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise UserError(f"{self.file}: cannot be written: {error.strerror}") from None
