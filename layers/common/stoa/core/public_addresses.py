"""Decides whether our own requests may go to an address that somebody else chose.

A webhook's address comes from a member, and our functions stand inside a network with things in it that trust whoever
can reach them. So a request goes out only to addresses that belong to the public internet: what Python's `ipaddress`,
after IANA's special-purpose registries, calls global, less what it leaves in and what wraps another address.
https://www.iana.org/assignments/iana-ipv4-special-registry https://www.iana.org/assignments/iana-ipv6-special-registry
OWASP: Server-Side Request Forgery Prevention Cheat Sheet.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

LONGEST_URL = 2000
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)

# IPv6 addresses that carry an IPv4 address, and where in them it is: the IPv4 address decides.
_WRAPPING = (
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64, RFC 6052
    (IPv6Network("::/96"), 0),  # IPv4-compatible, RFC 4291, long abolished
    (IPv6Network("2002::/16"), 80),  # 6to4, RFC 3056
)
_NEVER = (
    IPv6Network("64:ff9b:1::/48"),  # local-use NAT64, RFC 8215
    IPv6Network("2001::/23"),  # protocol assignments: Teredo and the like
    IPv6Network("fec0::/10"),  # the abolished site-local range
    IPv6Network("3fff::/20"),  # documentation, RFC 9637: younger than Python's list
)
_RELAYS_OF_6TO4 = IPv4Network("192.88.99.0/24")  # abolished, RFC 7526; Python still counts it as global


def is_public(address: str) -> bool:
    """Returns whether an IP address, as text, belongs to the public internet. What is no address does not."""
    try:
        return _is_public(ip_address(address))
    except ValueError:
        return False


def webhook_problem(url: str) -> str | None:
    """Returns why a webhook cannot go to this URL, as a sentence for its owner. None: it can.

    Looks at the text alone. Where the name leads to is looked at each time something is sent.
    """
    if len(url) > LONGEST_URL:
        return f"Send a URL of at most {LONGEST_URL} characters."
    if not url.isascii() or not url.isprintable() or " " in url:
        return "Send the URL with only printable ASCII characters (others percent-encoded, names in Punycode)."
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        return "Send a URL such as https://example.org/hook."
    return _problem_of(parts, host, port)


def _problem_of(parts: SplitResult, host: str | None, port: int | None) -> str | None:
    if parts.scheme != "https":
        return "Send an https:// address: what it carries must not travel in the open."
    if not host:
        return "Send a URL such as https://example.org/hook."
    if parts.username is not None or parts.password is not None:
        return "Send the URL without a user name or password in it; verify the signature instead."
    if port not in (None, 443, 8443):
        return "Send an address on port 443 or 8443."
    if "\\" in parts.netloc:
        return "Send a URL such as https://example.org/hook."
    if parts.netloc.startswith("["):
        return None if is_public(host) else "Send a public address: this one is not on the internet."
    return _name_problem(host)


def _name_problem(host: str) -> str | None:
    labels = host.removesuffix(".").split(".")
    if is_public(host):
        return None
    # Also 0177.0.0.1, 2130706433 and 0x7f.1, which some resolvers read as addresses: no public name ends in a number.
    if labels[-1].isdigit() or re.fullmatch(r"0x[0-9a-f]*", labels[-1]):
        return "Send a public address: this one is not on the internet."
    if len(labels) < 2 or labels[-1] in ("local", "localhost", "internal", "invalid", "test", "onion", "home", "lan"):
        return "Send a public name: this one cannot be reached from the internet."
    if not all(_NAME.fullmatch(label) for label in labels):
        return "Send a URL such as https://example.org/hook."
    return None


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        if address.scope_id is not None or any(address in network for network in _NEVER):
            return False
        inner = address.ipv4_mapped or _wrapped(address)
        if inner is not None:
            return _is_public(inner)
    elif address in _RELAYS_OF_6TO4:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _wrapped(address: IPv6Address) -> IPv4Address | None:
    for network, shift in _WRAPPING:
        if address in network:
            return IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    return None
