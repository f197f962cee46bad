"""A PostgreSQL server as an installation has it: durable, over TLS with SCRAM passwords; and sample events for it."""

import datetime as dt
import ipaddress
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench import tls
from dev import ROOT, postgres
from dev.children import free_port
from dev.database import prepare
from stoa.database.dsn import parse_url
from stoa.database.pool import Database, Scope
from stoa.identity.members import Member, Members, Principal
from stoa.workflows.operations.migrate import allow_login
from stoa.workflows.tenancy.registry import create_tenant

PASSWORD = "bench"


@dataclass(frozen=True, slots=True)
class Server:
    """`url` goes over the Unix socket, `tls_url` over TLS with a password; both as the runtime role.

    `secret` is what Secrets Manager holds of it in a deployment; `certificate` and `key` are those of its TLS.
    """

    owner_url: str
    url: str
    tls_url: str
    tenant_id: UUID
    secret: Mapping[str, Any]
    certificate: Path
    key: Path


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """A migrated server with one tenant, fsync on, passwords on TCP, and TLS before it."""
    certificate, key = _certificate(folder)
    access = folder / "pg_hba.conf"
    access.write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    port = free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "hba_file": str(access),
        "shared_buffers": "512MB",
        "max_wal_size": "4GB",
    }
    with ExitStack() as stack:
        running = postgres.start(folder / "postgres", settings=settings)
        stack.callback(running.stop)
        url = prepare(running.url, embedded=True)
        owner, runtime = Database(parse_url(running.url)), Database(parse_url(url))
        allow_login(owner, PASSWORD)
        tenant_id = create_tenant(runtime, "bench", "Bench", "UTC", dt.datetime.now(dt.UTC))
        owner.close()
        runtime.close()
        tls_port = stack.enter_context(tls.front(("127.0.0.1", port), certificate, key, postgresql=True))
        address = f"stoa_runtime:{PASSWORD}@127.0.0.1:{tls_port}"
        tls_url = f"postgresql://{address}/postgres?sslmode=verify-full&sslrootcert={certificate}"
        secret = {"username": "stoa_runtime", "password": PASSWORD, "host": "127.0.0.1", "port": tls_port}
        yield Server(running.url, url, tls_url, tenant_id, {**secret, "dbname": "postgres"}, certificate, key)


def member_of(database: Database, server: Server, subject: str) -> Member:
    """The bench's tenant's member of this name; made on first use."""
    return Members().get(database, Principal(subject, server.tenant_id, None, frozenset()))


def run_script(owner_url: str, script: str) -> None:
    """Run SQL as the owner, without a statement timeout."""
    owner = Database(parse_url(owner_url))
    with owner.transaction(Scope()) as connection:
        connection._wire.driver._usock.settimeout(None)
        connection.run_script(script)
    owner.close()


def event(name: str, tenant_id: UUID, body: Any = None, route: str | None = None) -> dict[str, Any]:
    """A function's sample event for the bench's tenant, with another body and route where given."""
    sample: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    authorizer = sample["requestContext"]["authorizer"]
    if "jwt" in authorizer:
        authorizer["jwt"]["claims"]["custom:tenant_id"] = str(tenant_id)
    else:
        authorizer["tenantId"] = str(tenant_id)
    if body is not None:
        sample |= {"body": json.dumps(body), "isBase64Encoded": False}
    for headers in ("headers", "multiValueHeaders"):
        sample.get(headers, {}).pop("Idempotency-Key", None)  # or the second message would be the first one's replay
    if route is not None:
        method, path = route.split(" ")
        sample |= {"routeKey": route, "rawPath": path, "rawQueryString": ""}
        sample.pop("queryStringParameters", None)
        sample["requestContext"]["http"] |= {"method": method, "path": path}
        sample["requestContext"]["routeKey"] = route
    return sample


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    certificate_path, key_path = folder / "server.pem", folder / "server.key"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    key_path.chmod(0o600)
    return certificate_path, key_path
