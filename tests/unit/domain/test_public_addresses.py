"""The addresses that a webhook may go to, and every way we know of to write one that it may not."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.core.public_addresses import is_public, webhook_problem

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",  # the cloud's metadata
    "169.254.170.2",  # credentials of a container
    "100.64.0.1",  # carrier-grade NAT
    "192.0.0.1",
    "192.88.99.1",  # relays of 6to4, which are no more
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::a9fe:a9fe",  # NAT64 of 169.254.169.254
    "64:ff9b:1::1",
    "2002:7f00:1::",  # 6to4 of 127.0.0.1
    "2002:a9fe:a9fe::1",
    "2001::1",  # Teredo
    "2001:db8::1",
    "3fff::1",  # documentation
    "5f00::1",  # segment routing
    "::ffff:0:127.0.0.1",  # IPv4-translated, RFC 2765
    "4000::1",  # nobody's
    "fc00::1",
    "fd00:ec2::254",  # the cloud's metadata
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
    "100::1",
    "",
    "example.org",
    "1.2.3",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "192.169.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_on_the_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_wrapped_in_another_counts_as_itself(address: ipaddress.IPv4Address) -> None:
    wrapped = [f"::ffff:{address}", f"64:ff9b::{address}"]
    assert {is_public(one) for one in wrapped} == {is_public(str(address))}


@given(st.ip_addresses())
def test_nothing_private_is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    wrapped = getattr(address, "ipv4_mapped", None) is not None
    if not wrapped and (address.is_private or address.is_loopback or address.is_link_local or address.is_multicast):
        assert not is_public(str(address))


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "https://example.org/hook?a=b",
        "https://example.org:8443/hook",
        "https://hooks.example.co.uk./x",
        "https://8.8.8.8/hook",
        "https://[2606:4700::1111]/hook",
        "https://xn--bcher-kva.example/",
    ],
)
def test_addresses_that_are_taken(url: str) -> None:
    assert webhook_problem(url) is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.org/", "https"),
        ("ftp://example.org/", "https"),
        ("example.org/hook", "https"),
        ("https://", "such as"),
        ("https://user@example.org/", "user name"),
        ("https://:secret@example.org/", "user name"),
        ("https://example.org:22/", "port"),
        ("https://example.org:99999/", "such as"),
        ("https://example.org\\@127.0.0.1/", "user name"),
        ("https://127.0.0.1\\.example.org/", "such as"),
        ("https://[::1]/", "not on the internet"),
        ("https://[::1", "such as"),
        ("https://127.0.0.1/", "not on the internet"),
        ("https://169.254.169.254/latest/meta-data", "not on the internet"),
        ("https://2130706433/", "not on the internet"),
        ("https://0x7f000001/", "not on the internet"),
        ("https://0177.0.0.1/", "not on the internet"),
        ("https://127.1/", "not on the internet"),
        ("https://0x7f.1/", "not on the internet"),
        ("https://127.0.0.1./", "not on the internet"),
        ("https://localhost/", "cannot be reached"),
        ("https://db/", "cannot be reached"),
        ("https://printer.local/", "cannot be reached"),
        ("https://metadata.google.internal/", "cannot be reached"),
        ("https://exa mple.org/", "printable"),
        ("https://example.org/\n", "printable"),
        ("https://bücher.example/", "printable"),
        ("https://-bad-.example/", "such as"),
        ("https://a..example/", "such as"),
        ("https://a.example../", "such as"),
        ("https://example.org/" + "a" * 2000, "at most"),
    ],
)
def test_addresses_that_are_refused_and_why(url: str, words: str) -> None:
    problem = webhook_problem(url)
    assert problem is not None
    assert words in problem


@given(st.text(max_size=60))
def test_any_text_is_judged(text: str) -> None:
    webhook_problem(text)
    webhook_problem(f"https://{text}/")
