"""TLS settings of this process for servers whose certificate a public authority signed."""

import os
import ssl
from functools import cache
from pathlib import Path

AMAZON_AUTHORITIES = Path(__file__).parent.parent / "data" / "amazon_authorities.pem"
_OWN_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # OpenSSL's own variables


@cache
def public_tls() -> ssl.SSLContext:
    """Returns the settings that trust the machine's own certificate authorities, and check the server's name.

    Made once a process because reading the authorities costs 16 to 26 ms. They hold neither a secret nor a session, so
    a function that runs from a snapshot may make them at init.
    """
    return ssl.create_default_context()


def aws_tls(host: str) -> ssl.SSLContext:
    """Returns the settings for an address of AWS, or for the database, which is seldom anywhere else.

    AWS's own addresses have certificates of Amazon's five authorities, which are read in 1 ms. Where the machine names
    authorities of its own, such as those of a company's proxy, these count instead: AWS_CA_BUNDLE as in AWS's SDKs
    (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ca-bundle.html), or OpenSSL's variables.
    """
    bundle = os.environ.get("AWS_CA_BUNDLE")
    if bundle:
        return _trusting(bundle)
    if host.endswith(".amazonaws.com") and not any(os.environ.get(name) for name in _OWN_AUTHORITIES):
        return _trusting(str(AMAZON_AUTHORITIES))
    return public_tls()


@cache
def _trusting(authorities: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authorities)
    return context
