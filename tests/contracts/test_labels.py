"""The classifier gives no label that the index has no field for."""

import pytest

from classifier.labels import EMOTIONS, POLARITIES, TOPICS
from indexer import templates


@pytest.mark.parametrize(
    ("task", "labels"), [("emotion", EMOTIONS), ("polarity", POLARITIES), ("topic", TOPICS)]
)
def test_each_label_of_a_label_set_has_its_probability_in_the_mapping(
    task: str, labels: tuple[str, ...]
) -> None:
    prefix = f"emostream.{task}.probability."
    mapped = {name.removeprefix(prefix) for name in templates.fields() if name.startswith(prefix)}
    assert mapped == set(labels)
