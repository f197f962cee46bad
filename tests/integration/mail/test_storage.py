"""Results as files: kept in S3, read through a link that expires."""

import urllib.request
from collections.abc import Iterator

import pytest

from dev.aws_setup import RESULTS_BUCKET, prepare_aws
from functions.scheduled_prompts import handler as scheduled_prompts
from stoa.clients.aws import storage
from stoa.core.errors import Unavailable
from stoa.core.settings import settings
from stoa.workflows.schedules.values import DELIVERY_LEASE


@pytest.fixture
def s3(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("STOA_RESULTS_BUCKET", RESULTS_BUCKET)
    settings.cache_clear()
    storage._s3.cache_clear()
    yield aws
    settings.cache_clear()
    storage._s3.cache_clear()


def test_what_was_put_is_what_the_link_gives(s3: str) -> None:
    prepare_aws(s3)
    storage.put("results/one.md", "Grüße".encode(), "text/markdown; charset=utf-8")
    storage.put("results/one.md", "Grüße!".encode(), "text/markdown; charset=utf-8")

    with urllib.request.urlopen(storage.link("results/one.md", 60, "one.md"), timeout=5) as answer:
        assert answer.read().decode() == "Grüße!"
        assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="one.md"'


def test_a_worker_has_time_for_the_slowest_answer(s3: str) -> None:
    config = storage._s3().meta.config
    slowest = config.retries["total_max_attempts"] * (config.connect_timeout + config.read_timeout)

    assert slowest < scheduled_prompts.END_MARGIN_SECONDS < DELIVERY_LEASE.total_seconds()


def test_a_bucket_that_is_not_there_is_told_as_unavailable(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOA_RESULTS_BUCKET", "nobody-made-this-one")
    settings.cache_clear()
    with pytest.raises(Unavailable):
        storage.put("results/one.md", b"", "text/plain")


def test_without_a_bucket_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STOA_RESULTS_BUCKET", raising=False)
    settings.cache_clear()
    with pytest.raises(Unavailable, match="STOA_RESULTS_BUCKET"):
        storage.put("results/one.md", b"", "text/plain")
    settings.cache_clear()
