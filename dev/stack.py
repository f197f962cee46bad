"""The whole local stack, started in the order in which its parts need each other and stopped in the opposite one."""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from dev import ROOT, postgres
from dev.aws_setup import KMS_ALIAS, MAIL_FROM, RESULTS_BUCKET, RUN_QUEUE_PATH, prepare_aws, sent_mail
from dev.children import Child, free_port
from dev.database import prepare
from dev.demo import DEMO_TENANT, Tenants, add_people, default_groups
from dev.gateway.events import scheduled_event
from dev.gateway.functions import Functions
from dev.gateway.gateway import Gateway
from dev.gateway.issuer import AUDIENCE, Issuer
from dev.gateway.own_endpoints import OwnEndpoints
from dev.gateway.queues import QueuePoller
from dev.gateway.template import Schedule, read_template
from dev.gateway.ticking import Ticker
from dev.practice import practice_environment
from dev.practice_stripe import PRACTICE_KEY, stripe_environment
from dev.serving.application import Application
from dev.serving.server import Server
from stoa.database.dsn import parse_url
from stoa.database.pool import Database

DATABASE_CONNECTIONS = 24  # the gateway serves many requests at once, a Lambda instance one
AWS_REGION = "us-east-1"
QUEUE_VARIABLES = {"ScheduledRuns": "STOA_RUN_QUEUE_URL"}  # the template's queues, and who is told of each


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: where it answers, where its database is, and tokens for it."""

    url: str
    runtime_url: str
    owner_url: str
    practice_port: int
    stripe_port: int | None  # None: purchases go to Stripe itself
    issuer: Issuer
    tenants: Tenants

    def token(self, email: str, tenant: str = DEMO_TENANT) -> str:
        """Returns a token as `POST /dev/token` gives it."""
        return self.issuer.token(email, self.tenants.find_or_create(tenant), default_groups(email, tenant))


@contextlib.contextmanager
def running(listener: socket.socket, folder: Path, log: Callable[[str], None] | None = None) -> Iterator[Stack]:
    """The stack, serving on `listener`, with its data in `folder`; stopped when the block ends.

    One a process, because functions read their settings once, from `os.environ`, which is filled here.
    `DATABASE_URL` in it names a database to use in the place of our own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = listener.getsockname()[1]
    with contextlib.ExitStack() as parts:
        parts.callback(listener.close)
        # The helpers start while the database does.
        practice_port, aws_port = free_port(), free_port()
        practice = _child(parts, "practice", "dev.practice", "--port", practice_port, folder)
        aws = _child(parts, "aws", "dev.practice_aws", "--port", aws_port, folder, str(folder))
        stripe = _start_stripe(parts, port, folder)
        given_url = os.environ.get("DATABASE_URL")
        owner_url = given_url or _start_postgres(parts, folder)
        runtime_url = prepare(owner_url, embedded=given_url is None)
        aws_url = f"http://127.0.0.1:{aws_port}"
        _fill_environment(f"http://127.0.0.1:{port}", runtime_url, practice_port, aws_url)

        template = read_template(ROOT / "template.yaml")
        for name, value in template.environment.items():
            os.environ.setdefault(name, value)
        preparing = _prepare_aws(parts, aws, aws_url)
        functions = Functions(template.functions.values())
        database = Database(parse_url(runtime_url), 2)
        parts.callback(database.close)
        tenants = Tenants(database)
        issuer = Issuer(f"http://127.0.0.1:{port}", folder / "issuer.pem")
        add_people(database, tenants, issuer)

        mail = partial(sent_mail, aws_url)
        own = OwnEndpoints(issuer, functions, template.schedules, tenants.find_or_create, default_groups, mail)
        gateway = Gateway(template.routes, functions, _verify, own.table(), log)
        practice.wait_until_listening()
        if stripe is not None:
            stripe.wait_until_listening()
        server = Server(listener, Application(gateway.respond, gateway.refuse))
        parts.callback(server.stop)
        preparing.result()
        functions.wait_until_loaded()

        def fire(schedule: Schedule, now: datetime) -> None:
            functions.call(schedule.function.name, scheduled_event(schedule, now), str(uuid4()))

        for source in template.queues:
            if queue_url := os.environ.get(QUEUE_VARIABLES[source.queue]):
                poller = QueuePoller(queue_url, source.batch_size, _caller(functions, source.function.name))
                parts.callback(poller.stop)
        ticker = Ticker(template.schedules, fire)
        parts.callback(ticker.stop)
        stripe_port = stripe.port if stripe is not None else None
        yield Stack(issuer.url, runtime_url, owner_url, practice_port, stripe_port, issuer, tenants)


def _start_stripe(parts: contextlib.ExitStack, gateway_port: int, folder: Path) -> Child | None:
    """Starts a practice Stripe where no key of Stripe's is set. Returns the settings that lead to it."""
    client_url = os.environ.get("STOA_CLIENT_URL")
    if (os.environ.get("STRIPE_API_KEY") or PRACTICE_KEY) != PRACTICE_KEY:
        os.environ["STOA_CLIENT_URL"] = client_url or f"http://127.0.0.1:{gateway_port}"
        return None
    port = free_port()
    os.environ.update(stripe_environment(port))
    os.environ["STOA_CLIENT_URL"] = client_url or f"http://127.0.0.1:{port}/client"
    webhook = f"http://127.0.0.1:{gateway_port}/api/webhooks/stripe"
    return _child(parts, "stripe", "dev.practice_stripe", "--port", port, folder, "--webhook", webhook)


def _prepare_aws(parts: contextlib.ExitStack, aws: Child, aws_url: str) -> Future[None]:
    """Prepares the stand-in for AWS in a thread, because that and the functions' imports take a second each."""

    def prepare_when_it_listens() -> None:
        if os.environ.get("AWS_ENDPOINT_URL") == aws_url:
            aws.wait_until_listening()
            prepare_aws(aws_url)

    return parts.enter_context(ThreadPoolExecutor(1)).submit(prepare_when_it_listens)


def _child(
    parts: contextlib.ExitStack, name: str, module: str, port_option: str, port: int, folder: Path, *options: str
) -> Child:
    log_path = folder / f"{name}.log"
    child = Child(module, port_option, str(port), *options, port=port, log_path=log_path)
    parts.callback(child.stop)
    return child


def _start_postgres(parts: contextlib.ExitStack, folder: Path) -> str:
    server = postgres.start(folder / "postgres", take_over=True)
    parts.callback(server.stop)
    return server.url


def _fill_environment(issuer_url: str, runtime_url: str, practice_port: int, aws_url: str) -> None:
    """Sets the environment that the template gives the functions on AWS. Keeps what the caller set."""
    os.environ.update(
        {
            "STOA_DATABASE_URL": runtime_url,
            "STOA_DATABASE_CONNECTIONS": str(DATABASE_CONNECTIONS),
            "STOA_JWT_ISSUER": issuer_url,
            "STOA_JWT_AUDIENCE": AUDIENCE,
        }
    )
    os.environ.update(practice_environment(practice_port, os.environ))
    defaults = {
        "POWERTOOLS_SERVICE_NAME": "local",  # all functions in one process
        "POWERTOOLS_LOG_LEVEL": "WARNING",
        "POWERTOOLS_METRICS_DISABLED": "true",
        "AWS_REGION": AWS_REGION,
    }
    if not os.environ.get("AWS_ENDPOINT_URL") and not os.environ.get("AWS_PROFILE"):
        defaults |= {
            "AWS_ENDPOINT_URL": aws_url,
            "STOA_MAIL_FROM": MAIL_FROM,
            "STOA_KMS_ARN": KMS_ALIAS,
            "STOA_RESULTS_BUCKET": RESULTS_BUCKET,
            QUEUE_VARIABLES["ScheduledRuns"]: f"{aws_url}{RUN_QUEUE_PATH}",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": AWS_REGION,
        }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def _caller(functions: Functions, name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda event: functions.call(name, event, str(uuid4()))


def _verify(token: str) -> dict[str, object]:
    """Checks what the HTTP API's own JWT authorizer checks, by the code of our Lambda authorizer."""
    from functions.authorizer.handler import claims_of

    return claims_of(token)
