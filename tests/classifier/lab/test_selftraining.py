"""A model's surest labels become texts to learn from, round by round, beside a round without."""

import json
import shutil
from pathlib import Path

import pytest

from classifier import artifact
from classifier.lab.selftraining import Choice, chosen
from classifier.lab.shapes import Sample
from classifier.predictor import Predictor
from stream.errors import UserError
from tests import forks
from tests.classifier.conftest import made_up


def test_each_emotion_gets_the_likeliest_posts_up_to_its_quota(small_run: Path) -> None:
    model = Predictor(artifact.load(small_run / "artifact"))
    posts = [Sample(text, key=f"lab:{n}") for n, (text, _) in enumerate(made_up(70, 400))]
    posts += [Sample("so furious"), *posts[:50]]
    held_out = frozenset({"wesawthehouseagainfurious"})
    posts.append(Sample("we saw the house again furious"))
    rows = chosen(model, posts, held_out, Choice(quota=10))
    first = [row["labels"][0] for row in rows]
    assert {one: first.count(one) for one in set(first)}["anger"] == 10
    assert max(map(first.count, first)) == 10
    texts = [row["text"] for row in rows]
    assert len(set(texts)) == len(texts), "each once"
    text_of = {one.key: one.text for one in posts[:400]}
    assert all(text_of[row["key"]] == row["text"] for row in rows), "a deletion can be applied"
    assert not {"so furious", "we saw the house again furious"} & set(texts)
    taken = {row["text"]: row["probability"] for row in rows if row["labels"][0] == "anger"}
    others = [one.text for one in posts if one.text not in taken]
    best = [p.probabilities["anger"] for p in model.predict(others) if p.primary == "anger"]
    assert sorted(best)[-2] <= min(taken.values()), "all but the held-out one are less likely"
    with pytest.raises(UserError, match=r"no post reaches its precise threshold: give more posts$"):
        chosen(model, posts, held_out, Choice(least_words=100))


def test_the_command_says_whether_it_helped_and_goes_on_where_it_was(
    small_data: Path, small_embedding: Path, tmp_path: Path
) -> None:
    (tmp_path / "posts.txt").write_text("\n".join(text for text, _ in made_up(71, 200)))
    run = tmp_path / "run"

    def told(quota: str = "20", code: int = 0) -> str:
        done = forks.told(
            "classifier", "self-train", "--from", str(tmp_path / "posts.txt"), "--run", str(run),
            "--rounds", "1", "--quota", quota, "--sure", "0.2", "--embedding", str(small_embedding),
            "--dim", "8", "--hidden", "8", "--epochs", "2", EMOSTREAM_DATA_DIR=str(small_data),
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stdout or done.stderr

    first = told()
    assert "against round 0" in first
    assert "best: round" in first
    report = json.loads((run / "self-training.json").read_text())
    assert [one["number"] for one in report["rounds"]] == [0, 1]
    assert sum(report["rounds"][1]["taken"].values()) > 0
    made = json.loads((run / "round-1" / "artifact" / "config.json").read_text())
    assert "texts.ndjson" in made["training"]["own_texts"]
    kept = (run / "round-0" / "artifact" / "model.safetensors").stat().st_mtime_ns
    shutil.rmtree(run / "round-1" / "artifact")
    assert told() == first, "a round that is there is kept, one that is not is made the same way"
    assert (run / "round-0" / "artifact" / "model.safetensors").stat().st_mtime_ns == kept
    assert (run / "round-1" / "texts.ndjson").stat().st_mode & 0o077 == 0, "people wrote them"
    report = (run / "self-training.json").read_bytes()
    assert "another choice.quota (20, not 21)" in told("21", 2)
    (tmp_path / "posts.txt").write_text("quite another post\n")
    assert "another posts.sha256" in told(code=2)
    assert (run / "self-training.json").read_bytes() == report
