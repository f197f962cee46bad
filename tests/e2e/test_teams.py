"""A team from its first invitation to its last token, over HTTP: mail and all."""

import signal
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dev.practice import PracticeProviders
from tests.e2e.clients import Client, Stack

MODEL = "gpt-4o"
MEMBERS = 8


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with PracticeProviders() as practice, tempfile.TemporaryDirectory(prefix="stoa-e2e-") as folder:
        started = Stack(Path(folder) / ".stoa", practice)
        yield started
        started.running.stop(signal.SIGTERM)


def test_a_team_is_made_switched_on_joined_by_mail_and_used_up(stack: Stack) -> None:
    owner, admin = Client(stack.port, "olive@demo.test"), Client(stack.port, "admin@demo.test")
    emails = [f"member-{number}@demo.test" for number in range(MEMBERS)]
    plan = {"name": "Lions", "type": "team", "maxMembers": MEMBERS + 1, "totalTokensMonthly": 100, "models": [MODEL]}

    status, made = owner.call("POST", "/api/teams", plan)
    assert (status, made["data"]["status"]) == (201, "incomplete")
    path = f"/api/teams/{made['data']['id']}"
    assert admin.call("GET", path)[0] == 404  # not a member, admin or not
    assert admin.call("POST", f"/api/admin{path.removeprefix('/api')}/activate")[1]["data"]["status"] == "active"

    for email in emails:
        assert owner.call("POST", f"{path}/members", {"email": email.upper()})[0] == 201
    assert owner.call("POST", f"{path}/members", {"email": "one-more@demo.test"})[1]["error"]["code"] == "TEAM_FULL"
    owner.call("POST", "/dev/run/mailer")
    mails = [mail for mail in owner.call("GET", "/dev/mail")[1]["data"] if "Join the team Lions" in str(mail)]
    assert len(mails) == MEMBERS

    members = [Client(stack.port, email) for email in emails]
    for member in members:
        (invitation,) = member.call("GET", "/api/teams/invitations")[1]["data"]
        assert member.call("POST", f"/api/teams/{invitation['teamId']}/accept")[1]["data"]["role"] == "member"

    def ask_until_refused(member: Client) -> tuple[list[str], str]:
        accesses = []
        while True:
            status, answer = member.chat(modelId=MODEL)
            if status == 503:  # the pool moved each time we looked
                continue
            if status != 200:
                return accesses, answer["error"]["code"]
            accesses.append(answer["data"]["metadata"]["access"])

    with ThreadPoolExecutor(MEMBERS) as pool:
        told = list(pool.map(ask_until_refused, members))
    assert {code for _, code in told} == {"TEAM_POOL_EXHAUSTED"}
    served = sum(accesses.count("team") for accesses, _ in told)
    assert served >= 1
    assert all(accesses.count("trial") == 2 for accesses, _ in told)  # a team spends nobody's trial messages

    used = owner.call("GET", path)[1]["data"]["period"]["tokensUsed"]
    usage = owner.call("GET", f"{path}/usage")[1]["data"]
    assert used == usage["stats"]["tokens"] == sum(line["tokens"] for line in usage["log"]) >= 100
    assert usage["stats"]["messages"] == served
    assert set(usage["log"][0]) >= {"email", "modelId", "tokens"}

    refused = members[0].chat(modelId=MODEL)[1]["error"]
    assert refused["details"]["resetAt"].endswith("T00:00:00Z")
    assert members[0].chat(modelId=None)[0] == 200  # free models stay free
