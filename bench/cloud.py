"""A stand-in for AWS with the database's secret in it, over TLS: a function finds both as it does in a deployment."""

import json
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
from stoa.core.tls import AMAZON_AUTHORITIES

KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "us-east-1"}


@contextmanager
def deployed(folder: Path, server: Server) -> Iterator[dict[str, str]]:
    """The environment of a function whose database secret is in Secrets Manager (moto's).

    As on Lambda, the certificate of both servers is trusted beside Amazon's own authorities, so that loading these is
    measured, too.
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
            "AWS_CA_BUNDLE": str(_bundle(folder, server.certificate)),
            "STOA_DATABASE_SECRET_ARN": arn,
        }


def _bundle(folder: Path, certificate: Path) -> Path:
    bundle = folder / "authorities.pem"
    bundle.write_text(AMAZON_AUTHORITIES.read_text() + certificate.read_text())
    return bundle
