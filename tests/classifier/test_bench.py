import json
from pathlib import Path

from classifier.bench import bench, markdown, write
from tests.classifier.conftest import made_up


def test_the_benchmark_measures_every_stage_and_says_where(small_run: Path, tmp_path: Path) -> None:
    texts = [text for text, _ in made_up(60, 60)]
    measured = bench(small_run / "artifact", texts, 1, "python -m classifier bench")
    assert list(measured["texts_a_second"]) == ["labels", "predictions", "predictions with words"]
    assert all(rate > 0 for rate in measured["texts_a_second"].values())
    assert {"tokens", "ids", "language", "hidden layer", "heads", "record for Kafka"} < set(
        measured["stages"]
    )
    assert 0 < measured["one_text_milliseconds"]["p50"] <= measured["one_text_milliseconds"]["p99"]
    assert measured["load_seconds"] > 0
    assert measured["machine"]["threads"] == 1
    data, page = write(measured, tmp_path)
    assert json.loads(data.read_text()) == measured
    assert page.read_text() == markdown(measured)
    assert all(f"| {stage} |" in page.read_text() for stage in measured["stages"])
