"""TLS settings of this process for servers whose certificate a public authority signed."""

import ssl
from functools import cache


@cache
def public_tls() -> ssl.SSLContext:
    """The settings that trust the machine's own certificate authorities, and check the server's name.

    Made once a process because reading the authorities costs 26 ms. They hold neither a secret nor a session, so a
    function that runs from a snapshot may make them at init.
    """
    return ssl.create_default_context()
