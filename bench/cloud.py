"""A stand-in for AWS with the database's secret in it, over TLS: a function finds both as it does in a deployment."""

import json
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3

from bench import tls
from bench.processes import serving
from bench.server import Server
from dev import ROOT
from dev.children import free_port

KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "us-east-1"}
# Files with the machine's certificate authorities, by the system that has them.
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/cert.pem", "/etc/ssl/cert.pem")


@contextmanager
def deployed(folder: Path, server: Server) -> Iterator[dict[str, str]]:
    """The environment of a function whose database secret is in Secrets Manager (moto's).

    As on Lambda, the certificate of both servers is trusted through the whole bundle of public authorities, so that
    loading the bundle is measured, too.
    """
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (
        serving(command, port, folder / "moto.log", ROOT),
        tls.front(("127.0.0.1", port), server.certificate, server.key, postgresql=False) as tls_port,
    ):
        manager = boto3.client(
            "secretsmanager",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name=KEYS["AWS_REGION"],
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )
        arn = manager.create_secret(Name="database", SecretString=json.dumps(dict(server.secret)))["ARN"]
        yield {
            **KEYS,
            "AWS_ENDPOINT_URL": f"https://127.0.0.1:{tls_port}",
            "SSL_CERT_FILE": str(_bundle(folder, server.certificate)),
            "STOA_DATABASE_SECRET_ARN": arn,
        }


def _bundle(folder: Path, certificate: Path) -> Path:
    found = [ssl.get_default_verify_paths().cafile, *BUNDLES]
    public = next((Path(place).read_text() for place in found if place and Path(place).is_file()), "")
    bundle = folder / "authorities.pem"
    bundle.write_text(public + certificate.read_text())
    return bundle
