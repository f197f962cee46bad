"""An owner's dealings with a team's plan: the pay page, ending and going on; and the plans that admins keep."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stoa.clients.stripe.stripe_client import StripeCalls
from stoa.core.errors import Conflict, Forbidden, InvalidFields, NotFound, Unavailable
from stoa.database.pool import Scope
from stoa.workflows.billing.team_billing import end_with_period, open_billing, read_subscription_of
from stoa.workflows.billing.team_plans import list_all_plans, list_plans
from tests.integration.chat.support import make_member
from tests.integration.purchases.support import CLIENT, Shop
from tests.integration.purchases.team_support import TeamShop, alarms, set_team


@pytest.fixture
def team(shop: Shop) -> TeamShop:
    return TeamShop(shop)


def test_an_open_pay_page_comes_again_and_one_of_other_terms_does_not(team: TeamShop) -> None:
    team.sell()
    first = team.start()
    assert team.start() == first
    team.sell(price_cents=2900)
    second = team.start()
    assert second != first
    account = team.shop.practice.service.account
    assert account.get("session", first.session_id)["status"] == "expired"
    assert account.get("session", second.session_id)["amount_total"] == 2900


def test_twenty_clicks_at_once_make_one_pay_page(team: TeamShop) -> None:
    team.sell()

    def click(_: int) -> str:
        try:
            return team.start().session_id
        except Conflict as conflict:
            return conflict.code

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(click, range(20)))
    assert len(answers - {"PURCHASE_IN_PROGRESS"}) == 1


def test_a_pay_page_made_by_terms_that_are_over_takes_no_money(team: TeamShop, monkeypatch: pytest.MonkeyPatch) -> None:
    team.sell()
    made = []
    create = StripeCalls.create_subscription_session

    def create_late(stripe: StripeCalls, order: Any) -> Any:
        session = create(stripe, order)
        monkeypatch.setattr(StripeCalls, "create_subscription_session", create)
        made.append(session["id"])
        team.sell(price_cents=2900)
        team.start()  # another click, which sees the new terms
        return session

    monkeypatch.setattr(StripeCalls, "create_subscription_session", create_late)
    with pytest.raises(Conflict, match="on its way"):
        team.start()
    assert team.shop.practice.service.account.get("session", made[0])["status"] == "expired"


def test_a_second_payment_is_not_asked_for(team: TeamShop) -> None:
    team.sell()
    events = team.pay(team.start())
    with pytest.raises(Conflict, match="moment ago"):  # paid, and nobody has told us yet
        team.start()
    team.shop.deliver(*events)
    with pytest.raises(Conflict, match="subscription already"):
        team.start()
    team.shop.deliver(*team.act("cancel"))
    team.pay(team.start())
    with pytest.raises(Conflict, match="moment ago"):  # not by those who had one before, either
        team.start()


def test_the_owner_ends_it_with_its_month_and_changes_their_mind(team: TeamShop) -> None:
    shop = team.shop
    shop.deliver(*team.begin())

    told = end_with_period(team.caller(), shop.stripe, team.team_id, ends=True)
    assert (told.status, told.ends_with_period, told.access_until) == ("active", True, told.paid_until)
    later = datetime.now(UTC) + timedelta(seconds=2)
    told = end_with_period(team.caller(later), shop.stripe, team.team_id, ends=False)
    assert (told.status, told.ends_with_period) == ("active", False)
    assert open_billing(team.caller(), shop.stripe, team.team_id, CLIENT).startswith("http")


def failed(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The bank refuses, days later: what Stripe would tell instead of `invoice.paid`."""
    (paid,) = [event for event in events if event["type"] == "invoice.paid"]
    invoice = {**paid["data"]["object"], "status": "open"}
    return {**paid, "id": f"{paid['id']}-failed", "type": "invoice.payment_failed", "data": {"object": invoice}}


def test_a_payment_that_takes_days_is_waited_for_and_when_it_fails_another_page_is_given(
    team: TeamShop, caplog: pytest.LogCaptureFixture
) -> None:
    team.sell()
    first = team.pay(team.start())
    created, *_ = first
    team.shop.deliver(created)
    with pytest.raises(Conflict, match="moment ago"):
        team.start()
    own_id = team.row()["stripe_subscription_id"]
    team.shop.deliver(failed(first))

    team.shop.deliver(*team.pay(team.start()))
    assert team.standing()[0] == "active"
    assert team.row()["stripe_subscription_id"] == team.subscription()["id"] != own_id
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []

    team.shop.deliver(*first)  # the money came after all: twice for one team
    assert team.row()["stripe_subscription_id"] == team.subscription()["id"]
    assert alarms(caplog) == ["team_paid_twice"]


def test_what_cannot_be_bought_is_told(team: TeamShop) -> None:
    shop = team.shop
    with pytest.raises(Conflict, match="No plan of the type family"):
        team.start()
    team.sell(enabled=False)
    with pytest.raises(Conflict, match="No plan of the type family"):
        team.start()
    team.sell(max_members=4, total_tokens_monthly=100, models=[])
    with pytest.raises(Conflict, match="maxMembers, totalTokensMonthly, models"):
        team.start()
    team.sell()
    with pytest.raises(Conflict, match="no subscription"):
        end_with_period(team.caller(), shop.stripe, team.team_id, ends=True)
    with pytest.raises(Conflict, match="Nothing was paid"):
        open_billing(team.caller(), shop.stripe, team.team_id, CLIENT)
    with shop.database.autocommit(Scope(tenant_id=shop.member.tenant_id)) as connection:
        connection.run("UPDATE tenants SET purchases_paused = true WHERE id = :id", id=shop.member.tenant_id)
    with pytest.raises(Unavailable):
        team.start()
    for status, told in (("closed", "closed"), ("suspended", "switched this team off")):
        set_team(team, f"status = '{status}'")
        with pytest.raises(Conflict, match=told):
            team.start()


def test_anothers_team_is_not_there_and_only_its_owner_pays(team: TeamShop) -> None:
    shop = team.shop
    stranger = make_member(shop.database, shop.member.tenant_id, "zeno")
    calls = (
        lambda member: TeamShop.start(_as(team, member)),
        lambda member: end_with_period(_as(team, member).caller(), shop.stripe, team.team_id, ends=True),
        lambda member: open_billing(_as(team, member).caller(), shop.stripe, team.team_id, CLIENT),
        lambda member: read_subscription_of(_as(team, member).caller(), team.team_id),
    )
    for call in calls:
        with pytest.raises(NotFound):
            call(stranger)
    with shop.database.autocommit(Scope(tenant_id=shop.member.tenant_id)) as connection:
        connection.run(
            "INSERT INTO team_members (id, tenant_id, team_id, user_id, role, status, created_at)"
            " VALUES (gen_random_uuid(), :tenant_id, :team_id, :user_id, 'admin', 'active', now())",
            tenant_id=shop.member.tenant_id,
            team_id=team.team_id,
            user_id=stranger.user_id,
        )
    for call in calls[:3]:
        with pytest.raises(Forbidden):
            call(stranger)
    assert calls[3](stranger).status == "incomplete"


def _as(team: TeamShop, member: Any) -> TeamShop:
    other = object.__new__(TeamShop)
    other.shop = Shop(team.shop.database, member, team.shop.practice)
    other.team_id = team.team_id
    return other


def test_a_plan_is_written_whole_and_lists_only_what_can_be_covered(team: TeamShop) -> None:
    shop = team.shop
    assert team.sell().version == 1
    assert team.sell(name="Bigger").version == 2
    with pytest.raises(Conflict, match="Somebody changed this plan"):
        team.sell(1, name="Older")
    with pytest.raises(InvalidFields, match=r"models\[0\].*free.*models\[1\].*no such model"):
        team.sell(models=["gpt-4o-mini", "no-such-model"])
    team.sell(enabled=False)
    assert list_plans(team.caller()) == []
    (plan,) = list_all_plans(team.caller())
    assert (plan.name, plan.currency, plan.models) == ("Family plan", "usd", ["gpt-4o"])
    with shop.database.autocommit(Scope(tenant_id=shop.member.tenant_id)) as connection:
        (told,) = connection.run("SELECT count(*) AS lines FROM audit_log WHERE action = 'team_plan.set'")
    assert told["lines"] == 3
