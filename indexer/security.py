"""Users, a role and API keys on a cluster with security, as `python -m indexer setup` makes them.

What it does is decided by the files in one folder: a password there is given to its user, and an
API key there that still works is kept. Nothing here prints or logs what a file holds.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from elasticsearch import AuthenticationException, Elasticsearch, NotFoundError

from indexer.lifecycle import NO_SUCH_API, OURS
from indexer.roles import ANALYST, INDEXER, READER, Descriptor
from stream.errors import UserError

ROLE = "emostream_analyst"
USER = "analyst"
KIBANA = "kibana_system"
KEYS: dict[str, Descriptor] = {"indexer": INDEXER, "reader": READER}

META = {"managed_by": OURS}
PRIVATE = 0o400
OTHERS_WRITE = 0o022


def set_up(client: Elasticsearch, folder: Path | None) -> Iterator[str]:
    """Makes users, role and keys where they are missing or of an earlier program.

    Repeating it changes nothing. Gives a sentence for each thing there is now.

    Raises:
        UserError: the folder cannot be used, we are no administrator, or something of the same
            name is there that is not ours.
    """
    who = _who(client)
    if who is None:
        yield "security: this node has none; everybody who reaches it may do everything"
        return
    if folder is None:
        yield "security: left as it is; --secrets FOLDER makes users, a role and API keys"
        return
    if who.get("authentication_type") == "api_key":
        raise UserError(
            "an API key can make no other: set EMOSTREAM_ELASTICSEARCH_USERNAME and "
            "..._PASSWORD of an administrator, and unset EMOSTREAM_ELASTICSEARCH_API_KEY"
        )
    with _alone(folder):
        yield _kibana(client, folder)
        yield _role(client)
        yield _analyst(client, folder)
        for name, descriptor in KEYS.items():
            yield _key(client, name, folder / f"{name}.key", descriptor)


def _who(client: Elasticsearch) -> dict[str, Any] | None:
    """Gives who we are; None on a node without security, which knows no such path."""
    answer = client.options(ignore_status=NO_SUCH_API).security.authenticate()
    if answer.meta.status in NO_SUCH_API:
        return None
    body: dict[str, Any] = answer.body
    return body


def _kibana(client: Elasticsearch, folder: Path) -> str:
    password = _read(folder / f"{KIBANA}.password")
    if password is None:
        return f"user {KIBANA}: left as it is, there is no {KIBANA}.password"
    if _logs_in(client, KIBANA, password):
        return f"user {KIBANA}: unchanged"
    client.security.change_password(username=KIBANA, password=password)
    return f"user {KIBANA}: has the password of {KIBANA}.password"


def _role(client: Elasticsearch) -> str:
    present = client.options(ignore_status=404).security.get_role(name=ROLE)
    if present.meta.status == 200:
        _refuse_stranger("role", ROLE, present[ROLE], "remove or rename it")
    answer = client.security.put_role(name=ROLE, metadata=META, **ANALYST)
    made = answer["role"]["created"]
    return f"role {ROLE}: {'made' if made else 'as declared'}"


def _analyst(client: Elasticsearch, folder: Path) -> str:
    file = folder / f"{USER}.password"
    password = _read(file)
    if password is None:
        return f"user {USER}: not made, there is no {file.name}"
    present = client.options(ignore_status=404).security.get_user(username=USER)
    if present.meta.status == 200:
        user = present[USER]
        _refuse_stranger("user", USER, user, f"remove {file} to leave it alone")
        if user["roles"] == [ROLE] and _logs_in(client, USER, password):
            return f"user {USER}: unchanged"
    client.security.put_user(
        username=USER, password=password, roles=[ROLE], full_name="Analyst", metadata=META
    )
    return f"user {USER}: may read, and has the password of {file.name}"


def _key(client: Elasticsearch, name: str, file: Path, descriptor: Descriptor) -> str:
    """Keeps the key in the file while it works, with the privileges of now, or makes a new one."""
    full_name = f"emostream-{name}"
    what = f"API key {full_name}"
    descriptors = {full_name: descriptor}
    held = _held(client, _read(file))
    if held and held["name"] != full_name:
        return f"{what}: not made, {file.name} holds the key {held['name']}"
    if held:
        try:
            answer = client.security.update_api_key(
                id=held["id"], role_descriptors=descriptors, metadata=META
            )
        except NotFoundError:  # another administrator's; only its owner can update a key
            pass
        else:
            return f"{what}: {'has new privileges' if answer['updated'] else 'unchanged'}"
    made = client.security.create_api_key(
        name=full_name, role_descriptors=descriptors, metadata=META
    )
    _write(file, made["encoded"])
    # Only now, so that a crash leaves a key too many and never one too few.
    others = client.security.get_api_key(name=full_name, active_only=True)["api_keys"]
    gone = [
        one["id"]
        for one in others
        if one["id"] != made["id"] and (one.get("metadata") or {}).get("managed_by") == OURS
    ]
    if gone:
        client.security.invalidate_api_key(ids=gone)
    return f"{what}: made, in {file}" + (f"; {len(gone)} earlier invalidated" if gone else "")


def _held(client: Elasticsearch, encoded: str | None) -> dict[str, str] | None:
    """Gives id and name of a key that works."""
    if encoded is None:
        return None
    try:
        answer = client.options(api_key=encoded).security.authenticate()
    except AuthenticationException:
        return None
    held: dict[str, str] = answer["api_key"]
    return held


def _logs_in(client: Elasticsearch, user: str, password: str) -> bool:
    try:
        client.options(basic_auth=(user, password)).security.authenticate()
    except AuthenticationException:
        return False
    return True


def _refuse_stranger(kind: str, name: str, found: dict[str, Any], cure: str) -> None:
    if (found.get("metadata") or {}).get("managed_by") != OURS:
        raise UserError(f"a {kind} {name} is there that was not made here: {cure}")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds the folder against another setup; of two keys one would be invalidated."""
    import fcntl  # not on Windows, where the stations run all the same

    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & OTHERS_WRITE:
            raise UserError(f"others may write in {folder}: run `chmod go-w {folder}`")
        lock = os.open(folder / ".setup.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UserError(f"--secrets {folder}: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _read(file: Path) -> str | None:
    try:
        secret = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{file} is not text") from None
    if not secret:
        raise UserError(f"{file} is empty: remove it")
    return secret


def _write(file: Path, secret: str) -> None:
    """Puts a file in place at once, for us alone."""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write(secret)
            opened.flush()
            os.fsync(descriptor)
        Path(temporary).chmod(PRIVATE)
        Path(temporary).replace(file)
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from None
