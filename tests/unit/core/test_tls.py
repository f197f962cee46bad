"""Each address is checked against the authorities that sign for it, or those that the machine names."""

from pathlib import Path

import pytest

from stoa.core.tls import AMAZON_AUTHORITIES, aws_tls, public_tls

OTHERS = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OTHERS:
        monkeypatch.delenv(name, raising=False)


def test_aws_is_checked_against_amazons_authorities_alone() -> None:
    context = aws_tls("secretsmanager.eu-central-1.amazonaws.com")
    names = [dict(part[0] for part in authority["subject"])["commonName"] for authority in context.get_ca_certs()]
    assert sorted(names) == [
        "Amazon Root CA 1",
        "Amazon Root CA 2",
        "Amazon Root CA 3",
        "Amazon Root CA 4",
        "Starfield Services Root Certificate Authority - G2",
    ]
    assert context.check_hostname


@pytest.mark.parametrize("host", ["db.example.com", "amazonaws.com.evil.example", "evilamazonaws.com"])
def test_other_addresses_are_checked_against_the_public_ones(host: str) -> None:
    assert aws_tls(host) is public_tls()


def test_a_machines_own_authorities_count_instead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one = tmp_path / "company.pem"
    one.write_text(AMAZON_AUTHORITIES.read_text().split("\n\n")[0])
    monkeypatch.setenv("SSL_CERT_FILE", str(one))
    assert aws_tls("secretsmanager.eu-central-1.amazonaws.com") is public_tls()
    monkeypatch.setenv("AWS_CA_BUNDLE", str(one))
    assert len(aws_tls("secretsmanager.eu-central-1.amazonaws.com").get_ca_certs()) == 1
