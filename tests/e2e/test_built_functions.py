"""Every function as it is packaged, under AWS's own runtime interface emulator, with its sample event.

Needs Linux and the emulator out of aws-sam-cli (`make e2e` installs it).
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from dev.build import ROOT, LocalBuild
from dev.emulator import Emulator, EmulatorFailed, find_emulator, streamed
from dev.gateway.issuer import AUDIENCE, Issuer
from dev.practice import PracticeProviders, practice_environment
from dev.practice_stripe import PRACTICE_SECRET, PracticeStripe, stripe_environment
from stoa.clients.stripe.stripe_signature import sign
from tests.e2e.built import Start, answer_of, sample, sample_for, serve


def test_the_catalogue_lists_models_with_prices(start: Start, tenant: UUID) -> None:
    catalog = start("catalog")

    status, body = answer_of(catalog, sample_for("catalog", tenant))

    assert status == 200
    models = {model["id"]: model for model in body["data"]["free"] + body["data"]["premium"]}
    assert "gpt-4o-mini" in models
    assert catalog.init_milliseconds() > 0


def test_health_knows_the_migration_level(start: Start) -> None:
    event = sample("catalog")
    for place in (event, event["requestContext"]):
        place["routeKey"] = "GET /api/health"
    event["rawPath"] = event["requestContext"]["http"]["path"] = "/api/health"
    del event["requestContext"]["authorizer"]

    status, body = answer_of(start("catalog"), event)

    assert status == 200
    assert body


def test_the_api_description_is_packaged(start: Start) -> None:
    event = sample("catalog")
    for place in (event, event["requestContext"]):
        place["routeKey"] = "GET /api/openapi.json"
    event["rawPath"] = event["requestContext"]["http"]["path"] = "/api/openapi.json"
    del event["requestContext"]["authorizer"]

    status, body = answer_of(start("catalog"), event)

    assert status == 200
    assert body["openapi"].startswith("3.1")
    assert "/api/chat" in body["paths"]


def test_a_dry_run_selects_a_model(start: Start, tenant: UUID) -> None:
    status, body = answer_of(start("preferences"), sample_for("preferences", tenant))

    assert status == 200
    assert body["data"]["modelId"]
    assert body["data"]["reason"]


def test_chat_streams_its_events(start: Start, tenant: UUID, practice: PracticeProviders) -> None:
    chat = start("chat", **practice_environment(practice.port, {}))

    prelude, payload = streamed(chat.invoke(sample_for("chat", tenant)))

    assert prelude["statusCode"] == 200, chat.log()[-4000:]
    assert prelude["headers"]["Content-Type"].startswith("text/event-stream")
    events = [line.removeprefix("event: ") for line in payload.decode().splitlines() if line.startswith("event: ")]
    assert events[0] == "selection"
    assert events[-1] == "done"
    assert {"content", "metadata"} <= set(events)
    assert "What is in our power" not in chat.log()


def test_chat_answers_one_document_too(start: Start, tenant: UUID, practice: PracticeProviders) -> None:
    event = sample_for("chat", tenant)
    event["headers"]["Accept"] = "application/json"
    event["multiValueHeaders"]["Accept"] = ["application/json"]
    event["headers"].pop("Idempotency-Key")
    event["multiValueHeaders"].pop("Idempotency-Key")

    chat = start("chat", **practice_environment(practice.port, {}))
    prelude, payload = streamed(chat.invoke(event))

    assert prelude["statusCode"] == 200, chat.log()[-4000:]
    assert json.loads(payload)


def test_chat_refuses_a_bad_body_in_the_same_form(start: Start, tenant: UUID) -> None:
    event = sample_for("chat", tenant)
    event["body"] = '{"content": "hello", "modell": "gpt-4o-mini"}'

    prelude, payload = streamed(start("chat").invoke(event))

    assert prelude["statusCode"] == 422
    assert "modell" in json.loads(payload)["error"]["message"]


def test_a_member_makes_a_persona(start: Start, tenant: UUID) -> None:
    status, body = answer_of(start("personas"), sample_for("personas", tenant))
    assert (status, body["data"]["name"], body["data"]["isOwn"]) == (201, "Grandmother", True)


def test_a_rhythm_is_told_in_words_and_times(start: Start, tenant: UUID) -> None:
    status, body = answer_of(start("schedules"), sample_for("schedules", tenant))
    assert (status, body["data"]["description"]) == (200, "Every weekday at 09:00 (New York time)")
    assert [planned["local"][10:19] for planned in body["data"]["nextRuns"]] == ["T09:00:00"] * 5


def test_a_member_makes_a_team(start: Start, tenant: UUID) -> None:
    status, body = answer_of(start("teams"), sample_for("teams", tenant))
    assert (status, body["data"]["status"], body["data"]["role"]) == (201, "incomplete", "owner")


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    """An OpenID Connect issuer on loopback."""
    server, documents = serve()
    issuer = Issuer(f"http://127.0.0.1:{server.server_port}", tmp_path / "key.pem")
    documents["/.well-known/openid-configuration"] = json.dumps(issuer.discovery()).encode()
    documents["/.well-known/jwks.json"] = json.dumps(issuer.keys()).encode()
    yield issuer
    server.shutdown()
    server.server_close()


def test_the_authorizer_lets_a_signed_token_in_and_the_sample_not(start: Start, issuer: Issuer, tenant: UUID) -> None:
    authorizer = start("authorizer", STOA_JWT_ISSUER=issuer.url, STOA_JWT_AUDIENCE=AUDIENCE)

    refused = json.loads(authorizer.invoke(sample("authorizer")))
    assert refused["errorMessage"] == "Unauthorized"

    token = issuer.token("ada@example.com", tenant, ["admin"])
    answer = json.loads(authorizer.invoke(sample("authorizer") | {"authorizationToken": f"Bearer {token}"}))
    assert answer["context"]["tenantId"] == str(tenant)
    assert answer["context"]["groups"] == "admin"
    assert answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"


def test_a_purchase_begins_at_practice_stripe_and_its_event_ends_it(start: Start, tenant: UUID) -> None:
    with PracticeStripe() as stripe:
        settings = {**stripe_environment(stripe.port), "STOA_CLIENT_URL": "https://client.example"}
        status, checkout = answer_of(start("checkout", **settings), sample_for("checkout", tenant))
        assert status == 200, checkout
        stripe.service.act(checkout["sessionId"], "pay")
        webhook = start("stripe_webhook", **settings)
        event = sample("stripe_webhook")
        assert answer_of(webhook, event)[0] == 400  # the sample's signature is nobody's

        event["body"] = json.dumps(stripe.service.account.events[-1])
        now = int(time.time())
        signature = sign(event["body"].encode(), PRACTICE_SECRET, now)
        event["headers"]["stripe-signature"] = f"t={now},v1={signature}"
        assert answer_of(webhook, event) == (200, {"received": True, "status": "applied"})
        told = json.loads(start("reconcile", **settings).invoke(sample("reconcile")))
        assert told["events"]["dead"] == 0


def test_an_admin_sees_all_models(start: Start, tenant: UUID) -> None:
    status, body = answer_of(start("model_admin"), sample_for("model_admin", tenant))
    assert status == 200
    assert body["meta"]["total"] == len(body["data"]) >= 36


def test_an_admin_sees_all_prices(start: Start, tenant: UUID) -> None:
    status, body = answer_of(start("pricing_admin"), sample_for("pricing_admin", tenant))
    assert status == 200
    assert all(row["userInputPrice"] > row["baseInputPrice"] for row in body)


def test_an_import_error_is_told_at_init(build: LocalBuild, tmp_path: Path) -> None:
    """The counter-proof: a function that lacks something does not pass for a working one."""
    binary = find_emulator()
    if binary is None:
        pytest.skip("There is no runtime interface emulator for this machine.")
    broken = LocalBuild(tmp_path, build.python)
    broken.layer.symlink_to(build.layer)
    broken.runtime.symlink_to(build.runtime)
    broken.package("chat").mkdir(parents=True)
    for name, content in {
        "handler.py": "import no_such_module_of_ours\n",
        "run.sh": (ROOT / "functions/chat/run.sh").read_text(),
    }.items():
        (broken.package("chat") / name).write_text(content)
    (broken.package("chat") / "run.sh").chmod(0o755)

    with Emulator(binary, broken, "chat", {}) as emulator, pytest.raises(EmulatorFailed):
        streamed(emulator.invoke({}))
