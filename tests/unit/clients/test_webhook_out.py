"""Webhooks out against a real TLS server: what goes out, and everything that must not."""

import hashlib
import hmac
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stoa.clients.http import webhook_out
from stoa.clients.http.webhook_out import LARGEST_ANSWER, DeliveryFailed, post

HOST = "hooks.example.org"
SECRET = b"whsec_practice"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


class Receiver:
    """Takes one connection at a time, reads the request and answers what it is told to."""

    def __init__(self, certificate: Path) -> None:
        self.requests: list[bytes] = []
        self.answer: Callable[[ssl.SSLSocket], None] = lambda connection: connection.sendall(OK)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            try:
                with self._tls.wrap_socket(plain, server_side=True) as connection:
                    self.requests.append(_read(connection))
                    self.answer(connection)
            except OSError:
                continue

    def close(self) -> None:
        self._listener.close()


def _read(connection: ssl.SSLSocket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def receiver(certificate: Path) -> Iterator[Receiver]:
    made = Receiver(certificate)
    yield made
    made.close()


@pytest.fixture
def deliver(receiver: Receiver, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Post to the receiver as if its address were a public one."""
    context = ssl.create_default_context(cafile=str(certificate))
    connect = socket.create_connection
    monkeypatch.setattr(
        webhook_out.socket, "create_connection", lambda address, **given: connect((address[0], receiver.port), **given)
    )

    def deliver(url: str = f"https://{HOST}/hook?a=b", body: bytes = b'{"a": 1}') -> int:
        return post(
            url,
            body,
            secret=SECRET,
            delivery_id="d1",
            timestamp=1_800_000_000,
            resolver=lambda host, port: ["127.0.0.1"],
            may_go_to=lambda address: ip_address(address).is_loopback,
            context=context,
        )

    return deliver


def test_it_goes_out_signed(receiver: Receiver, deliver: Callable[..., int]) -> None:
    assert deliver() == 200

    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    assert lines[0] == "POST /hook?a=b HTTP/1.1"
    assert headers["host"] == HOST
    assert (headers["content-type"], headers["stoa-delivery"]) == ("application/json", "d1")
    # The five lines that the documentation gives receivers.
    told = dict(part.split("=", 1) for part in headers["stoa-signature"].split(","))
    expected = hmac.new(SECRET, f"{told['t']}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(told["v1"], expected)
    assert told["t"] == "1800000000"


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(301, False), (302, False), (307, False), (400, False), (404, False), (410, False), (429, True), (500, True)],
)
def test_other_answers_are_failures(
    status: int, retryable: bool, receiver: Receiver, deliver: Callable[..., int]
) -> None:
    answer = b"HTTP/1.1 %d X\r\nLocation: https://127.0.0.1/\r\nContent-Length: 0\r\n\r\n" % status
    receiver.answer = lambda connection: connection.sendall(answer)

    with pytest.raises(DeliveryFailed) as raised:
        deliver()
    assert raised.value.retryable is retryable
    assert str(status) in raised.value.reason
    assert len(receiver.requests) == 1


def test_an_answer_without_end_is_not_read_to_its_end(receiver: Receiver, deliver: Callable[..., int]) -> None:
    def endless(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * LARGEST_ANSWER)

    receiver.answer = endless
    with pytest.raises(DeliveryFailed, match="larger than"):
        deliver()


@pytest.mark.parametrize("drip", [b"H", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_receiver_that_drips_is_left_when_the_time_is_over(
    drip: bytes, receiver: Receiver, deliver: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_out, "TOTAL_SECONDS", 0.3)
    left = threading.Event()

    def slowly(connection: ssl.SSLSocket) -> None:
        connection.sendall(drip)
        try:
            while not left.wait(0.05):
                connection.sendall(b"x")
        finally:
            left.set()

    receiver.answer = slowly
    with pytest.raises(DeliveryFailed, match="no answer within") as raised:
        deliver()
    assert raised.value.retryable
    left.set()


def test_a_certificate_of_another_name_is_refused(receiver: Receiver, deliver: Callable[..., int]) -> None:
    with pytest.raises(DeliveryFailed, match="TLS"):
        deliver("https://other.example.org/")
    assert receiver.requests == []


def test_a_connection_that_is_closed_is_a_failure_for_later(receiver: Receiver, deliver: Callable[..., int]) -> None:
    receiver.answer = lambda connection: connection.close()
    with pytest.raises(DeliveryFailed, match="connection failed") as raised:
        deliver()
    assert raised.value.retryable


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.7"],
        ["169.254.169.254"],
        ["::1"],
        ["fd00:ec2::254"],
        ["fe80::1"],
        ["::ffff:10.0.0.7"],
        ["8.8.8.8", "127.0.0.1"],
        [],
    ],
)
def test_a_name_that_leads_inside_is_never_connected_to(addresses: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[object] = []
    monkeypatch.setattr(webhook_out.socket, "create_connection", lambda *given, **named: connected.append(given))
    with pytest.raises(DeliveryFailed, match="not on the internet") as raised:
        post(
            f"https://{HOST}/", b"", secret=SECRET, delivery_id="d", timestamp=1, resolver=lambda host, port: addresses
        )
    assert not raised.value.retryable
    assert connected == []


def test_a_name_that_changes_its_mind_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    connected: list[str] = []

    def connect(address: tuple[str, int], **_: object) -> socket.socket:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(webhook_out.socket, "create_connection", connect)
    with pytest.raises(DeliveryFailed):
        post(f"https://{HOST}/", b"", secret=SECRET, delivery_id="d", timestamp=1, resolver=lambda *_: next(answers))
    assert connected == ["8.8.8.8"]


def test_a_name_without_an_address_may_have_one_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror("unknown")

    with pytest.raises(DeliveryFailed) as raised:
        post(f"https://{HOST}/", b"", secret=SECRET, delivery_id="d", timestamp=1, resolver=unknown)
    assert raised.value.retryable


def test_a_name_server_that_never_answers_is_left_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_out, "TOTAL_SECONDS", 0.05)
    over = threading.Event()

    def silent(host: str, port: int) -> list[str]:
        over.wait(5)
        return ["8.8.8.8"]

    with pytest.raises(DeliveryFailed, match="could not be resolved") as raised:
        post(f"https://{HOST}/", b"", secret=SECRET, delivery_id="d", timestamp=1, resolver=silent)
    assert raised.value.retryable
    over.set()


def test_a_name_with_its_final_dot_is_the_name(receiver: Receiver, deliver: Callable[..., int]) -> None:
    assert deliver(f"https://{HOST}./hook") == 200
    assert f"\r\nHost: {HOST}\r\n".encode() in receiver.requests[0]


def test_an_address_that_the_rules_refuse_is_not_even_resolved() -> None:
    def never(host: str, port: int) -> list[str]:
        raise AssertionError(host)

    with pytest.raises(DeliveryFailed, match="not on the internet"):
        post("https://127.0.0.1/", b"", secret=SECRET, delivery_id="d", timestamp=1, resolver=never)


def test_the_machine_resolves_names() -> None:
    assert set(webhook_out.resolve("localhost", 443)) <= {"127.0.0.1", "::1"}
