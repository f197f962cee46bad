"""A team from its first invitation to its last token, over HTTP: mail and all."""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from dev.practice_stripe import control
from tests.e2e.clients import Client, Stack, browse, until

MODEL = "gpt-4o"
MEMBERS = 8


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


def test_a_team_pays_by_the_month_and_ends_with_it(stack: Stack) -> None:
    owner, guest = Client(stack.port, "olive@paid.test", "paid"), Client(stack.port, "gus@paid.test", "paid")
    admin = Client(stack.port, "chief@paid.test", "paid", "admin")
    plan = {"name": "Team", "priceCents": 4900, "maxMembers": 3, "totalTokensMonthly": 10_000, "models": [MODEL]}
    assert admin.call("PUT", "/api/admin/team-plans/team", plan)[0] == 200
    assert [one["priceCents"] for one in owner.call("GET", "/api/team-plans")[1]["data"]] == [4900]
    mine = {"name": "Tigers", "type": "team", "maxMembers": 3, "totalTokensMonthly": 5000, "models": [MODEL]}
    path = f"/api/teams/{owner.call('POST', '/api/teams', mine)[1]['data']['id']}"
    invited = owner.call("POST", f"{path}/members", {"email": "gus@paid.test"})[1]["data"]
    assert guest.call("POST", f"{path}/accept")[0] == 200
    for _ in range(2):  # the trial messages
        assert guest.chat(modelId=MODEL)[0] == 200
    assert guest.chat(modelId=MODEL)[0] == 402

    assert guest.call("POST", f"{path}/subscription")[0] == 403
    status, checkout = owner.call("POST", f"{path}/subscription")
    assert status == 200
    assert "49.00 USD" in browse("GET", checkout["url"])[1]
    assert browse("POST", f"{checkout['url']}/pay")[0] == 303
    until(lambda: owner.call("GET", path)[1]["data"]["givesAccess"] or None)
    assert guest.chat(modelId=MODEL)[1]["data"]["metadata"]["access"] == "team"
    (line,) = owner.call("GET", f"{path}/usage")[1]["data"]["log"]
    assert (line["email"], line["modelId"], line["tokens"] > 0) == ("gus@paid.test", MODEL, True)
    assert owner.call("PATCH", path, {"maxMembers": 4})[1]["error"]["code"] == "PLAN_FIXED"

    user_id = next(
        one["userId"] for one in owner.call("GET", f"{path}/members")[1]["data"] if one["id"] == invited["id"]
    )
    assert owner.call("DELETE", f"{path}/members/{user_id}")[0] == 200
    assert guest.chat(modelId=MODEL)[0] == 402
    assert guest.call("GET", path)[0] == 404
    assert owner.call("DELETE", f"{path}/subscription")[1]["data"]["endsWithPeriod"] is True
    assert owner.chat(modelId=MODEL)[1]["data"]["metadata"]["access"] == "team"  # it is paid to the month's end
    (row,) = stack.query("SELECT stripe_subscription_id FROM teams WHERE name = 'Tigers'")
    port = urlsplit(checkout["url"]).port
    assert port
    control(port, "POST", f"/subscriptions/{row['stripe_subscription_id']}/cancel", {})  # the month ends
    until(lambda: owner.call("GET", path)[1]["data"]["status"] == "canceled" or None)
    assert owner.chat(modelId=MODEL)[1]["data"]["metadata"]["access"] == "trial"
