"""The http filter's request and what it makes of answers and failures, against the real API.

How the plugin behaves: its source, github.com/logstash-plugins/logstash-filter-http, lib/logstash/
filters/http.rb (1.x): the body's strings are interpolated and dumped as JSON, a status outside 200
to 299 or no answer adds the tag, an answer of type application/json is parsed into the target.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Sequence
from typing import Any

import pytest
import urllib3
from urllib3.exceptions import HTTPError

from tests.web.conftest import models
from tests.web.logstash.parser import Branch, Config, Plugin, parsed
from tests.web.logstash.record import SCRIPT
from tests.web.serving import Server, serving
from web import app
from web.bodies import Bodies

Event = dict[str, Any]
FAILED = "_emotions_failed"
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def config() -> Config:
    return parsed(SCRIPT.with_name("classify.conf").read_text(encoding="utf-8"))


def steps_of(reference: str) -> list[str]:
    return re.findall(r"\[([^\]]+)\]", reference)


def get(event: Any, reference: str) -> Any:
    for name in steps_of(reference):
        if isinstance(event, list):
            event = event[int(name)]
        elif name in event:
            event = event[name]
        else:
            return None
    return event


def put(event: Event, reference: str, value: Any) -> None:
    *path, last = steps_of(reference)
    for name in path:
        event = event.setdefault(name, {})
    event[last] = value


def ask(plugin: Plugin, event: Event, address: str) -> None:
    """Does what the http filter does."""
    url = re.sub(r"\$\{EMOSTREAM_API:[^}]*\}", address, plugin["url"])
    body = {
        name[1:-1] if name[0] == '"' else name: re.sub(
            r"%\{([^}]+)\}", lambda found: str(get(event, found[1])), text
        )
        for name, text in plugin["body"]
    }
    assert plugin["body_format"] == "json"
    try:
        answer = urllib3.request(
            plugin["verb"], url, body=json.dumps(body), retries=False,
            headers={"content-type": "application/json"},
        )  # fmt: skip
    except HTTPError:
        event.setdefault("tags", []).extend(plugin["tag_on_request_failure"])
        return
    if not 200 <= answer.status <= 299:
        event.setdefault("tags", []).extend(plugin["tag_on_request_failure"])
        return
    assert answer.headers["content-type"].split(";")[0] == "application/json"
    put(event, plugin["target_headers"], dict(answer.headers))
    put(event, plugin["target_body"], answer.json())


def rename(plugin: Plugin, event: Event) -> None:
    """Does what mutate's rename does; the fields that are left behind are in @metadata."""
    for setting, pairs in plugin.repeated:
        assert setting == "rename"
        for old, new in pairs:
            value = get(event, old)
            assert old.startswith("[@metadata]")
            put(event, new, value)


def run(steps: Sequence[Plugin | Branch], event: Event, address: str) -> Event:
    """Runs the filter section of classify.conf, whose two conditions it knows."""
    for step in steps:
        if isinstance(step, Branch):
            if step.condition == '[ message ] and [ message ] != ""':
                holds = bool(event.get("message"))
            else:
                assert step.condition == (
                    f'"{FAILED}" not in [ tags ] and "_emotions_not_json" not in [ tags ]'
                )
                holds = not {FAILED, "_emotions_not_json"} & set(event.get("tags", []))
            if holds:
                run(step.steps, event, address)
        elif step.name == "http":
            ask(step, event, address)
        else:
            assert step.name == "mutate"
            rename(step, event)
    return event


def filtered(config: Config, message: str | None, address: str) -> Event:
    event: Event = {"id": 7} if message is None else {"id": 7, "message": message}
    run(config.sections["filter"], event, address)
    event.pop("@metadata", None)  # no output writes it
    return event


@pytest.mark.wire
@pytest.mark.parametrize(
    "message", ["thank you so much", 'a "quote" \\ and\n%{[id]} ${HOME}', "日本語 😂\u202e"]
)
def test_an_event_gets_its_emotions(config: Config, api: Server, message: str) -> None:
    event = filtered(config, message, api.url)
    wanted = api.result(text=message)
    assert event["message"] == message
    assert "tags" not in event
    told = event["emotion"]
    assert told.pop("labels") == wanted["emotions"]
    assert told.pop("model") == api.get("/v1/model").json()["models"][0]
    assert told == {name: wanted[name] for name in told}
    assert set(told) == {"primary", "polarity", "comment_class", "language", "abstained"}


@pytest.mark.wire
def test_an_event_without_a_text_is_not_asked_about(config: Config) -> None:
    assert filtered(config, None, NOWHERE) == {"id": 7}
    assert filtered(config, "", NOWHERE) == {"id": 7, "message": ""}


@pytest.mark.wire
def test_an_event_that_cannot_be_classified_goes_on_with_a_tag(config: Config, api: Server) -> None:
    too_long = "x" * 200_001
    tagged = {"id": 7, "message": too_long, "tags": [FAILED]}
    assert filtered(config, too_long, api.url) == tagged
    assert filtered(config, "good", NOWHERE) == {"id": 7, "message": "good", "tags": [FAILED]}


@pytest.mark.wire
def test_an_overloaded_api_leaves_the_event_tagged(config: Config) -> None:
    made = app.make(models())
    made.state.bodies = Bodies(at_once=0)
    with serving(made) as server:
        assert server.classify(text="good").status == 429
        assert filtered(config, "good", server.url)["tags"] == [FAILED]


@pytest.mark.wire
def test_a_server_that_hangs_up_leaves_the_event_tagged(config: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        deaf.close()
        assert filtered(config, "good", f"http://127.0.0.1:{port}")["tags"] == [FAILED]


def test_waiting_for_an_answer_is_bounded(config: Config) -> None:
    (plugin,) = config.plugins("filter", "http")
    for name in ("connect_timeout", "socket_timeout", "request_timeout"):
        assert 0 < int(plugin[name]) <= 10
    assert int(plugin["automatic_retries"]) > 0
    assert plugin["retry_non_idempotent"] == "true"  # asking twice changes nothing


@pytest.mark.parametrize(
    "text",
    ["filter {", "filters { }", "filter { http { url } }", "filter { if { http { } } }",
     'filter { http { url => "x } }', "input { a { B => 1 } }"],
)  # fmt: skip
def test_the_parser_refuses_what_is_no_configuration(text: str) -> None:
    with pytest.raises(ValueError):
        parsed(text)
