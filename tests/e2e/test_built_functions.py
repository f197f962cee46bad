"""Every function as it is packaged, under AWS's own runtime interface emulator, with its sample event.

Needs Linux and the emulator out of aws-sam-cli (`make e2e` installs it).
"""

import json
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from dev.build import ROOT, LocalBuild, build_local, find_python, folder_of, function_names, unzipped_size
from dev.emulator import Emulator, EmulatorFailed, find_emulator, streamed
from dev.gateway.issuer import AUDIENCE, Issuer
from dev.practice import PracticeProviders, practice_environment
from dev.practice_stripe import PRACTICE_SECRET, PracticeStripe, stripe_environment
from stoa.clients.stripe_signature import sign

LARGEST_LAYER = 60_000_000  # bytes, unzipped; Lambda takes 250 MB for layer and function together

Start = Callable[..., Emulator]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> LocalBuild:
    """Everything, built as `sam build` builds it, for this machine."""
    return build_local(tmp_path_factory.mktemp("built"))


@pytest.fixture
def start(build: LocalBuild, runtime_url: str, owner_url: str) -> Iterator[Start]:
    """Starts a built function under the emulator, with a database and what else it is given."""
    binary = find_emulator()
    if binary is None:
        pytest.skip("There is no runtime interface emulator for this machine; `make e2e` installs it on Linux.")
    with ExitStack() as running:

        def start_function(name: str, **environment: str) -> Emulator:
            given = {"STOA_DATABASE_URL": runtime_url, "STOA_MIGRATION_DATABASE_URL": owner_url, **environment}
            return running.enter_context(Emulator(binary, build, name, given))

        yield start_function


@pytest.fixture(scope="module")
def practice() -> Iterator[PracticeProviders]:
    with PracticeProviders() as providers:
        yield providers


def sample(name: str) -> Any:
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


def sample_for(name: str, tenant: UUID) -> Any:
    """The sample event of an API function, with the id of a tenant that is there."""
    event = sample(name)
    authorizer = event["requestContext"]["authorizer"]
    if "jwt" in authorizer:
        authorizer["jwt"]["claims"]["custom:tenant_id"] = str(tenant)
    else:
        authorizer["tenantId"] = str(tenant)
    return event


def answer_of(emulator: Emulator, event: Any) -> tuple[int, Any]:
    answer = json.loads(emulator.invoke(event))
    assert "statusCode" in answer, f"{answer}\n{emulator.log()[-4000:]}"
    return answer["statusCode"], json.loads(answer["body"])


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


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    """An OpenID Connect issuer on loopback."""
    server, documents = _serve()
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


def test_the_sweep_runs_on_its_schedule(start: Start) -> None:
    assert json.loads(start("sweep").invoke(sample("sweep"))) == {"expired": 0}


def test_the_daily_function_reports_what_it_did(start: Start, tenant: UUID) -> None:
    report = json.loads(start("daily_reset").invoke(sample("daily_reset")))
    assert report["tenants"] >= 1
    assert report["tenants_failed"] == 0


def test_an_admin_sees_all_models(start: Start, tenant: UUID) -> None:
    status, body = answer_of(start("model_admin"), sample_for("model_admin", tenant))
    assert status == 200
    assert body["meta"]["total"] == len(body["data"]) >= 36


def test_migrate_answers_cloudformation(start: Start) -> None:
    server, documents = _serve()
    event = sample("migrate") | {"ResponseURL": f"http://127.0.0.1:{server.server_port}/answer?signature=none"}

    migrate = start("migrate")
    migrate.invoke(event)
    server.shutdown()
    server.server_close()

    told = json.loads(documents["/answer?signature=none"])
    assert told["Status"] == "SUCCESS", told
    assert told["LogicalResourceId"] == "Migrations"
    assert told["PhysicalResourceId"]


def test_migrate_runs_by_hand(start: Start) -> None:
    assert json.loads(start("migrate").invoke({})) == {"applied": []}  # the session's database is migrated already


def test_an_import_error_is_told_at_init(build: LocalBuild, tmp_path: Path) -> None:
    """The counter-proof: a function that lacks something does not pass for a working one."""
    binary = find_emulator()
    if binary is None:
        pytest.skip("There is no runtime interface emulator for this machine.")
    broken = LocalBuild(tmp_path, build.python)
    broken.layer.symlink_to(build.layer)
    broken.runtime.symlink_to(build.runtime)
    broken.function("chat").mkdir(parents=True)
    for name, content in {
        "handler.py": "import no_such_module_of_ours\n",
        "run.sh": (ROOT / "functions/chat/run.sh").read_text(),
    }.items():
        (broken.function("chat") / name).write_text(content)
    (broken.function("chat") / "run.sh").chmod(0o755)

    with Emulator(binary, broken, "chat", {}) as emulator, pytest.raises(EmulatorFailed):
        streamed(emulator.invoke({}))


def test_the_layer_is_small(build: LocalBuild) -> None:
    assert unzipped_size(build.layer) < LARGEST_LAYER
    assert all(unzipped_size(build.function(name)) < LARGEST_LAYER // 60 for name in function_names())


def test_everything_is_compiled_for_lambda(build: LocalBuild) -> None:
    """An unchecked hash: byte 4 of a compiled file holds the flags, 1 = by hash, not checked."""
    for root in (build.layer / "python" / "stoa", *(build.function(name) for name in function_names())):
        sources = [path for path in root.rglob("*.py") if "__pycache__" not in path.parts]
        assert sources
        for source in sources:
            (compiled,) = (source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc")
            assert compiled.read_bytes()[4:8] == b"\1\0\0\0", source


def test_nothing_of_the_developers_is_shipped(build: LocalBuild) -> None:
    shipped = {path.name for path in build.layer.glob("python/*")}

    assert not shipped & {"dev", "tests", "boto3", "moto", "pytest"}
    assert not list(build.folder.rglob("Makefile"))


def test_the_wrapper_of_chat_may_be_executed(build: LocalBuild) -> None:
    assert (build.function("chat") / "run.sh").stat().st_mode & stat.S_IXUSR


def test_migrations_are_packaged_with_migrate(build: LocalBuild) -> None:
    packaged = {path.name for path in (build.function("migrate") / "migrations").glob("*.sql")}

    assert packaged == {path.name for path in (ROOT / "migrations").glob("*.sql")}


def test_lambdas_own_python_is_used_where_it_is_found(build: LocalBuild) -> None:
    assert build.python == (find_python() or build.python)


@pytest.mark.parametrize(
    ("logical_id", "folder"), [("CatalogFunction", "catalog"), ("StripeWebhookFunction", "stripe_webhook")]
)
def test_the_templates_names_are_folders(logical_id: str, folder: str) -> None:
    assert folder_of(logical_id) == folder


def _serve() -> tuple[HTTPServer, dict[str, bytes]]:
    """A server on loopback that answers GET from `documents` and keeps what is PUT there."""
    documents: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200 if self.path in documents else 404)
            self.end_headers()
            self.wfile.write(documents.get(self.path, b""))

        def do_PUT(self) -> None:
            documents[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server, documents
