"""Certificates for servers of one's own: an authority, and one certificate for each host.

Each key is on disk before its certificate is made, and each certificate is made from the key on
disk, so what a crash leaves fits together and the next run completes it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stack.errors import StackError
from stack.secrets import PUBLIC, Folder

AUTHORITY = "ca"
AUTHORITY_DAYS = 3650
HOST_DAYS = 1095
SOON_DAYS = 30
SLOW_CLOCKS = timedelta(hours=1)
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")


def make(folder: Folder, hosts: list[str], now: datetime | None = None) -> list[str]:
    """Make `ca.key`, `ca.crt` and each host's `.key`, `.crt` and `.pem` where they are missing.

    `HOST.pem` is the key and the certificates in one file, as Kafka takes them. Returns a line for
    each certificate that ends soon.

    Raises:
        StackError: a host's name cannot be one, or files are there that do not fit together.
    """
    now = now or datetime.now(UTC)
    for host in hosts:
        if not HOST.fullmatch(host) or host == AUTHORITY:
            raise StackError(f"{host!r} is no name of a host that a certificate can have here")
    authority = _Authority(folder, now)
    certificates = {AUTHORITY: authority.certificate}
    certificates |= {host: _of_host(folder, host, authority, now) for host in hosts}
    soon = now + timedelta(days=SOON_DAYS)
    return [
        f"{name}.crt ends on {one.not_valid_after_utc:%Y-%m-%d}: to renew it remove "
        f"{_files(name, folder)} and run this again"
        for name, one in certificates.items()
        if one.not_valid_after_utc < soon
    ]


class _Authority:
    """The certificate that signs the others. Its key is needed only where one is missing."""

    def __init__(self, folder: Folder, now: datetime) -> None:
        self._folder = folder
        if folder.has("ca.crt"):
            self.content = folder.keep("ca.crt", bytes, PUBLIC)
        else:
            key = _key(folder, AUTHORITY)
            self.content = folder.keep("ca.crt", lambda: _signed_by_itself(key, now), PUBLIC)
        self.certificate = _loaded(folder, "ca.crt", self.content)

    def sign(self, certificate: x509.CertificateBuilder) -> bytes:
        """Give the certificate as PEM, with our name and signature."""
        if not self._folder.has("ca.key"):
            raise StackError(
                f"{self._folder.path} has ca.crt but not ca.key, which signs: put it back, or "
                "make the certificate with it and put that here"
            )
        key = _key(self._folder, AUTHORITY)
        if key.public_key() != self.certificate.public_key():
            raise _misfit(self._folder, AUTHORITY)
        named = certificate.issuer_name(self.certificate.subject).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        return named.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _of_host(folder: Folder, host: str, authority: _Authority, now: datetime) -> x509.Certificate:
    if folder.has(f"{host}.crt") and not folder.has(f"{host}.key"):
        raise _misfit(folder, host)
    key = _key(folder, host)
    content = folder.keep(
        f"{host}.crt", lambda: authority.sign(_unsigned(host, key, now, HOST_DAYS)), PUBLIC
    )
    certificate = _loaded(folder, f"{host}.crt", content)
    together = folder.read(f"{host}.key") + content + authority.content
    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, TypeError, InvalidSignature):
        raise _misfit(folder, host) from None
    fits = certificate.public_key() == key.public_key()
    if not fits or folder.keep(f"{host}.pem", lambda: together) != together:
        raise _misfit(folder, host)
    return certificate


def _signed_by_itself(key: ec.EllipticCurvePrivateKey, now: datetime) -> bytes:
    certificate = _unsigned("emostream", key, now, AUTHORITY_DAYS, authority=True)
    named = certificate.issuer_name(_name("emostream"))
    return named.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _unsigned(
    host: str, key: ec.EllipticCurvePrivateKey, now: datetime, days: int, *, authority: bool = False
) -> x509.CertificateBuilder:
    """Describe a certificate for servers and clients, or for an authority over such."""
    public = key.public_key()
    built = (
        x509.CertificateBuilder()
        .subject_name(_name(host))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SLOW_CLOCKS)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(authority, 0 if authority else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(_usage(signs=authority), critical=True)
    )
    if authority:
        return built
    # Nodes of a cluster are each other's clients.
    purposes = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
    return built.add_extension(x509.ExtendedKeyUsage(purposes), critical=False).add_extension(
        x509.SubjectAlternativeName(_names(host)), critical=False
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _names(host: str) -> Iterable[x509.GeneralName]:
    """Give the names under which the host is called: its own, and this machine's for itself."""
    for name in dict.fromkeys((host, "localhost", "127.0.0.1")):
        try:
            yield x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            yield x509.DNSName(name)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _key(folder: Folder, name: str) -> ec.EllipticCurvePrivateKey:
    """Give the key on disk, made where it is missing: PKCS#8, without a password."""
    content = folder.keep(f"{name}.key", _new_key)
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError):
        raise StackError(f"{folder.path / name}.key is no private key in PEM") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise StackError(f"{folder.path / name}.key is not of the kind made here: remove it")
    return key


def _new_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _loaded(folder: Folder, name: str, content: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(content)
    except ValueError:
        raise StackError(f"{folder.path / name} is no certificate in PEM") from None


def _misfit(folder: Folder, name: str) -> StackError:
    return StackError(
        f"the files of {name} in {folder.path} do not fit together: remove "
        f"{_files(name, folder)} and run this again"
    )


def _files(name: str, folder: Folder) -> str:
    """Name what must go so that a certificate is made anew; with the authority go all others."""
    if name != AUTHORITY:
        return f"{name}.crt, {name}.key and {name}.pem"
    return "every .crt, .key and .pem" if folder.has("ca.key") else "ca.crt"
