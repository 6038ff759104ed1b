"""A person labels the posts that teach most, by single keys, and nothing of it is lost."""

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import cohen_kappa_score

from classifier import artifact, own_texts
from classifier.lab import agreement
from classifier.lab.informative import Candidate, informative
from classifier.lab.review import KEYS, LABELS, Session
from classifier.lab.reviews import Reviews
from classifier.lab.shapes import Sample
from classifier.predictor import Predictor
from tests import forks
from tests.classifier.conftest import made_up

KEY = {label: key for key, label in KEYS.items()}
ENTER, SPACE, BACK, ESC = "\r", " ", "\x7f", "\x1b"


def candidates(*texts: str) -> list[Candidate]:
    return [Candidate(Sample(text, key=f"lab:{n}"), ("joy",), "joy is in doubt", 1.0)
            for n, text in enumerate(texts)]  # fmt: skip


def session(folder: Path, *texts: str, shown: bool = True) -> Session:
    return Session(candidates(*texts), Reviews(folder / "reviews.ndjson", "ann", "m@1", shown))


def press(one: Session, *keys: str) -> Session:
    for key in keys:
        one.press(key)
    return one


def rows(folder: Path) -> list[dict[str, Any]]:
    return list(own_texts.rows(folder / "reviews.ndjson"))


def test_every_label_has_a_key_of_its_own() -> None:
    assert sorted(KEYS.values()) == sorted(LABELS)
    assert KEY["joy"] == "j"


def test_keys_give_and_take_labels_and_enter_saves_what_who_when_and_which_model(
    tmp_path: Path,
) -> None:
    press(session(tmp_path, "we won", "we lost"), KEY["love"], KEY["joy"], ENTER)
    (row,) = rows(tmp_path)
    assert row["text"] == "we won"
    assert row["labels"] == ["love"], "joy, the model's, was taken away"
    assert (row["by"], row["model"], row["model_labels"]) == ("ann", "m@1", ["joy"])
    assert (row["key"], row["shown"], row["at"][:2]) == ("lab:0", True, "20")
    assert (tmp_path / "reviews.ndjson").stat().st_mode & 0o077 == 0, "its owner alone reads it"


def test_a_step_back_opens_the_answer_again_and_the_last_one_counts(tmp_path: Path) -> None:
    one = press(session(tmp_path, "we won", "we lost"), ENTER, BACK)
    assert one.chosen == {"joy"}
    press(one, KEY["love"], ENTER, SPACE)
    assert one.ended
    found = own_texts.read([tmp_path / "reviews.ndjson"])["emotion"]
    assert found.texts == ("we won",), "the other was skipped"
    assert len(found.targets[0]) == 2


def test_an_answer_needs_a_label_and_blind_shows_none_of_the_models(tmp_path: Path) -> None:
    one = session(tmp_path, "we won", shown=False)
    assert "[x]" not in one.screen()
    assert "the model says" not in one.screen()
    assert "at least one label" in press(one, ENTER).screen()
    press(one, KEY["neutral"], ENTER)
    assert rows(tmp_path)[0]["shown"] is False


def test_what_a_post_holds_cannot_steer_the_terminal(tmp_path: Path) -> None:
    shown = session(tmp_path, "red \x1b[31m alert \x07 \u202e turned \x9b2J", *["x"] * 3).screen()
    assert not set(shown) & set("\x1b\x07\u202e\x9b")
    long = session(tmp_path, "word " * 5000)
    assert len(long.screen(80, 24).splitlines()) <= 24
    assert len(long.screen(80, 60).splitlines()) < 35


def test_in_a_terminal_it_draws_a_screen_a_post_and_goes_on_where_it_was_left(
    small_run: Path, small_data: Path, tmp_path: Path
) -> None:
    posts, out = tmp_path / "posts.txt", tmp_path / "reviews.ndjson"
    posts.write_text("\n".join(text for text, _ in made_up(50, 20)))
    command = [sys.executable, "-m", "classifier", "review", "--from", str(posts),
               "--out", str(out), "--by", "ann", "--posts", "2"]  # fmt: skip
    environment = os.environ | {
        "EMOSTREAM_DATA_DIR": str(small_data), "EMOSTREAM_MODEL": str(small_run / "artifact"),
    }  # fmt: skip
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment,
        cwd=forks.ROOT, start_new_session=True,
    ) as running, _ended(running):  # fmt: skip
        os.close(theirs)
        seen = _until(ours, "1 of 2")
        os.write(ours, b"\x1b[A" + KEY["joy"].encode() + KEY["pride"].encode())
        seen += _until(ours, "[x] 😌 pride")
        os.write(ours, b"\r")
        seen += _until(ours, "2 of 2")
        os.write(ours, b"\x1b")
        seen += _until(ours, "1 of 2 answered, 0 skipped")
        assert running.wait(30) == 0
    os.close(ours)
    assert "\x1b[2J" in seen
    (row,) = rows(tmp_path)
    assert "pride" in row["labels"]
    again = forks.told(
        *command[2:], given="\r ", EMOSTREAM_DATA_DIR=str(small_data),
        EMOSTREAM_MODEL=str(small_run / "artifact"),
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert "1 of 2 answered, 1 skipped" in again.stdout, "from a pipe, too"
    assert len({one["text"] for one in rows(tmp_path)}) == 3, "the first is not asked again"


@contextmanager
def _ended(running: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        running.kill()


def _until(terminal: int, wanted: str) -> str:
    seen = b""
    while wanted not in seen.decode(errors="replace"):
        assert select.select([terminal], [], [], 60)[0], f"no {wanted!r} in {seen!r}"
        seen += os.read(terminal, 65_536)
    return seen.decode(errors="replace")


def test_the_most_doubtful_and_the_disputed_come_first_and_no_two_alike(small_run: Path) -> None:
    model = Predictor(artifact.load(small_run / "artifact"))
    sure = [Sample(f"we saw the house today thanks {n}") for n in range(20)]
    disputed = Sample("furious again at the bus today", distant=("joy",))
    alike = [Sample(f"glad but mad we saw the river w{n}") for n in range(20)]
    found = informative([*sure, disputed, *alike, disputed], model, 3, frozenset())
    texts = [one.post.text for one in found]
    assert disputed.text in texts
    assert found[texts.index(disputed.text)].why == "its hashtag said joy"
    assert sum(text.startswith("glad but mad") for text in texts) < 3
    assert not informative([disputed], model, 3, frozenset({"furiousagainatthebustoday"}))


def test_kappa_is_that_of_others_and_nothing_where_it_has_no_meaning() -> None:
    pairs = [(True, True), (True, False), (False, False), (False, False), (True, True),
             (False, True), (False, False), (True, True)]  # fmt: skip
    wanted = cohen_kappa_score([one for one, _ in pairs], [other for _, other in pairs])
    assert agreement.kappa(pairs) == pytest.approx(wanted)
    assert agreement.kappa([(False, False)] * 5) is None


def test_alpha_is_that_of_krippendorffs_own_example() -> None:
    # Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", B: two observers, binary.
    ann, bob = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    units = [[bool(a), bool(b)] for a, b in zip(ann, bob, strict=True)]
    assert agreement.alpha(units) == pytest.approx(0.095, abs=0.0005)
    assert agreement.alpha([*units, [True]]) == agreement.alpha(units), "nobody to agree with"
    assert agreement.alpha([[True, True]]) is None


def test_the_report_counts_people_and_model_label_by_label(tmp_path: Path) -> None:
    for by, keys in (("ann", ENTER + ENTER + SPACE), ("bob", ENTER + "n" + ENTER)):
        one = session(tmp_path, "we won", "we lost", "we drew")
        one.reviews = Reviews(tmp_path / "reviews.ndjson", by, "m@1", shown=by == "ann")
        press(one, *keys)
    done = forks.told("classifier", "review", "--report", "--json", "--out",
                      str(tmp_path / "reviews.ndjson"))  # fmt: skip
    found = json.loads(done.stdout)
    assert (found["answers"], found["skipped"], found["texts_of_several"]) == (4, 1, 2)
    assert found["labels"]["joy"]["people_gave"] == 3
    assert found["labels"]["joy"]["model_gave"] == 4
    assert found["labels"]["anger"]["people"] == 0
    assert "ann, bob" in agreement.table(found)
