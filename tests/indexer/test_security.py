"""Users, role and keys are made where a cluster has security; each may do what it must."""

import os
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from elasticsearch import AuthorizationException, Elasticsearch
from pydantic import SecretStr

from indexer import letters, lifecycle, queries, roles, security, service
from indexer.sink import ElasticsearchSink
from stack import Stack, certificates, secrets
from stream.broker import KafkaWriter, create_topics
from stream.codec import encode
from stream.dead_letters import Source, dead_letter
from stream.elastic import asking, connect
from stream.errors import UserError
from stream.posts import Author, AuthorDeletion, Classified, ClassifiedPost
from stream.records import Outgoing
from stream.settings import Settings
from stream.sinks import KafkaDeadLetters
from stream.topics import CLASSIFIED
from tests.indexer.grants import grants
from tests.indexer.records import LIMITS, NOON, classified, deletion, items, origin
from tests.indexer.secured_node import SecuredNode, User, secured_node

ROOT = Path(__file__).parents[2]
PASSWORDS = {"kibana_system": "for-kibana", "analyst": "for-analyst", "elastic": "top"}
KEYS = ("indexer", "reader")


@pytest.fixture
def cluster() -> Iterator[SecuredNode]:
    with secured_node() as node:
        yield node


@pytest.fixture
def client(cluster: SecuredNode) -> Iterator[Elasticsearch]:
    with connect(as_user(cluster, "elastic", "top")) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder as `python -m stack secrets` leaves it, with passwords that we know."""
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700)
    for user, password in PASSWORDS.items():
        (folder / f"{user}.password").write_text(password + "\n")
        (folder / f"{user}.password").chmod(0o600)
    return folder


def as_user(cluster: SecuredNode, user: str, password: str) -> Settings:
    return Settings(
        elasticsearch=cluster.address,
        elasticsearch_username=user,
        elasticsearch_password=SecretStr(password),
    )


def set_up(client: Elasticsearch, folder: Path | None) -> list[str]:
    return list(security.set_up(client, folder))


def held(folder: Path) -> dict[str, str]:
    return {name: (folder / f"{name}.key").read_text() for name in KEYS}


def works(cluster: SecuredNode, folder: Path) -> bool:
    """Whether each key in the folder is the one that is active."""
    active = {name: cluster.active(f"emostream-{name}") for name in KEYS}
    return {name: [key.encoded for key in keys] for name, keys in active.items()} == {
        name: [key] for name, key in held(folder).items()
    }


@pytest.mark.wire
def test_users_a_role_and_keys_are_made(
    cluster: SecuredNode, client: Elasticsearch, folder: Path
) -> None:
    said = set_up(client, folder)
    assert said == [
        "user kibana_system: has the password of kibana_system.password",
        "role emostream_analyst: made",
        "user analyst: may read, and has the password of analyst.password",
        f"API key emostream-indexer: made, in {folder}/indexer.key",
        f"API key emostream-reader: made, in {folder}/reader.key",
    ]
    assert cluster.users["kibana_system"].password == "for-kibana"
    assert cluster.users["analyst"].password == "for-analyst"
    assert cluster.users["analyst"].roles == ["emostream_analyst"]
    assert cluster.roles["emostream_analyst"]["applications"] == roles.ANALYST["applications"]
    assert works(cluster, folder)
    for name, key in held(folder).items():
        assert stat.S_IMODE((folder / f"{name}.key").stat().st_mode) == 0o400
        assert key not in str(said)


@pytest.mark.wire
def test_a_second_setup_changes_nothing(
    cluster: SecuredNode, client: Elasticsearch, folder: Path
) -> None:
    set_up(client, folder)
    before = (dict(cluster.users), dict(cluster.roles), held(folder))
    cluster.changes()
    assert set_up(client, folder) == [
        "user kibana_system: unchanged",
        "role emostream_analyst: as declared",
        "user analyst: unchanged",
        "API key emostream-indexer: unchanged",
        "API key emostream-reader: unchanged",
    ]
    assert (cluster.users, cluster.roles, held(folder)) == before
    assert works(cluster, folder)
    # What is sent all the same says what is so already.
    assert cluster.changes() == [
        "PUT /_security/role/emostream_analyst",
        "PUT /_security/api_key/id-1",
        "PUT /_security/api_key/id-2",
    ]


@pytest.mark.wire
@pytest.mark.parametrize("how", ["invalidated", "file lost", "file of nonsense"])
def test_a_key_that_does_not_work_is_replaced_and_every_earlier_one_invalidated(
    cluster: SecuredNode, client: Elasticsearch, folder: Path, how: str
) -> None:
    set_up(client, folder)
    earlier = held(folder)
    if how == "invalidated":
        cluster.active("emostream-indexer")[0].active = False
    else:
        (folder / "indexer.key").unlink()
    if how == "file of nonsense":
        (folder / "indexer.key").write_text("bm90OmFrZXk=")
    said = set_up(client, folder)
    assert said[3].startswith("API key emostream-indexer: made")
    assert said[3].endswith("1 earlier invalidated") is (how != "invalidated")
    assert said[4] == "API key emostream-reader: unchanged"
    assert works(cluster, folder)
    assert held(folder)["indexer"] != earlier["indexer"]
    assert held(folder)["reader"] == earlier["reader"]


@pytest.mark.wire
def test_a_key_of_an_earlier_program_gets_the_privileges_of_now(
    cluster: SecuredNode, client: Elasticsearch, folder: Path
) -> None:
    set_up(client, folder)
    (key,) = cluster.active("emostream-indexer")
    key.descriptors = {"emostream-indexer": {"cluster": [], "indices": []}}
    assert set_up(client, folder)[3] == "API key emostream-indexer: has new privileges"
    assert key.descriptors == {"emostream-indexer": roles.INDEXER}
    assert works(cluster, folder)


@pytest.mark.wire
def test_a_key_of_another_administrator_is_replaced(
    cluster: SecuredNode, client: Elasticsearch, folder: Path
) -> None:
    set_up(client, folder)
    cluster.users["admin"] = User("also-top", ["superuser"])
    with connect(as_user(cluster, "admin", "also-top")) as another:
        assert "made" in set_up(another, folder)[3]
    assert works(cluster, folder)


@pytest.mark.wire
def test_a_key_of_one_s_own_is_kept_and_those_of_others_are_left_alone(
    cluster: SecuredNode, client: Elasticsearch, folder: Path
) -> None:
    for name in ("mine", "emostream-reader"):
        client.security.create_api_key(name=name, role_descriptors={}, metadata={})
    mine, theirs = cluster.keys
    (folder / "indexer.key").write_text(mine.encoded)
    said = set_up(client, folder)
    assert said[3] == "API key emostream-indexer: not made, indexer.key holds the key mine"
    assert (mine.active, theirs.active) == (True, True)
    assert (folder / "indexer.key").read_text() == mine.encoded


@pytest.mark.wire
def test_after_a_crash_before_the_key_was_written_one_key_is_left(
    cluster: SecuredNode, client: Elasticsearch, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(file: Path, secret: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as crashing:
        crashing.setattr(security, "_write", crash)
        with pytest.raises(KeyboardInterrupt):
            set_up(client, folder)
    assert len(cluster.active("emostream-indexer")) == 1
    assert set_up(client, folder)[3].endswith("1 earlier invalidated")
    assert works(cluster, folder)


@pytest.mark.wire
def test_a_node_that_goes_down_midway_is_one_line_and_the_next_setup_completes(
    cluster: SecuredNode, client: Elasticsearch, folder: Path
) -> None:
    settings = as_user(cluster, "elastic", "top")
    for line in ("PUT /_security/user/analyst", "PUT /_security/api_key"):
        cluster.faults[line] = None
        with pytest.raises(UserError, match="no Elasticsearch answers at"), asking(settings):
            set_up(client, folder)
        client.transport.node_pool.mark_live(client.transport.node_pool.get())
    set_up(client, folder)
    assert works(cluster, folder)
    assert cluster.users["analyst"].password == "for-analyst"


@pytest.mark.wire
def test_two_setups_at_once_leave_one_key_that_works(cluster: SecuredNode, folder: Path) -> None:
    faults: list[BaseException] = []

    def run() -> None:
        try:
            with connect(as_user(cluster, "elastic", "top")) as own:
                set_up(own, folder)
        except BaseException as fault:  # noqa: BLE001 - shown by the test
            faults.append(fault)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert works(cluster, folder)


REFUSED = {
    "licence": (403, "security_exception", "current license is non-compliant for [security]"),
    "feature": (400, "feature_not_enabled_exception", "api keys are not enabled"),
}


@pytest.mark.wire
@pytest.mark.parametrize("what", REFUSED)
def test_what_the_cluster_refuses_is_one_line_without_a_secret(
    cluster: SecuredNode, client: Elasticsearch, folder: Path, what: str
) -> None:
    status, kind, reason = REFUSED[what]
    body = {"error": {"type": kind, "reason": reason}, "status": status}
    cluster.faults["PUT /_security/api_key"] = (status, body)
    settings = as_user(cluster, "elastic", "top")
    with pytest.raises(UserError, match=kind) as error, asking(settings):
        set_up(client, folder)
    assert "\n" not in str(error.value)
    assert not any(password in str(error.value) for password in PASSWORDS.values())


@pytest.mark.wire
@pytest.mark.parametrize(
    ("user", "password", "said"),
    [
        ("elastic", "wrong", r"does not know us \(401\)"),
        ("nobody", "none", r"forbids this \(403\)"),
    ],
)
def test_who_is_no_administrator_is_told_in_one_line(
    cluster: SecuredNode, folder: Path, user: str, password: str, said: str
) -> None:
    settings = as_user(cluster, user, password)
    with (
        pytest.raises(UserError, match=said) as error,
        asking(settings),
        connect(settings) as nobody,
    ):
        set_up(nobody, folder)
    assert "\n" not in str(error.value)
    assert cluster.keys == []


@pytest.mark.wire
def test_an_api_key_cannot_set_up(
    cluster: SecuredNode, client: Elasticsearch, folder: Path
) -> None:
    set_up(client, folder)
    key = SecretStr(held(folder)["indexer"])
    settings = Settings(elasticsearch=cluster.address, elasticsearch_api_key=key)
    with connect(settings) as own, pytest.raises(UserError, match="_USERNAME and"):
        set_up(own, folder)


@pytest.mark.wire
def test_a_user_and_a_role_that_are_not_ours_are_refused(
    cluster: SecuredNode, client: Elasticsearch, folder: Path
) -> None:
    cluster.users["analyst"] = User("theirs", ["superuser"])
    with pytest.raises(UserError, match=r"user analyst is there .* remove .*analyst\.password"):
        set_up(client, folder)
    assert cluster.users["analyst"].password == "theirs"
    cluster.roles["emostream_analyst"] = {"cluster": ["all"]}
    with pytest.raises(UserError, match="role emostream_analyst is there that was not made here"):
        set_up(client, folder)
    assert cluster.roles["emostream_analyst"] == {"cluster": ["all"]}


@pytest.mark.wire
def test_a_folder_without_passwords_leaves_the_users_alone(
    cluster: SecuredNode, client: Elasticsearch, tmp_path: Path
) -> None:
    said = set_up(client, tmp_path / "keys")
    assert said[0] == "user kibana_system: left as it is, there is no kibana_system.password"
    assert said[2] == "user analyst: not made, there is no analyst.password"
    assert cluster.users["kibana_system"].password == "unknown"
    assert works(cluster, tmp_path / "keys")


@pytest.mark.wire
def test_a_folder_that_is_not_safe_or_not_whole_is_refused_before_a_key_is_made(
    cluster: SecuredNode, client: Elasticsearch, folder: Path, tmp_path: Path
) -> None:
    folder.chmod(0o777)
    with pytest.raises(UserError, match="others may write in"):
        set_up(client, folder)
    folder.chmod(0o700)
    (folder / "analyst.password").write_text("\n")
    with pytest.raises(UserError, match=r"analyst\.password is empty"):
        set_up(client, folder)
    with pytest.raises(UserError, match=r"--secrets .*: Not a directory"):
        set_up(client, folder / "analyst.password" / "folder")
    assert cluster.keys == []


@pytest.mark.wire
def test_a_node_with_a_certificate_of_ours_is_trusted_by_our_authority_alone(
    cluster: SecuredNode, folder: Path
) -> None:
    certificates.make(secrets.Folder(folder), ["elasticsearch"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "elasticsearch.crt", folder / "elasticsearch.key")
    cluster.socket = tls.wrap_socket(cluster.socket, server_side=True)
    settings = Settings(
        elasticsearch=f"https://localhost:{cluster.server_address[1]}",
        elasticsearch_username="elastic",
        elasticsearch_password=SecretStr("top"),
    )
    with pytest.raises(UserError, match="_CA_FILE names"), asking(settings):
        set_up(connect(settings), folder)
    ours = settings.model_copy(update={"elasticsearch_ca_file": folder / "ca.crt"})
    with connect(ours) as client:
        set_up(client, folder)
    assert works(cluster, folder)


@pytest.mark.wire
def test_a_cluster_whose_keys_nobody_asked_for_is_left_as_it_is(
    cluster: SecuredNode, client: Elasticsearch
) -> None:
    (sentence,) = set_up(client, None)
    assert sentence.startswith("security: left as it is; --secrets FOLDER")
    assert cluster.changes() == []


@pytest.mark.stack
def test_a_node_without_security_says_so_and_touches_no_file(
    node: Elasticsearch, folder: Path
) -> None:
    before = sorted(folder.iterdir())
    (sentence,) = set_up(node, folder)
    assert sentence.startswith("security: this node has none")
    assert sorted(folder.iterdir()) == before


@pytest.fixture
def guarded(stack: Stack, bare: Elasticsearch) -> Iterator[SecuredNode]:
    """The stack's node, empty of ours, behind one that asks everybody for privileges."""
    with secured_node(stack.elasticsearch) as node:
        yield node


def run_setup(cluster: SecuredNode, folder: Path, **settings: str) -> str:
    """Runs the command as the administrator would, and gives what it printed."""
    environment = {
        "PYTHONPATH": str(ROOT),
        "EMOSTREAM_ELASTICSEARCH": cluster.address,
        "EMOSTREAM_ELASTICSEARCH_USERNAME": "elastic",
        "EMOSTREAM_ELASTICSEARCH_PASSWORD_FILE": str(folder / "elastic.password"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "indexer", "setup", "--secrets", str(folder)],
        env=os.environ | environment | settings,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.stack
def test_the_indexer_needs_each_privilege_of_its_key_and_no_other(
    stack: Stack, guarded: SecuredNode, folder: Path
) -> None:
    said = run_setup(guarded, folder, EMOSTREAM_RETENTION_MONTHS="12")
    assert "lifecycle policy emotions: a month's posts are deleted 12 months" in said
    settings = Settings(
        kafka=stack.kafka,
        elasticsearch=guarded.address,
        elasticsearch_api_key=SecretStr(held(folder)["indexer"]),
    )
    crawl = f"crawl-{uuid4().hex}"
    send(settings, crawl, posts(crawl, 1, 2))
    stop = threading.Event()
    station = threading.Thread(target=service.run, args=(settings, stop))
    station.start()
    try:
        with connect(as_user(guarded, "elastic", "top")) as another:
            eventually(lambda: indexed(another, crawl) == (2, 0))
            send(settings, crawl, [deletion(f"{crawl}-2", origin=origin(crawl))])
            eventually(lambda: indexed(another, crawl) == (1, 1))
            ann = Author(id=crawl)
            send(settings, crawl, [classified(f"{crawl}-3", author=ann, origin=origin(crawl))])
            eventually(lambda: indexed(another, crawl) == (2, 1))
            gone = AuthorDeletion(
                platform="x", author_id=crawl, deleted_at=NOON, origin=origin(crawl)
            )
            send(settings, crawl, [gone])
            eventually(lambda: indexed(another, crawl) == (1, 3))
        eventually(lambda: ("emostream-indexer", "index", letters.INDEX) in guarded.used)
    finally:
        stop.set()
        station.join()
    assert guarded.refused == []
    used = {(privilege, on) for who, privilege, on in guarded.used if who == "emostream-indexer"}
    assert used == grants(roles.INDEXER)
    assert guarded.indices["emotions-v1-2026.03"][lifecycle.NAME] == lifecycle.POLICY
    with connect(settings) as own, pytest.raises(AuthorizationException):
        list(queries.all_documents(own, crawl=crawl))


@pytest.mark.stack
def test_readers_may_read_and_change_nothing(guarded: SecuredNode, folder: Path) -> None:
    first = run_setup(guarded, folder)
    assert not any(secret in first for secret in (*PASSWORDS.values(), *held(folder).values()))
    again = run_setup(guarded, folder)
    assert (first.count(": unchanged"), again.count(": unchanged")) == (0, 4)
    with connect(as_user(guarded, "elastic", "top")) as administrator:
        sink = ElasticsearchSink(administrator, LIMITS, threading.Event())
        assert not sink.write(items(classified("1"), deletion("2")))
        queries.refresh(administrator)
    settings = Settings(
        elasticsearch=guarded.address, elasticsearch_api_key=SecretStr(held(folder)["reader"])
    )
    with connect(settings) as key, connect(as_user(guarded, "analyst", "for-analyst")) as analyst:
        for reader in (key, analyst):
            assert [one["_id"] for one in queries.all_documents(reader)] == ["x:1"]
            assert list(reader.indices.get_mapping(index="emotions-v1-*")) == [MARCH]
            for forbidden in FORBIDDEN:
                with pytest.raises(AuthorizationException):
                    forbidden(reader)
        assert queries.deletions(key) == 1
        with pytest.raises(AuthorizationException):
            queries.deletions(analyst)


MARCH = "emotions-v1-2026.03"
FORBIDDEN: list[Callable[[Elasticsearch], Any]] = [
    lambda who: who.index(index=MARCH, id="x:1", document={}),
    lambda who: who.delete(index=MARCH, id="x:1"),
    lambda who: who.indices.delete(index=MARCH),
    lambda who: who.indices.create(index="emotions-v1-2026.04"),
    lambda who: who.indices.put_alias(index=MARCH, name="mine"),
    lambda who: who.search(index="another-index"),
    lambda who: who.security.create_api_key(name="more"),
]


def posts(crawl: str, *numbers: int) -> list[ClassifiedPost]:
    return [classified(f"{crawl}-{n}", origin=origin(crawl)) for n in numbers]


def send(settings: Settings, crawl: str, records: Sequence[Classified]) -> None:
    """Puts the records and a dead letter on the topics."""
    create_topics(settings)
    with KafkaWriter(settings) as writer:
        outgoing = [Outgoing(one.key, encode(one), crawl) for one in records]
        assert writer.write(CLASSIFIED, outgoing) == []
        source = Source(file="posts.ndjson", line=1)
        letter = dead_letter("ingest", "receiving", "bad", source, b"x", crawl=crawl)
        KafkaDeadLetters(writer).write([letter])


def indexed(client: Elasticsearch, crawl: str) -> tuple[int, int]:
    """Counts the crawl's posts and its deletions."""
    queries.refresh(client)
    return queries.count(client, queries.of_crawl(crawl)), queries.deletions(client, crawl)


def eventually(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
