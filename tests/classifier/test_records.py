import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.heads import HEADS
from classifier.labelled import Labels
from classifier.records import classifications, classified_post
from stream.codec import decode_classified, decode_collected, encode
from stream.errors import InvalidRecord
from stream.posts import Classification, ClassifiedPost, Entity, Origin, Post

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HEADS_THERE = (("emotion", "polarity"), ("emotion", "polarity", "suggestion", "topic"))

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
entities = st.tuples(st.builds(Entity, type=words, text=words, probability=st.floats(0, 1)))


@st.composite
def several_labels(draw: st.DrawFn) -> Labels:
    """What some model might say of one to three texts."""
    texts, there = draw(st.integers(1, 3)), draw(st.sampled_from(HEADS_THERE))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    steps = {h: rng.integers(0, 10_001, (texts, len(HEADS[h].labels))) for h in there}
    for table in steps.values():
        table[rng.random(table.shape) < 0.1] = rng.choice([0, 1, 9_999, 10_000])
    some = {name: rng.random(table.shape) < 0.1 for name, table in steps.items()}
    some["polarity"] = np.eye(3, dtype=bool)[rng.integers(0, 3, texts)]
    some["polarity"][rng.random(texts) < 0.3] = False
    return Labels(
        {name: table / 10_000 for name, table in steps.items()},
        some,
        draw(st.lists(st.sampled_from(("en", "und", "pt")), min_size=texts, max_size=texts)),
        draw(st.lists(st.none() | words, min_size=texts, max_size=texts)),
        draw(st.lists(st.lists(words, max_size=5).map(tuple), min_size=texts, max_size=texts)),
    )


@st.composite
def written_posts(draw: st.DrawFn) -> bytes:
    """A valid post as anybody may write it: in any order, spaced, with nulls, twice, escaped."""
    fields: dict[str, Any] = {
        "kind": "post",
        "platform": "x",
        "native_id": draw(words),
        "text": draw(st.text(st.characters(exclude_categories=["Cs"]))),
        "created_at": "2026-01-01T00:00:00+02:00",
        "observed_at": "2026-01-02T00:00:00.5Z",
        "origin": {"crawl": "c", "rules": [draw(words)], "query": None},
        "url": draw(st.none() | words),
        "author": {"id": draw(words), "name": None, "followers": draw(st.integers(0, 2**70))},
        "counts": {},
        "hashtags": draw(st.lists(words, max_size=2)),
    }
    names = draw(st.permutations(list(fields)))
    dumped = json.dumps(
        {name: fields[name] for name in names},
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 1, "\t\r\n"])),
    )
    twice = draw(st.sampled_from(["", '"text":"first \\ud83d\\ude00",', '"counts" : null ,']))
    return (draw(st.sampled_from(["", " \n"])) + "{" + twice + dumped[1:] + "\r\n ").encode()


@given(several_labels(), written_posts(), st.none() | entities, st.timedeltas(timedelta(0)))
def test_a_spliced_record_is_the_one_that_the_models_would_make(
    labels: Labels, post: bytes, found: tuple[Entity, ...] | None, later: timedelta
) -> None:
    now = NOW + later % timedelta(days=9000)
    told = labels.predictions("model ✓")
    for prediction, said in zip(told, classifications(labels, "model ✓", now), strict=True):
        record = classified_post(post, said, found, "spacy:é")
        original = decode_collected(post)
        assert isinstance(original, Post)
        assert decode_classified(record) == ClassifiedPost(
            post=original,
            classification=Classification(**prediction.fields(), classified_at=now),
            entities=found or (),
            recogniser="spacy:é" if found is not None else None,
        )
        assert post in record


def test_every_step_of_a_probability_and_of_a_score_is_read_as_itself() -> None:
    steps = np.arange(10_001)
    polarity = np.stack([steps, np.zeros_like(steps), random.Random(1).sample([*steps], 10_001)], 1)
    emotion = np.repeat(steps[:, None], 28, 1)
    labels = Labels(
        {"emotion": emotion / 10_000, "polarity": polarity / 10_000},
        {"emotion": emotion > 10_000, "polarity": polarity > 10_000},
        ["en"] * len(steps),
        [None] * len(steps),
    )
    for prediction, said in zip(
        labels.predictions("m"), classifications(labels, "m", NOW), strict=True
    ):
        read = json.loads(said)
        assert read["probabilities"] == prediction.probabilities
        assert read["polarity"]["score"] == prediction.polarity.score
        assert read["polarity"]["probabilities"] == prediction.polarity.probabilities


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b"\x00", b'"', b"[]"])
def test_what_is_no_post_never_gets_as_far_as_a_splice(start: bytes) -> None:
    post = encode(Post(platform="x", native_id="1", text="", created_at=NOW, observed_at=NOW,
                       origin=Origin(crawl="c")))  # fmt: skip
    assert isinstance(decode_collected(post), Post)
    with pytest.raises(InvalidRecord):
        decode_collected(start + post)
