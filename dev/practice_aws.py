"""The local stand-in for AWS: moto's server, with a KMS key that is the same each time it starts.

moto forgets everything when it stops. What the database holds encrypted would be lost with the key.
`python -m dev.practice_aws --port PORT FOLDER` keeps it in the folder.
"""

import argparse
import os
import secrets
from pathlib import Path

from moto import server
from moto.kms import models

KEY_ID = "5f0a5e3e-6d1c-4c55-9e0b-a1b7c0ffee00"
KEY_BYTES = 32


def main() -> None:
    """Serve until the process ends."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", required=True)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    material = kept_key(given.folder / "kms.key")
    # One key is all that is ever made here (dev/aws_setup.py).
    # moto names no way to bring it along.
    vars(models).update(generate_key_id=lambda *_: KEY_ID, generate_master_key=lambda: material)
    server.main(["-p", given.port])


def kept_key(path: Path) -> bytes:
    """The key in the file, made when it is first asked for; nobody else may read it."""
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
    return path.read_bytes()


if __name__ == "__main__":
    main()
