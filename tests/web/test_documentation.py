"""The commands in docs/api.md do what stands below them."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest
import urllib3

from tests.web.serving import Server

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
HERE = "http://127.0.0.1:8000"


def commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


def curl(server: Server, command: str) -> urllib3.BaseHTTPResponse:
    """Does what a curl command does, of the options that the page uses."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-s", action="store_true", required=True)
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-d")
    parser.add_argument("url")
    program, *arguments = shlex.split(command)
    assert program == "curl"
    asked = parser.parse_args(arguments)
    assert asked.url.startswith(HERE)
    headers = dict(line.split(": ", 1) for line in asked.H)
    method = "POST" if asked.d else "GET"
    return server.ask(method, asked.url.removeprefix(HERE), body=asked.d, headers=headers)


@pytest.mark.wire
@pytest.mark.parametrize("command", commands())
def test_a_command_is_answered_as_the_page_says(api: Server, command: str) -> None:
    answer = curl(api, command)
    wrong = "rage" in command
    assert answer.status == (422 if wrong else 200)
    if "made my day" in command:
        (result,) = answer.json()["results"]
        assert result["primary"] == "gratitude"
        assert result["emotions"][0]["probability"] > 0.9
    if wrong:
        assert answer.json()["detail"] == "wrong: thresholds.rage"
    if '"top": 3' in command:
        assert len(answer.json()["results"][0]["emotions"]) == 3
    if "joy" in command:
        assert answer.json()["results"][0]["weighing"]["emotion"] == "joy"


def test_the_page_has_commands() -> None:
    assert len(commands()) > 8
