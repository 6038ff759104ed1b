"""Texts that people, hashtags or a model labelled join the train split, and no other."""

import json
from pathlib import Path
from typing import Any

import pytest

from classifier import heads, own_texts, repeats
from classifier.labels import EMOTIONS
from stream.errors import UserError

JOY, LOVE = EMOTIONS.index("joy"), EMOTIONS.index("love")


def file(folder: Path, *rows: Any) -> Path:
    path = folder / "own.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def row(text: str, labels: list[str] | None, by: str = "ann") -> dict[str, Any]:
    return {"text": text, "labels": labels, "by": by}


def test_of_several_reviewers_the_majority_counts_and_of_one_the_last_answer(
    tmp_path: Path,
) -> None:
    found = own_texts.read([file(
        tmp_path,
        row("won", ["joy"], "ann"), row("won", ["joy", "love"], "bob"), row("Won!", ["joy"], "cy"),
        row("lost", ["joy"]), row("lost", ["love"]),
        row("seen", ["joy"]), row("seen", None),
        row("torn", ["joy"], "ann"), row("torn", ["love"], "bob"),
        row("why not open on Sundays", ["suggestion"]),
    )])  # fmt: skip
    assert found["emotion"].texts == ("won", "lost")
    assert found["emotion"].targets == ((JOY,), (LOVE,))
    assert found["suggestion"].texts == ("why not open on Sundays",)


def test_what_a_person_says_stands_against_any_number_of_hashtags_and_models(
    tmp_path: Path,
) -> None:
    tagged = {**row("won", ["joy"], own_texts.HASHTAGS), "key": "lab:1"}
    said = {**row("won", ["joy"], "m@1"), "probability": 0.9}
    person = {**row("Won!", ["love"], own_texts.HASHTAGS), "at": "2026-11-01T12:00:00+00:00"}
    found = own_texts.read([file(
        tmp_path, tagged, said, person,
        {**tagged, "text": "lost"}, {**said, "text": "lost", "labels": ["joy", "love"]},
        {**tagged, "text": "torn"}, row("torn", ["joy"], "ann"), row("torn", ["love"], "bob"),
        {**tagged, "text": "seen"}, row("seen", None),
    )])["emotion"]  # fmt: skip
    assert dict(zip(found.texts, found.targets, strict=True)) == {
        "won": (LOVE,), "lost": (JOY,), "seen": (JOY,)
    }  # fmt: skip


def test_a_file_of_peoples_texts_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "own.ndjson"
    for text in ("won", "lost"):
        own_texts.write(path, [row(text, ["joy"])])
        assert path.stat().st_mode & 0o077 == 0
    assert [one["text"] for one in own_texts.rows(path)] == ["lost"]
    assert list(path.parent.iterdir()) == [path]
    with pytest.raises(UserError, match="cannot be written: Is a directory"):
        own_texts.write(tmp_path, [])


def test_they_replace_the_same_text_of_the_train_split_and_never_come_from_a_held_out_one(
    small_data: Path, tmp_path: Path
) -> None:
    labelled = heads.training(small_data)
    test = heads.HEADS["emotion"].read(small_data, "test").texts[0]
    mine = labelled["emotion"].texts[0]
    own = file(tmp_path, row(mine.upper(), ["love"]), row(test, ["love"]), row("new one", ["joy"]))
    found = own_texts.added(labelled, [own], heads.held_out_keys(small_data))["emotion"]
    there = dict(zip(map(repeats.key, found.texts), found.targets, strict=True))
    assert len(found) == len(labelled["emotion"]) + 1
    assert there[repeats.key(mine)] == (LOVE,)
    assert there["newone"] == (JOY,)
    assert repeats.key(test) not in there


@pytest.mark.parametrize(
    "line",
    ['{"text": "a secret"}', '{"text": "a secret", "labels": []}', '{"labels": ["joy"]}', "nothing",
     '{"text": "a secret", "labels": ["bliss"]}', '{"text": "a secret", "labels": "joy"}'],
)  # fmt: skip
def test_a_line_that_is_wrong_is_named_without_its_text(line: str, tmp_path: Path) -> None:
    path = tmp_path / "own.ndjson"
    path.write_text('{"text": "good", "labels": ["joy"]}\n' + line + "\n")
    with pytest.raises(UserError, match="line 2: ") as told:
        own_texts.read([path])
    assert "secret" not in str(told.value)


def test_labels_of_a_head_that_is_not_trained_are_not_dropped_in_silence(
    small_data: Path, tmp_path: Path
) -> None:
    own = file(tmp_path, row("open on Sundays", ["suggestion"]))
    with pytest.raises(UserError, match="labels of suggestion"):
        own_texts.added(heads.training(small_data), [own], frozenset())
