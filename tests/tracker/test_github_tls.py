"""github.ca_file: a server of one's own, with a certificate that no public authority has signed."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from standins.github_in_memory import GitHubInMemory, github_in_memory

from workbench import config as configuration
from workbench.tracker.failures import Temporary
from workbench.tracker.github import GitHub
from workbench.tracker.settings import GitHubSettings, github_settings


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that is its own authority; its key is beside it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(here, critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (tmp_path / "ca.pem").write_bytes(made.public_bytes(pem))
    (tmp_path / "key.pem").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    return tmp_path / "ca.pem"


@pytest.fixture
def server(certificate: Path) -> Iterator[GitHubInMemory]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with github_in_memory(context) as there:
        yield there


def settings_of(server: GitHubInMemory, folder: Path, **more: str) -> GitHubSettings:
    given = {
        "GITHUB_TOKEN": "t0ken",
        "WORKBENCH_GITHUB_REPOSITORY": server.full_name,
        "WORKBENCH_GITHUB_BASE_URL": server.url,
        **more,
    }
    settings = github_settings(configuration.load(environ=given, start=folder), given)
    assert settings is not None
    return settings


def test_a_server_with_a_certificate_of_its_own_is_trusted_by_the_file_that_names_it(
    server: GitHubInMemory, tmp_path: Path
) -> None:
    client = GitHub(settings_of(server, tmp_path, WORKBENCH_GITHUB_CA_FILE="ca.pem"), timeout=5)
    assert client.issues(server.full_name).create("a title", "a body").number == 1
    client.close()


def test_without_that_file_nothing_is_sent_to_it(server: GitHubInMemory, tmp_path: Path) -> None:
    client = GitHub(settings_of(server, tmp_path), timeout=5)
    with pytest.raises(Temporary, match=r"did not answer .*SSLError"):
        client.issues(server.full_name)
    client.close()
    assert not server.asked
