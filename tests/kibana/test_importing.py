"""Importing and exporting, against a server that answers as Kibana does, errors included."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kibana import building, importing
from kibana.server import Kibana
from stream.errors import UserError
from stream.settings import Settings
from tests.kibana import fake_kibana
from tests.kibana.conftest import serving
from tests.kibana.edited import File
from tests.kibana.fake_kibana import Answer, FakeKibana

pytestmark = pytest.mark.wire

CONTENT = building.built().encode()
IDENTITIES = [
    (one["type"], one["id"])
    for one in map(json.loads, building.built().splitlines())
    if "exportedCount" not in one
]


def refused(settings: Settings, content: bytes = CONTENT) -> str:
    """Gives the one line by which an import is refused."""
    with pytest.raises(UserError) as error:
        importing.put(Kibana(settings), content)
    message = str(error.value)
    assert "\n" not in message
    assert settings.kibana in message
    return message


def test_every_object_is_imported_and_named(kibana: FakeKibana, settings: Settings) -> None:
    told = importing.put(Kibana(settings), CONTENT)
    assert sorted(kibana.objects) == sorted(IDENTITIES)
    assert "dashboard Emotions now" in told
    assert len(told) == len(IDENTITIES)


def test_importing_again_replaces_and_changes_nothing(
    kibana: FakeKibana, settings: Settings
) -> None:
    importing.put(Kibana(settings), CONTENT)
    before = dict(kibana.objects)
    importing.put(Kibana(settings), CONTENT)
    assert kibana.objects == before


def test_a_user_and_password_are_sent(kibana: FakeKibana) -> None:
    kibana.login = ("elastic", "hunter2")
    right = Settings(kibana=kibana.address, kibana_username="elastic", kibana_password="hunter2")
    assert importing.put(Kibana(right), CONTENT)


def test_a_wrong_password_is_one_line_that_does_not_show_it(kibana: FakeKibana) -> None:
    kibana.login = ("elastic", "hunter2")
    wrong = Settings(kibana=kibana.address, kibana_username="elastic", kibana_password="hunter3")
    message = refused(wrong)
    assert "401" in message
    assert "EMOSTREAM_KIBANA_PASSWORD" in message
    assert "hunter" not in message


def test_a_base_path_and_a_space_are_part_of_the_address(kibana: FakeKibana) -> None:
    kibana.base_path = "/kibana/s/team"
    importing.put(Kibana(Settings(kibana=f"{kibana.address}/kibana/s/team/")), CONTENT)
    assert kibana.requests == ["POST /kibana/s/team/api/saved_objects/_import?overwrite=true"]


def test_a_missing_base_path_is_told_by_the_way_kibana_sends_us(
    kibana: FakeKibana, settings: Settings
) -> None:
    kibana.base_path = "/kibana"
    message = refused(settings)
    assert "sends us to /kibana/: EMOSTREAM_KIBANA needs its base path" in message


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (fake_kibana.UNKNOWN_USER, "EMOSTREAM_KIBANA_USERNAME"),
        (fake_kibana.FORBIDDEN, "this user may not do it"),
        (fake_kibana.error(404, "Not Found", "Not Found"), "base path"),
        (fake_kibana.TOO_LARGE, "maxImportPayloadBytes"),
        (fake_kibana.TOO_NEW, "update Kibana"),
        (fake_kibana.INTERNAL, "only in its own log"),
        ((200, "<html>a router</html>"), "is it a Kibana?"),
        ((200, {}), "is it a Kibana?"),
        ((418, "a teapot"), "it may be no Kibana"),
        (fake_kibana.error(400, "Bad Request", "no"), "see Kibana's log"),
        (fake_kibana.STARTING, "is not ready (503)"),
    ],
)
def test_each_refusal_is_one_line_that_says_what_to_do(
    kibana: FakeKibana, settings: Settings, answer: Answer, said: str
) -> None:
    kibana.script = [answer]
    assert said in refused(settings)


def test_kibana_s_own_words_are_repeated(kibana: FakeKibana, settings: Settings) -> None:
    kibana.script = [fake_kibana.TOO_NEW]
    message = refused(settings)
    assert '(422: Document "emostream-now" belongs to a more recent version of Kibana' in message


def test_a_file_that_is_no_json_is_refused(kibana: FakeKibana, settings: Settings) -> None:
    assert "(400: Unexpected token" in refused(settings, b"{")


def test_an_import_without_success_names_each_object_and_why(
    kibana: FakeKibana, settings: Settings
) -> None:
    file = File()
    file.lines = [one for one in file.lines if one.get("type") != "index-pattern"]
    message = refused(settings, file.text().encode())
    assert "imported 1 objects and refused 9" in message
    assert "dashboard emostream-now: missing_references (index-pattern emostream-posts," in message


def test_objects_that_are_there_already_would_conflict_without_overwrite(
    kibana: FakeKibana, settings: Settings
) -> None:
    importing.put(Kibana(settings), CONTENT)
    kibana.script = [kibana.import_(CONTENT, overwrite=False)]
    assert "tag emostream: conflict" in refused(settings)


def test_no_kibana_at_the_address_is_one_line() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    nobody = Kibana(Settings(kibana=address))
    with pytest.raises(UserError, match=r"no Kibana answers at .*--wait SECONDS waits for it"):
        importing.wait_until_available(nobody, 0)


def test_waiting_ends_when_kibana_is_available(kibana: FakeKibana, settings: Settings) -> None:
    degraded: Answer = (200, {"status": {"overall": {"level": "degraded"}}})
    kibana.script = [fake_kibana.STARTING, degraded]
    waits: list[float] = []
    importing.wait_until_available(Kibana(settings), 60, waits.append)
    assert waits == [importing.LOOK_EVERY] * 2
    assert kibana.requests == ["GET /api/status"] * 3


@pytest.mark.parametrize("level", ["degraded", "unavailable", "critical"])
def test_waiting_ends_with_what_kibana_said_last(
    kibana: FakeKibana, settings: Settings, level: str
) -> None:
    kibana.level = level
    with pytest.raises(UserError, match=f"says {level}: start one, or set EMOSTREAM_KIBANA$"):
        importing.wait_until_available(Kibana(settings), 0.01)


def test_waiting_does_not_go_on_where_kibana_refuses_us(
    kibana: FakeKibana, settings: Settings
) -> None:
    kibana.script = [fake_kibana.UNKNOWN_USER]
    with pytest.raises(UserError, match="refused to tell its status"):
        importing.wait_until_available(Kibana(settings), 60)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates as `python -m stack secrets` makes them."""
    folder = tmp_path_factory.mktemp("secrets")
    command = [sys.executable, "-m", "stack", "secrets", str(folder), "--certificates", "127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
def secure(secrets: Path) -> Iterator[FakeKibana]:
    server = FakeKibana()
    server.wrap(secrets / "127.0.0.1.crt", secrets / "127.0.0.1.key")
    with serving(server):
        yield server


def test_https_is_spoken_with_an_authority_of_one_s_own(secure: FakeKibana, secrets: Path) -> None:
    settings = Settings(kibana=secure.address, kibana_ca_file=secrets / "ca.crt")
    assert importing.put(Kibana(settings), CONTENT)


def test_a_certificate_of_an_unknown_authority_is_refused(secure: FakeKibana) -> None:
    assert "EMOSTREAM_KIBANA_CA_FILE names the authority" in refused(
        Settings(kibana=secure.address)
    )


def test_https_where_http_is_spoken_is_told(kibana: FakeKibana) -> None:
    address = kibana.address.replace("http:", "https:")
    assert "does not speak https" in refused(Settings(kibana=address))


def test_what_was_imported_comes_back_the_same(kibana: FakeKibana, settings: Settings) -> None:
    importing.put(Kibana(settings), CONTENT)
    theirs = importing.fetch(Kibana(settings), IDENTITIES)
    assert theirs == building.built()
    assert list(importing.differences(building.built(), theirs)) == []


def test_a_change_made_in_kibana_is_named(kibana: FakeKibana, settings: Settings) -> None:
    importing.put(Kibana(settings), CONTENT)
    kibana.objects["dashboard", "emostream-now"]["attributes"]["title"] = "Mine"
    kibana.objects["search", "emostream-search-posts"]["typeMigrationVersion"] = "10.11.0"
    theirs = importing.fetch(Kibana(settings), IDENTITIES)
    assert list(importing.differences(building.built(), theirs)) == [
        "dashboard emostream-now: title",
        "search emostream-search-posts: typeMigrationVersion",
    ]


def test_an_object_on_one_side_only_is_named() -> None:
    ours = building.built()
    theirs = "\n".join(ours.splitlines()[1:])
    assert list(importing.differences(ours, theirs)) == ["tag emostream: is not in Kibana"]
    assert list(importing.differences(theirs, ours)) == ["tag emostream: is not in emotions.ndjson"]


def test_an_export_from_a_kibana_without_our_objects_says_so(
    kibana: FakeKibana, settings: Settings
) -> None:
    with pytest.raises(UserError, match=r"lacks tag emostream, .*python -m kibana import"):
        importing.fetch(Kibana(settings), IDENTITIES)


def test_a_refused_export_is_one_line(kibana: FakeKibana, settings: Settings) -> None:
    kibana.script = [fake_kibana.FORBIDDEN]
    with pytest.raises(UserError, match=r"refused the export \(403"):
        importing.fetch(Kibana(settings), IDENTITIES)


@pytest.mark.parametrize("said", [{"status": "ok"}, {"status": None}, {"status": {"overall": "x"}}])
def test_a_status_that_is_no_kibana_s_is_one_line(
    kibana: FakeKibana, settings: Settings, said: dict[str, object]
) -> None:
    kibana.script.append((200, said))
    with pytest.raises(UserError, match="tells no status as a Kibana does"):
        importing.wait_until_available(Kibana(settings), 0)


@pytest.mark.parametrize("said", ["<html>a router</html>", "1\n", '{"id": "x"}\n'])
def test_an_export_that_is_none_is_one_line(
    kibana: FakeKibana, settings: Settings, said: str
) -> None:
    kibana.script.append((200, said))
    with pytest.raises(UserError, match="is it a Kibana"):
        importing.fetch(Kibana(settings), [("tag", "x")])
