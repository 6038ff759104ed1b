from __future__ import annotations

import math
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from classifier.labels import EMOTIONS
from classifier.predictor import Predictor
from tests.web.serving import Server
from tests.web.texts import texts as sample_texts

pytestmark = pytest.mark.wire

THANKS = "thank you so much, this made my day"


ODD = ("", " ", "THANK YOU ALL", "日本語のテキスト", "\u202eevil\u0000 <script>", "😂" * 300)


def test_a_text_alone_in_a_request_of_many_and_beside_others_has_the_model_s_own_prediction(
    api: Server, predictor: Predictor
) -> None:
    texts = [*sample_texts()[:600], *ODD]
    expected = [one.fields() for one in predictor.predict(texts)]
    together = api.classify(texts=texts).json()["results"]
    with ThreadPoolExecutor(16) as threads:
        alone = list(threads.map(lambda text: api.result(text=text), texts))
    assert together == alone
    for told, wanted in zip(alone, expected, strict=True):
        assert [one["label"] for one in told["emotions"]] == list(wanted["emotions"])
        assert [one["label"] for one in told["topics"]] == list(wanted["topics"])
        same = {
            "primary", "probabilities", "polarity", "comment_class", "suggestion", "language",
            "abstained",
        }  # fmt: skip
        assert {name: told[name] for name in same} == {name: wanted[name] for name in same}


def test_requests_that_come_together_go_through_the_model_together(api: Server) -> None:
    def batches() -> tuple[float, float]:
        lines = dict(
            line.rsplit(" ", 1) for line in api.get("/metrics").data.decode().splitlines()
            if line.startswith("emostream_model_batch_texts_")
        )  # fmt: skip
        count = next(float(v) for k, v in lines.items() if "_count" in k)
        return count, next(float(v) for k, v in lines.items() if "_sum" in k)

    before = batches()
    with ThreadPoolExecutor(64) as threads:
        list(threads.map(lambda _number: api.result(text=THANKS), range(640)))
    after = batches()
    assert after[1] - before[1] == 640
    assert after[0] - before[0] < 640


def test_one_threshold_decides_on_all_emotions(api: Server) -> None:
    found = api.result(text=THANKS, thresholds=0.01)
    given = {one["label"]: one["probability"] for one in found["emotions"]}
    assert given == {k: v for k, v in found["probabilities"].items() if v >= 0.01}
    assert list(given.values()) == sorted(given.values(), reverse=True)
    assert api.result(text=THANKS, thresholds=1)["emotions"] == []
    assert api.result(text=THANKS, thresholds=1)["abstained"]


def test_a_threshold_of_one_emotion_leaves_the_others_at_the_model_s_own(api: Server) -> None:
    own = api.result(text=THANKS)
    found = api.result(text=THANKS, thresholds={"grief": 0, "gratitude": 1})
    given = {one["label"] for one in own["emotions"]}
    assert {one["label"] for one in found["emotions"]} == given - {"gratitude"} | {"grief"}


def test_the_likeliest_emotions_come_whatever_the_thresholds(api: Server) -> None:
    found = api.result(text=THANKS, top=3, thresholds=1)
    best = sorted(found["probabilities"].items(), key=lambda one: -one[1])[:3]
    assert [(one["label"], one["probability"]) for one in found["emotions"]] == best


def test_a_text_that_nothing_can_be_said_of_gets_no_emotion_at_any_threshold(api: Server) -> None:
    found = api.result(text="", thresholds=0)
    assert (found["emotions"], found["primary"], found["abstained"]) == ([], None, "no text")
    told = api.result(text="das ist aber schön", language="de", thresholds=0)
    assert told["abstained"] == "unsupported language"


def test_the_view_of_comments_has_the_five_classes_alone(api: Server) -> None:
    found = api.result(text="please add a dark mode, it would be great", view="comments")
    assert set(found) == {"comment_class", "polarity", "suggestion"}
    assert found["comment_class"] == "constructive_feedback"


@pytest.mark.parametrize(
    "text",
    [THANKS, "  I HATE this  game, why?! ", "", "so\nhappy\tfor you 😂😂", "não é bom", "x" * 5000],
)
def test_the_weights_of_the_words_sum_to_the_emotion_s_logit(
    api: Server, predictor: Predictor, text: str
) -> None:
    for emotion in ("joy", "anger"):
        found = api.result(text=text, explain=True, emotion=emotion, language="en")
        weighing = found["weighing"]
        assert weighing["emotion"] == emotion
        logit = weighing["empty"] + weighing["caps"] + sum(w["adds"] for w in weighing["words"])
        if not found["abstained"] or found["abstained"].startswith("no emotion"):
            chance = found["probabilities"][emotion]
            assert 1 / (1 + math.exp(-logit)) == pytest.approx(chance, abs=2e-3)
        pieces = [text[one["start"] : one["end"]] for one in weighing["words"]]
        assert pieces == text.split()


def test_without_an_emotion_the_primary_s_words_are_weighed(api: Server) -> None:
    assert api.result(text=THANKS, explain=True)["weighing"]["emotion"] == "gratitude"
    assert api.result(text="", explain=True)["weighing"] is None


def test_a_thousand_texts_are_taken(api: Server) -> None:
    assert len(api.classify(texts=["good"] * 1000).json()["results"]) == 1000


@pytest.mark.parametrize(
    ("question", "fields"),
    [
        ({}, ["body"]),
        ({"text": "a", "texts": ["b"]}, ["body"]),
        ({"texts": []}, ["texts"]),
        ({"texts": ["good"] * 1001}, ["texts"]),
        ({"texts": ["fine", 3]}, ["texts.1"]),
        ({"text": "x" * 200_001}, ["text"]),
        ({"text": "a", "top": 0}, ["top"]),
        ({"text": "a", "top": "3"}, ["top"]),
        ({"text": "a", "view": "all"}, ["view"]),
        ({"text": "a", "thresholds": 1.5}, ["thresholds"]),
        ({"text": "a", "thresholds": {"rage": 0.5}}, ["thresholds.rage"]),
        ({"text": "a", "thresholds": {"joy": 2}}, ["thresholds.joy"]),
        ({"text": "a", "emotion": "rage", "explain": True}, ["emotion"]),
        ({"text": "a", "explain": "yes"}, ["explain"]),
        ({"text": "a", "model": "gpt"}, ["model"]),
        ({"text": "a", "txet": "b"}, ["txet"]),
        ({"texts": ["a"] * 51, "explain": True}, ["body"]),
        ({"texts": ["a" * 101_000] * 2, "explain": True}, ["body"]),
    ],
)
def test_what_is_wrong_is_named_and_never_quoted(
    api: Server, question: dict[str, Any], fields: list[str]
) -> None:
    answer = api.classify(**question)
    assert answer.status == 422, answer.data
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert set(fields) <= {one["field"] for one in problem["errors"]}
    assert problem["status"] == 422
    assert "good" not in answer.data.decode()
    assert "a" * 20 not in answer.data.decode()


@pytest.mark.parametrize(
    ("question", "field", "detail"),
    [
        ({"text": "a", "thresholds": 1.5}, "thresholds", "should be less than or equal to 1"),
        ({"text": "a", "thresholds": {"r a": 1}}, "thresholds.r a", "Input should be 'admiration'"),
        ({"text": "a", "nope nope": 1}, "nope nope", "Extra inputs are not permitted"),
        ({"text": "a", "n" * 100: 1}, "n" * 60, "Extra inputs"),
        ({"text": "a", "texts": ["b"]}, "body", "give either text or texts"),
    ],
)
def test_one_fault_is_one_clear_line(
    api: Server, question: dict[str, Any], field: str, detail: str
) -> None:
    (error,) = api.classify(**question).json()["errors"]
    assert error["field"] == field
    assert detail in error["detail"]
    assert "Value error" not in error["detail"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"", "application/json", 400),
        (b'{"text": "a"}', "text/plain", 415),
        (b'{"text": "a"}', "", 415),
        (b'{"text": "a"}', "application/json; charset=utf-8", 200),
        (b" " * 4_000_001, "application/json", 413),
        (b"[1]", "application/json", 422),
    ],
)
def test_a_body_that_is_no_question_is_refused(
    api: Server, body: bytes, kind: str, status: int
) -> None:
    answer = api.ask("POST", "/v1/classify", body=body, headers={"Content-Type": kind})
    assert answer.status == status
    assert status == 200 or answer.json()["status"] == status


def test_a_body_of_unknown_length_is_refused_when_it_grows_too_large(api: Server) -> None:
    headers = {"Content-Type": "application/json"}
    parts = (b" " * 100_000 for _ in range(60))
    answer = api.ask("POST", "/v1/classify", body=parts, headers=headers, chunked=True)
    assert answer.status == 413


def test_whoever_goes_before_the_answer_harms_nobody(api: Server) -> None:
    head = b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    for rest in (b"Content-Length: 100\r\n\r\n{", b'Content-Length: 13\r\n\r\n{"text": "a"}'):
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", api.port)) as connection:
                connection.sendall(head + rest)
    assert api.result(text=THANKS)["primary"] == "gratitude"


def test_short_requests_are_answered_while_long_texts_are_weighed(api: Server) -> None:
    long = "thank you so much " * 11_000
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(api.classify, text=long, explain=True)
        answered = 0
        while not slow.done():
            assert api.result(text=THANKS)["primary"] == "gratitude"
            answered += 1
    assert slow.result().status == 200
    assert answered > 3


def test_the_labels_have_a_face_a_colour_and_the_model_s_threshold(
    api: Server, predictor: Predictor
) -> None:
    found = api.get("/v1/labels").json()
    assert [one["label"] for one in found["emotions"]] == list(EMOTIONS)
    assert [one["threshold"] for one in found["emotions"]] == list(predictor.thresholds["emotion"])
    assert all(one["emoji"] and one["colour"].startswith("#") for one in found["emotions"])
    assert api.get("/v1/labels?model=none").status == 422


def test_the_models_are_named_with_what_they_take(api: Server, predictor: Predictor) -> None:
    found = api.get("/v1/model").json()
    assert found["models"] == [predictor.model]
    assert (found["texts"], found["characters"]) == (1000, 200_000)
    assert api.result(text=THANKS, model=predictor.model)["primary"] == "gratitude"


def test_it_is_alive_and_ready_without_an_index(api: Server, predictor: Predictor) -> None:
    assert (api.get("/healthz").status, api.get("/healthz").data) == (200, b"ok\n")
    checks = api.get("/readyz").json()["checks"]
    assert checks == {"model": {"ok": True, "name": predictor.model}}


def test_requests_are_counted_by_route_and_answer_and_never_by_what_an_attacker_names(
    api: Server,
) -> None:
    api.get("/nobody/knows/this")
    api.ask("PATCH", "/v1/labels")
    counted = api.get("/metrics").data.decode()
    assert 'emostream_http_requests_total{method="GET",path="other",status="404"}' in counted
    assert 'method="other",path="/v1/labels",status="405"' in counted
    assert 'emostream_http_seconds_bucket{le="0.001",path="/v1/labels"}' in counted
    assert "nobody" not in counted
    assert "process_resident_memory_bytes" in counted


@pytest.mark.parametrize("path", ["/v1/labels", "/nothing", "/healthz", "/openapi.json"])
def test_every_answer_forbids_a_browser_what_it_does_not_need(api: Server, path: str) -> None:
    headers = api.get(path, headers={"Origin": "https://elsewhere.example"}).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in headers
    assert "Server" not in headers


def test_a_method_that_a_route_has_not_is_a_problem_that_names_those_it_has(api: Server) -> None:
    answer = api.get("/v1/classify")
    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_connection_that_says_nothing_holds_nobody_up(api: Server) -> None:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", api.port)) as silent:
        silent.sendall(b"POST /v1/cl")
        assert api.result(text=THANKS)["primary"] == "gratitude"
    assert time.monotonic() - began < 30


def test_a_whole_number_may_be_written_with_a_point(api: Server) -> None:
    assert api.classify(text="so happy", top=3.0).status == 200
    assert api.classify(text="so happy", top=3.5).status == 422
