"""The same over TLS, as every real provider is reached."""

import ipaddress
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stoa.clients.http import connections
from stoa.clients.wires import Cancel, Cancelled, Finish, ProviderError, Text, stream
from tests.integration.wires.canned import Canned, chunked, data
from tests.integration.wires.conftest import call

HELLO = data('{"choices": [{"delta": {"content": "hello"}, "finish_reason": "stop"}]}')
WHOLE = chunked(*HELLO, *data("[DONE]"))
BEGUN = chunked(*HELLO, end=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "practice")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return file


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's certificate authorities are this one."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    connections.tls.cache_clear()
    yield
    connections.tls.cache_clear()


def asked(endpoint, server: Canned) -> list[object]:
    return list(stream(endpoint("openai", BASE_URL=server.address), call("m"), Cancel()))


@pytest.mark.usefixtures("trusted")
def test_answers_come_over_one_kept_connection(endpoint, tls: ssl.SSLContext) -> None:
    with Canned(WHOLE, WHOLE, tls=tls) as server:
        for _ in range(2):
            assert [type(item) for item in asked(endpoint, server)] == [Text, Finish]
        assert server.connections == [1, 1]


@pytest.mark.usefixtures("trusted")
def test_a_read_that_waits_for_the_next_token_can_be_cancelled(endpoint, tls: ssl.SSLContext) -> None:
    with Canned(lambda connection: connection.sendall(BEGUN), tls=tls) as server:
        cancel = Cancel()
        answer = stream(endpoint("openai", BASE_URL=server.address), call("m", seconds=600.0), cancel)
        assert isinstance(next(answer), Text)
        ended: list[type] = []

        def read_on() -> None:
            with pytest.raises(Cancelled) as failure:
                next(answer)
            ended.append(failure.type)

        reader = threading.Thread(target=read_on, daemon=True)
        reader.start()
        cancel.cancel()
        reader.join(10)
        assert ended == [Cancelled]


def test_a_provider_that_cannot_prove_who_it_is_gets_no_key(endpoint, tls: ssl.SSLContext) -> None:
    with Canned(WHOLE, tls=tls) as server:
        with pytest.raises(ProviderError) as failure:
            asked(endpoint, server)
        assert (failure.value.kind, failure.value.reason) == ("unavailable", "no connection")
        assert server.requests == []
