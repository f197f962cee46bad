"""A stand-in for AWS in the tests' own process."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from moto.server import ThreadedMotoServer

AWS_KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def aws_server() -> Iterator[dict[str, str]]:
    """An empty one: the settings that lead to it. Those of one process share what they hold, so have one at a time."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    urllib.request.urlopen(f"{url}/moto-api/reset", b"", timeout=5).close()
    try:
        yield {**AWS_KEYS, "AWS_ENDPOINT_URL": url}
    finally:
        server.stop()
